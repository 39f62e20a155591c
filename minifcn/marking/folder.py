"""The folder of exercises: which there are, and which of them are meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from minifcn.errors import UserError
from minifcn.marking.marks import number, title

TEST = re.compile(r"test_(ex\d+_\w+)\.py")


def find_folder(folder: Path | None = None, or_shipped: bool = False) -> Path:
    """Find the folder of exercises: the given one, or `exercises` in the current one, or that itself.

    With `or_shipped`, where there are none, the one that came with minifcn.

    Raises
    ------
    UserError
        If there are none.
    """
    places = [folder] if folder else [Path("exercises"), Path(), *[shipped()] * or_shipped]
    for place in places:
        if exercises(place):
            return place
    if folder:
        raise UserError(f"--folder: there are no exercises in {folder} (no tests/test_ex01_....py)")
    raise UserError(
        "there are no exercises in this folder, nor in a folder `exercises` in it; get them with "
        "minifcn exercises --hand-out exercises, or name their folder: --folder DIR"
    )


def shipped() -> Path:
    """Give the folder of exercises that came with minifcn: in a wheel beside this file, else in the repository."""
    installed = Path(__file__).with_name("exercises")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "exercises"


def exercises(folder: Path) -> list[str]:
    """Give the names of the exercises of a folder, that is of those that have tests, in their order."""
    tests = (TEST.fullmatch(path.name) for path in (folder / "tests").glob("test_ex*.py"))
    return sorted((test[1] for test in tests if test), key=lambda name: (number(name), name))


def select(there: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Choose exercises by number or name; all of them if nothing is wanted.

    Examples
    --------
    >>> there = ["ex01_output_size", "ex02_im2col"]
    >>> select(there, ["2"]), select(there, ["ex02_im2col"]), select(there, ["im2col", "01"])
    (['ex02_im2col'], ['ex02_im2col'], ['ex01_output_size', 'ex02_im2col'])
    >>> select(there, ["3"])
    Traceback (most recent call last):
    minifcn.errors.UserError: there is no exercise 3; there are: 1 output_size, 2 im2col
    """
    chosen = set()
    for want in wanted:
        found = [name for name in there if _is_called(name, want.removesuffix(".py"))]
        if not found:
            known = ", ".join(f"{number(name)} {title(name)}" for name in there)
            raise UserError(f"there is no exercise {want}; there are: {known}")
        chosen.update(found)
    return [name for name in there if name in chosen or not wanted]


def _is_called(name: str, want: str) -> bool:
    return want in (name, title(name), name.partition("_")[0]) or (want.isdecimal() and int(want) == number(name))
