"""Max-pooling on the host: as in compute/pooling.py, but nan is looked for once, and backwards all cores are at work.

On a GPU the definition is as fast: its steps are one kernel.
"""

from __future__ import annotations

from minifcn.backend import array_module, piecewise
from minifcn.compute import pooling
from minifcn.compute.fast.elementwise import has_nan, unless
from minifcn.compute.im2col import empty_map
from minifcn.compute.window import Pair, Window


def max_pool(x, window: Window, size: Pair, with_winner: bool = True):
    """Maximum of each window, and which kernel entry it was.

    To look for nan at every entry takes time and is seldom needed: it is done only if the maxima turn out to have one,
    by the definition.
    """
    xp = array_module(x)
    first, *others = pooling.entries(x, window, size, pooling.lowest(x.dtype))
    y = empty_map(xp, x.shape[0], x.shape[1], size, x.dtype)
    y[...] = first
    if not with_winner:
        for entry in others:
            xp.maximum(y, entry, out=y)
        return y, None
    winner = pooling.empty_winner(y, window, size)
    for k, entry in enumerate(others, start=1):
        wins = entry > y
        xp.maximum(y, entry, out=y)
        xp.maximum(winner, wins * winner.dtype.type(k), out=winner)  # k grows, so the last that won stays
    return pooling.max_pool(x, window, size) if has_nan(y) else (y, winner)


def scatter_winner(y, winner, window: Window, size: Pair):
    """Add every y to the pixel of a map `(N, C, *size)` that won its window."""
    x, targets = pooling.empty_entries(y, window, size)
    for k, target in enumerate(targets):
        target += _of_winner(y, winner, k)
    return x


def gather_winner(x, winner, window: Window):
    """Read from every window the pixel that won: the adjoint of `scatter_winner`."""
    return sum(_of_winner(entry, winner, k) for k, entry in enumerate(pooling.entries(x, window, winner.shape[2:], 0)))


def _of_winner(values, winner, k: int):
    """Give the values of the windows that entry k won, and 0 for the others."""
    result = array_module(values).empty_like(winner, dtype=values.dtype)
    piecewise(lambda values, winner, result: unless(winner != k, values, result), values, winner, result)
    return result
