"""Which program wrote a .json file, as far as its ends show: labelme, or one that exports in the form of COCO."""

from __future__ import annotations

import os
from pathlib import Path

from minifcn.data.paths import no_file

_END = 65536  # bytes, in which COCO has its keys; between them it may be long


def is_annotation(path: Path) -> bool:
    """Whether a .json file looks like one of labelme, or may be one since it cannot be read: others write some too.

    >>> is_annotation(Path("no/such.json"))
    False
    """
    if no_file(path, "a file of labelme's"):
        return False
    try:
        with open(path, encoding="utf-8") as file:
            head = file.read(4096)
    except UnicodeDecodeError:
        return False
    except OSError:
        return True  # what reads it says why it cannot be read
    return '"shapes"' in head or '"imageData"' in head  # either may come first, and the image data are long


def is_coco(path: Path) -> bool:
    """Whether a .json file looks like one of COCO, which has the outlines of all photographs.

    >>> is_coco(Path("no/such.json"))
    False
    """
    if no_file(path, "a file of COCO"):
        return False
    try:
        with open(path, "rb") as file:
            ends = file.read(_END)
            file.seek(max(len(ends), os.path.getsize(path) - _END))
            ends += file.read(_END)
    except OSError:
        return False
    return sum(key in ends for key in (b'"images"', b'"annotations"', b'"categories"')) >= 2
