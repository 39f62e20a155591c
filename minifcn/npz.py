"""One array of an .npz file that nobody has to trust: its header is held against its size, and then its numbers."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Sequence

import numpy as np

from minifcn.errors import UserError

_HEADER_LIMIT = 1024
# Exactly as NumPy writes it, so that nothing has to interpret it.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<>|=]?[?bBiufcmMOSUV][0-9]{0,7})', 'fortran_order': (?:True|False), "
    rb"'shape': \((|[0-9]{1,18},|[0-9]{1,18}(?:, [0-9]{1,18}){1,31})\), \} *\n",
    re.DOTALL,
)


def read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """Read one array of an archive; no header can make it larger than the archive says that the member is.

    Whether the members together may be as large as the archive says is for the caller to decide, before the first.

    Parameters
    ----------
    archive : zipfile.ZipFile
    info : zipfile.ZipInfo
        Of the member, a .npy file.

    Returns
    -------
    array

    Raises
    ------
    UserError
        Naming the member, if its header is not as NumPy writes it, asks for more or less than there is, or announces
        pickled objects.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> np.savez(file, weight=np.ones((2, 3)))
    >>> archive = zipfile.ZipFile(file)
    >>> read_array(archive, archive.infolist()[0]).shape
    (2, 3)
    """
    with archive.open(info) as member:
        header = _HEADER.match(member.read(_HEADER_LIMIT))
        if header is None or int.from_bytes(header[0][8:10], "little") != header.end() - 10:
            raise UserError(f"{info.filename} has no header of a .npy file as NumPy writes them")
        dtype, shape = np.dtype(header[1].decode()), tuple(map(int, re.findall(rb"[0-9]+", header[2])))
        if dtype.hasobject:
            raise UserError(f"{info.filename} holds pickled Python objects, which are never loaded")
        claimed = header.end() + math.prod(shape) * dtype.itemsize
        if claimed != info.file_size:
            raise UserError(f"{info.filename} claims shape {shape}: {claimed} bytes, but has {info.file_size}")
    with archive.open(info) as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def expect_numbers(array: np.ndarray, name: str, dtypes: Sequence[np.dtype], holder: str) -> np.ndarray:
    """Give an array of finite numbers, as a file of this kind holds them.

    Parameters
    ----------
    array : array
    name : str
        Of the array, for the error.
    dtypes : sequence of dtype
        That such a file holds, in the computer's own byte order.
    holder : str
        What kind of file it is, for the error.

    Returns
    -------
    array
        The same.

    Raises
    ------
    UserError
        If it has another dtype, or holds inf or nan.

    Examples
    --------
    >>> expect_numbers(np.arange(3), "fc8.bias", [np.dtype("float32")], "a file of weights")
    Traceback (most recent call last):
    minifcn.errors.UserError: fc8.bias has dtype <i8; a file of weights holds float32
    """
    if array.dtype not in dtypes:
        raise UserError(f"{name} has dtype {array.dtype.str}; {holder} holds {', '.join(map(str, dtypes))}")
    if not np.isfinite(array).all():
        raise UserError(f"{name} holds inf or nan; {holder} holds finite numbers only")
    return array
