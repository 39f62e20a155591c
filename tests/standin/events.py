"""Counts what a GPU does unasked, because it costs time that no result shows: waiting, transfers, atomics, launches.

And of the elementwise functions those that are "strided": an array in no C order, of which each index is computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

KINDS = ("sync", "h2d", "d2h", "atomic", "kernel", "strided")
_happened: Counter[str] = Counter()
_forbidden: Counter[str] = Counter()  # how many `forbid` blocks around us name an event


class HostArrayError(TypeError):
    """A NumPy array met a device array where CuPy refuses it, or would copy it to the device unasked."""


class DuplicateIndexError(RuntimeError):
    """x[i] = v with repeated i: which value wins is undefined in CuPy."""


class ForbiddenEvent(AssertionError):
    """An event happened in a block that forbids it."""


def record(kind: str, what: str, times: int = 1) -> None:
    """Count an event; raise ForbiddenEvent if a block around us forbids it."""
    _happened[kind] += times
    if times and _forbidden[kind]:
        raise ForbiddenEvent(f"{kind}: {what}")


@contextmanager
def count() -> Iterator[dict[str, int]]:
    """Count the events of a block.

    >>> with count() as events:
    ...     record("sync", "float(array)")
    >>> events
    {'sync': 1, 'h2d': 0, 'd2h': 0, 'atomic': 0, 'kernel': 0, 'strided': 0}
    """
    before, events = _happened.copy(), {}
    try:
        yield events
    finally:
        events.update({kind: _happened[kind] - before[kind] for kind in KINDS})


@contextmanager
def forbid(*kinds: str) -> Iterator[None]:
    """Raise ForbiddenEvent at the first event of these kinds in a block, where the traceback shows its cause."""
    if unknown := set(kinds) - set(KINDS):
        raise ValueError(f"forbid: unknown event {min(unknown)!r}; there are {', '.join(KINDS)}")
    _forbidden.update(kinds)
    try:
        yield
    finally:
        _forbidden.subtract(kinds)


@contextmanager
def one_kernel() -> Iterator[None]:
    """Count all launches of a block as one."""
    before = _happened["kernel"]
    try:
        yield
    finally:
        _happened["kernel"] = before + 1
