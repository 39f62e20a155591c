"""minifcn's own file of weights, .npz: an array for each parameter, and a text about them.

The member "about" holds a JSON text, every other member one array. They are stored uncompressed, so none can unpack to
more than the file's own size.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.errors import UserError
from minifcn.files import atomic_write
from minifcn.npz import read_array

FORMAT = "minifcn weights 1"
_ABOUT_LIMIT = 1 << 20  # characters
_DTYPES = tuple(map(np.dtype, ("float16", "float32", "float64")))
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # of every member, so that the same weights make the same file


def write(path: str | os.PathLike, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> None:
    """Write weights, and a text about them; the same ones give the same bytes.

    Parameters
    ----------
    path : path ending in .npz, in an existing folder
        A file there is replaced when the new one is complete.
    arrays : mapping of name to array, float16, float32 or float64
    about : mapping
        What JSON can hold; see `minifcn.weights.write`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "fc7.npz"
    >>> write(path, {"fc7.bias": np.zeros(2, "float16")}, {"class_names": ["sky", "road"]})
    >>> arrays, about = read(path)
    >>> arrays["fc7.bias"].dtype, about["class_names"]
    (dtype('float16'), ['sky', 'road'])
    """
    text = np.array(json.dumps({"format": FORMAT, **about}))
    members = {"about": text} | {name: _checked(np.asarray(array), name) for name, array in arrays.items()}
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in members.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", _FIRST_DAY), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `write` wrote, trusting nothing in it: it takes no more memory than the file is large.

    Parameters
    ----------
    path : path of a file

    Returns
    -------
    arrays : dict of str to array
        As they were written, and finite.
    about : dict

    Raises
    ------
    UserError
        If the file is missing, damaged, holds pickled objects, or is something else; the message names the file.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: {'not a file' if path.exists() else 'there is no such file'}")
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            return _read(archive, os.fstat(file.fileno()).st_size)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except OSError as error:
        if error.filename:
            raise  # the disk's own, such as "Permission denied"
        raise UserError(f"{path}: damaged, or the disk is ({error})") from error
    except Exception as error:  # whatever zipfile and json stumble over in foreign bytes
        raise UserError(f"{path}: not a file of minifcn's weights, or damaged ({error})") from error


def _read(archive: zipfile.ZipFile, file_size: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if len(members) < len(archive.infolist()):
        raise UserError("it has two parts of one name; it is no file of minifcn's weights")
    if sum(info.file_size for info in archive.infolist()) > file_size:
        raise UserError("its parts claim to be larger than the file; it is no file of minifcn's weights")
    if "about" not in members:
        raise UserError("not a file of minifcn's weights (it has no part named about)")
    about = _about(_array(archive, members.pop("about")))
    return {name: _checked(_array(archive, info), name) for name, info in members.items()}, about


def _about(text: np.ndarray) -> dict[str, Any]:
    if text.dtype.kind != "U" or text.size != 1 or text.nbytes > 4 * _ABOUT_LIMIT:
        raise UserError("not a file of minifcn's weights (its part named about is no text)")
    about = json.loads(text.item())
    found = about.pop("format", None) if isinstance(about, dict) else None
    if found != FORMAT:
        raise UserError(f"not a file of minifcn's weights (format {found!r}, expected {FORMAT!r})")
    return about


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise UserError(f"{info.filename} is compressed; minifcn stores its weights uncompressed")
    return read_array(archive, info)


def _checked(array: np.ndarray, name: str) -> np.ndarray:
    if name == "about":
        raise UserError("no weight can be called about, as the text is; rename it")
    if array.dtype not in _DTYPES:
        raise UserError(f"{name} has dtype {array.dtype.str}; weights are {', '.join(map(str, _DTYPES))}")
    if not np.isfinite(array).all():
        raise UserError(f"{name} holds inf or nan; weights are finite numbers")
    return array
