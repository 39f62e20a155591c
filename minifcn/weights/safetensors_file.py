"""safetensors, as timm and Hugging Face hand weights out: the length of a JSON text, that text, and the numbers.

The format was made to be read without trust, and needs no library to be: the text gives for each tensor its type, its
shape, and where its bytes begin and end behind the text.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.content import itemsize, mapped, numbers, shaped
from minifcn.errors import UserError
from minifcn.text import printable, shortened

_DTYPES = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool"},
    **{"I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8"},
    **{"U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8"},
}
_OF_A_TENSOR = ("dtype", "shape", "data_offsets")
_LONGEST_TEXT = 10_000_000  # bytes: of some hundred thousand tensors


def recognises(head: bytes, members: Sequence[str]) -> bool:
    """Tell whether a JSON object of a sensible length stands behind eight bytes."""
    return head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= _LONGEST_TEXT


def read(path: Path) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
    """Read the tensors under their names; the metadata are what the file says of itself."""
    content = mapped(path)
    start = 8 + int.from_bytes(content[:8], "little")
    if start > len(content):
        raise UserError(f"its description claims {start - 8:,} bytes, more than the file has; download it again")
    description, about = _description(content[8:start])
    arrays, values, position = {}, memoryview(content)[start:], 0
    for name, (dtype, shape, begin, end) in sorted(description.items(), key=lambda item: item[1][2:]):
        if begin != position or not begin <= end <= len(values):
            claim = f"{_short(name)} claims bytes {_short(begin)} to {_short(end)} of {len(values):,}"
            raise UserError(f"{claim}, and the tensor before it ends at {position:,}; it is damaged, download it again")
        arrays[name] = _array(values[begin:end], dtype, shape, _short(name))
        position = end
    return "safetensors", arrays, about


def _description(text: bytes) -> tuple[dict[str, tuple[str, list[int], int, int]], dict[str, str]]:
    """Give of each tensor its type, its shape, and where its bytes begin and end; and the metadata."""
    try:
        description = json.loads(text, object_pairs_hook=_without_doubles)
    except UserError:
        raise
    except (ValueError, RecursionError):
        raise UserError("its description is no JSON text; it is damaged, download it again") from None
    about = description.pop("__metadata__", {})
    if not isinstance(about, dict) or not all(isinstance(value, str) for value in about.values()):
        raise UserError(f"its __metadata__ must be texts by their names, but are {_short(about)}; write it again")
    return {name: _entry(name, entry) for name, entry in description.items()}, about


def _entry(name: str, entry: Any) -> tuple[str, list[int], int, int]:
    values: list[Any] = [entry.get(key) if isinstance(entry, dict) else None for key in _OF_A_TENSOR]
    dtype, shape, place = values
    rules = {
        "dtype": (dtype, isinstance(dtype, str), "a text such as F32"),
        "shape": (shape, _are_whole(shape), "whole numbers, such as [64, 3, 3, 3]"),
        "data_offsets": (place, _are_whole(place) and len(place) == 2, "the two whole numbers where its bytes are"),
    }
    for key, (found, right, rule) in rules.items():
        if not right:
            raise UserError(
                f"{_short(name)}: its {key} must be {rule}, but is {_short(found)}; download the file again"
            )
    return dtype, shape, place[0], place[1]


def _are_whole(values: Any) -> bool:
    """Whether this is a list of whole numbers; True is none.

    >>> _are_whole([2, 3]), _are_whole([2.0, 3]), _are_whole([True, 4]), _are_whole("23")
    (True, False, False, False)
    """
    return isinstance(values, list) and all(type(value) is int for value in values)


def _short(value: Any) -> str:
    return printable(shortened(value if isinstance(value, str) else reprlib.repr(value), 200))


def _array(raw: memoryview, dtype: str, shape: list[int], name: str) -> np.ndarray:
    if dtype not in _DTYPES:
        known = ", ".join(_DTYPES)
        raise UserError(f"{name} has numbers of type {_short(dtype)}; known are {known}: convert it to F32")
    if len(raw) % itemsize(_DTYPES[dtype]):
        raise UserError(f"{name} has {len(raw):,} bytes, which are no whole numbers of type {dtype}; download it again")
    return shaped(numbers(raw, _DTYPES[dtype]), shape, name)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise UserError("its description names something twice; write it again with safetensors")
    return found
