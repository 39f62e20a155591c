"""Elementwise functions on all cores, in pieces that stay in the cache from one step of a function to the next.

Reading and writing memory takes longer than the arithmetic: a function of three steps over a whole map would fetch the
map three times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minifcn.backend import array_module, device_of, fused
from minifcn.backend.threads import cut, share

PIECE = 1 << 15  # elements, 128 KiB of float32: three arrays fit a core's own cache
ELEMENT_WORK = 30  # multiply-adds that take as long as one element does on its way from memory and back


def piecewise(function: Callable, *arrays) -> None:
    """Call function(*pieces) for matching pieces of arrays of one shape; it writes into some of them.

    Arrays that do not lie alike in memory make a single piece, as do those on a GPU, where one kernel is quickest.
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


class Finish(NamedTuple):
    """What a convolution does to its outputs while they are in the cache.

    Parameters
    ----------
    bias : array (O,)
        Is added.
    relu : bool
        Whether negative numbers then become 0.
    """

    bias: Any
    relu: bool = False


@fused
def finish_outputs(xp, y, bias, *, relu):
    """Change outputs (..., O), or some of them with their part of the bias, in place."""
    y += bias
    if relu:
        xp.maximum(y, 0, out=y)


def finish_map(y, finish: Finish) -> None:
    """Change a whole map (N, C, H, W) in place."""
    rows = y.transpose(0, 2, 3, 1)
    rows = rows.reshape(-1, y.shape[1]) if rows.flags.c_contiguous else rows
    for_rows(lambda part: finish_outputs(rows[part], finish.bias, relu=finish.relu), rows)


def positive_part(x):
    """max(x, 0)."""
    xp = array_module(x)
    y = xp.empty_like(x)
    piecewise(lambda x, y: xp.maximum(x, x.dtype.type(0), out=y), x, y)
    return y


def where_positive(g, y):
    """Give g where y > 0 or nan, and 0 elsewhere."""
    result = array_module(g).empty_like(g)
    piecewise(lambda g, y, result: unless(y <= 0, g, result), g, y, result)
    return result


def unless(mask, x, result) -> None:
    """Write x, and 0 where the mask holds, whatever x is there.

    To multiply and look for 0 · inf takes a third of the time of choosing element by element.
    """
    with np.errstate(invalid="ignore"):
        array_module(x).multiply(x, ~mask, out=result)
    clear(result, mask)


def clear(product, mask) -> None:
    """Set to 0, where a mask holds, what is 0 times something, and so nan if that was inf or nan.

    A GPU would have to wait for the answer whether there is any, so there it is always done.
    """
    if device_of(product) != "cpu" or has_nan(product):
        array_module(product).copyto(product, 0, where=mask)


def has_nan(x) -> bool:
    """Whether any element is nan: the minimum is, then, and nan is the number that differs from itself."""
    return x.size > 0 and bool((least := x.min()) != least)


def for_rows(function: Callable[[slice], None], rows) -> None:
    """Call function(part) for slices that cut the first axis of `rows` into pieces; on a GPU, one for all of it."""
    count = -(-rows.size // PIECE) if device_of(rows) == "cpu" else 1
    share(function, cut(len(rows), count), work=ELEMENT_WORK * rows.size)
