"""ReLU, masks, and what a convolution does to its outputs at once: elementwise, piece by piece on all cores."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minifcn.backend import array_module, device_of, fused, has_kernels
from minifcn.backend.pieces import for_rows, on_vectors, piecewise
from minifcn.compute.dropout import Mask
from minifcn.compute.fast import kernels


class Finish(NamedTuple):
    """What a convolution does to its outputs while they are in the cache, and may do with its weight.

    Parameters
    ----------
    bias : array (O,)
        Is added.
    relu : bool
        Whether negative numbers then become 0.
    keep : bool
        Whether what is made of the weight is kept for the next call, as nothing trains.
    pool : bool
        Whether of each 2x2 outputs only the maximum is wanted; at the edges, of those that there are.
    """

    bias: Any
    relu: bool = False
    keep: bool = False
    pool: bool = False


@fused
def finish_outputs(xp, y, bias, *, relu):
    """Change outputs (..., O), or some of them with their part of the bias, in place."""
    y += bias
    if relu:
        xp.maximum(y, 0, out=y)


def pooled(y, axis: int, out=None):
    """Maximum of each 2x2 outputs, and of those that there are at the end, along an axis and the next; y is changed.

    Bias and ReLU may wait for it, as they keep the order of numbers; but not an infinite bias, which -inf makes nan.
    """
    for along in (axis, axis + 1):
        even, odd = (y.swapaxes(0, along)[first::2] for first in (0, 1))
        target = even if out is None or along == axis else out.swapaxes(0, along)
        array_module(y).maximum(even[: len(odd)], odd, out=target[: len(odd)])
        target[len(odd) :] = even[len(odd) :]
        y = target.swapaxes(0, along)
    return y


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
    if device_of(g) != "cpu":
        return on_vectors(_where_positive, g, y)
    result = array_module(g).empty_like(g)
    piecewise(lambda g, y, result: unless(y <= 0, g, result), g, y, result)
    return result


@fused
def _where_positive(xp, g, y):
    return xp.where(y <= 0, g.dtype.type(0), g)


def drop(x, mask: Mask):
    """Give x times the mask of a dropout; on a GPU its random numbers are drawn there."""
    return kernels.drop(x, mask) if has_kernels(array_module(x)) else mask.times(x)


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


def finite(x) -> bool:
    """Whether all elements are finite, as their sum is, then; a sum that overflows says no, too."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(array_module(x).isfinite(x.sum()))
