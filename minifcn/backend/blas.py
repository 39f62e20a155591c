"""BLAS, which multiplies NumPy's matrices, held to one thread; and a lock that outlives a fork."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_this_thread = threading.local()


def short_lock():
    """Make a lock that no thread holds at the moment of a fork, so that it is free in the child.

    Nobody may hold it while code of the user runs: that could wait for a thread that waits for the lock. Only a signal
    handler can come in between, so a thread that holds it may take it again.

    >>> with short_lock():
    ...     "alone"
    'alone'
    """
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread inside, and leave it as it was; takes 3 microseconds.

    A BLAS thread that has nothing left to do waits for a tenth of a second without giving up its core. So even a
    product too small to share must not wake one up: with two cores, a training step took 1.35 times as long.

    The limit holds for the whole process. So callers in several threads share it: the first sets it, and the last one
    restores what the first found. Nobody waits for another, whatever runs inside.

    >>> import numpy as np
    >>> with one_blas_thread():
    ...     np.ones((2, 3)) @ np.ones(3)
    array([3., 3.])
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

    found : the libraries, how each is set, and the number of threads that it had
    """

    def __init__(self):
        self.lock, self.holders, self.found = short_lock(), 0, []

    def take(self) -> None:
        """Become a holder."""
        libraries = blas_libraries()
        with self.lock:
            if self.holders == 0:
                self.found = [(*library, number) for library in libraries if (number := library[0].num_threads)]
            self.holders += 1
            for _, set_threads, _ in self.found:
                set_threads(1)

    def give_back(self) -> None:
        """Be a holder no longer."""
        with self.lock:
            self.restore(last=self.holders == 1)
            self.holders -= 1

    def restore(self, last: bool) -> None:
        """Give back their threads to all libraries, or to those that count them for each calling thread."""
        for library, set_threads, number in self.found:
            if last or getattr(library, "threading_layer", "") == "openmp":
                set_threads(number)

    def after_fork(self, held: bool) -> None:
        """Keep of the parent's holders the thread that forked, if it was one."""
        if self.holders and not held:
            self.restore(last=True)
        self.holders = int(held)


@functools.cache
def blas_libraries() -> list:
    """Find the libraries, and how each is set, whoever did so before: threadpoolctl 3.8 listens to the first alone."""
    import threadpoolctl  # looks through all loaded libraries, so only once and only when needed

    libraries = threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers
    return [(library, getattr(library, "_real_set_num_threads", library.set_num_threads)) for library in libraries]


_limit = _Limit()


def _after_fork() -> None:
    """Start anew in a forked child, which has none of the parent's threads but the one that forked."""
    _limit.after_fork(held=getattr(_this_thread, "holds_limit", False))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
