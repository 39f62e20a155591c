"""Bilinear upsampling: each channel by itself, first along the rows, then along the columns.

The bilinear kernel is u vᵀ for every channel, and between different channels it is 0. So a map of a single channel is
upsampled by two small matrices, X = V Y Hᵀ: column i of V holds u, moved down by S·i - P. The other maps are

    transposed convolution   X = V Y Hᵀ
    convolution              Y = Vᵀ X H

A kernel of 2S gives each row of V two numbers that are not 0, and a strip of X only needs the rows of Y that they
meet. With 21 classes, nothing is multiplied by the 420 of 441 pairs of channels that are 0. To upsample them to 536x536
takes 1.9 ms by 8 and 2.8 by 32; block by block, with all pairs, 3.3 and 5.1.
"""

from __future__ import annotations

from typing import Any

from minifcn.backend import array_module
from minifcn.compute.fast import blocks
from minifcn.compute.fast.elementwise import ELEMENT_WORK, Finish
from minifcn.compute.fast.strips import Strip, cut_maps
from minifcn.compute.fast.threads import share
from minifcn.compute.fast.workspace import buffer
from minifcn.compute.im2col import empty_map
from minifcn.compute.window import Pair, Window

STRIP_BYTES = 4 << 20  # of X

convolve_weight = blocks.convolve_weight  # where a gradient is wanted, the weight does not stay as it is


def factors(weight):
    """Give u and v of a weight (C, C, KH, KW) that is u vᵀ from each channel to itself and 0 elsewhere; else None.

    >>> from minifcn.nn.init import bilinear
    >>> factors(bilinear(21, 21, 4))
    (array([0.25, 0.75, 0.75, 0.25], dtype=float32), array([0.25, 0.75, 0.75, 0.25], dtype=float32))
    """
    xp, (outputs, channels) = array_module(weight), weight.shape[:2]
    if outputs != channels or weight[0, 1:].any():  # nearly always known by now
        return None
    kernel = weight[0, 0]
    i, j = xp.unravel_index(abs(kernel).argmax(), kernel.shape)
    if kernel[i, j] == 0:
        return None
    scale = abs(kernel[i, j]) ** 0.5
    u, v = kernel[:, j] / scale, kernel[i] * (scale / kernel[i, j])
    rounding = 2 * xp.finfo(weight.dtype).eps * abs(kernel[i, j])
    same = all((weight[c, c] == kernel).all() for c in range(channels))
    alone = xp.count_nonzero(weight.transpose(0, 2, 3, 1) != 0) == channels * xp.count_nonzero(kernel)
    return (u, v) if same and alone and (abs(xp.outer(u, v) - kernel) <= rounding).all() else None


def applies(window: Window, weight) -> bool:
    """Whether it is an upsampling, or its gradient, of each channel by itself."""
    return min(window.stride) > 1 and factors(weight) is not None


def convolve(x, weight, window: Window, finish: Finish | None = None):
    """W A x, as in convolution.py."""
    if not applies(window, weight):
        return blocks.convolve(x, weight, window, finish)
    xp, (n, channels, height, width), size = array_module(x), x.shape, window.output_size(x.shape[2:])
    v, h = matrices(weight, window, (height, width), size)
    y = empty_map(xp, n, channels, size, x.dtype)

    def fill(strip):
        (images, rows), seen = strip, seen_by(v.T, strip)
        y_strip = pixel_rows(y, images, rows)
        down = buffer(xp, "down", (*y_strip.shape[:2], width, channels), x.dtype)
        xp.matmul(v[seen, rows].T, lines(pixel_rows(x, images, seen)), out=lines(down))
        xp.matmul(h.T, down, out=y_strip)
        if finish:
            finish(y_strip.reshape(-1, channels), slice(None))

    work = ELEMENT_WORK * x.size
    share(fill, cut_maps(n, size[0], -(-x.nbytes // STRIP_BYTES), work), work)
    return y


def convolve_transposed(y, weight, window: Window, size: Pair):
    """Aᵀ Wᵀ y, as in convolution.py."""
    if not applies(window, weight):
        return blocks.convolve_transposed(y, weight, window, size)
    xp, (n, channels) = array_module(y), y.shape[:2]
    v, h = matrices(weight, window, size, y.shape[2:])
    x = empty_map(xp, n, channels, size, y.dtype)

    def fill(strip):
        (images, rows), seen = strip, seen_by(v, strip)
        y_strip = pixel_rows(y, images, seen)
        across = buffer(xp, "across", (*y_strip.shape[:2], size[1], channels), y.dtype)
        xp.matmul(h, y_strip, out=across)
        xp.matmul(v[rows, seen], lines(across), out=lines(pixel_rows(x, images, rows)))

    work = ELEMENT_WORK * x.size
    share(fill, cut_maps(n, size[0], -(-x.nbytes // STRIP_BYTES), work), work)
    return x


def matrices(weight, window: Window, size: Pair, count: Pair) -> tuple[Any, Any]:
    """Make V (H, OH) and H (W, OW), for windows at `count` places of a map of `size`."""
    axes = zip(factors(weight), size, count, window.stride, window.padding, window.dilation, strict=True)
    v, h = (upsampling_matrix(*axis) for axis in axes)
    return v, h


def upsampling_matrix(u, size: int, count: int, stride: int = 1, padding: int = 0, dilation: int = 1):
    """Make the matrix (size, count) whose column i holds u, from row S·i - P on.

    >>> import numpy as np
    >>> upsampling_matrix(np.array([0.25, 0.75, 0.75, 0.25]), 6, 3, stride=2, padding=1)
    array([[0.75, 0.  , 0.  ],
           [0.75, 0.25, 0.  ],
           [0.25, 0.75, 0.  ],
           [0.  , 0.75, 0.25],
           [0.  , 0.25, 0.75],
           [0.  , 0.  , 0.75]])
    """
    xp, (kernel,) = array_module(u), u.shape
    columns = xp.arange(count)
    tall = xp.zeros((max(padding + size, stride * count + dilation * kernel), count), u.dtype)
    for k, number in enumerate(u):
        tall[stride * columns + dilation * k, columns] = number
    return tall[padding : padding + size]


def seen_by(matrix, strip: Strip) -> slice:
    """Columns of the matrix that the rows of a strip have numbers in."""
    found = matrix[strip[1]].any(axis=0).nonzero()[0]
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 0)


def pixel_rows(x, images: slice, rows: slice):
    """Rows of a map (N, C, H, W) as (images, rows, W, C)."""
    return x[images, :, rows].transpose(0, 2, 3, 1)


def lines(rows):
    """Read (images, rows, W, C) as (images, rows, W·C); a view if the map is channels-last in memory."""
    return rows.reshape(*rows.shape[:2], rows.shape[2] * rows.shape[3])
