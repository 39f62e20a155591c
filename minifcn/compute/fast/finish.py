"""What a convolution does to its outputs while they are in the cache: a bias, a ReLU, the maximum of each 2x2."""

from __future__ import annotations

from typing import Any, NamedTuple

from minifcn.backend import array_module, fused, rectify
from minifcn.backend.pieces import for_rows


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
        rectify(xp, y, out=y)


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
