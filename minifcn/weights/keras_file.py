"""Keras's .h5 files, of weights or of a whole model: HDF5, whose datasets are the weights; h5py opens it.

HDF5 can do more than hold numbers in a row: they may lie in other files, be put together from those of other datasets,
or be unpacked by plug-ins. Keras asks for none of this, so it is refused, and only links within the file are followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from minifcn.content import widened
from minifcn.errors import UserError

_MOST_OBJECTS = 20_000  # of some 0.4 ms each


def recognises(head: bytes, members: Sequence[str]) -> bool:
    """Tell whether a file begins as HDF5 does."""
    return head.startswith(b"\x89HDF\r\n\x1a\n")


def read(path: Path) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
    """Read all datasets under their paths in the file, block1_conv1/block1_conv1_W_1:0, as Keras orders them.

    Attributes are left alone: a damaged text of variable length keeps HDF5 2.0 busy for ever.
    """
    return "HDF5", datasets(path, path.stat().st_size), {}


def datasets(file: Path | BinaryIO, size: int) -> dict[str, np.ndarray]:
    """Read all datasets of a file of HDF5, together no larger than its size; UserError if there is no h5py."""
    try:
        import h5py  # few have such files
    except ImportError as error:
        raise UserError(f'a file of HDF5, which takes h5py ({error}); pip install "minifcn[weights]"') from error
    left, arrays = size, {}
    with h5py.File(file, "r") as opened:
        for name, dataset in _datasets(h5py, opened):
            left -= _size(dataset, name)
            if left < 0:
                raise UserError(f"{name} claims to be larger than the file; it is damaged, download it again")
            arrays[name] = widened(dataset[()])
    return arrays


def _datasets(h5py: Any, file: Any) -> Iterator[tuple[str, Any]]:
    """Give the datasets of a file, each once however many links lead to it."""
    waiting, seen = [("", file)], set()
    while waiting:
        path, group = waiting.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue  # out of the file, or to what is met where it lies
            item, place = group[name], f"{path}{name}"
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > _MOST_OBJECTS:
                raise UserError(f"it has more than {_MOST_OBJECTS:,} parts; save the weights alone: save_weights")
            if isinstance(item, h5py.Dataset):
                yield place, item
            elif isinstance(item, h5py.Group):
                waiting.append((f"{place}/", item))


def _size(dataset: Any, name: str) -> int:
    """Give the bytes of a dataset, after a look at how it is stored."""
    if dataset.dtype.kind not in "fiub" or dataset.shape is None:
        raise UserError(f"{name} has dtype {dataset.dtype}; weights are real numbers: save the weights alone")
    if dataset.is_virtual or dataset.external or dataset.chunks is not None:
        raise UserError(f"{name} is stored in pieces, packed, or in other files; run h5repack -l CONTI -f NONE on it")
    size = dataset.size * dataset.dtype.itemsize
    if dataset.id.get_storage_size() != size:
        raise UserError(f"{name} claims {size:,} bytes, but has {dataset.id.get_storage_size():,}; download it again")
    return size
