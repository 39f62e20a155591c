"""Max-pooling as in compute/pooling.py, but nan is not looked for, and 0 · y does where y need not be chosen."""

from __future__ import annotations

from minifcn.backend import array_module, piecewise
from minifcn.compute.im2col import empty_map
from minifcn.compute.pooling import empty_entries, empty_winner, entries, lowest
from minifcn.compute.window import Pair, Window


def maximum(x, window: Window, size: Pair):
    """Maximum of each window; nan, if it has one."""
    xp, y = array_module(x), empty_map(array_module(x), x.shape[0], x.shape[1], size, x.dtype)

    def fill(y, first, *others):
        y[...] = first
        for entry in others:
            xp.maximum(y, entry, out=y)

    piecewise(fill, y, *entries(x, window, size, lowest(x.dtype)))
    return y


def max_pool(x, window: Window, size: Pair):
    """Maximum of each window, and which kernel entry it was; not to be believed of windows with nan."""
    xp, y = array_module(x), empty_map(array_module(x), x.shape[0], x.shape[1], size, x.dtype)
    winner = empty_winner(y, window, size)

    def fill(y, winner, first, *others):
        y[...] = first
        for k, entry in enumerate(others, start=1):
            wins = entry > y
            xp.maximum(y, entry, out=y)
            xp.maximum(winner, wins * winner.dtype.type(k), out=winner)  # k grows, so the last that won stays

    seen = entries(x, window, size, lowest(x.dtype))
    piecewise(fill, y, winner, *seen, passes=len(seen))
    return y, winner


def scatter_winner(y, winner, window: Window, size: Pair):
    """Add every y, if all are finite, to the pixel of a map `(N, C, *size)` that won its window."""
    xp, (x, targets) = array_module(y), empty_entries(y, window, size)

    def fill(y, winner, *targets):
        for k, target in enumerate(targets):
            if window.apart:
                xp.multiply(y, winner == k, out=target)  # in a third of the time of choosing
            else:
                target += y * (winner == k)

    if window.apart:
        piecewise(fill, y, winner, *targets, passes=len(targets))
    else:  # threads would add to the same pixel
        fill(y, winner, *targets)
    x += 0  # a product that is -0 counts as 0
    return x
