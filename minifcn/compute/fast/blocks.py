"""Strides: x cut into blocks of SxS pixels, so that no window overlaps another and none is added up.

im2col copies a pixel as often as windows see it: with a kernel of 2S, as in upsampling, four times. But all pixels of
a block are seen by the same windows. A block is a window as large as its stride: let X be the blocks of x as rows, as
im2col gives them. A kernel of r·S then consists of r x r blocks, B, and a block is seen by r x r windows, whose y are
G, the windows of a convolution with stride 1; both are small. The three maps are products:

    convolution              Z = X Bᵀ      and y is the sum of Z over the r x r blocks of a window
    transposed convolution   X = G B
    weight gradient          B' = Gᵀ X
"""

from __future__ import annotations

import itertools
import math

from minifcn.backend import array_module
from minifcn.backend.threads import share
from minifcn.backend.workspace import buffer
from minifcn.compute.fast.elementwise import Finish
from minifcn.compute.fast.strips import Strips, cut_windows, gather, to_share
from minifcn.compute.im2col import empty_map, im2col, maps
from minifcn.compute.window import Pair, Window


def applies(window: Window) -> bool:
    """Whether windows are made of blocks: they overlap or touch, and are not dilated."""
    (kh, kw), (sh, sw) = window.kernel, window.stride
    return window.dilation == (1, 1) and 1 < sh <= kh and 1 < sw <= kw


def convolve(x, weight, window: Window, finish: Finish | None = None):
    """W A x, as in convolution.py."""
    xp, n, outputs, (oh, ow) = array_module(x), x.shape[0], weight.shape[0], window.output_size(x.shape[2:])
    block, seen, count = cut_window(window, (oh, ow))
    (rh, rw), b = seen.kernel, cut_kernel(weight, window)
    b = b.reshape(len(b), -1)
    z = xp.empty((n, *count, rh, rw, outputs), x.dtype)

    def fill(strip):
        images, rows = strip
        xp.matmul(gather(x[images], block, rows, count[1]), b.T, out=z[images, rows].reshape(-1, len(b)))

    work = to_share(x, z.size * b.shape[1])
    share(fill, cut_windows(x, block, count, work), work)
    y = empty_map(xp, n, outputs, (oh, ow), x.dtype)
    y[...] = 0
    for i, j in itertools.product(range(rh), range(rw)):  # B has the last block of a window first
        y += z[:, rh - 1 - i :, rw - 1 - j :, i, j][:, :oh, :ow].transpose(0, 3, 1, 2)
    if finish:
        finish.whole(y)
    return y


def convolve_transposed(y, weight, window: Window, size: Pair):
    """Aᵀ Wᵀ y, as in convolution.py."""
    xp, n, channels, (sh, sw), (ph, pw) = array_module(y), y.shape[0], weight.shape[1], window.stride, window.padding
    block, seen, count = cut_window(window, y.shape[2:])
    b = cut_kernel(weight, window).reshape(-1, sh, sw * channels).swapaxes(0, 1)
    x = empty_map(xp, n, channels, size, y.dtype)
    height, width = (min(m, c * s - p) for m, c, s, p in zip(size, count, window.stride, window.padding, strict=True))
    x[:, :, height:] = x[:, :, :, width:] = 0  # beyond all blocks, where output_padding asks for pixels

    def fill(strip):
        images, rows = strip
        gathered = gather(y[images], seen, rows, count[1]).reshape(-1, 1, count[1], b.shape[1])
        lines = buffer(xp, "lines", (len(gathered), sh, count[1], b.shape[2]), y.dtype)
        xp.matmul(gathered, b, out=lines)  # row by row of pixels, so that they lie as in x
        lines = lines.reshape(images.stop - images.start, -1, count[1] * sw, channels).transpose(0, 3, 1, 2)
        top = rows.start * sh - ph
        first, last = (min(max(edge, 0), height) for edge in (top, rows.stop * sh - ph))
        x[images, :, first:last, :width] = lines[:, :, first - top : last - top, pw : pw + width]

    work = to_share(y, n * math.prod(count) * b.size)
    share(fill, cut_windows(x, block, count, work), work)
    return x


def convolve_weight(x, y, window: Window):
    """y (A x)ᵀ, as in convolution.py."""
    block, seen, count = cut_window(window, y.shape[2:])
    (rh, rw), (sh, sw), (kh, kw), channels = seen.kernel, window.stride, window.kernel, x.shape[1]
    kernel = Strips().convolve_weight(x, maps(im2col(y, seen), y.shape[0], count), block)
    kernel = kernel.transpose(0, 2, 3, 1).reshape(rh, rw, -1, sh, sw, channels)[::-1, ::-1]
    kernel = kernel.transpose(2, 0, 3, 1, 4, 5).reshape(-1, rh * sh, rw * sw, channels)
    return kernel[:, :kh, :kw].transpose(0, 3, 1, 2)


def cut_window(window: Window, size: Pair) -> tuple[Window, Window, Pair]:
    """Give a block, the window of y that it is seen by, and how many blocks windows at `size` places see."""
    rh, rw = (-(-k // s) for k, s in zip(window.kernel, window.stride, strict=True))
    block = Window(window.stride, window.stride, window.padding)
    return block, Window((rh, rw), padding=(rh - 1, rw - 1)), (size[0] + rh - 1, size[1] + rw - 1)


def cut_kernel(weight, window: Window):
    """B: (r·r·O, S, S, C), the last block of a window first, as G lists the windows that see a block."""
    (rh, rw), (sh, sw) = cut_window(window, (1, 1))[2], window.stride
    outputs, channels, kh, kw = weight.shape
    kernel = array_module(weight).zeros((outputs, rh, sh, rw, sw, channels), weight.dtype)
    kernel.reshape(outputs, rh * sh, rw * sw, channels)[:, :kh, :kw] = weight.transpose(0, 2, 3, 1)
    return kernel[:, ::-1, :, ::-1].transpose(1, 3, 0, 2, 4, 5).reshape(-1, sh, sw, channels)
