"""An image in tiles that overlap, so that the memory of a prediction does not grow with the image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from minifcn.backend import to_host
from minifcn.check import whole_argument
from minifcn.compute.window import Pair
from minifcn.errors import UserError
from minifcn.models.geometry import Geometry
from minifcn.models.reach import boxes, phases
from minifcn.models.record import Trace
from minifcn.nn import Module
from minifcn.training.resizing import Block
from minifcn.training.views import checked_scales


@dataclass(frozen=True)
class Tiling:
    """How an image is cut into tiles for a network.

    A tile begins where the network's strides do, at a multiple of `stride`, so that its pools take together the same
    pixels as in the whole image. A pixel whose receptive field ends before the tile does, `margin` pixels from its
    border, has the scores that it has in the whole image. Where tiles overlap, one fades into the next; if they overlap
    by twice the margin, only over pixels that are right in both: then the tiles give the scores of the whole image.

    Parameters
    ----------
    tile : int
        Rows and columns of a tile; the last ones may have fewer.
    overlap : int
        Rows and columns that a tile shares with the next one.
    stride : (rows, columns)
    margin : int

    Examples
    --------
    >>> from minifcn import models
    >>> tiling = Tiling.of(models.FCN8s(2, width=1 / 64), 512, 64)
    >>> tiling.stride, tiling.margin, tiling.exact
    ((32, 32), 149, False)
    >>> Tiling.of(models.FCN8s(2, width=1 / 64), 1024).overlap  # unless given, twice the margin
    320
    """

    tile: int
    overlap: int
    stride: Pair
    margin: int

    @classmethod
    def of(cls, model: Module, tile: int, overlap: int | None = None, scales: Sequence[float] = (1,)) -> Tiling:
        """Find the tiles for a network.

        Parameters
        ----------
        model : Module
            One whose forward can be run on geometry, as `minifcn summary` does.
        tile : int
        overlap : int, optional
            At least so many pixels; as many more as make the next tile begin at a multiple of the stride. Unless given,
            twice the margin, but at most half a tile.
        scales : sequence of float
            Those at which the tiles will be seen: at 0.5, a receptive field covers twice as much of the image.

        Raises
        ------
        UserError
            If tiles would overlap so far that the next one would begin where the last one did.
        """
        tile = whole_argument(tile, "Tiling: tile", 1)
        stride, margin = stride_and_margin(model)
        # Resized scores come from the pixels around, one or more on each side.
        margin = max(margin if s == 1 else math.ceil((margin + max(1, s)) / s) for s in checked_scales(scales))
        common = int(np.lcm(*stride))
        if overlap is None:
            overlap = max(0, min(2 * margin, tile // 2, tile - common))
        overlap = whole_argument(overlap, "Tiling: overlap", 0)
        step = (tile - overlap) // common * common
        if step < 1:
            raise UserError(
                f"tiles of {tile} pixels that overlap by {overlap} are {tile - overlap} apart, but the network's "
                f"stride is {common}: choose a tile of at least {overlap + common}"
                + (f", or an overlap of at most {tile - common}" if tile >= common else "")
            )
        return cls(tile, tile - step, stride, margin)

    @property
    def exact(self) -> bool:
        """Whether the scores are those of the whole image everywhere."""
        return self.overlap >= 2 * self.margin

    def spans(self, length: int) -> list[tuple[int, int]]:
        """Give first and last pixel (the latter not included) of each tile along an axis.

        >>> Tiling(8, 4, (4, 4), 3).spans(14)
        [(0, 8), (4, 12), (8, 14)]
        """
        step = self.tile - self.overlap
        count = 1 + max(0, -(-(length - self.tile) // step))
        return [(step * i, min(step * i + self.tile, length)) for i in range(count)]

    def weights(self, length: int) -> list[np.ndarray]:
        """Give the weights of each tile along an axis, which sum to 1 at every pixel.

        >>> [weight.tolist() for weight in Tiling(8, 4, (4, 4), 2).weights(12)]  # 2 pixels at the borders are wrong
        [[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]
        >>> Tiling(8, 4, (4, 4), 3).weights(12)[1].tolist()  # nothing between the borders is right: all of it fades
        [0.125, 0.375, 0.625, 0.875, 1.0, 1.0, 1.0, 1.0]
        """
        kept_out = self.margin if self.exact else 0
        fade = max(1, self.overlap - 2 * kept_out)
        spans, total = self.spans(length), np.zeros(length)
        rising = []
        for start, stop in spans:
            from_border = np.arange(stop - start) + 0.5 - kept_out
            weight = np.full(stop - start, float(fade))  # the border of the image is none of the tile's
            if start > 0:
                weight = np.minimum(weight, from_border)
            if stop < length:
                weight = np.minimum(weight, from_border[::-1])
            rising.append(weight.clip(min=0) / fade)
            total[start:stop] += rising[-1]
        return [weight / total[start:stop] for weight, (start, stop) in zip(rising, spans, strict=True)]


def stride_and_margin(model: Module) -> tuple[Pair, int]:
    """Find a network's stride, and how far from the border of a tile its scores are right.

    Parameters
    ----------
    model : Module
        Images (N, 3, H, W) to scores (N, C, H, W).

    Returns
    -------
    (int, int), int
        After so many rows and columns the network does the same again. The most rows or columns that a pixel's
        receptive field has on one side of it.

    Examples
    --------
    >>> from minifcn import models
    >>> stride_and_margin(models.FCN32s(2, width=1 / 64))
    ((32, 32), 137)
    """
    size = 224, 224
    names = {id(module): name for name, module in model.named_modules()}
    scores = model(Geometry((1, 3, *size), Trace(names)))
    if scores.shape[2:] != size:
        raise UserError(
            f"tiles need a network whose scores have the size of the image, but of {size} it makes {scores.shape[2:]}"
        )
    stride = phases(scores.endless)
    rows, columns = (np.arange(count) for count in stride)
    box = boxes(scores.endless, rows, columns)
    sees = (box[..., 0] <= box[..., 1]) & (box[..., 2] <= box[..., 3])
    before = np.stack([rows[:, None] - box[..., 0], columns - box[..., 2]])
    behind = np.stack([box[..., 1] - rows[:, None], box[..., 3] - columns])
    return stride, int(max(0, (np.maximum(before, behind) * sees).max()))


def tiled(score: Callable[[slice, slice], np.ndarray], size: Pair, tiling: Tiling) -> Iterator[Block]:
    """Score an image tile by tile; what overlaps is blended.

    Parameters
    ----------
    score : callable (rows, columns) -> scores (C, rows, columns)
        Of the part of the image in these slices.
    size : (h, w) of the image
    tiling : Tiling

    Yields
    ------
    Block
        What no further tile changes: together, every pixel of the image once. Of the other tiles only what overlaps is
        kept, over the whole width.

    Examples
    --------
    >>> def constant(rows, columns):
    ...     return np.ones((1, rows.stop - rows.start, columns.stop - columns.start))
    >>> blocks = [*tiled(constant, (8, 14), Tiling(8, 4, (4, 4), 3))]
    >>> [(block.left, block.scores.shape, bool((block.scores == 1).all())) for block in blocks]
    [(0, (1, 8, 4), True), (4, (1, 8, 4), True), (8, (1, 8, 6), True)]
    """
    (heights, widths), (down, across) = map(tiling.spans, size), map(tiling.weights, size)
    if len(heights) == len(widths) == 1:
        yield Block(0, 0, score(slice(0, size[0]), slice(0, size[1])))
        return
    below = None  # what the tiles above have left for the next row of tiles: (C, overlap, w)
    for i, (top, bottom) in enumerate(heights):
        ready = (heights[i + 1][0] if i + 1 < len(heights) else bottom) - top
        beside = None  # what the tile before has left for the next one
        for j, (left, right) in enumerate(widths):
            part = to_host(score(slice(top, bottom), slice(left, right)))
            part = part * (down[i][:, None] * across[j]).astype(part.dtype)
            if beside is not None:
                part[:, :, : beside.shape[2]] += beside
            end = (widths[j + 1][0] if j + 1 < len(widths) else right) - left
            beside, part = part[:, :, end:].copy(), part[:, :, :end]
            if below is None:
                below = np.zeros((len(part), min(tiling.overlap, size[0]), size[1]), part.dtype)
            columns = slice(left, left + end)
            part[:, : below.shape[1]] += below[:, :, columns]
            if ready < bottom - top:
                below[:, :, columns] = part[:, ready:]
            yield Block(top, left, part[:, :ready])
