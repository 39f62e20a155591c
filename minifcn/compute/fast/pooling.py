"""Max-pooling as in compute/pooling.py, but nan is not looked for, and 0 · y does where y need not be chosen."""

from __future__ import annotations

from minifcn.backend import array_module
from minifcn.compute.im2col import empty_map
from minifcn.compute.pooling import empty_entries, empty_winner, entries, lowest
from minifcn.compute.window import Pair, Window


def maximum(x, window: Window, size: Pair):
    """Maximum of each window; nan, if it has one."""
    first, *others = entries(x, window, size, lowest(x.dtype))
    y = _copy(first)
    for entry in others:
        array_module(x).maximum(y, entry, out=y)
    return y


def max_pool(x, window: Window, size: Pair):
    """Maximum of each window, and which kernel entry it was; not to be believed of windows with nan."""
    xp = array_module(x)
    first, *others = entries(x, window, size, lowest(x.dtype))
    y, winner = _copy(first), empty_winner(first, window, size)
    for k, entry in enumerate(others, start=1):
        wins = entry > y
        xp.maximum(y, entry, out=y)
        xp.maximum(winner, wins * winner.dtype.type(k), out=winner)  # k grows, so the last that won stays
    return y, winner


def scatter_winner(y, winner, window: Window, size: Pair):
    """Add every y, if all are finite, to the pixel of a map `(N, C, *size)` that won its window.

    To multiply by 0 and 1 takes a third of the time of choosing. Where windows lie apart, no pixel is added to twice.
    """
    xp = array_module(y)
    x, targets = empty_entries(y, window, size)
    (kh, kw), (sh, sw) = window.kernel, window.stride
    apart = window.dilation == (1, 1) and sh >= kh and sw >= kw
    won = xp.empty_like(winner, dtype=y.dtype)
    for k, target in enumerate(targets):
        if apart:
            xp.multiply(y, winner == k, out=target)
        else:
            target += xp.multiply(y, winner == k, out=won)
    x += 0  # a product that is -0 counts as 0
    return x


def _copy(entry):
    y = empty_map(array_module(entry), entry.shape[0], entry.shape[1], entry.shape[2:], entry.dtype)
    y[...] = entry
    return y
