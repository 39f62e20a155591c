"""Strides: x cut into blocks of SxS pixels, so that no window is copied and none is added up.

im2col copies a pixel as often as windows see it: with a kernel of 2S, as in upsampling, four times. But all pixels of
a block, a window as large as its stride, are seen by the same windows. So let a block be one "pixel" with S·S·C
channels, X; then a kernel of r·S is one of r "pixels", B; and with the r x r windows of y that see a block gathered as
G, which are small, the three maps are products:

    convolution              Z = X Bᵀ      and y is the sum of Z over the r x r blocks of a window
    transposed convolution   X = G B
    weight gradient          B' = Gᵀ X

Row i of all blocks together, X_i, is a strided view of x. So X is never made: each map is a loop over the S rows.

In bilinear upsampling every channel is by itself: of the 441 kernels between 21 classes, 420 are 0. Then B is taken as
one of r x r numbers, and nothing is multiplied by 0: X takes a seventh of the time.
"""

from __future__ import annotations

import itertools
import math

from minifcn.backend import array_module
from minifcn.backend.pieces import ELEMENT_WORK
from minifcn.backend.threads import cut, evenly, share
from minifcn.backend.workspace import buffer
from minifcn.compute.fast.elementwise import Finish, finish_map, finite
from minifcn.compute.fast.strips import STRIP_BYTES, Strip, cut_strip, gather
from minifcn.compute.im2col import empty_map
from minifcn.compute.window import Pair, Window


def applies(window: Window) -> bool:
    """Whether windows are made of blocks: they overlap or touch, and are not dilated."""
    (kh, kw), (sh, sw) = window.kernel, window.stride
    return window.dilation == (1, 1) and 1 < sh <= kh and 1 < sw <= kw


def convolve(x, weight, window: Window, finish: Finish | None = None):
    """W A x, as in convolution.py."""
    xp, n, outputs, (oh, ow) = array_module(x), x.shape[0], weight.shape[0], window.output_size(x.shape[2:])
    seen, count = windows_of_blocks(window, (oh, ow))
    (rh, rw), kernel = seen.kernel, kernel_of_each(weight, x)
    b = kernel_rows(weight if kernel is None else kernel, window)
    z = xp.empty((n, *count, rh, rw, outputs), x.dtype)
    if kernel is not None:  # the channels of a row of blocks side by side
        z = z.reshape(n, count[0], rh, rw, count[1], outputs).transpose(0, 1, 4, 2, 3, 5)

    def fill(strip):
        total = z[strip]
        for i, row in enumerate(b):
            z_row = block_row(x, window, strip, count[1], i)
            if kernel is None:
                z_row = (z_row @ row.T).reshape(total.shape)
            else:
                z_row = row @ side_by_side(z_row, count[1], outputs)
                z_row = z_row.reshape(*total.shape[:2], rh, rw, count[1], outputs).transpose(0, 1, 4, 2, 3, 5)
            total[...] = z_row if i == 0 else total + z_row

    work = n * math.prod(count) * b.size + ELEMENT_WORK * x.size
    share(fill, cut_strip((slice(0, n), slice(0, count[0])), evenly(1, work), work), work)
    y = empty_map(xp, n, outputs, (oh, ow), x.dtype)
    y[...] = 0
    for i, j in itertools.product(range(rh), range(rw)):  # G lists the last block of a window first
        y += z[:, rh - 1 - i :, rw - 1 - j :, i, j][:, :oh, :ow].transpose(0, 3, 1, 2)
    if finish:
        finish_map(y, finish)
    return y


