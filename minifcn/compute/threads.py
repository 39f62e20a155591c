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

WORTH_SHARING = 15_000_000  # multiply-adds, 0.2 milliseconds or more: handing parts over takes up to 0.1
_turn = threading.Lock()
_this_thread = threading.local()


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
    """Give [function(part) for part in parts], computed side by side if there are enough multiply-adds to share.

    The caller takes parts like every other thread. What a part itself wants to share, its thread does alone.
    """
    if getattr(_this_thread, "in_part", False):
        return [function(part) for part in parts]
    results, todo = [None] * len(parts), enumerate(parts)

    def take():
        _this_thread.in_part = True
        try:
            for i, part in todo:  # all threads take from the same iterator
                results[i] = function(part)
        finally:
            _this_thread.in_part = False

    def help():
        with _limit():  # for the BLAS libraries that count threads per calling thread; no effect on the others
            take()

    with one_blas_thread():
        helpers = min(thread_count(), len(parts)) - 1 if work >= WORTH_SHARING else 0
        futures = [_pool().submit(help) for _ in range(helpers)]
        try:
            take()
        finally:
            for future in futures:
                future.result()
    return results


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread inside, and leave it as it was; takes 6 microseconds.

    A BLAS thread that has nothing left to do waits for a tenth of a second without giving up its core. So even a
    product too small to share must not wake one up: with two cores, a training step took 1.35 times as long.

    The limit holds for the whole process, and whoever lifts it restores the number found at the start. So callers in
    several threads take turns: were they to overlap, the last would restore the limit of the first for good.
    """
    if getattr(_this_thread, "has_turn", False):
        yield
        return
    with _turn, _limit():
        _this_thread.has_turn = True
        try:
            yield
        finally:
            _this_thread.has_turn = False


def cut(length: int, parts: int, start: int = 0) -> list[slice]:
    """Cut `length` numbers from `start` on into at most `parts` slices of nearly equal length.

    >>> cut(5, 2)
    [slice(0, 2, None), slice(2, 5, None)]
    """
    parts = max(1, min(parts, length))
    return [slice(start + length * i // parts, start + length * (i + 1) // parts) for i in range(parts)]


def evenly(parts: int, work: int) -> int:
    """Give the next number of parts of which all threads get equally many, or `parts` if it is not worth sharing."""
    threads = thread_count() if work >= WORTH_SHARING else 1
    return -(-max(1, parts) // threads) * threads


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, thread_count() - 1), thread_name_prefix="minifcn")


@functools.cache
def _blas():
    import threadpoolctl  # looks through all loaded libraries, so only once and only when needed

    return threadpoolctl.ThreadpoolController()


def _limit() -> AbstractContextManager:
    return _blas().limit(limits=1, user_api="blas")
