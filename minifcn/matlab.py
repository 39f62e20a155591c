"""MATLAB's .mat files of level 5: arrays, texts, cells and structures.

The file is a row of elements, each with its kind and its size. A matrix is an element that has others in it: flags with
its class, its dimensions, its name, and then its numbers, or the matrices of a cell array or a structure.

SciPy's reader is made for files that one trusts: of 2,000 damaged ones, 6 ended the interpreter with SciPy 1.17, and
others asked it for gigabytes. So they are read here, and the tests hold this reader to that one.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from minifcn.content import MOST_UNPACKED, mapped, most_unpacked, numbers, shaped
from minifcn.errors import UserError

BEGIN = b"MATLAB 5.0 MAT-file"
_HEADER = 128  # bytes
_MATRIX, _COMPRESSED = 14, 15  # kinds of elements
_STORED = {
    **{1: "int8", 2: "uint8", 3: "int16", 4: "uint16", 5: "int32", 6: "uint32", 12: "int64", 13: "uint64"},
    **{7: "float32", 9: "float64"},
}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16"}
_CELL, _STRUCT, _CHAR = 1, 2, 4  # classes of matrices
_CLASSES = {
    **{6: "float64", 7: "float32", 8: "int8", 9: "uint8", 10: "int16", 11: "uint16", 12: "int32", 13: "uint32"},
    **{14: "int64", 15: "uint64"},
}
_COMPLEX = 0x0800
_MOST_MATRICES = 100_000
_DEEPEST = 50  # matrices in each other
_LONGEST_NAME = 64  # bytes, as in MATLAB
_ORDERS: dict[bytes, Literal["<", ">"]] = {b"IM": "<", b"MI": ">"}


def variables(path: Path, unpacked: int = 0) -> dict[str, Any]:
    r"""Read the variables of a file by their names.

    Parameters
    ----------
    path : Path
        Of a file that begins with `BEGIN`.
    unpacked : int, optional
        Bytes that it may unpack to, if those are more than 16 times its size.

    Returns
    -------
    dict of str
        Arrays, with the indices in MATLAB's order, height first; texts; lists of the values of cells; lists of
        dictionaries, of structures; None for objects, functions and complex numbers.

    Raises
    ------
    UserError
        If the file is damaged, or unpacks to more. No more memory than that is taken.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "empty.mat"
    >>> _ = path.write_bytes(BEGIN.ljust(124) + b"\0\1IM")
    >>> variables(path)
    {}
    """
    content = mapped(path)
    if content[126:128] not in _ORDERS:
        raise UserError("its header does not say in which order its bytes are; it is damaged, download it again")
    reader = _Reader(_ORDERS[content[126:128]], max(unpacked, most_unpacked(len(content))))
    return dict(reader.variables(memoryview(content)[_HEADER:]))


class _Reader:
    """Turns bytes into arrays, texts, lists (cells) and lists of dictionaries (structures); anything else into None."""

    def __init__(self, order: Literal["<", ">"], budget: int) -> None:
        self.order = order
        self.budget = budget  # bytes of memory beside the mapped file
        self.matrices = 0
        self.depth = 0

    def variables(self, data: memoryview) -> Iterator[tuple[str, Any]]:
        for kind, content in self.elements(data):
            if kind == _COMPRESSED:
                self.descend()
                yield from self.variables(self.unpacked(content))
                self.depth -= 1
            elif kind == _MATRIX:
                yield self.matrix(content)

    def descend(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise UserError(
                f"it has structures, cells or compressed variables more than {_DEEPEST} deep in each other; save the "
                "parameters of the network alone"
            )

    def elements(self, data: memoryview) -> Iterator[tuple[int, memoryview]]:
        position = 0
        while position < len(data):
            (kind,) = struct.unpack_from(f"{self.order}I", data, position)
            if kind >> 16:  # small: its size in the upper half, and its bytes in the place of the size
                kind, size, start, end = kind & 0xFFFF, kind >> 16, position + 4, position + 8
            else:
                (size,) = struct.unpack_from(f"{self.order}I", data, position + 4)
                start = position + 8
                end = start + (size if kind == _COMPRESSED else size + -size % 8)
            if start + size > min(end, len(data)):
                raise UserError(
                    f"one of its elements claims {size:,} bytes, and has fewer; it is cut off, download it again"
                )
            yield kind, data[start : start + size]
            position = end

    def unpacked(self, data: memoryview) -> memoryview:
        unpacker = zlib.decompressobj()
        found = unpacker.decompress(data, self.budget + 1)
        self.take(len(found))
        if not unpacker.eof:
            raise UserError("a compressed variable ends too early; it is cut off, download it again")
        return memoryview(found)

    def take(self, size: int) -> None:
        self.budget -= size
        if self.budget < 0:
            raise UserError(
                f"it unpacks to more than {MOST_UNPACKED} times its size; if you trust it, save it in MATLAB again, "
                "uncompressed: save(FILE, '-v6', ...)"
            )

    def matrix(self, data: memoryview, place: str = "") -> tuple[str, Any]:
        """Give the name and the value of a matrix; within another one it has a place instead of a name."""
        self.matrices += 1
        if self.matrices > _MOST_MATRICES:
            raise UserError(f"it has more than {_MOST_MATRICES:,} matrices; save the parameters of the network alone")
        if not data:
            return "", None
        self.descend()
        parts = self.elements(data)
        flags, dimensions, name = (self.next(parts, place) for _ in range(3))
        (word,), place = (
            struct.unpack_from(f"{self.order}I", flags[1]),
            place or str(name[1][:_LONGEST_NAME], "latin-1"),
        )
        shape = self.array(dimensions, place).tolist()
        value = self.value(word, shape, parts, place)
        self.depth -= 1
        return place, value

    def value(self, flags: int, shape: list[int], parts: Iterator[tuple[int, memoryview]], place: str) -> Any:
        kind = flags & 0xFF
        if kind == _CELL:
            return [self.matrix(self.next(parts, place)[1], f"{place}{{{i + 1}}}")[1] for i in range(math.prod(shape))]
        if kind == _STRUCT:
            (length,), names = self.array(self.next(parts, place), place), bytes(self.next(parts, place)[1])
            if not 0 < length <= _LONGEST_NAME:
                raise UserError(f"{place} has fields with names of {length} bytes; it is damaged, download it again")
            fields = [str(names[i : i + length].rstrip(b"\0"), "latin-1") for i in range(0, len(names), length)]
            return [
                {field: self.matrix(self.next(parts, place)[1], f"{place}({i + 1}).{field}")[1] for field in fields}
                for i in range(math.prod(shape) if fields else 0)
            ]
        if kind == _CHAR:
            stored, text = self.next(parts, place)
            return str(text, _TEXTS[stored] + {"<": "-le", ">": "-be"}[self.order] * (_TEXTS[stored] == "utf-16"))
        if kind in _CLASSES and not flags & _COMPLEX:
            values = self.array(self.next(parts, place), place)
            if values.dtype != _CLASSES[kind]:  # MATLAB stores numbers as small as they are
                self.take(values.size * np.dtype(_CLASSES[kind]).itemsize)
                values = values.astype(_CLASSES[kind])
            return shaped(values, shape, place, "F")
        return None

    def array(self, element: tuple[int, memoryview], place: str) -> np.ndarray:
        kind, data = element
        if kind not in _STORED:
            raise UserError(f"{place} has numbers of the unknown kind {kind}; it is damaged, download it again")
        return numbers(data, _STORED[kind], self.order)

    def next(self, parts: Iterator[tuple[int, memoryview]], place: str) -> tuple[int, memoryview]:
        for part in parts:
            return part
        raise UserError(f"{place} ends too early; it is cut off or damaged, download it again")
