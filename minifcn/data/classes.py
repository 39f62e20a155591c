"""The classes of a data set as its folder lists them: names with colours in a table, or names alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minifcn.data.folders import Report, listing, refuse
from minifcn.data.lists import read_class_rows, read_lines
from minifcn.errors import UserError

# What lists call the pixels that do not count, in lower case; the last is labelme's.
IGNORED = ("void", "unlabelled", "unlabeled", "ignore", "unknown", "__ignore__")
TABLES = ("classes.csv", "class_dict.csv")
NAMES = ("classes.txt", "class_names.txt", "labels.txt")


class Classes(NamedTuple):
    """The classes that a file lists.

    Parameters
    ----------
    names : tuple of str
    colours : uint8 array (num_classes, 3) or None
        None if the file has names alone.
    ignore_index : int
        The class that does not count, or 255.
    source : str
        The name of the file.
    """

    names: tuple[str, ...]
    colours: np.ndarray | None
    ignore_index: int
    source: str


def find_classes(folder: Path, report: Report = refuse) -> Classes | None:
    """Read the classes that a folder lists.

    Parameters
    ----------
    folder : path
        It may have a table (`TABLES`), a list of names (`NAMES`), or both with the same names in the same order.
    report : callable
        What is told that a file is wrong, or that two differ; what is right in the first counts then.

    Returns
    -------
    Classes or None
        None if the folder lists none.
    """
    found: list[tuple[Path, Classes]] = []
    order = (*TABLES, *NAMES)
    files = [path for path in listing(folder) if path.name.lower() in order and path.is_file()]
    for path in sorted(files, key=lambda path: order.index(path.name.lower())):
        try:
            found.append((path, _read(path)))
        except UserError as error:
            report(str(error))
    for path, classes in found[1:]:
        first, kept = found[0]
        if classes.names != kept.names:
            report(
                f"{path}: it lists {_counted(classes.names)}, but {first.name} beside it has {_counted(kept.names)}; "
                "remove the one that is wrong"
            )
        elif classes.colours is not None and kept.colours is not None and (classes.colours != kept.colours).any():
            report(f"{path}: its colours are not those of {first.name} beside it; remove the one that is wrong")
    return found[0][1] if found else None


def _read(path: Path) -> Classes:
    if path.name.lower() in TABLES:
        return Classes(*read_class_table(path), path.name)
    names, ignore_index = read_class_names(path)
    return Classes(names, None, ignore_index, path.name)


def read_class_table(path: Path) -> tuple[tuple[str, ...], np.ndarray, int]:
    """Read class names, colours and the ignore index from a table with the header `name,r,g,b`.

    Parameters
    ----------
    path : path of the table
        As `lists.read_class_rows` takes it.

    Returns
    -------
    tuple of str, uint8 array (num_classes, 3), int
        The ignore index is that of the class whose name is in `IGNORED`, or 255.

    Raises
    ------
    UserError
        If a row is wrong, a name or a colour is there twice, or two classes are ignored.
    """
    classes: dict[str, tuple[int, ...]] = {}
    for line, name, colour in read_class_rows(path):
        if not all(0 <= value <= 255 for value in colour):
            raise UserError(f"{path}: line {line}: a colour has values 0..255, found {colour}")
        if name in classes or colour in classes.values():
            raise UserError(f"{path}: line {line}: {name!r} {colour} repeats a name or a colour; list each once")
        classes[name] = colour
        _check_one_ignored(path, line, classes)
    _check_count(path, classes, "this table")
    return tuple(classes), np.array(list(classes.values()), np.uint8), _ignore_index(classes)


def read_class_names(path: Path) -> tuple[tuple[str, ...], int]:
    """Read class names, one a line, and the ignore index.

    Parameters
    ----------
    path : path of the list
        The first line is class 0; or it is labelme's `__ignore__`, which stands for -1 and is no class.

    Returns
    -------
    tuple of str, int
        The ignore index is that of the class whose name is in `IGNORED`, or 255.

    Raises
    ------
    UserError
        If a line is no name, a name is there twice, or two are ignored.
    """
    classes: dict[str, int] = {}
    for line, name in read_lines(path):
        if name == "__ignore__" and not classes:
            continue
        if not name.isprintable():
            raise UserError(f"{path}: line {line}: the name is {name[:40]!r}; write one name a line in plain text")
        if re.search(r"([,;\t]\s*\d+\s*){3}", name):
            raise UserError(
                f"{path}: line {line}: a line is the name of a class, but {name[:40]!r} has a colour too; name the "
                "file classes.csv, with the header name,r,g,b"
            )
        if name in classes:
            raise UserError(
                f"{path}: line {line}: {name!r} is the name of line {classes[name]} as well; list each once"
            )
        classes[name] = line
        _check_one_ignored(path, line, classes)
    _check_count(path, classes, "this list")
    return tuple(classes), _ignore_index(classes)


def _check_one_ignored(path: Path, line: int, names: Iterable[str]) -> None:
    ignored = [name for name in names if name.lower() in IGNORED]
    if len(ignored) > 1:
        raise UserError(
            f"{path}: line {line}: {ignored[0]!r} and {ignored[1]!r} both stand for what does not count, but a data "
            "set ignores one class; give them one colour, or one of them another name"
        )


def _check_count(path: Path, names: Iterable[str], what: str) -> None:
    count = len(list(names))
    if not 2 <= count <= 255:
        raise UserError(f"{path}: a data set has 2..255 classes, but {what} has {count}")


def _ignore_index(names: Iterable[str]) -> int:
    return next((index for index, name in enumerate(names) if name.lower() in IGNORED), 255)


def _counted(names: tuple[str, ...]) -> str:
    return f"{len(names)} classes ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
