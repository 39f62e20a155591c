"""Pooling: the maximum or the sum over the windows of each channel, and the way back.

All of it walks over the KH·KW entries of the kernel; entry k of every window at once is a strided view of the map.
"""

from __future__ import annotations

import math

import numpy as np

from minifcn.backend import array_module
from minifcn.compute.im2col import empty_map, padded, windows
from minifcn.compute.window import Pair, Window


def entries(x, window: Window, size: Pair, value: float) -> list:
    """View x, padded with one value to hold all windows, as a list of maps (N, C, OH, OW), one per kernel entry."""
    return _views(padded(x, margins(x.shape[2:], window, size), value), window, size)


def empty_entries(y, window: Window, size: Pair) -> tuple:
    """Make a map of zeros `(N, C, *size)`, and views of it and its padding, one per kernel entry, to add y's to."""
    left, right, top, bottom = margins(size, window, y.shape[2:])
    x = empty_map(array_module(y), y.shape[0], y.shape[1], (top + size[0] + bottom, left + size[1] + right), y.dtype)
    x[...] = 0
    return x[:, :, top : top + size[0], left : left + size[1]], _views(x, window, y.shape[2:])


def _views(x, window: Window, size: Pair) -> list:
    view = windows(x, window, size)
    return [view[:, :, i, j] for i in range(window.kernel[0]) for j in range(window.kernel[1])]


def margins(size: Pair, window: Window, output_size: Pair) -> tuple[int, int, int, int]:
    """Pixels that the windows reach beyond the map: (left, right, top, bottom)."""
    (top, bottom), (left, right) = (
        (p, max(0, span - p - n)) for n, span, p in zip(size, window.span(output_size), window.padding, strict=True)
    )
    return left, right, top, bottom


def max_pool(x, window: Window, size: Pair):
    """Maximum of each window, and which kernel entry it was (uint8 where that suffices); ties go to the first.

    A window with nan has the value nan, and its winner is the last nan, as in PyTorch.
    """
    xp = array_module(x)
    first, *others = entries(x, window, size, lowest(x.dtype))
    y, winner = xp.copy(first), empty_winner(first, window, size)
    for k, entry in enumerate(others, start=1):
        wins = (entry > y) | (entry != entry)  # nan is larger than nothing
        y, winner = xp.where(wins, entry, y), xp.where(wins, winner.dtype.type(k), winner)
    return y, winner


def empty_winner(y, window: Window, size: Pair):
    """Say of maps `y` of one entry that it wins everywhere: the first that is on the map."""
    winner = array_module(y).zeros_like(y, dtype=winner_type(window))
    if any(window.padding):
        winner[...] = first_pixels(array_module(y), window, size)
    return winner


def winner_type(window: Window) -> str:
    """Name the type that numbers all entries of the kernel."""
    return "uint8" if math.prod(window.kernel) <= 256 else "int32"


def lowest(dtype):
    """Give the number that no other is less than: the value of the padding."""
    kind = np.dtype(dtype).kind
    return -np.inf if kind == "f" else False if kind == "b" else np.iinfo(dtype).min


def first_pixels(xp, window: Window, size: Pair):
    """Which kernel entry (OH, OW) of each window is the first on the map: all before it lie in the padding."""
    rows, columns = (
        xp.maximum(-((xp.arange(o) * s - p) // d), 0)
        for o, s, p, d in zip(size, window.stride, window.padding, window.dilation, strict=True)
    )
    return rows[:, None] * window.kernel[1] + columns


def scatter_winner(y, winner, window: Window, size: Pair):
    """Add every y to the pixel of a map `(N, C, *size)` that won its window."""
    xp = array_module(y)
    x, targets = empty_entries(y, window, size)
    for k, target in enumerate(targets):
        target += xp.where(winner == k, y, y.dtype.type(0))
    return x


def gather_winner(x, winner, window: Window):
    """Read from every window the pixel that won: the adjoint of `scatter_winner`."""
    xp = array_module(x)
    won = enumerate(entries(x, window, winner.shape[2:], 0))
    return sum(xp.where(winner == k, entry, entry.dtype.type(0)) for k, entry in won)


def flat_indices(winner, window: Window, size: Pair):
    """Position of every winner in the flattened plane H·W, as PyTorch counts."""
    xp, kw = array_module(winner), window.kernel[1]
    (sh, sw), (ph, pw), (dh, dw) = window.stride, window.padding, window.dilation
    k = winner.astype("int64")
    row = xp.arange(winner.shape[2])[:, None] * sh - ph + k // kw * dh
    column = xp.arange(winner.shape[3]) * sw - pw + k % kw * dw
    return row * size[1] + column


def sum_pool(x, window: Window, size: Pair):
    """Sum of each window; what lies outside the map counts 0."""
    return sum(entries(x, window, size, 0))


def pixel_counts(xp, window: Window, size: Pair, output_size: Pair, padding: bool):
    """How many pixels (OH, OW) each window sees of a map of a size, with those of its padding or without."""

    def along(n, o, k, s, p, margin):
        starts = xp.arange(o) * s - p
        return xp.minimum(starts + k, n + margin) - xp.maximum(starts, -margin)

    beyond = window.padding if padding else (0, 0)
    rows, columns = map(along, size, output_size, window.kernel, window.stride, window.padding, beyond)
    return rows[:, None] * columns


def spread(y, window: Window, size: Pair):
    """Add every y to all pixels of its window on a map `(N, C, *size)`: the adjoint of `sum_pool`."""
    x, targets = empty_entries(y, window, size)
    for target in targets:
        target += y
    return x
