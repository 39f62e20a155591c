"""Shares work out to Python threads, one per core, with BLAS held to one thread each.

NumPy lets go of the interpreter lock in products, copies and elementwise functions, so plain threads run side by
side. BLAS's own threads would share out only the products; the copies around them would keep one core waiting.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from minifcn.errors import UserError


@functools.cache
def thread_count() -> int:
    """Number of threads: MINIFCN_THREADS, or else the cores that this process may use."""
    text = os.environ.get("MINIFCN_THREADS")
    if text is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"MINIFCN_THREADS must be a whole number from 1 up, got {text!r}; unset it to use all cores")
    return int(text)


def share(function: Callable[[Any], Any], parts: Sequence[Any]) -> list:
    """Give [function(part) for part in parts], computed side by side."""
    if thread_count() == 1:
        return [function(part) for part in parts]
    with _blas().limit(limits=1, user_api="blas"):  # takes 6 microseconds
        if len(parts) == 1:
            return [function(parts[0])]
        return list(_pool().map(function, parts))


def cut(items: Sequence[Any], parts: int) -> list:
    """Cut a sequence into at most `parts` runs of nearly equal length; the same for the same number.

    >>> cut([1, 2, 3, 4, 5], 2)
    [[1, 2], [3, 4, 5]]
    """
    parts = min(parts, len(items))
    edges = [len(items) * i // parts for i in range(parts + 1)] if parts else []
    return [items[a:b] for a, b in itertools.pairwise(edges)]


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_count(), thread_name_prefix="minifcn")


@functools.cache
def _blas():
    import threadpoolctl  # looks through all loaded libraries, so only once and only when needed

    return threadpoolctl.ThreadpoolController()
