"""Elementwise work on all cores, in pieces that stay in the cache from one step of a function to the next.

Reading and writing memory takes longer than the arithmetic: a function of three steps over a whole map would fetch the
map three times.
"""

from __future__ import annotations

from collections.abc import Callable

from minifcn.backend.arrays import device_of
from minifcn.backend.threads import cut, share

PIECE = 1 << 15  # elements, 128 KiB of float32: three arrays fit a core's own cache
ELEMENT_WORK = 30  # multiply-adds that take as long as one element does on its way from memory and back


def piecewise(function: Callable, *arrays) -> None:
    """Call ``function(*pieces)`` for matching pieces of arrays of one shape; it writes into some of them.

    Arrays that do not lie alike in memory make a single piece, as do those on a GPU, where one kernel is quickest.

    >>> import numpy as np
    >>> x = np.array([1.0, -2.0])
    >>> piecewise(lambda x: np.maximum(x, 0, out=x), x)
    >>> x
    array([1., 0.])
    """
    flat = _in_memory_order(arrays)
    if flat is None or flat[0].size <= PIECE or device_of(flat[0]) != "cpu":
        function(*arrays)
        return
    size = flat[0].size
    share(lambda piece: function(*(a[piece] for a in flat)), cut(size, -(-size // PIECE)), work=ELEMENT_WORK * size)


def _in_memory_order(arrays) -> list | None:
    """View arrays as vectors, in the order in which they lie in memory; None if they have gaps or differ in it."""
    axes = sorted(range(arrays[0].ndim), key=lambda axis: -arrays[0].strides[axis])
    ordered = [a.transpose(axes) for a in arrays]
    if all(a.flags.c_contiguous for a in ordered):
        return [a.reshape(-1) for a in ordered]
    return None


def for_rows(function: Callable[[slice], None], rows) -> None:
    """Call function(part) for slices that cut the first axis of `rows` into pieces; on a GPU, one for all of it."""
    count = -(-rows.size // PIECE) if device_of(rows) == "cpu" else 1
    share(function, cut(len(rows), count), work=ELEMENT_WORK * rows.size)
