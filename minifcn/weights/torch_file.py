"""What `torch.save` writes, .pth or .pt: a pickle of dictionaries, and the numbers beside it; PyTorch is not needed.

Two containers hold them. Since PyTorch 1.6 it is an uncompressed zip archive: data.pkl is the pickle, data/KEY are the
storages; minifcn adds what it says of its own. Before, four pickles (a magic number, the version, the computer, the
object) are followed by a list of keys and by the storages in its order, each as a count and so many numbers.
"""

from __future__ import annotations

import io
import math
import mmap
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minifcn.content import itemsize, mapped, numbers
from minifcn.errors import UserError
from minifcn.text import counted
from minifcn.weights import pickles
from minifcn.weights.pickles import StorageRecord, TensorRecord

# The magic number 0x1950a86a20f9469cfc6c as a pickle: of a version, whose later ones tell the size of what comes.
_MAGIC = re.compile(rb"\x80[\x02-\x05](\x95.{8})?\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\.", re.DOTALL)
_VERSION = 1001
_PARTS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params")
_DEEPEST = 8
_LONGEST_NAME = 1000  # characters
_AGAIN = "load it with PyTorch and save it again: torch.save(model.state_dict(), FILE)"


def recognises(head: bytes, members: Sequence[str]) -> bool:
    """Tell whether a file begins as one of the two containers."""
    return bool(_MAGIC.match(head)) or any(name.endswith("/data.pkl") for name in members)


def read(path: Path) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
    """Read the tensors of a state dict, or of the one in a training's checkpoint, under their names there.

    Of a dictionary without tensors of its own that has a part called state_dict, model or the like, that part is read;
    what the file says of itself tells "part" and "other parts" then. Names of dictionaries in dictionaries are joined
    by dots.
    """
    content = mapped(path)
    legacy = _MAGIC.match(content) is not None
    saved, raw, order, said = _legacy(content) if legacy else _zipped(path, content)
    state, about = _state_dict(saved)
    about |= said
    storages: dict[tuple[str, str], np.ndarray] = {}  # widened once, however many tensors share one
    arrays: dict[str, np.ndarray] = {}
    for name, tensor in _tensors(state):
        if name in arrays:
            raise UserError(f"it has two tensors named {name}; {_AGAIN}")
        key = (tensor.storage.key, tensor.storage.dtype)
        try:
            if key not in storages:
                storages[key] = numbers(raw(tensor.storage), tensor.storage.dtype, order)
            arrays[name] = _view(tensor, storages[key])
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
    return f"torch.save ({'legacy' if legacy else 'zip'})", arrays, about


# The object, what gives the bytes of a storage, and their order; and what minifcn says of them.
_Contents = tuple[Any, Callable[[StorageRecord], memoryview], Literal["<", ">"], dict[str, str]]


def _zipped(path: Path, content: mmap.mmap) -> _Contents:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if len(members) < len(archive.infolist()):
            raise UserError(f"it has two parts of one name; {_AGAIN}")
    if sum(info.file_size for info in members.values()) > len(content):
        raise UserError(f"its parts claim to be larger than the file; {_AGAIN}")
    (folder,) = (name.removesuffix("data.pkl") for name in members if name.endswith("/data.pkl"))
    if f"{folder}constants.pkl" in members:
        raise UserError(
            "a TorchScript archive, which holds a program; load it with torch.jit.load, and save the numbers alone: "
            "torch.save(model.state_dict(), FILE)"
        )

    def member(name: str) -> memoryview:
        return _stored(content, members[folder + name])

    def raw(storage: StorageRecord) -> memoryview:
        found = member(f"data/{storage.key}")
        if len(found) != storage.count * itemsize(storage.dtype):
            raise UserError(f"claims {counted(storage.count, storage.dtype)}, but has {len(found):,} bytes; {_AGAIN}")
        return found

    big = f"{folder}byteorder" in members and bytes(member("byteorder")) == b"big"
    said = {"minifcn": str(member("minifcn"), "utf-8")} if f"{folder}minifcn" in members else {}
    saved, _ = pickles.load(io.BytesIO(member("data.pkl")))
    return saved, raw, ">" if big else "<", said