def convolve_transposed(y, weight, window: Window, size: Pair):
    """Aᵀ Wᵀ y, as in convolution.py."""
    xp, n, channels = array_module(y), y.shape[0], weight.shape[1]
    seen, count = windows_of_blocks(window, y.shape[2:])
    kernel = kernel_of_each(weight, y)
    b = kernel_rows(weight, window) if kernel is None else kernel_rows(kernel, window).swapaxes(1, 2)
    x = empty_map(xp, n, channels, size, y.dtype)
    height, width = (c * s - p for c, s, p in zip(count, window.stride, window.padding, strict=True))
    x[:, :, height:] = x[:, :, :, width:] = 0  # beyond all blocks, where output_padding asks for pixels

    def fill(strip):
        gathered = gather(y[strip[0]], seen, strip[1], count[1])
        gathered = gathered if kernel is None else side_by_side(gathered, count[1], channels)
        for i, row in enumerate(b):
            of_x, of_blocks, shape = places(window, strip, count[1], i, size)
            if kernel is None:
                done = xp.matmul(gathered, row, out=buffer(xp, "row", (len(gathered), row.shape[1]), y.dtype))
            else:
                done = (row @ gathered).reshape(len(gathered), -1, count[1], channels).swapaxes(1, 2)
            x[of_x] = done.reshape(*shape, channels)[of_blocks].transpose(0, 3, 1, 2)

    work = n * math.prod(count) * b.size + ELEMENT_WORK * x.size
    parts = evenly(1, work) if kernel is None else -(-x.nbytes // STRIP_BYTES)
    share(fill, cut_strip((slice(0, n), slice(0, count[0])), parts, work), work)
    return x


def convolve_weight(x, y, window: Window):
    """y (A x)ᵀ, as in convolution.py."""
    xp, outputs, channels = array_module(x), y.shape[1], x.shape[1]
    seen, count = windows_of_blocks(window, y.shape[2:])
    whole, (rh, rw), (sh, sw) = (slice(0, x.shape[0]), slice(0, count[0])), seen.kernel, window.stride
    gathered = gather(y, seen, whole[1], count[1]).T
    products = xp.empty((sh, len(gathered), sw * channels), x.dtype)

    def fill(part):
        for i in range(sh)[part]:
            xp.matmul(gathered, block_row(x, window, whole, count[1], i), out=products[i])

    work = gathered.shape[1] * products.size
    share(fill, cut(sh, evenly(1, work)), work)
    kernel = products.reshape(sh, rh, rw, outputs, sw, channels).transpose(3, 1, 0, 2, 4, 5)[:, ::-1, :, ::-1]
    kernel = kernel.reshape(outputs, rh * sh, rw * sw, channels)
    return kernel[:, : window.kernel[0], : window.kernel[1]].transpose(0, 3, 1, 2)


def windows_of_blocks(window: Window, size: Pair) -> tuple[Window, Pair]:
    """Give the window of y that a block is seen by, r x r, and how many blocks windows at `size` places see."""
    rh, rw = (-(-k // s) for k, s in zip(window.kernel, window.stride, strict=True))
    return Window((rh, rw), padding=(rh - 1, rw - 1)), (size[0] + rh - 1, size[1] + rw - 1)


def places(window: Window, strip: Strip, width: int, i: int, size: Pair):
    """Where X_i of a strip lies in a map of a size, and which of its pixels do; and its shape (images, rows, columns).

    The first block starts where the first window does, in the padding; in each row are `width` blocks.
    """
    (sh, sw), (ph, pw), (images, rows) = window.stride, window.padding, strip
    start = rows.start * sh + i - ph
    above = max(0, -(start // sh))
    found = range(start + above * sh, min(size[0], rows.stop * sh - ph), sh)
    columns = min(size[1], width * sw - pw)
    of_x = images, slice(None), slice(found.start, max(0, found.stop), sh), slice(0, columns)
    of_blocks = slice(None), slice(above, above + len(found)), slice(pw, pw + columns)
    return of_x, of_blocks, (images.stop - images.start, rows.stop - rows.start, width * sw)


def block_row(x, window: Window, strip: Strip, width: int, i: int):
    """X_i of a strip: (blocks, S·C), in a buffer used again."""
    of_x, of_blocks, shape = places(window, strip, width, i, x.shape[2:])
    row = buffer(array_module(x), "row", (*shape, x.shape[1]), x.dtype)
    row[...] = 0
    row[of_blocks] = x[of_x].transpose(0, 2, 3, 1)
    return row.reshape(-1, window.stride[1] * x.shape[1])


def kernel_of_each(weight, a):
    """Give the kernel (1, 1, KH, KW) of each channel of a map if it is the same and none sees another one, else None.

    None also for a map that is not finite: 0 · inf is nan, so that a channel does see another one's inf.

    >>> import numpy as np
    >>> kernel_of_each(np.eye(3)[:, :, None, None], np.ones((1, 3, 2, 2))).shape
    (1, 1, 1, 1)
    """
    if weight.shape[0] != weight.shape[1] or weight[0, 1:].any():  # nearly always known by now
        return None
    alone, every = array_module(weight).zeros_like(weight), range(len(weight))
    alone[every, every] = weight[0, 0]
    return weight[:1, :1] if (weight == alone).all() and finite(a) else None


def side_by_side(blocks, width: int, channels: int):
    """Read (rows of blocks · width, K·C) as (rows of blocks, K, width·C): a product for all channels of a row."""
    blocks = blocks.reshape(-1, width, blocks.shape[1] // channels, channels).swapaxes(1, 2)
    return blocks.reshape(*blocks.shape[:2], -1)


def kernel_rows(weight, window: Window):
    """B row by row: (S, r·r·O, S·C), the last block of a window first."""
    (rh, rw), (sh, sw) = windows_of_blocks(window, (1, 1))[1], window.stride
    outputs, channels, kh, kw = weight.shape
    kernel = array_module(weight).zeros((outputs, rh, sh, rw, sw, channels), weight.dtype)
    kernel.reshape(outputs, rh * sh, rw * sw, channels)[:, :kh, :kw] = weight.transpose(0, 2, 3, 1)
    return kernel[:, ::-1, :, ::-1].transpose(2, 1, 3, 0, 4, 5).reshape(sh, rh * rw * outputs, sw * channels)
