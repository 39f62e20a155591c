"""Which files minifcn predict wrote itself: it replaces those, and nobody's masks, photographs or tables."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from minifcn.errors import UserError
from minifcn.text import counted, in_short
from minifcn.training.probabilities import holds_probabilities

SOFTWARE = "minifcn predict"  # stands in the PNG files
_HEAD = 1 << 16  # bytes of a file that are looked at
_PNG = b"\x89PNG\r\n\x1a\n"
_SHARES = re.compile(rb"image,[^\r\n]*\n[^\r\n]*?(,[01]\.[0-9]{6})+\n")


def refuse_replacing(option: str, paths: Iterable[Path]) -> None:
    """Refuse to replace what stands there, unless `minifcn predict` wrote it.

    Parameters
    ----------
    option : str
        That names the files, or their folder.
    paths : iterable of path

    Raises
    ------
    UserError
        Naming some of the files.

    Examples
    --------
    >>> refuse_replacing("--label", [Path("nowhere/a.png")])
    """
    others = [path for path in paths if os.path.lexists(path) and not path.is_dir() and not is_own(path)]
    if others:
        there = "is there already and was" if len(others) == 1 else "are there already and were"
        raise UserError(
            f"{option} would replace {counted(len(others), 'file')} that {there} not written by minifcn predict: "
            f"{in_short([str(path) for path in others])}; choose another place, such as a new folder"
        )


def is_own(path: Path) -> bool:
    """Tell whether a file is a result of `minifcn predict`: a picture says so, the others are known by what they hold.

    >>> is_own(Path("nowhere.png"))
    False
    """
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    if head.startswith(_PNG):
        return f"tEXtSoftware\0{SOFTWARE}".encode() in head
    return _SHARES.match(head) is not None or holds_probabilities(path)
