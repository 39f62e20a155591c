"""What a convolution does to its outputs at once: elementwise, piece by piece on all cores."""

from __future__ import annotations

from typing import Any, NamedTuple

from minifcn.backend import fused
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
    """

    bias: Any
    relu: bool = False
    keep: bool = False


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
