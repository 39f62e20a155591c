"""Caffe's .caffemodel: a NetParameter in the wire format of protocol buffers, read without their library.

A message is a row of fields, each with its number, its kind and a value: a whole number, 4 or 8 bytes, or so many bytes
as stand before them, which may be a message again. Caffe's caffe.proto says what the numbers stand for. Networks have
their layers in field 100; those of before 2015 ("V1") in field 2, with other numbers in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minifcn.content import mapped, numbers, shaped
from minifcn.errors import UserError

# Limits of time and memory, far above what networks have.
_MOST_BLOBS = _MOST_LAYERS = 10_000
_MOST_FIELDS = 100_000  # in a file; Caffe writes the numbers of a blob as one
_MOST_DIMENSIONS = 32
_LONGEST_NAME = 1000  # bytes, of a layer, which stands before the number of each of its blobs
_LONGEST_VARINT = 10  # bytes
_WHOLE, _BYTES = 0, 2
_FIXED = {1: 8, 5: 4}  # bytes


class _LayerFields(NamedTuple):
    name: int
    type: int
    blobs: int
    python: int = -1


_NET_NAME, _NET_INPUT = 1, 3
_LAYERS = {100: _LayerFields(name=1, type=2, blobs=7, python=130), 2: _LayerFields(name=4, type=5, blobs=6)}
_MODULE, _PARAM_STR = 1, 3  # of a layer in Python: whose it is, and the text that it is given
_V1_TYPES = {  # those that have weights, and those whose order tells bvlc_alexnet
    **{4: "Convolution", 14: "InnerProduct", 39: "Deconvolution"},
    **{15: "LRN", 17: "Pooling"},
}
_SIDES, _DATA, _SHAPE, _DOUBLES = (1, 2, 3, 4), 5, 7, 8  # of a blob
_DIMENSION = 1  # of a shape


def recognises(head: bytes, members: Sequence[str]) -> bool:
    """Tell whether a file begins with a layer, or with the name of a network and a layer or an input behind it."""
    begins = {number << 3 | _BYTES for number in (*_LAYERS, _NET_INPUT)}
    try:
        tag, after = _varint(head, 0)
        if tag == _NET_NAME << 3 | _BYTES:
            length, start = _varint(head, after)
            tag, _ = _varint(head, start + length)
    except UserError:
        return False
    return tag in begins


def read(path: Path) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
    """Read the blobs as NAME/0 (weights) and NAME/1 (biases), for each layer that has some.

    The file says of itself the network's name, "net", and its "layers" in their order, also those without blobs: the
    name and the type of each, "Convolution" and the like in both versions. Of layers written in "python", such as one
    that gives the images, it says the module and the text of settings.
    """
    arrays: dict[str, np.ndarray] = {}
    about: dict[str, Any] = {"layers": []}
    left = repeat(True, _MOST_FIELDS)
    for number, value in _fields(memoryview(mapped(path)), left):
        if number == _NET_NAME:
            about["net"] = _text(value)
        elif number in _LAYERS:
            if len(about["layers"]) == _MOST_LAYERS:
                raise UserError(f"it has more than {_MOST_LAYERS:,} layers; save the network again with Caffe")
            name, kind, blobs, python = _layer(_message(value), _LAYERS[number], left)
            for index, blob in enumerate(blobs):
                if len(arrays) == _MOST_BLOBS or f"{name}/{index}" in arrays:
                    raise UserError(f"{name} is a layer too many, or there twice; save the network again with Caffe")
                arrays[f"{name}/{index}"] = _blob(blob, f"{name}/{index}", left)
            about["layers"].append((name, kind))
            if python:
                about["python"] = [*about.get("python", []), *python]
    return "caffemodel", arrays, about


_Layer = tuple[str, str, list[memoryview], list[tuple[str, str]]]


def _layer(layer: memoryview, fields: _LayerFields, left: Iterator[bool]) -> _Layer:
    name, kind, blobs, python = "", "", [], []
    for number, value in _fields(layer, left):
        if number == fields.name:
            name = _text(value)
        elif number == fields.type:
            kind = _V1_TYPES.get(value, f"V1 type {value}") if isinstance(value, int) else _text(value)
        elif number == fields.blobs:
            blobs.append(_message(value))
            if len(blobs) > _MOST_BLOBS:
                raise UserError(f"{name}: a layer of more than {_MOST_BLOBS:,} blobs; it is damaged, download it again")
        elif number == fields.python:
            python = [_settings(_message(value), left)]
    return name, kind, blobs, python


def _settings(python: memoryview, left: Iterator[bool]) -> tuple[str, str]:
    """Give the module of a layer in Python, and what it is told; no reason to refuse a file, whatever they are."""
    texts = {number: value for number, value in _fields(python, left) if isinstance(value, memoryview)}
    module, text = (str(texts.get(number, b"")[:_LONGEST_NAME], "utf-8", "replace") for number in (_MODULE, _PARAM_STR))
    return module, text


def _blob(blob: memoryview, name: str, left: Iterator[bool]) -> np.ndarray:
    sides, shape = dict.fromkeys(_SIDES, 0), None
    pieces: dict[int, memoryview | bytearray] = {}
    try:
        for number, value in _fields(blob, left):
            if number in _SIDES:
                sides[number] = _whole(value)
            elif number == _SHAPE:
                shape = _dimensions(_message(value), left)
            elif number in (_DATA, _DOUBLES):
                pieces[number] = _joined(pieces.get(number), _message(value))
        dtype, data = ("float64", _DOUBLES) if _DOUBLES in pieces else ("float32", _DATA)
        return shaped(numbers(pieces.get(data, b""), dtype), [*sides.values()] if shape is None else shape, "it")
    except (UserError, ValueError) as error:
        raise UserError(f"{name}: {error}") from error


def _joined(before: memoryview | bytearray | None, piece: memoryview) -> memoryview | bytearray:
    """Put together what usually is one piece, and may be several, down to one for each number."""
    if before is None:
        return piece
    before = before if isinstance(before, bytearray) else bytearray(before)
    before += piece
    return before


def _dimensions(shape: memoryview, left: Iterator[bool]) -> list[int]:
    dimensions: list[int] = []
    for number, value in _fields(shape, left):
        if number == _DIMENSION:
            for size in [value] if isinstance(value, int) else _varints(value):
                dimensions.append(size)
                if len(dimensions) > _MOST_DIMENSIONS:
                    raise UserError(f"claims more than {_MOST_DIMENSIONS} dimensions; it is damaged, download it again")
    return dimensions


def _fields(message: memoryview, left: Iterator[bool]) -> Iterator[tuple[int, int | memoryview]]:
    """Give the fields of a message, numbers and values, which are whole numbers or bytes; as many as are `left`."""
    position = 0
    while position < len(message):
        if not next(left, False):
            raise UserError(f"the file has more than {_MOST_FIELDS:,} fields; save the network again with Caffe")
        tag, position = _varint(message, position)
        wire = tag & 7
        if wire == _WHOLE:
            value, position = _varint(message, position)
            yield tag >> 3, value
            continue
        if wire == _BYTES:
            size, position = _varint(message, position)
        elif wire in _FIXED:
            size = _FIXED[wire]
        else:
            raise UserError(f"has a field of the unknown kind {wire}; it is damaged, download it again")
        if size > len(message) - position:
            raise UserError(f"claims {size:,} bytes where {len(message) - position:,} are left; download it again")
        yield tag >> 3, message[position : position + size]
        position += size


def _varints(packed: memoryview) -> Iterator[int]:
    position = 0
    while position < len(packed):
        value, position = _varint(packed, position)
        yield value


def _varint(message: memoryview | bytes, position: int) -> tuple[int, int]:
    """Read a whole number, 7 bits a byte, the lowest first; the highest bit says that more follow."""
    value = 0
    for index, byte in enumerate(message[position : position + _LONGEST_VARINT]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, position + index + 1
    raise UserError("ends within a number; it is cut off or damaged, download it again")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise UserError("has a number where bytes should be; it is damaged, download it again")
    return value


def _whole(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise UserError("has bytes where a number should be; it is damaged, download it again")
    return value


def _text(value: int | memoryview) -> str:
    text = _message(value)
    if len(text) > _LONGEST_NAME:
        raise UserError(
            f"has a name of {len(text):,} bytes, more than {_LONGEST_NAME:,}; it is damaged, download it again"
        )
    try:
        return str(text, "utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"has a name that is no text ({error.reason}); it is damaged, download it again") from None
