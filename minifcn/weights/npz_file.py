"""NumPy's .npz, as Chainer writes its weights (conv1_1/W, conv1_1/b) and minifcn its own: a zip of .npy files.

Compressed ones are read too, as Chainer compresses by default.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.content import MOST_UNPACKED, most_unpacked, widened
from minifcn.errors import UserError
from minifcn.npz import read_array
from minifcn.text import in_bytes

_OF_A_PREDICTION = {"class_names.npy", "probabilities.npy"}


def recognises(head: bytes, members: Sequence[str]) -> bool:
    """Tell whether an archive holds arrays and nothing else."""
    return bool(members) and all(name.endswith(".npy") for name in members)


def read(path: Path) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
    """Read the arrays under their names without .npy; a text among them goes to what the file says of itself."""
    arrays, about = {}, {}
    with zipfile.ZipFile(path) as archive:
        _check_sizes(archive.infolist(), path.stat().st_size)
        if {*archive.namelist()} == _OF_A_PREDICTION:
            raise UserError(
                "probabilities that minifcn predict wrote of a photograph, and no weights; give the network that "
                "predicted them: the folder of its run, or best.npz in it"
            )
        for info in archive.infolist():
            name, array = info.filename.removesuffix(".npy"), read_array(archive, info)
            if array.dtype.kind == "U" and array.size == 1:
                about[name] = array.item()
            elif array.dtype.kind in "fiub":
                arrays[name] = widened(array)
            else:
                raise UserError(f"{name} has dtype {array.dtype}; weights are real numbers")
    return "npz", arrays, about


def _check_sizes(members: list[zipfile.ZipInfo], file_size: int) -> None:
    if len({info.filename for info in members}) < len(members):
        raise UserError("it has two arrays of one name; write it again with numpy.savez")
    for info in members:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UserError(
                f"{info.filename} is compressed in a way that NumPy does not use; write it with numpy.savez"
            )
    unpacked = sum(info.file_size for info in members)
    if unpacked > most_unpacked(file_size):
        raise UserError(
            f"its arrays claim {in_bytes(unpacked)} in a file of {in_bytes(file_size)}; up to {MOST_UNPACKED} times "
            "its size are unpacked: if you trust it, write it again with numpy.savez, uncompressed"
        )
