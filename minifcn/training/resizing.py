"""Score maps at another size: bilinearly, as Pillow resizes a picture, and from parts of a map where that is enough."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minifcn.backend import to_host
from minifcn.compute.window import Pair

_NUMBERS = 1 << 23  # of a strip that is resized at a time: 32 MiB of float32


class Block(NamedTuple):
    """A part of a map of scores.

    Parameters
    ----------
    top, left : int
        Its first row and column on the map.
    scores : array (C, rows, columns)
    """

    top: int
    left: int
    scores: np.ndarray

    @property
    def place(self) -> tuple[slice, slice]:
        """Its rows and columns on the map."""
        _, rows, columns = self.scores.shape
        return slice(self.top, self.top + rows), slice(self.left, self.left + columns)


@dataclass(frozen=True, eq=False)
class Taps:
    """Of which pixels each pixel of a resized axis is made: it is the sum of `weight` times the pixels at `index`.

    Parameters
    ----------
    index : int array (n, K)
    weight : float64 array (n, K)
        Each row sums to 1.
    """

    index: np.ndarray
    weight: np.ndarray

    def along(self, axis: int, x: np.ndarray, first: int = 0) -> np.ndarray:
        """Resize an axis of x, which begins with pixel `first` of the whole one."""
        shape = [1] * x.ndim
        shape[axis] = -1
        weight = self.weight.astype(x.dtype)
        parts = (x.take(self.index[:, k] - first, axis) * weight[:, k].reshape(shape) for k in range(weight.shape[1]))
        y = next(parts)
        for part in parts:
            y += part
        return y


def taps(before: int, behind: int, first: int = 0, last: int | None = None) -> Taps:
    """Find what pixels `first` up to, but not, `last` of an axis are made of when `before` pixels become `behind`.

    Pixels are squares: pixel j lies over (j + 1/2) before / behind. It takes the pixels around that place with weights
    that fall to 0 over one pixel, or over before / behind of them where the map gets smaller.

    Examples
    --------
    >>> taps(2, 4).weight.tolist()  # at the ends there is no second pixel
    [[0.0, 1.0], [0.75, 0.25], [0.25, 0.75], [1.0, 0.0]]
    >>> taps(2, 4).along(0, np.array([0.0, 4.0])).tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    scale = before / behind
    reach = max(1.0, scale)
    place = (np.arange(first, behind if last is None else last) + 0.5) * scale - 0.5
    index = np.floor(place - reach).astype(int)[:, None] + 1 + np.arange(int(np.ceil(2 * reach)))
    weight = np.maximum(0, 1 - np.abs(index - place[:, None]) / reach)
    weight[(index < 0) | (index >= before)] = 0
    return Taps(index.clip(0, before - 1), weight / weight.sum(axis=1, keepdims=True))


def resized(scores: np.ndarray, size: Pair) -> np.ndarray:
    """Resize a map of scores.

    Parameters
    ----------
    scores : array (C, h, w)
    size : (H, W)

    Returns
    -------
    array (C, H, W)

    Examples
    --------
    >>> resized(np.array([[[0.0, 4.0]]]), (1, 4)).tolist()
    [[[0.0, 1.0, 3.0, 4.0]]]
    """
    for axis in (2, 1):
        before, behind = scores.shape[axis], size[axis - 1]
        if before != behind:
            scores = taps(before, behind).along(axis, scores)
    return scores


def resized_blocks(blocks: Iterable[Block], size: Pair, wanted: Pair) -> Iterator[Block]:
    """Resize a map of scores that comes in blocks, without ever holding all of it.

    Parameters
    ----------
    blocks : iterable of Block
        Of a map of (h, w), each once: rows of blocks from top to bottom, each of them from left to right.
    size : (h, w)
    wanted : (H, W)

    Yields
    ------
    Block
        Of the map of (H, W): the same ones if that is the same size, else strips of whole rows.

    Examples
    --------
    >>> halves = [Block(0, 0, np.zeros((1, 1, 2))), Block(1, 0, np.full((1, 1, 2), 4.0))]
    >>> [block.scores[0, :, 0].tolist() for block in resized_blocks(halves, (2, 2), (4, 2))]
    [[0.0], [1.0, 3.0, 4.0]]
    """
    if size == wanted:
        yield from blocks
        return
    top = done = 0  # rows of the map before `rows`; rows of the result that were given
    rows = None
    columns = taps(size[1], wanted[1])
    for strip in _strips(blocks, size[1]):
        rows = strip if rows is None else np.concatenate([rows, strip], axis=1)
        while done < wanted[0]:
            vertical = _ready(size[0], wanted, done, top + rows.shape[1], len(rows))
            if not len(vertical.index):
                break
            low, high = vertical.index.min(), vertical.index.max() + 1
            part = rows[:, low - top : high - top]
            part = part if size[1] == wanted[1] else columns.along(2, part)
            yield Block(done, 0, vertical.along(1, part, low))
            done += len(vertical.index)
            rows, top = rows[:, low - top :], low


def _ready(before: int, wanted: Pair, done: int, there: int, classes: int) -> Taps:
    """Find the next rows of the result that need no more than the first `there` rows of the map."""
    most = max(1, _NUMBERS // (classes * wanted[1]))
    found = taps(before, wanted[0], done, min(wanted[0], done + most))
    count = int((found.index.max(axis=1) < there).sum())
    return Taps(found.index[:count], found.weight[:count])


def _strips(blocks: Iterable[Block], width: int) -> Iterator[np.ndarray]:
    """Put blocks beside each other to whole rows (C, rows, width)."""
    for block in blocks:
        scores, (_, columns) = to_host(block.scores), block.place
        if columns == slice(0, width):
            yield scores
            continue
        if block.left == 0:
            strip = np.empty((*scores.shape[:2], width), scores.dtype)
        strip[:, :, columns] = scores
        if columns.stop == width:
            yield strip
