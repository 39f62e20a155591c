"""The bytes of a file, mapped into memory, and bytes as numbers: of either byte order, half precision widened."""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from minifcn.errors import UserError
from minifcn.text import shortened

MOST_UNPACKED = 16  # times the size of the file: trained numbers hardly get smaller
_SLACK = 1 << 20  # bytes more: a small file may hold constants
BFLOAT16 = "bfloat16"  # which NumPy has not: the upper half of a float32
_MOST_DIMENSIONS = 32


def mapped(path: Path) -> mmap.mmap:
    """Map a file that is not empty: its bytes are read from the disk where they are used, and cost no memory before.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "weights"
    >>> _ = path.write_bytes(b"weights")
    >>> mapped(path)[:3]
    b'wei'
    """
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def most_unpacked(file_size: int) -> int:
    """Give the bytes that a compressed file may unpack to.

    >>> most_unpacked(10_000_000)
    161048576
    """
    return MOST_UNPACKED * file_size + _SLACK


def numbers(raw: memoryview | bytearray | bytes, dtype: str, order: Literal["<", ">"] = "<") -> np.ndarray:
    """Give bytes as a flat array of the computer's own byte order, without a copy where they already are one.

    Parameters
    ----------
    raw : bytes, or a view of some
        Of whole items.
    dtype : str
        NumPy's name of a real type, or "bfloat16".
    order : "<" or ">"
        Little or big endian.

    Returns
    -------
    array (n,)
        float32 where the file has float16 or bfloat16; read-only.

    Examples
    --------
    >>> numbers(bytes([0x80, 0x3F, 0x20, 0xC0]), "bfloat16")
    array([ 1. , -2.5], dtype=float32)
    >>> numbers(bytes([0, 0, 1, 0]), "int32", ">")
    array([256], dtype=int32)
    """
    if dtype == BFLOAT16:
        values = (numbers(raw, "uint16", order).astype("uint32") << 16).view("float32")
    elif dtype == "bool":
        values = np.frombuffer(raw, "uint8") != 0
    else:
        values = widened(np.frombuffer(raw, np.dtype(dtype).newbyteorder(order)))
    values.flags.writeable = False
    return values


def widened(array: np.ndarray) -> np.ndarray:
    """Give an array in the computer's byte order, and as float32 if it has half precision; without a copy if it is so.

    >>> widened(np.ones(2, ">f2")).dtype
    dtype('float32')
    """
    native = np.dtype("float32") if array.dtype.str[1:] == "f2" else array.dtype.newbyteorder("=")
    return array.astype(native, copy=False).view(native)


def itemsize(dtype: str) -> int:
    """Give the bytes of a number in a file.

    >>> itemsize("bfloat16"), itemsize("float32")
    (2, 4)
    """
    return 2 if dtype == BFLOAT16 else np.dtype(dtype).itemsize


def shaped(values: np.ndarray, shape: Sequence[int], name: str, order: str = "C") -> np.ndarray:
    """Give numbers the shape that the file claims for them.

    Parameters
    ----------
    values : array (n,)
    shape : sequence of int
    name : str
        Of the array, for the error.
    order : "C" or "F"
        Which index runs fastest: the last, or the first as in MATLAB.

    Raises
    ------
    UserError
        If the shape is for another number of numbers.

    Examples
    --------
    >>> shaped(np.arange(6), (2, 3), "fc6/0").shape
    (2, 3)
    """
    if len(shape) > _MOST_DIMENSIONS:
        raise UserError(f"{name} claims {len(shape)} dimensions; a weight has at most {_MOST_DIMENSIONS}")
    if any(size < 0 for size in shape) or math.prod(shape) != values.size:
        claimed = shortened(str(tuple(shape)), 200)
        raise UserError(f"{name} claims shape {claimed}, but has {values.size:,} numbers; download the file again")
    return values.reshape(shape, order=order)  # type: ignore[call-overload]
