"""The classes of a data set as its folder lists them: names with colours in a table, or names alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minifcn.data.folders import Report, listing, refuse
from minifcn.data.lists import read_class_rows, read_lines
from minifcn.errors import UserError

# What lists call the pixels that do not count, in lower case; the last is labelme's.
IGNORED = ("void", "unlabelled", "unlabeled", "ignore", "unknown", "__ignore__")
RUN = "the run"  # where the classes are from that a run was trained on
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
        The name of the file; or `RUN`.
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
        What is told each line that is wrong, or that two files differ; the first file without a fault counts then.

    Returns
    -------
    Classes or None
        None if the folder lists none, or none that is right.
    """
    found: list[tuple[Path, Classes]] = []
    order = (*TABLES, *NAMES)
    files = [path for path in listing(folder) if path.name.lower() in order]
    for path in sorted(files, key=lambda path: order.index(path.name.lower())):
        faults: list[str] = []
        try:
            classes = _read(path, faults.append)
        except UserError as error:
            faults.append(str(error))
        if not faults:
            found.append((path, classes))
        for fault in faults:
            report(fault)
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


def _read(path: Path, report: Report) -> Classes:
    if path.name.lower() in TABLES:
        return Classes(*read_class_table(path, report), path.name)
    names, ignore_index = read_class_names(path, report)
    return Classes(names, None, ignore_index, path.name)


def read_class_table(path: Path, report: Report = refuse) -> tuple[tuple[str, ...], np.ndarray, int]:
    """Read class names, colours and the ignore index from a table with the header `name,r,g,b`.

    Parameters
    ----------
    path : path of the table
        As `lists.read_class_rows` takes it.
    report : callable
        What is told each row that is wrong, or has a name or a colour that another row has; it is left out then.

    Returns
    -------
    tuple of str, uint8 array (num_classes, 3), int
        The ignore index is that of the class whose name is in `IGNORED`, or 255.

    Raises
    ------
    UserError
        If the file cannot be read as text.
    """
    classes: dict[str, tuple[int, ...]] = {}
    lines: dict[str | tuple[int, ...], int] = {}
    faults: list[str] = []
    for line, name, colour in read_class_rows(path, faults.append):
        for what, value in ("name", name), ("colour", colour):
            if value in lines:
                faults.append(
                    f"{path}: line {line}: {value!r} is the {what} of line {lines[value]} as well; give each class a "
                    f"{what} of its own"
                )
        if not {name, colour} & lines.keys():
            classes[name] = colour
        lines.setdefault(name, line)
        lines.setdefault(colour, line)
    faults += _wrong_as_a_whole(path, {name: lines[name] for name in classes}, "table", bool(faults))
    for fault in faults:
        report(fault)
    return tuple(classes), np.array([*classes.values()], np.uint8).reshape(-1, 3), _ignore_index(classes)


def read_class_names(path: Path, report: Report = refuse) -> tuple[tuple[str, ...], int]:
    """Read class names, one a line, and the ignore index.

    Parameters
    ----------
    path : path of the list
        The first line is class 0; or it is labelme's `__ignore__`, which stands for -1 and is no class.
    report : callable
        What is told each line that is no name, or one that is there already; it is left out then.

    Returns
    -------
    tuple of str, int
        The ignore index is that of the class whose name is in `IGNORED`, or 255.

    Raises
    ------
    UserError
        If the file cannot be read as text.
    """
    classes: dict[str, int] = {}
    faults: list[str] = []
    for line, name in read_lines(path):
        if name == "__ignore__" and not classes:
            continue
        if not name.isprintable():
            faults.append(f"{path}: line {line}: the name is {name[:40]!r}; write one name a line in plain text")
        elif re.search(r"([,;\t]\s*\d+\s*){3}", name):
            faults.append(
                f"{path}: line {line}: a line is the name of a class, but {name[:40]!r} has a colour too; name the "
                "file classes.csv, with the header name,r,g,b"
            )
        elif name in classes:
            faults.append(f"{path}: line {line}: {name!r} is the name of line {classes[name]} as well; list each once")
        else:
            classes[name] = line
    faults += _wrong_as_a_whole(path, classes, "list", bool(faults))
    for fault in faults:
        report(fault)
    return tuple(classes), _ignore_index(classes)


def _wrong_as_a_whole(path: Path, lines: Mapping[str, int], what: str, has_faults: bool) -> Iterator[str]:
    """Say what is wrong with classes that are right one by one; of so many that lines are wrong too, not the number."""
    ignored = [name for name in lines if name.lower() in IGNORED]
    for name in ignored[1:]:
        yield (
            f"{path}: line {lines[name]}: {ignored[0]!r} and {name!r} both stand for what does not count, but a data "
            "set ignores one class; give them one colour, or one of them another name"
        )
    if not has_faults and not 2 <= len(lines) <= 255:
        write = "one name a line" if what == "list" else "a row name,r,g,b for each, under that header"
        fix = f"write {write}, or remove the file" if len(lines) < 2 else "join those that are alike"
        yield f"{path}: a data set has 2..255 classes, but this {what} has {len(lines)}; {fix}"


def _ignore_index(names: Iterable[str]) -> int:
    return next((index for index, name in enumerate(names) if name.lower() in IGNORED), 255)


def _counted(names: tuple[str, ...]) -> str:
    return f"{len(names)} classes ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
