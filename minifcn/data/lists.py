"""Lists and tables as editors, spreadsheets and people write them: read, or refused with file, line and rule."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from minifcn.data.paths import no_file, no_permission
from minifcn.errors import UserError
from minifcn.text import counted

MAX_MEGABYTES = 16
# Longest first: the mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# A pair of paths in the lists of VOC's augmented training set, seen from the folder of the year.
_PAIR = re.compile(r"/?JPEGImages/(.+)\.(?:jpe?g|png)\s+/?(SegmentationClass\w*)/(.+)\.png")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read the lines of a text file that are not blank, in whatever Unicode encoding and with whatever line ends.

    Parameters
    ----------
    path : path of a file of at most `MAX_MEGABYTES`
        UTF-8, or with a byte order mark UTF-16 or UTF-32; lines end with LF, CR LF or CR.

    Yields
    ------
    int, str
        The number of the line, from 1, and the line without the spaces around it.

    Raises
    ------
    UserError
        If the file cannot be read as text.
    """
    for number, line in enumerate(_read_text(path).split("\n"), 1):
        if line.strip():
            yield number, line.strip()


def read_voc_list(path: Path, report: Callable[[str], None]) -> Iterator[tuple[int, str, str, str]]:
    """Read a list of images of Pascal VOC.

    Parameters
    ----------
    path : path of the list
        A line has one name, which may have spaces and the ending of its file; or, as in the lists of the augmented
        training set, `/JPEGImages/NAME.jpg /SegmentationClassAug/NAME.png`.
    report : callable
        What is told a line that is neither, or leads out of the folders of the data set; it is left out then.

    Yields
    ------
    int, str, str, str
        Line number, name, the name without an ending, and the folder of the label.

    Raises
    ------
    UserError
        If the file cannot be read as text.
    """
    for number, line in read_lines(path):
        pair = _PAIR.fullmatch(line)
        if pair:
            name, folder, label = pair.groups()
            if name != label:
                report(f"{path}: line {number}: image and label have one name, found {name!r} and {label!r}")
                continue
        else:
            name, folder = line, "SegmentationClass"
        if not _stays_inside(name):
            report(
                f"{path}: line {number}: {line!r} is not the name of an image in JPEGImages, such as 2007_000032; "
                "write one name a line, or /JPEGImages/NAME.jpg /SegmentationClassAug/NAME.png"
            )
            continue
        yield number, name, re.sub(r"\.(jpe?g|png)$", "", name, flags=re.IGNORECASE), folder


def read_names(path: Path, report: Callable[[str], None]) -> Iterator[tuple[str, str]]:
    """Read a list of names of images, one a line.

    Parameters
    ----------
    path : path of the list
    report : callable
        What is told a line that leads out of the folders of the data set; it is left out then.

    Yields
    ------
    str, str
        The name, and where it stands.

    Raises
    ------
    UserError
        If the file cannot be read as text.
    """
    for number, name in read_lines(path):
        if _stays_inside(name):
            yield name, f"{path}: line {number}"
        else:
            report(f"{path}: line {number}: {name!r} is not the name of an image; write one name a line")


def read_class_rows(path: Path, report: Callable[[str], None]) -> Iterator[tuple[int, str, tuple[int, ...]]]:
    """Read a table of classes and their colours.

    Parameters
    ----------
    path : path of the table
        Its header names the columns name, r, g and b, in any order and any case; other columns are not read. Commas,
        semicolons or tabs part the fields; rows whose fields are all empty are left out.
    report : callable
        What is told a header that lacks a column, and each row that has no name or no colour; it is left out then.

    Yields
    ------
    int, str, (int, int, int)
        Line number, name and colour.

    Raises
    ------
    UserError
        If the file cannot be read as text.
    """
    text = _read_text(path)
    heading = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True, strict=True)
    header: list[str] = []
    try:
        for row in rows:
            fields = [field.strip() for field in row]
            if not any(fields):
                continue
            if not header:
                header = [field.lower() for field in fields]
                if lacks := _lacks_column(header):
                    return report(f"{path}: line {rows.line_num}: {lacks}; begin the table with the line name,r,g,b")
                continue
            try:
                name, colour = _class_row(header, fields)
            except ValueError as error:
                report(
                    f"{path}: line {rows.line_num}: a row reads name,r,g,b with three numbers of 0..255, as "
                    f"road,128,64,128 does, but {error}; correct the row"
                )
                continue
            yield rows.line_num, name, colour
    except csv.Error as error:
        report(f"{path}: line {rows.line_num}: no row of a table ({error}); look whether its quotes come in pairs")


def _lacks_column(header: list[str]) -> str:
    """Say which column is not there once, or ""."""
    for column in ("name", "r", "g", "b"):
        if header.count(column) != 1:
            return f"the header has {header.count(column)} columns {column!r}: {','.join(header)[:80]}"
    return ""


def _class_row(header: list[str], fields: list[str]) -> tuple[str, tuple[int, ...]]:
    """The name and colour of a row; a ValueError says what it lacks."""
    if len(fields) < len(header) or any(fields[len(header) :]):
        raise ValueError(f"it has {counted(len(fields), 'field')}, and the header {len(header)}")
    name, *colour = (fields[header.index(column)] for column in ("name", "r", "g", "b"))
    if not name or not name.isprintable():
        raise ValueError(f"the name is {name[:40]!r}")
    for value in colour:
        if not re.fullmatch(r"-?[0-9]{1,9}(\.0*)?", value):  # a spreadsheet may write 128.0
            raise ValueError(f"{value[:40]!r} is no whole number")
        if not 0 <= float(value) <= 255:
            raise ValueError(f"{value} is not within 0..255")
    return name, tuple(int(float(value)) for value in colour)


def _stays_inside(name: str) -> bool:
    """Whether a name leads to a file in the folder that it is looked up in, or below."""
    parts = name.split("/")
    return "\\" not in name and ":" not in parts[0] and not {"", ".", ".."} & set(parts) and name.isprintable()


def _read_text(path: Path) -> str:
    """The text of a file, its lines parted by LF."""
    if why := no_file(path, "a text file"):
        raise UserError(why)
    try:
        if os.path.getsize(path) > MAX_MEGABYTES * 1_000_000:
            raise UserError(f"{path}: a list has at most {MAX_MEGABYTES} MB, but this file is larger; is it a list?")
        content = Path(path).read_bytes()
    except OSError as error:
        raise UserError(no_permission(path, error)) from None
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: error.start]
        number = len(re.findall(rb"\r\n|\r|\n", before)) + 1
        where = f"line {number}: " if encoding.startswith("utf-8") else ""
        raise UserError(f"{path}: {where}the text is not {encoding.upper()}; save the file as UTF-8") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise UserError(
            f"{path}: line {line}: a text has no zero bytes (UTF-16 without a byte order mark?); save it as UTF-8"
        )
    return text
