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
from minifcn.backend.cutting import STRIP_BYTES, Strip, cut_map
from minifcn.backend.nan import finite
from minifcn.backend.pieces import ELEMENT_WORK
from minifcn.backend.threads import cut, evenly, share
from minifcn.backend.workspace import buffer
from minifcn.compute.fast.finish import Finish, finish_outputs
from minifcn.compute.fast.strips import gather
from minifcn.compute.im2col import empty_map
from minifcn.compute.window import Pair, Window


def convolve(x, weight, window: Window, size: Pair, finish: Finish | None = None):
    """W A x, as in convolution.py."""
    xp, n, outputs, (oh, ow) = array_module(x), x.shape[0], weight.shape[0], size
    seen, count = windows_of_blocks(window, size)
    (rh, rw), (b, apart) = seen.kernel, kernel_rows(weight, window, x)
    z = xp.empty((n, *count, rh, rw, outputs), x.dtype)
    if apart:  # the channels of a row of blocks side by side
        z = z.reshape(n, count[0], rh, rw, count[1], outputs).transpose(0, 1, 4, 2, 3, 5)

    def fill(strip):
        total = z[strip]
        for i, row in enumerate(b):
            z_row = block_row(x, window, strip, count[1], i)
            if apart:
                z_row = row @ side_by_side(z_row, count[1], outputs)
                z_row = z_row.reshape(*total.shape[:2], rh, rw, count[1], outputs).transpose(0, 1, 4, 2, 3, 5)
            else:
                z_row = (z_row @ row.T).reshape(total.shape)
            total[...] = z_row if i == 0 else total + z_row

    work = n * math.prod(count) * b.size + ELEMENT_WORK * x.size
    share(fill, cut_map(n, count[0], evenly(1, work), work), work)
    y = xp.zeros((n, oh, ow, outputs), x.dtype)
    for i, j in itertools.product(range(rh), range(rw)):  # G lists the last block of a window first
        y += z[:, rh - 1 - i :, rw - 1 - j :, i, j][:, :oh, :ow]
    if finish:
        finish_outputs(y, finish.bias, relu=finish.relu)
    return y.transpose(0, 3, 1, 2)


def convolve_transposed(y, weight, window: Window, size: Pair):
    """Aᵀ Wᵀ y, as in convolution.py."""
    xp, n, channels = array_module(y), y.shape[0], weight.shape[1]
    seen, count = windows_of_blocks(window, y.shape[2:])
    b, apart = kernel_rows(weight, window, y)
    b = b.swapaxes(1, 2) if apart else b
    x = empty_map(xp, n, channels, size, y.dtype)
    height, width = (c * s - p for c, s, p in zip(count, window.stride, window.padding, strict=True))
    x[:, :, height:] = x[:, :, :, width:] = 0  # beyond all blocks, where output_padding asks for pixels

    def fill(strip):
        gathered = gather(y, seen, strip, count[1])
        gathered = side_by_side(gathered, count[1], channels) if apart else gathered
        for i, row in enumerate(b):
            of_x, of_blocks, shape = places(window, strip, count[1], i, size)
            if apart:
                done = (row @ gathered).reshape(len(gathered), -1, count[1], channels).swapaxes(1, 2)
            else:
                done = xp.matmul(gathered, row, out=buffer(xp, "row", (len(gathered), row.shape[1]), y.dtype))
            x[of_x] = done.reshape(*shape, channels)[of_blocks].transpose(0, 3, 1, 2)

    work = n * math.prod(count) * b.size + ELEMENT_WORK * x.size
    parts = -(-x.nbytes // STRIP_BYTES) if apart else evenly(1, work)
    share(fill, cut_map(n, count[0], parts, work), work)
    return x


def convolve_weight(x, y, window: Window):
    """y (A x)ᵀ, as in convolution.py."""
    xp, outputs, channels = array_module(x), y.shape[1], x.shape[1]
    seen, count = windows_of_blocks(window, y.shape[2:])
    whole, (rh, rw), (sh, sw) = (slice(0, x.shape[0]), slice(0, count[0])), seen.kernel, window.stride
    gathered = gather(y, seen, whole, count[1]).T
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


def side_by_side(blocks, width: int, channels: int):
    """Read (rows of blocks · width, K·C) as (rows of blocks, K, width·C): a product for all channels of a row."""
    blocks = blocks.reshape(-1, width, blocks.shape[1] // channels, channels).swapaxes(1, 2)
    return blocks.reshape(*blocks.shape[:2], -1)


def kernel_rows(weight, window: Window, a):
    """B row by row: (S, r·r·O, S·C), the last block of a window first; and whether each channel has that one by itself.

    So it is where all channels have the same kernel, and none sees another one; nor an inf in the other's map `a`, as
    0 · inf is nan.

    >>> import numpy as np
    >>> weight, window, a = np.eye(3)[:, :, None, None], Window((1, 1)), np.ones((1, 3, 2, 2))
    >>> kernel_rows(weight, window, a)
    (array([[[1.]]]), True)
    """
    xp, apart = array_module(weight), False
    if weight.shape[0] == weight.shape[1] and not weight[0, 1:].any():  # else known by now
        alone, every = xp.zeros_like(weight), range(len(weight))
        alone[every, every] = weight[0, 0]
        apart = bool((weight == alone).all()) and finite(a)
    weight = weight[:1, :1] if apart else weight
    (outputs, channels, kh, kw), (sh, sw) = weight.shape, window.stride
    rh, rw = windows_of_blocks(window, (1, 1))[1]
    kernel = xp.zeros((outputs, rh, sh, rw, sw, channels), weight.dtype)
    kernel.reshape(outputs, rh * sh, rw * sw, channels)[:, :kh, :kw] = weight.transpose(0, 2, 3, 1)
    b = kernel[:, ::-1, :, ::-1].transpose(2, 1, 3, 0, 4, 5).reshape(sh, rh * rw * outputs, sw * channels)
    return b, apart
