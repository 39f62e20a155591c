"""The pickle inside a file of `torch.save`, written without PyTorch and without pickling anything.

A pickle is a program for a machine with a stack. This one pushes names and tensors and makes a dict of them; it calls
nothing but what ``torch.load(weights_only=True)`` allows. Each tensor is the call

    torch._utils._rebuild_tensor_v2(storage, 0, size, stride, requires_grad=False, OrderedDict())

and a storage is a reference to the file with its numbers, ("storage", torch.FloatStorage, "0", "cpu", how many).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import numpy as np

# The machine's instructions, by the names they have in the standard library's pickletools.
_PROTO_2, _STOP = b"\x80\x02", b"."
_MARK, _TUPLE, _EMPTY_TUPLE = b"(", b"t", b")"
_EMPTY_DICT, _SETITEMS = b"}", b"u"
_GLOBAL, _REDUCE, _BINPERSID = b"c", b"R", b"Q"
_BINUNICODE, _LONG1, _NEWFALSE = b"X", b"\x8a", b"\x89"

_STORAGES = {"float16": "HalfStorage", "float32": "FloatStorage", "float64": "DoubleStorage"}


def pickled_state_dict(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Write the program that makes a state dict; the numbers of array n are in the file data/n, in C order.

    Parameters
    ----------
    arrays : mapping of name to array, float16, float32 or float64

    Returns
    -------
    bytes

    Examples
    --------
    >>> pickled_state_dict({})
    b'\\x80\\x02}(u.'
    """
    items = (_text(name) + _tensor(str(n), array) for n, (name, array) in enumerate(arrays.items()))
    return _PROTO_2 + _EMPTY_DICT + _MARK + b"".join(items) + _SETITEMS + _STOP


def _tensor(key: str, array: np.ndarray) -> bytes:
    kind = _global("torch", _STORAGES[array.dtype.name])
    storage = _tuple([_text("storage"), kind, _text(key), _text("cpu"), _whole(array.size)]) + _BINPERSID
    strides = list(itertools.accumulate(array.shape[:0:-1], int.__mul__, initial=1))[::-1][: array.ndim]
    no_hooks = _global("collections", "OrderedDict") + _EMPTY_TUPLE + _REDUCE
    places = _tuple(map(_whole, array.shape)), _tuple(map(_whole, strides))
    call = _tuple([storage, _whole(0), *places, _NEWFALSE, no_hooks])
    return _global("torch._utils", "_rebuild_tensor_v2") + call + _REDUCE


def _tuple(items: Iterable[bytes]) -> bytes:
    return _MARK + b"".join(items) + _TUPLE


def _global(module: str, name: str) -> bytes:
    return _GLOBAL + f"{module}\n{name}\n".encode()


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _BINUNICODE + len(encoded).to_bytes(4, "little") + encoded


def _whole(number: int) -> bytes:
    digits = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return _LONG1 + bytes([len(digits)]) + digits
