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

from minifcn.content import itemsize, mapped, numbers, shaped
from minifcn.errors import UserError
from minifcn.text import shortened

_DTYPES = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool"},
    **{"I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8"},
    **{"U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8"},
}
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
    description = json.loads(content[8:start], object_pairs_hook=_without_doubles)
    about = dict(description.pop("__metadata__", {}))
    arrays, values, position = {}, memoryview(content)[start:], 0
    for name, entry in sorted(description.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        if begin != position or not begin <= end <= len(values):
            claim = f"{shortened(name, 200)} claims bytes {begin} to {end} of {len(values):,}"
            raise UserError(f"{claim}, and the tensor before it ends at {position:,}; it is damaged, download it again")
        arrays[name] = _array(values[begin:end], entry["dtype"], entry["shape"], shortened(name, 200))
        position = end
    return "safetensors", arrays, about


def _array(raw: memoryview, dtype: str, shape: list[int], name: str) -> np.ndarray:
    if dtype not in _DTYPES:
        raise UserError(f"{name} has numbers of type {dtype}; known are {', '.join(_DTYPES)}: convert it to F32")
    if len(raw) % itemsize(_DTYPES[dtype]):
        raise UserError(f"{name} has {len(raw):,} bytes, which are no whole numbers of type {dtype}; download it again")
    return shaped(numbers(raw, _DTYPES[dtype]), shape, name)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise UserError("its description names something twice; write it again with safetensors")
    return found