def _stored(content: mmap.mmap, info: zipfile.ZipInfo) -> memoryview:
    """Give the bytes of a member where they lie in the file, after a look at their check sum."""
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise UserError(f"{info.filename} is compressed, which PyTorch does not do; {_AGAIN}")
    name, extra = struct.unpack_from("<26xHH", content, info.header_offset)
    start = info.header_offset + 30 + name + extra
    found = memoryview(content)[start : start + info.file_size]
    if zlib.crc32(found) != info.CRC:
        raise UserError(f"{info.filename} has another check sum than its bytes; it is damaged, download it again")
    return found


def _legacy(content: mmap.mmap) -> _Contents:
    _, (version, _), _, (saved, storages), (keys, _) = (pickles.load(content) for _ in range(5))
    if version != _VERSION:
        raise UserError(f"its format has version {version}, and {_VERSION} is known here; {_AGAIN}")
    dtypes = {storage.key: storage.dtype for storage in storages}
    everything, places, position = memoryview(content), {}, content.tell()
    for key in keys:
        if not isinstance(key, str):
            raise UserError(
                "the list of its storages holds something else than names; it is damaged, download it again"
            )
        # Counts and numbers are little endian here, on whatever computer they were written.
        (count,) = struct.unpack_from("<q", content, position)
        start, position = position + 8, position + 8 + count * itemsize(dtypes[key])
        if count < 0 or position > len(content):
            raise UserError(
                f"storage {key} claims {count:,} numbers, more than are left in the file; download it again"
            )
        places[key] = count, everything[start:position]

    def raw(storage: StorageRecord) -> memoryview:
        count, found = places[storage.key]
        if storage.count != count or storage.dtype != dtypes[storage.key]:
            raise UserError(f"claims {counted(storage.count, storage.dtype)}, but its storage has {count:,}; {_AGAIN}")
        return found

    return saved, raw, "<", {}


def _state_dict(saved: Any) -> tuple[Any, dict[str, Any]]:
    """Find the dictionary that holds the tensors, and what stands beside it."""
    about: dict[str, Any] = {}
    for _ in range(_DEEPEST):
        if not isinstance(saved, dict) or any(isinstance(value, TensorRecord) for value in saved.values()):
            break
        part = next((name for name in _PARTS if isinstance(saved.get(name), dict)), None)
        if part is None:
            break
        about |= {str(name): value for name, value in saved.items() if isinstance(value, str | int | float)}
        about["part"] = f"{about['part']}.{part}" if "part" in about else part
        others = [str(name) for name, value in saved.items() if isinstance(value, dict | list) and name != part]
        about["other parts"] = [*about.get("other parts", []), *others]
        saved = saved[part]
    if not isinstance(saved, dict | list):
        raise UserError("it holds no dictionary of tensors; save one: torch.save(model.state_dict(), FILE)")
    return saved, about


def _tensors(saved: Any) -> Iterator[tuple[str, TensorRecord]]:
    """Give the tensors of dictionaries and lists within each other; what is met twice is given once."""
    waiting, seen = [("", saved)], set()
    while waiting:
        name, value = waiting.pop()
        if len(name) > _LONGEST_NAME:
            raise UserError(f"it has names of more than {_LONGEST_NAME} characters; {_AGAIN}")
        if isinstance(value, TensorRecord):
            yield name, value
        elif isinstance(value, dict | list) and id(value) not in seen:
            seen.add(id(value))
            items = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += [(f"{name}.{key}" if name else str(key), item) for key, item in [*items][::-1]]


def _view(tensor: TensorRecord, values: np.ndarray) -> np.ndarray:
    size, stride, has = tensor.size, tensor.stride, counted(values.size, "number")
    if math.prod(size) > values.size:
        raise UserError(f"claims shape {size}, but its storage has {has}; {_AGAIN}")
    if 0 in size:
        return np.zeros(size, values.dtype)
    last = tensor.offset + sum((many - 1) * step for many, step in zip(size, stride, strict=True))
    if last >= values.size:
        raise UserError(f"reaches to number {last:,} of a storage that has {has}; it is damaged, download it again")
    steps = [step * values.itemsize for step in stride]
    return as_strided(values[tensor.offset :], size, steps, writeable=False)
