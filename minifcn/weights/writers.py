"""Weights into files that other programs read: the ending of the name says which."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from minifcn.errors import UserError
from minifcn.files import atomic_write
from minifcn.npz import expect_numbers
from minifcn.weights.state_dict import pickled_state_dict

Arrays = Mapping[str, np.ndarray]
FORMAT = "minifcn weights 1"
_HOLDER = "a file of weights"
_DTYPES = tuple(map(np.dtype, ("float16", "float32", "float64")))
_TAKEN = {"about", "__metadata__"}
_NOT_TODAY = (1980, 1, 1, 0, 0, 0)  # the time of every file in an archive: the same weights are to make the same file


def write(path: str | os.PathLike, arrays: Arrays, about: Mapping[str, Any]) -> None:
    """Write weights in the format that the ending of the path names; the same ones give the same bytes.

    Parameters
    ----------
    path : path ending in .npz, .safetensors, .pth or .pt, in an existing folder
        .npz is minifcn's own file, which NumPy reads too; .pth and .pt are a state dict that PyTorch loads, with
        ``torch.load(path, weights_only=True)``. A file there is replaced when the new one is complete.
    arrays : mapping of name to array, float16, float32 or float64
    about : mapping
        What JSON can hold, such as `training.about` gives: `network`, `class_names`, `palette`, `mean`, `std`. It goes
        into .npz as the text "about", into the metadata of .safetensors as the text "minifcn", and into the archive of
        a state dict as a file "minifcn", which PyTorch passes over; each in JSON.

    Raises
    ------
    UserError
        If the ending is another one, or an array holds something else than finite floating-point numbers.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "fc7.safetensors"
    >>> write(path, {"fc7.bias": np.zeros(2, "float32")}, {"class_names": ["sky", "road"]})
    >>> path.read_bytes()[8:76]
    b'{"__metadata__": {"minifcn": "{\\\\"class_names\\\\": [\\\\"sky\\\\", \\\\"road\\\\"]}'
    """
    ending = ending_of(path)
    if taken := sorted(_TAKEN & arrays.keys()):
        raise UserError(f"{path}: no array can be called {taken[0]}, as what the file says of itself is; rename it")
    checked = {name: expect_numbers(np.asarray(array), name, _DTYPES, _HOLDER) for name, array in arrays.items()}
    with atomic_write(path) as file:
        _WRITERS[ending](file, checked, about)


def ending_of(path: str | os.PathLike) -> str:
    """Give the ending of a path, which names a format; UserError if it names none.

    >>> ending_of("runs/VGG16.NPZ")
    '.npz'
    """
    ending = Path(path).suffix.lower()
    if ending not in _WRITERS:
        raise UserError(
            f"{path}: weights are written to {', '.join(_WRITERS)}, and a network with its graph to .onnx, by the "
            "ending of the name"
        )
    return ending


def _write_npz(file: BinaryIO, arrays: Arrays, about: Mapping[str, Any]) -> None:
    """An array for each parameter, as `numpy.savez` writes them, and the text."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in {"about": np.array(json.dumps({"format": FORMAT, **about})), **arrays}.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", _NOT_TODAY), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _write_safetensors(file: BinaryIO, arrays: Arrays, about: Mapping[str, Any]) -> None:
    """A JSON text that says where each array lies, its length before it, and the arrays behind it."""
    ordered = sorted(arrays.items(), key=lambda named: -named[1].itemsize)  # so that each begins at a whole number
    header: dict[str, Any] = {"__metadata__": {"minifcn": json.dumps(about)}}
    end = 0
    for name, array in ordered:
        begin, end = end, end + array.nbytes
        dtype = f"F{8 * array.itemsize}"
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for _, array in ordered:
        file.write(_in_order(array))


def _write_state_dict(file: BinaryIO, arrays: Arrays, about: Mapping[str, Any]) -> None:
    """The zip of `torch.save`: a pickle that names the tensors, a file of numbers for each, and the text."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "archive/data.pkl", pickled_state_dict(arrays))
        _add(archive, "archive/byteorder", b"little")
        for number, array in enumerate(arrays.values()):
            _add(archive, f"archive/data/{number}", _in_order(array))
        _add(archive, "archive/version", b"3\n")
        _add(archive, "archive/minifcn", json.dumps(about).encode())


def _add(archive: zipfile.ZipFile, name: str, content: bytes | memoryview) -> None:
    with archive.open(zipfile.ZipInfo(name, _NOT_TODAY), "w", force_zip64=True) as member:
        member.write(content)


def _in_order(array: np.ndarray) -> memoryview:
    """Give the bytes of an array in C order, without a copy where they lie so already."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


_WRITERS: dict[str, Callable[[BinaryIO, Arrays, Mapping[str, Any]], None]] = {
    ".npz": _write_npz,
    ".safetensors": _write_safetensors,
    ".pth": _write_state_dict,
    ".pt": _write_state_dict,
}
