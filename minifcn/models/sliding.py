"""A classifier applied to every window of an image, one by one, and where these windows lie.

What the fully convolutional form (fully_convolutional.py) computes in one pass. Paper section 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import minifcn.functional as F
from minifcn.autograd import Tensor, no_grad
from minifcn.compute.window import Pair
from minifcn.nn import Module


@dataclass(frozen=True)
class CropGrid:
    """Where the scores of a fully convolutional classifier lie on the image: each is that of one crop.

    Parameters
    ----------
    crop_size : (height, width)
        Of the images that the classifier takes, in pixels.
    stride : (rows, columns)
        From one crop to the next. The first begins at row 0, column 0.
    exact : bool
        Whether the classifier sees nothing but the crop. If so, its scores of the crop alone are those of the grid, but
        for rounding. It is False where a layer pads, or a pool that rounds up hangs over the edge of the crop: there
        the crop alone is continued by zeros, or by nothing, and in the image by what is there.

    Examples
    --------
    >>> grid = CropGrid(crop_size=(224, 224), stride=(32, 32), exact=False)
    >>> grid.crops((500, 320)), grid.crop(2, 3), grid.centre(2, 3)
    ((9, 4), (slice(64, 288, None), slice(96, 320, None)), (175.5, 207.5))
    """

    crop_size: Pair
    stride: Pair
    exact: bool

    def crops(self, size: Pair) -> Pair:
        """Give how many complete crops lie below and beside each other in an image of (height, width).

        The network may score some more at the bottom and on the right, which hang over the edge: if its pools round up,
        or by rows and columns of a crop that a stride passes over.
        """
        rows, columns = (
            (n - crop) // step + 1 for n, crop, step in zip(size, self.crop_size, self.stride, strict=True)
        )
        return max(0, rows), max(0, columns)

    def crop(self, i: int, j: int) -> tuple[slice, slice]:
        """Give the rows and columns of the image that score (i, j) is about."""
        begins = i * self.stride[0], j * self.stride[1]
        top, left = (slice(start, start + length) for start, length in zip(begins, self.crop_size, strict=True))
        return top, left

    def centre(self, i: int, j: int) -> tuple[float, float]:
        """Give the middle of that crop: the centre of pixel (0, 0) is (0, 0)."""
        rows, columns = self.crop(i, j)
        return (rows.start + rows.stop - 1) / 2, (columns.start + columns.stop - 1) / 2


def slide(classifier: Module, x: Tensor, grid: CropGrid) -> Any:
    """Classify every crop of an image by itself, as one did before there were fully convolutional networks.

    Parameters
    ----------
    classifier : Module
        Of crops (N, C, height, width), to scores (N, classes).
    x : Tensor (1, C, H, W)
        At least one crop large.
    grid : CropGrid
        Which crops.

    Returns
    -------
    Tensor (1, classes, rows, columns)

    Examples
    --------
    >>> from minifcn import nn
    >>> x = Tensor(np.arange(16.0).reshape(1, 1, 4, 4))
    >>> slide(nn.Flatten(), x, CropGrid((1, 2), (3, 1), True)).data[0, :, 1]  # row 3: its pairs of neighbours
    array([[12., 13., 14.],
           [13., 14., 15.]])
    """
    rows, columns = grid.crops(x.shape[2:])
    if not rows * columns:
        raise ValueError(
            f"slide: an image of {x.shape[2]}x{x.shape[3]} is smaller than the crop of {grid.crop_size[0]}x"
            f"{grid.crop_size[1]} that the classifier takes"
        )
    with no_grad():
        scores = [classifier(x[:, :, *grid.crop(i, j)]) for i, j in np.ndindex(rows, columns)]
    return F.concatenate(scores, axis=0).reshape(rows, columns, -1).transpose(2, 0, 1)[None]
