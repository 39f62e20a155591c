"""Which files minifcn predict wrote itself: it replaces those, and nobody's masks, photographs or tables.

It puts no results among the pictures of others either, and takes none of its own for a photograph.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable
from pathlib import Path

from minifcn.data.folder.layout import is_picture
from minifcn.data.folders import listing
from minifcn.data.labels import says_predicted
from minifcn.errors import UserError
from minifcn.text import counted, in_short
from minifcn.training.album import PICTURES
from minifcn.training.probabilities import holds_probabilities

_HEAD = 1 << 16  # bytes of a file that are looked at
_SHARE = re.compile(r"[01]\.[0-9]{6}")


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


def refuse_joining(option: str, paths: Iterable[Path]) -> None:
    """Refuse to put results among PNG files of others: among masks drawn by hand they would be taken for some.

    The pictures of a run are none of those.

    Parameters
    ----------
    option : str
        That names the folder.
    paths : iterable of path
        The files that would be there.

    Raises
    ------
    UserError
        Naming some of the pictures.
    """
    for folder in dict.fromkeys(path.parent for path in paths):
        there = listing(folder) if folder.is_dir() else []
        of_run = PICTURES if any(path.name == "config.json" for path in there) else ()
        others = [
            path.name
            for path in there
            if path.suffix.lower() == ".png" and is_picture(path) and path.name not in of_run and not is_own(path)
        ]
        if others:
            was, beside = ("was", "beside it") if len(others) == 1 else ("were", "among them")
            raise UserError(
                f"{option}: {folder} holds {counted(len(others), 'PNG file')} that {was} not written by minifcn "
                f"predict ({in_short(others, 3)}); results {beside} would be taken for such later, so choose a "
                f"folder of their own, such as {folder / option.lstrip('-')}"
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
    return says_predicted(head) or _is_table(head) or holds_probabilities(path)


def is_own_picture(path: Path) -> bool:
    """Tell whether a file is an overlay or a label of `minifcn predict`, or a picture of a run: nothing to segment.

    >>> is_own_picture(Path("photo.jpg"))
    False
    """
    of_run = path.name in PICTURES and (path.parent / "config.json").is_file()
    return of_run or (path.suffix.lower() == ".png" and is_own(path))


def _is_table(head: bytes) -> bool:
    """Whether a file begins as a table of shares does: of each image one for every class, and together 1."""
    rows = csv.reader(io.StringIO(head.decode("utf-8", "surrogateescape"), newline=""))
    try:
        header, (_, *shares) = next(rows), next(rows)
    except (StopIteration, ValueError, csv.Error):
        return False
    numbers = all(map(_SHARE.fullmatch, shares)) and header[:1] == ["image"] and len(header) == 1 + len(shares) > 1
    return numbers and abs(sum(map(float, shares)) - 1) < 1e-6 * len(header)
