"""One image, seen at several scales and in the mirror: the scores are averaged."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minifcn.backend import to_host
from minifcn.compute.window import Pair
from minifcn.data.images import resized_image
from minifcn.errors import UserError
from minifcn.training.resizing import taps

Score = Callable[[np.ndarray], np.ndarray]  # an image (h, w, 3) to scores (C, h, w)


class View(NamedTuple):
    """An image as a network sees it.

    Parameters
    ----------
    image : uint8 array (h, w, 3)
    mirrored : bool
        Whether left and right are exchanged.
    """

    image: np.ndarray
    mirrored: bool

    def scores(self, score: Score, rows: slice, columns: slice, stride: Pair) -> np.ndarray:
        """Score a part of the view; rows, columns and the scores are those of the image that is not mirrored.

        The network sees a few pixels more where the part does not begin at a multiple of its stride, so that its pools
        take together the same pixels as they do in the whole image.
        """
        if self.mirrored:
            width = self.image.shape[1]
            columns = slice(width - columns.stop, width - columns.start)
        top, left = (part.start % step for part, step in zip((rows, columns), stride, strict=True))
        seen = self.image[rows.start - top : rows.stop, columns.start - left : columns.stop]
        found = score(seen)[:, top:, left:]
        return found[:, :, ::-1] if self.mirrored else found


def views(image: np.ndarray, size: Pair, scales: Sequence[float] = (1,), mirror: bool = False) -> list[View]:
    """Scale and mirror an image.

    Parameters
    ----------
    image : uint8 array (H, W, 3)
    size : (h, w)
        Its size at scale 1.
    scales : sequence of float
    mirror : bool
        Mirror it too, at each scale.

    Returns
    -------
    list of View

    Raises
    ------
    UserError
        If there is no scale, or one is not above 0.

    Examples
    --------
    >>> [view.image.shape[:2] for view in views(np.zeros((40, 60, 3), np.uint8), (20, 30), (0.5, 1), mirror=True)]
    [(10, 15), (10, 15), (20, 30), (20, 30)]
    """
    found = []
    for scale in checked_scales(scales):
        rows, columns = (max(1, round(side * scale)) for side in size)
        seen = image
        if (rows, columns) != image.shape[:2]:
            seen = resized_image(image, (rows, columns))
        found += [View(seen, False), View(seen[:, ::-1], True)] if mirror else [View(seen, False)]
    return found


def checked_scales(scales: Sequence[float]) -> Sequence[float]:
    """Give the scales; UserError if there is none, or one is not above 0."""
    if not len(scales) or not all(isinstance(s, int | float) and s > 0 and math.isfinite(s) for s in scales):
        raise UserError(f"scales are one or more numbers above 0, such as (0.75, 1, 1.25), but these are {scales!r}")
    return scales


def averaged(seen: Sequence[View], score: Score, size: Pair, part: tuple[slice, slice], stride: Pair) -> Any:
    """Average the scores of several views over a part of the image.

    Parameters
    ----------
    seen : sequence of View
    score : callable (uint8 image (h, w, 3)) -> scores (C, h, w)
    size : (h, w)
        Of the image: the scores of each view are brought to it bilinearly.
    part : (rows, columns), slices
        Of a map of that size.
    stride : (rows, columns)
        That of the network; see `View.scores`.

    Returns
    -------
    array (C, rows, columns)
        On the host; of a single view that is not resized, where the network computes.

    Examples
    --------
    >>> image = np.zeros((1, 4, 3), np.uint8)
    >>> image[0, 0] = 8
    >>> whole = slice(0, 1), slice(0, 4)
    >>> where = views(image, (1, 4), mirror=True)
    >>> averaged(where, lambda seen: np.array(range(4)) + seen[None, ..., 0], (1, 4), whole, (1, 1)).tolist()
    [[[9.5, 1.5, 1.5, 1.5]]]
    """
    total = None
    for view in seen:
        axes = [
            taps(before, behind, along.start, along.stop)
            for before, behind, along in zip(view.image.shape, size, part, strict=False)
        ]
        if view.image.shape[:2] == size:
            found = view.scores(score, *part, stride)
        else:
            rows, columns = (slice(int(axis.index.min()), int(axis.index.max()) + 1) for axis in axes)
            found = to_host(view.scores(score, rows, columns, stride))
            found = axes[0].along(1, axes[1].along(2, found, columns.start), rows.start)
        if len(seen) == 1:
            return found
        total = to_host(found) / len(seen) if total is None else total + to_host(found) / len(seen)
    return total
