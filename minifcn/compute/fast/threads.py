"""Shares work out to Python threads, one per core, with BLAS held to one thread each.

NumPy lets go of the interpreter lock in products, copies and elementwise functions, so plain threads run side by
side. BLAS's own threads would share out only the products; the copies around them would keep one core waiting.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from minifcn.backend import array_module, device_of
from minifcn.errors import UserError
from minifcn.locks import short_lock

WORTH_SHARING = 15_000_000  # multiply-adds, 0.2 milliseconds or more: handing parts over takes up to 0.1
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

    The caller takes parts like every other thread. What a part itself wants to share, its thread does alone. If a part
    fails, its error is raised as soon as no thread is at work any more.
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

    with one_blas_thread():
        helpers = _call(one_blas_thread()(take), min(thread_count(), len(parts)) - 1 if work >= WORTH_SHARING else 0)
        try:
            take()
        finally:  # those that had no time to begin are not waited for: nothing is left to do
            errors = [helper.exception() for helper in helpers if not helper.cancel()]
        for error in filter(None, errors):
            raise error
    return results


def product(a, b):
    """Give a @ b; of two matrices, threads share out the rows or the columns of the result.

    It gives the same bits however many threads BLAS may use, which changes when another thread holds it to one.
    """
    work = a.size * b.shape[1] if a.ndim == b.ndim == 2 and device_of(a) == "cpu" else 0
    if work < WORTH_SHARING:
        with one_blas_thread():
            return a @ b
    xp, tall = array_module(a), len(a) >= b.shape[1]
    y = xp.empty((len(a), b.shape[1]), xp.result_type(a, b))

    def fill(part):
        rows, columns = (part, slice(None)) if tall else (slice(None), part)
        xp.matmul(a[rows], b[:, columns], out=y[rows, columns])

    share(fill, cut(max(y.shape), evenly(1, work)), work)
    return y


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread inside, and leave it as it was; takes 3 microseconds.

    A BLAS thread that has nothing left to do waits for a tenth of a second without giving up its core. So even a
    product too small to share must not wake one up: with two cores, a training step took 1.35 times as long.

    The limit holds for the whole process. So callers in several threads share it: the first sets it, and the last one
    restores what the first found. Nobody waits for another, whatever runs inside.
    """
    if getattr(_this_thread, "holds_limit", False):
        yield
        return
    _limit.take()
    _this_thread.holds_limit = True
    try:
        yield
    finally:
        _this_thread.holds_limit = False
        _limit.give_back()


class _Limit:
    """One thread for every BLAS library while there are holders.

    OpenBLAS has a lock of its own for this, and a child that is forked while that is taken would wait for ever. So no
    process forks while a number is being set.

    found : the libraries, and the number of threads that each had
    """

    def __init__(self):
        self.lock, self.holders, self.found = short_lock(), 0, []

    def take(self) -> None:
        """Become a holder."""
        libraries = _blas()
        with self.lock:
            if self.holders == 0:
                self.found = [(library, number) for library in libraries if (number := library.num_threads)]
            self.holders += 1
            for library, _ in self.found:
                _set_threads(library, 1)

    def give_back(self) -> None:
        """Be a holder no longer."""
        with self.lock:
            self.restore(last=self.holders == 1)
            self.holders -= 1

    def restore(self, last: bool) -> None:
        """Give back their threads to all libraries, or to those that count them for each calling thread."""
        for library, threads in self.found:
            if last or getattr(library, "threading_layer", "") == "openmp":
                _set_threads(library, threads)

    def after_fork(self, held: bool) -> None:
        """Keep of the parent's holders the thread that forked, if it was one."""
        if self.holders and not held:
            self.restore(last=True)
        self.holders = int(held)


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


def _call(function: Callable[[], None], times: int) -> list[Future]:
    """Have helpers call a function; fewer, or none, if the system has no more threads or the interpreter is ending."""
    futures = []
    with suppress(RuntimeError):
        for _ in range(times):
            futures.append(_pool().submit(function))
    return futures


@functools.cache
def _blas() -> list:
    import threadpoolctl  # looks through all loaded libraries, so only once and only when needed

    return threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers


def _set_threads(library, number: int) -> None:
    """Set the threads of a library, whoever did so before: threadpoolctl 3.8 listens to the first thread alone."""
    getattr(library, "_real_set_num_threads", library.set_num_threads)(number)


_limit = _Limit()


def _after_fork() -> None:
    """Start anew in a forked child, which has none of the parent's threads but the one that forked."""
    _pool.cache_clear()
    _limit.after_fork(held=getattr(_this_thread, "holds_limit", False))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
