"""Indices as CuPy takes them, refused where CuPy is silently wrong or slow: a GPU raises no IndexError."""

from __future__ import annotations

from typing import Any

import numpy as np

from standin.events import HostArrayError, record


def hidden(key: Any, device_array: type, who: str) -> Any:
    """Translate an index to NumPy's.

    Raises HostArrayError for a NumPy array (CuPy would copy it to the device), TypeError for a slice by a device array;
    counts the upload of a list, and the wait for a mask: its True values are counted on the host.
    """
    key = tuple(_one(k, device_array, who) for k in key) if isinstance(key, tuple) else _one(key, device_array, who)
    masks = [k for k in _parts(key) if isinstance(k, np.ndarray) and k.dtype == bool]
    if len(masks) > 1:
        raise IndexError(f"{who}: CuPy takes one boolean array in an index, got {len(masks)}")
    if masks:
        record("sync", f"{who} with a boolean mask")
    return key


def _one(k: Any, device_array: type, who: str) -> Any:
    if isinstance(k, device_array):
        return k._hidden
    if isinstance(k, np.ndarray):
        raise HostArrayError(f"{who}: the index is a host array, which CuPy would copy to the device at each use")
    if isinstance(k, slice) and any(isinstance(v, device_array) for v in (k.start, k.stop, k.step)):
        raise TypeError(f"{who}: slice indices must be integers; an array on the device has no __index__")
    if isinstance(k, list | range):
        record("h2d", f"{who} with a list")
        return np.asarray(k if len(k) else np.empty(0, int))
    return k


def _parts(key: Any) -> tuple:
    return key if isinstance(key, tuple) else (key,)


def is_advanced(key: Any) -> bool:
    """Whether an index has arrays in it, and so selects a copy."""
    return any(isinstance(k, np.ndarray) for k in _parts(key))


def select(array: np.ndarray, key: Any) -> np.ndarray:
    """Give array[key], for a single element as a 0-d view; IndexError where CuPy would wrap around."""
    try:
        return array[(*_parts(key), *(() if Ellipsis in map(_plain, _parts(key)) else (Ellipsis,)))]
    except IndexError as error:
        raise IndexError(f"{error} (CuPy would wrap around and go on)") from None


def _plain(k: Any) -> Any:
    return None if isinstance(k, np.ndarray) else k  # arrays compare element by element


def has_duplicates(array: np.ndarray, key: Any) -> bool:
    """Whether an index names an element twice."""
    if not is_advanced(key):
        return False
    positions = select(np.arange(array.size).reshape(array.shape), key)
    return np.unique(positions).size < positions.size
