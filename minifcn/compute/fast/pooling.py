"""Max-pooling as in compute/pooling.py; but nan is looked for once, and backwards all cores are at work.

On a GPU each is a kernel.
"""

from __future__ import annotations

from minifcn.backend import array_module, has_kernels, piecewise
from minifcn.compute import pooling
from minifcn.compute.fast import kernels
from minifcn.compute.fast.elementwise import finite, has_nan
from minifcn.compute.im2col import empty_map
from minifcn.compute.window import Pair, Window


def max_pool(x, window: Window, size: Pair, with_winner: bool = True):
    """Maximum of each window, and which kernel entry it was.

    To look for nan at every entry takes time and is seldom needed: it is done only if the maxima turn out to have one,
    by the definition.
    """
    if has_kernels(array_module(x)):
        return kernels.max_pool(x, window, size, pooling.winner_type(window))
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
    """Add every y to the pixel of a map `(N, C, *size)` that won its window.

    To multiply by 0 and 1 takes a third of the time of choosing; but 0 · inf is nan, so it is for finite numbers.
    """
    xp = array_module(y)
    if has_kernels(xp):
        return kernels.scatter_winner(y, winner, window, size)
    if not finite(y):
        return pooling.scatter_winner(y, winner, window, size)
    x, targets = pooling.empty_entries(y, window, size)
    won = xp.empty_like(winner, dtype=y.dtype)
    for k, target in enumerate(targets):
        piecewise(lambda y, winner, won, k=k: xp.multiply(y, winner == k, out=won), y, winner, won)
        target += won
    return x
