"""safetensors, as timm and Hugging Face hand weights out: the length of a JSON text, that text, and the numbers.

The format was made to be read without trust, and needs no library to be: the text gives for each tensor its type, its
shape, and where its bytes begin and end behind the text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.errors import UserError
from minifcn.text import shortened
from minifcn.weights.content import itemsize, mapped, numbers, shaped

_DTYPES = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool"},
    **{"I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8"},
    **{"U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8"},
}
_LONGEST_TEXT = 100_000_000  # bytes, as the format says


def recognises(head: bytes, members: Sequence[str]) -> bool:
    """Tell whether a JSON object of a sensible length stands behind eight bytes."""
    return head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= _LONGEST_TEXT


def read(path: Path) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
    """Read the tensors under their names; its metadata are what the file says of itself."""
    content = mapped(path)
    begin = 8 + int.from_bytes(content[:8], "little")
    if begin > len(content):
        raise UserError(f"its description claims {begin - 8:,} bytes, more than the file has; download it again")
    header = json.loads(content[8:begin], object_pairs_hook=_without_doubles)
    about = header.pop("__metadata__", {})
    behind = memoryview(content)[begin:]
    arrays = {name: _array(behind, name, entry) for name, entry in header.items()}
    return "safetensors", arrays, about


def _array(behind: memoryview, name: str, entry: dict[str, Any]) -> np.ndarray:
    name = shortened(name, 200)
    dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not all(type(value) is int and value >= 0 for value in (*shape, begin, end)):
        raise UserError(f"{name} has a shape or a place that is not of whole numbers; download it again")
    if dtype not in _DTYPES:
        raise UserError(f"{name} has numbers of type {dtype}; known here are {', '.join(_DTYPES)}: convert it to F32")
    if not begin <= end <= len(behind):
        raise UserError(
            f"{name} claims bytes {begin:,} to {end:,} of {len(behind):,}; it is cut off, download it again"
        )
    if (end - begin) % itemsize(_DTYPES[dtype]):
        raise UserError(f"{name} has {end - begin:,} bytes, which are no whole numbers of type {dtype}")
    return shaped(numbers(behind[begin:end], _DTYPES[dtype]), shape, name)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise UserError("its description names something twice; write it again with safetensors")
    return found
