"""Scratch memory that is used again: fresh memory takes longer to be handed out than to be written to.

Every thread has its own buffers, so threads never wait for one another's. Together they keep at most
MINIFCN_WORKSPACE_MB (512 unless set); what goes beyond is allocated and freed by each call.
"""

from __future__ import annotations

import functools
import math
import os
import threading
import weakref
from collections.abc import Hashable
from typing import Any

import numpy as np

from minifcn.backend.blas import short_lock
from minifcn.errors import UserError

DEFAULT_MB = 512
DEFAULT_KEEP_MB = 16
_thread = threading.local()
_lock = short_lock()
_all: weakref.WeakSet[_Buffers] = weakref.WeakSet()
_shared: list[_Buffers] = []


class _Buffers(dict):
    """The buffers of a thread, which go when it ends; or what all threads share."""

    __hash__ = object.__hash__  # type: ignore[assignment]


def buffer(xp, name: str, shape: tuple[int, ...], dtype):
    """Lend an uninitialised array: the thread's own under this name, so until it asks for that name again."""
    buffers = _thread.__dict__.get("buffers")
    if buffers is None:
        _keep_what_results_leave_free()
        buffers = _thread.buffers = _Buffers()
        with _lock:
            _all.add(buffers)
    key, size = (name, xp, dtype), math.prod(shape)
    kept = buffers.get(key)
    if kept is None or kept.size < size:
        buffers.pop(key, None)
        kept = xp.empty(size, dtype)
        with _lock:
            if _bytes() + kept.nbytes <= limit():
                buffers[key] = kept
    return kept[:size].reshape(shape)


def shared_buffers() -> _Buffers:
    """Give buffers that belong to no thread: they are counted and freed like the others."""
    _shared.append(_Buffers())
    _all.add(_shared[-1])
    return _shared[-1]


def room_for(size: int, buffers: _Buffers) -> bool:
    """Whether some that all threads share may grow by `size` bytes: to MINIFCN_KEEP_MB, and all to the common limit."""
    with _lock:
        return _fits(size, buffers) and _bytes() + size <= limit()


def put(key: Hashable, value: Any, buffers: _Buffers) -> None:
    """Put something among those for which there was room, unless other threads have filled that in the meantime."""
    with _lock:
        if _fits(value.nbytes, buffers):
            buffers[key] = value


def workspace_bytes() -> int:
    """Count the bytes that all threads keep."""
    with _lock:
        return _bytes()


def release_workspace() -> None:
    """Free the scratch memory of all threads.

    Buffers that a running operation still holds are freed as it ends.

    Examples
    --------
    >>> release_workspace()
    >>> workspace_bytes()
    0
    """
    with _lock:
        for buffers in list(_all):
            buffers.clear()


@functools.cache
def _keep_what_results_leave_free() -> None:
    """Have malloc keep up to 64 MB that results leave free: a narrow training step took 36 ms, and takes 31.

    glibc gives free memory above twice the largest block freed so far back to the system, which clears it before it
    lends it again: 2,000 page faults a step. 32 MB is the largest block that counts (mallopt(3), M_MMAP_THRESHOLD);
    nobody writes to this one, so it is never in memory. Other allocators take no notice.
    """
    if limit():
        np.empty((32 << 20) - (16 << 10), "uint8")  # less what malloc adds


def _fits(size: int, buffers: _Buffers) -> bool:
    own = sum(array.nbytes for array in list(buffers.values()))
    return own + size <= limit("MINIFCN_KEEP_MB", DEFAULT_KEEP_MB)


def _bytes() -> int:
    return sum(array.nbytes for buffers in list(_all) for array in list(buffers.values()))


@functools.cache
def limit(name: str = "MINIFCN_WORKSPACE_MB", default: int = DEFAULT_MB) -> int:
    """Bytes to keep, as a variable of the environment says in megabytes, or else by default."""
    text = os.environ.get(name, str(default))
    if not text.isdecimal():
        raise UserError(f"{name} must be a whole number of megabytes, got {text!r}; 0 keeps nothing")
    return int(text) << 20


def _after_fork() -> None:
    """Start anew in a forked child, which has none of the parent's threads but the one that forked."""
    global _all
    _all = weakref.WeakSet(filter(None, [_thread.__dict__.get("buffers"), *_shared]))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
