"""im2col and col2im: the 0/1 matrix A that gathers windows, and its transpose.

Maps have the shape (N, C, H, W) and lie in memory as (N, H, W, C), "channels-last": the C numbers of a pixel are
neighbours, so a map is a matrix of pixels without being copied, and a window is a few long runs of memory.
"""

from __future__ import annotations

from collections.abc import Callable

from minifcn.backend import array_module
from minifcn.compute.window import Pair, Window


def empty_map(xp, n: int, channels: int, size: Pair, dtype):
    """Make an uninitialised map (N, C, H, W), channels-last in memory."""
    return xp.empty((n, *size, channels), dtype).transpose(0, 3, 1, 2)


def pixels(x):
    """Read a map (N, C, H, W) as a matrix (N·H·W, C) with a row for each pixel; a view if x is channels-last."""
    n, c, h, w = x.shape
    return x.transpose(0, 2, 3, 1).reshape(n * h * w, c)


def maps(rows, n: int, size: Pair):
    """Read a matrix (N·H·W, C) as a map (N, C, H, W): the inverse of `pixels`."""
    return rows.reshape(n, *size, rows.shape[1]).transpose(0, 3, 1, 2)


def padded(x, padding: tuple[int, int, int, int], value: float = 0, empty: Callable | None = None):
    """Copy x with a border of (left, right, top, bottom) pixels of one value; x itself where there is no border.

    `empty(shape, dtype)` gives the memory for it, which is new unless there is one.
    """
    left, right, top, bottom = padding
    if not any(padding):
        return x
    (n, c, h, w), xp = x.shape, array_module(x)
    y = (empty or xp.empty)((n, top + h + bottom, left + w + right, c), x.dtype).transpose(0, 3, 1, 2)
    y[:, :, :top] = y[:, :, top + h :] = value
    y[:, :, top : top + h, :left] = y[:, :, top : top + h, left + w :] = value
    y[:, :, top : top + h, left : left + w] = x
    return y


def windows(x, window: Window, size: Pair):
    """View a padded map (N, C, H, W) as (N, C, KH, KW, OH, OW): every window, nothing copied."""
    n, c, h, w = x.strides
    (sh, sw), (dh, dw) = window.stride, window.dilation
    shape = (*x.shape[:2], *window.kernel, *size)
    return array_module(x).lib.stride_tricks.as_strided(x, shape, (n, c, h * dh, w * dw, h * sh, w * sw))


def im2col(x, window: Window):
    """A x: the windows of a map (N, C, H, W) as the rows of a matrix (N·OH·OW, KH·KW·C).

    The literature writes a window as a column; here it is a row, because pixels are rows.

    >>> import numpy as np
    >>> im2col(np.arange(9.0).reshape(1, 1, 3, 3), Window.of(2))
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]])
    """
    (ph, pw), (kh, kw), (oh, ow) = window.padding, window.kernel, window.output_size(x.shape[2:])
    view = windows(padded(x, (pw, pw, ph, ph)), window, (oh, ow))
    return view.transpose(0, 4, 5, 2, 3, 1).reshape(x.shape[0] * oh * ow, kh * kw * x.shape[1])


def col2im(rows, window: Window, size: Pair):
    """Aᵀ rows: add a matrix (N·OH·OW, KH·KW·C) back where `im2col` gathered it, to a map `(N, C, *size)`.

    Windows overlap where the kernel is larger than the stride, and `+=` on overlapping views would lose all but one
    of the contributions. So the kernel is cut into parts no larger than the stride, whose windows cannot overlap:
    a 64x64 kernel with stride 32 takes four additions instead of 4096.

    >>> import numpy as np
    >>> col2im(np.ones((4, 4)), Window.of(2), (3, 3))[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    xp, (kh, kw), (ph, pw) = array_module(rows), window.kernel, window.padding
    oh, ow = window.output_size(size)
    n, c = rows.shape[0] // (oh * ow), rows.shape[1] // (kh * kw)
    columns = rows.reshape(n, oh, ow, kh, kw, c).transpose(0, 5, 3, 4, 1, 2)
    x = empty_map(xp, n, c, (size[0] + 2 * ph, size[1] + 2 * pw), rows.dtype)
    x[...] = 0
    (dh, dw), (bh, bw) = window.dilation, window.stride if window.dilation == (1, 1) else (1, 1)
    for i in range(0, kh, bh):
        for j in range(0, kw, bw):
            part = columns[:, :, i : i + bh, j : j + bw]
            target = windows(x[:, :, i * dh :, j * dw :], Window(part.shape[2:4], window.stride), (oh, ow))
            target += part
    return x[:, :, ph : ph + size[0], pw : pw + size[1]]
