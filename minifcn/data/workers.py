"""Threads that work ahead: what they load comes in its order, with the bits that one after the other would have."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import Any

from minifcn.backend import thread_count

MOST_WORKERS = 64


def usual_workers() -> int:
    """Give the number of threads that keep a GPU busy and leave a shared machine alone: one per core, at most 8.

    >>> 1 <= usual_workers() <= 8
    True
    """
    return min(8, thread_count())


def in_order(
    load: Callable[[Any], Any],
    join: Callable[[list], Any],
    groups: Sequence[Sequence[Any]],
    workers: int,
    ahead: int,
) -> Generator[Any, None, None]:
    """Load groups of items in threads, and give them in their order.

    Parameters
    ----------
    load : function of an item
        Several threads may call it at once.
    join : function of the list of what `load` gave for a group
    groups : sequence of sequences of items
    workers : int
        Threads; with 0, or with 0 `ahead`, each group is loaded when it is asked for, by the thread that asks.
    ahead : int
        How many groups are loaded, or waited for, beyond the one that was given last.

    Returns
    -------
    generator
        Of a group with errors, that of its first item is raised in its place. However it ends, no thread is left:
        what had begun to load is waited for.

    Examples
    --------
    >>> list(in_order(abs, sum, [[1, -2], [-3], []], workers=2, ahead=2))
    [3, 3, 0]
    """
    if not workers or not ahead:
        yield from (join([load(item) for item in group]) for group in groups)
        return
    pool, process = ThreadPoolExecutor(workers, thread_name_prefix="minifcn-loader"), os.getpid()
    started = (_Group(pool, load, join, group).joined for group in groups)
    loading = deque(islice(started, ahead))
    try:
        for group in groups:
            if os.getpid() != process:  # a forked child, which has not got the threads
                yield join([load(item) for item in group])
                continue
            loading[0].result()
            loading.extend(islice(started, 1))  # keeps the threads busy while the consumer works
            yield loading.popleft().result()
    finally:
        if os.getpid() == process:
            pool.shutdown(cancel_futures=True)


class _Group:
    """Items that threads load side by side; the thread that has done the last one joins them."""

    def __init__(self, pool: ThreadPoolExecutor, load: Callable, join: Callable, items: Sequence[Any]):
        self.load, self.join = load, join
        self.joined: Future = Future()
        self.parts: list[Any] = [None] * len(items)
        self.errors: dict[int, BaseException] = {}
        self.left, self.lock = len(items), threading.Lock()
        for place, item in enumerate(items):
            # In the caller's context, so that its numpy.errstate holds in the threads too.
            pool.submit(copy_context().run, self._take, place, item)
        if not items:
            self._finish()

    def _take(self, place: int, item: Any) -> None:
        try:
            self.parts[place] = self.load(item)
        except BaseException as error:
            self.errors[place] = error
        with self.lock:
            self.left -= 1
            last = not self.left
        if last:
            self._finish()

    def _finish(self) -> None:
        try:
            if self.errors:
                raise self.errors[min(self.errors)]
            self.joined.set_result(self.join(self.parts))
        except BaseException as error:
            self.joined.set_exception(error)
