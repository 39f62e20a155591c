"""Shares work out to Python threads, one per core, with BLAS held to one thread each.

NumPy lets go of the interpreter lock in products, copies and elementwise functions, so plain threads run side by
side. BLAS's own threads would share out only the products; the copies around them would keep one core waiting.
"""

from __future__ import annotations

import functools
import operator
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any

from minifcn.backend.arrays import array_module, device_of
from minifcn.backend.blas import one_blas_thread, short_lock
from minifcn.errors import UserError

WORTH_SHARING = 15_000_000  # multiply-adds, 0.2 milliseconds or more: handing parts over takes up to 0.1
_this_thread, _starting = threading.local(), short_lock()


@functools.cache
def thread_count() -> int:
    """Number of threads: MINIFCN_THREADS, or else the cores that this process may use.

    >>> thread_count() >= 1
    True
    """
    text = os.environ.get("MINIFCN_THREADS")
    if text is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"MINIFCN_THREADS must be a whole number from 1 up, got {text!r}; unset it to use all cores")
    return int(text)


def share(function: Callable[[Any], Any], parts: Sequence[Any], work: int) -> list:
    """Give [function(part) for part in parts], computed side by side if there are enough multiply-adds to share.

    With no work there is nothing for BLAS either: nothing at all, or what a GPU does.
    The caller takes parts like every other thread. What a part itself wants to share, its thread does alone. If a part
    fails, its error is raised as soon as no thread is at work any more.

    >>> share(abs, [-1, -2, -3], work=WORTH_SHARING)
    [1, 2, 3]
    """
    if not work or getattr(_this_thread, "in_part", False):
        return [function(part) for part in parts]
    if work < WORTH_SHARING:
        with one_blas_thread():
            return [function(part) for part in parts]
    results, todo = [None] * len(parts), deque(enumerate(parts))

    def take():
        _this_thread.in_part = True
        try:
            while todo:
                try:
                    i, part = todo.popleft()  # all threads take from the same queue
                except IndexError:  # another was quicker
                    break
                results[i] = function(part)
        finally:
            _this_thread.in_part = False

    with one_blas_thread():
        others = min(thread_count(), len(parts)) - 1
        errands = _send(one_blas_thread()(take), others) if others else []
        try:
            take()
        finally:  # those that had no time to begin are not waited for: nothing is left to do
            errors = [errand.outcome() for errand in errands]
        for error in filter(None, errors):
            raise error
    return results


def share_sum(function: Callable[[Any], Any], parts: Sequence[Any], work: int) -> Any:
    """Give the sum of function(part), of which every thread adds up its own share."""

    def total(group):
        return functools.reduce(operator.iadd, map(function, parts[group]))

    return functools.reduce(operator.iadd, share(total, cut(len(parts), evenly(1, work)), work))


def product(a, b):
    """Give a @ b; of two matrices, threads share out the rows or the columns of the result.

    It gives the same bits however many threads BLAS may use, which changes when another thread holds it to one.

    >>> import numpy as np
    >>> product(np.ones((2, 3)), np.ones((3, 1)))
    array([[3.],
           [3.]])
    """
    if device_of(a) != "cpu":
        return a @ b
    work = a.size * b.shape[1] if a.ndim == b.ndim == 2 else 0
    if work < max(1, WORTH_SHARING):
        with one_blas_thread():
            return a @ b
    xp, tall = array_module(a), len(a) >= b.shape[1]
    y = xp.empty((len(a), b.shape[1]), xp.result_type(a, b))

    def fill(part):
        rows, columns = (part, slice(None)) if tall else (slice(None), part)
        xp.matmul(a[rows], b[:, columns], out=y[rows, columns])

    share(fill, cut(max(y.shape), evenly(1, work)), work)
    return y


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


class _Errand:
    """A call for a helper to make, where numpy.errstate, and all else that belongs to a context, is the caller's.

    A future of concurrent.futures would do, but anybody may wait for that, which takes a condition: handing over, with
    a helper that does its part, took 10 to 14 microseconds more, and a narrow network's forward pass does it 31 times.
    """

    def __init__(self, function: Callable[[], None]):
        self.context, self.function = copy_context(), function
        self.error: BaseException | None = None
        self.begun, self.ended = threading.Lock(), threading.Lock()
        self.ended.acquire()

    def __call__(self) -> None:
        """Make the call, if the one who sent it still waits for that."""
        if self.begun.acquire(blocking=False):
            try:
                self.context.run(self.function)
            except BaseException as error:  # for the one who sent it
                self.error = error
            finally:
                self.ended.release()

    def outcome(self) -> BaseException | None:
        """Give the error, or None, when the call has ended; where it has not begun, it is not made any more."""
        if not self.begun.acquire(blocking=False):
            self.ended.acquire()
        return self.error


@functools.cache
def _helpers() -> queue.SimpleQueue:
    """Start the threads that help, and give the queue at which they wait for errands, until there is a None."""
    errands: queue.SimpleQueue = queue.SimpleQueue()

    def serve():
        while errand := errands.get():
            errand()
            del errand  # which keeps arrays

    for i in range(max(1, thread_count() - 1)):
        try:
            helper = threading.Thread(target=serve, name=f"minifcn_{i}", daemon=True)
            Context().run(helper.start)  # it may inherit the context of the moment, and would keep that for ever
        except RuntimeError:
            if i == 0:
                raise
            break
    return errands


def _send(function: Callable[[], None], times: int) -> list[_Errand]:
    """Have helpers call a function: fewer than `times`, or none, if the system has no more threads."""
    errands = []
    with suppress(RuntimeError):
        with _starting:  # or each of several callers who come at once would start them all
            waiting = _helpers()
        for _ in range(times):
            errands.append(_Errand(function))
            waiting.put(errands[-1])
    return errands


if hasattr(os, "register_at_fork"):  # a forked child has none of the parent's threads but the one that forked
    os.register_at_fork(after_in_child=_helpers.cache_clear)
