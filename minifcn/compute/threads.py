"""Shares work out to Python threads, one per core, with BLAS held to one thread each.

NumPy lets go of the interpreter lock in products, copies and elementwise functions, so plain threads run side by
side. BLAS's own threads would share out only the products; the copies around them would keep one core waiting.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from minifcn.errors import UserError

WORTH_SHARING = 30_000_000  # multiply-adds, about half a millisecond: handing parts over takes up to 0.1
_turn = threading.Lock()


@functools.cache
def thread_count() -> int:
    """Number of threads: MINIFCN_THREADS, or else the cores that this process may use."""
    text = os.environ.get("MINIFCN_THREADS")
    if text is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"MINIFCN_THREADS must be a whole number from 1 up, got {text!r}; unset it to use all cores")
    return int(text)


def share(function: Callable[[Any], Any], parts: Sequence[Any], work: int) -> list:
    """Give [function(part) for part in parts], computed side by side if there are enough multiply-adds to share."""

    def alone(part):
        with _limit():  # for the BLAS libraries that count threads per calling thread; no effect on the others
            return function(part)

    with one_blas_thread():
        if thread_count() == 1 or len(parts) == 1 or work < WORTH_SHARING:
            return [function(part) for part in parts]
        return list(_pool().map(alone, parts))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread inside, and leave it as it was; takes 6 microseconds.

    A BLAS thread that has nothing left to do waits for a tenth of a second without giving up its core. So even a
    product too small to share must not wake one up: with two cores, a training step took 1.35 times as long.

    The limit holds for the whole process, and whoever lifts it restores the number found at the start. So callers in
    several threads take turns: were they to overlap, the last would restore the limit of the first for good.
    """
    with _turn, _limit():
        yield


def cut(length: int, parts: int) -> list[slice]:
    """Cut 0..length-1 into at most `parts` slices of nearly equal length.

    >>> cut(5, 2)
    [slice(0, 2, None), slice(2, 5, None)]
    """
    parts = max(1, min(parts, length))
    return [slice(length * i // parts, length * (i + 1) // parts) for i in range(parts)]


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_count(), thread_name_prefix="minifcn")


@functools.cache
def _blas():
    import threadpoolctl  # looks through all loaded libraries, so only once and only when needed

    return threadpoolctl.ThreadpoolController()


def _limit() -> AbstractContextManager:
    return _blas().limit(limits=1, user_api="blas")
