"""Strides: x cut into blocks of SxS pixels, so that no window is copied and none is added up.

im2col copies a pixel as often as windows see it: with a kernel of 2S, as in upsampling, four times. But all pixels of
a block are seen by the same windows. So let a block be one "pixel" with S·S·C channels, X; then a kernel of r·S is one
of r "pixels", B; and with the r x r windows of y gathered as G, which are small, the three maps are products:

    convolution              Z = X Bᵀ      and y is the sum of Z over the r x r blocks of a window
    transposed convolution   X = G B
    weight gradient          B' = Gᵀ X

Row i of all blocks together, X_i, is a strided view of x. So X is never made: each map is a loop over the S rows.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

from minifcn.backend import array_module
from minifcn.compute.fast import strips
from minifcn.compute.fast.elementwise import Finish
from minifcn.compute.fast.strips import Strip, gather
from minifcn.compute.fast.threads import cut, evenly, share
from minifcn.compute.fast.workspace import buffer
from minifcn.compute.im2col import empty_map
from minifcn.compute.window import Pair, Window


def applies(window: Window) -> bool:
    """Whether windows are made of blocks: they overlap or touch, and are not dilated."""
    steps = zip(window.kernel, window.stride, strict=True)
    return min(window.stride) > 1 and window.dilation == (1, 1) and all(k >= s for k, s in steps)


def convolve(x, weight, window: Window, finish: Finish | None = None):
    """W A x, as in convolution.py."""
    if not applies(window):
        return strips.convolve(x, weight, window, finish)
    xp, n, (oh, ow), outputs = array_module(x), x.shape[0], window.output_size(x.shape[2:]), weight.shape[0]
    blocks = Blocks.of(window, (oh, ow), x)
    (rh, rw), rows = blocks.reach, blocks.kernel_rows(weight)
    z = xp.empty((n, *blocks.count, rh, rw, outputs), x.dtype)

    def fill(strip):
        images, block_rows = strip
        total = z[images, block_rows].reshape(-1, rh * rw * outputs)
        for i, row in enumerate(rows):
            product = blocks.row(x, strip, i) @ row.T
            total[...] = product if i == 0 else total + product

    work = z.size * rows[0].shape[1] * len(rows)
    share(fill, blocks.strips(work), work)
    y = empty_map(xp, n, outputs, (oh, ow), x.dtype)
    y[...] = 0
    for i, j in itertools.product(range(rh), range(rw)):  # G lists the last block of a window first
        seen = z[:, rh - 1 - i : rh - 1 - i + oh, rw - 1 - j : rw - 1 - j + ow, i, j]
        y += seen.transpose(0, 3, 1, 2)
    if finish:
        finish.whole(y)
    return y


def convolve_transposed(y, weight, window: Window, size: Pair):
    """Aᵀ Wᵀ y, as in convolution.py."""
    blocks = Blocks.of(window, y.shape[2:], y) if applies(window) else None
    if blocks is None or not blocks.cover(size):  # output_padding asks for pixels that no window sees
        return strips.convolve_transposed(y, weight, window, size)
    xp, channels, rows = array_module(y), weight.shape[1], blocks.kernel_rows(weight)
    x = empty_map(xp, y.shape[0], channels, size, y.dtype)

    def fill(strip):
        images, block_rows = strip
        gathered = gather(y[images], blocks.window, block_rows, blocks.count[1])
        for i, row in enumerate(rows):
            done = xp.matmul(gathered, row, out=buffer(xp, "row", (len(gathered), row.shape[1]), y.dtype))
            done = done.reshape(-1, block_rows.stop - block_rows.start, blocks.width, channels)
            inside, across, rows_of_x, columns_of_x = blocks.places(strip, i, size)
            x[images, :, rows_of_x, columns_of_x] = done[:, inside, across].transpose(0, 3, 1, 2)

    work = y.shape[0] * math.prod(blocks.count) * rows.size
    share(fill, blocks.strips(work), work)
    return x


def convolve_weight(x, y, window: Window):
    """y (A x)ᵀ, as in convolution.py."""
    if not applies(window):
        return strips.convolve_weight(x, y, window)
    blocks = Blocks.of(window, y.shape[2:], x)
    whole, (rh, rw), (sh, sw) = (slice(0, x.shape[0]), slice(0, blocks.count[0])), blocks.reach, window.stride
    gathered = gather(y, blocks.window, slice(0, blocks.count[0]), blocks.count[1]).T
    products = array_module(x).empty((sh, len(gathered), sw * x.shape[1]), x.dtype)

    def fill(part):
        for i in range(sh)[part]:
            array_module(x).matmul(gathered, blocks.row(x, whole, i), out=products[i])

    work = gathered.shape[1] * products.size
    share(fill, cut(sh, evenly(1, work)), work)
    kernel = products.reshape(sh, rh, rw, y.shape[1], sw, x.shape[1]).transpose(3, 1, 0, 2, 4, 5)[:, ::-1, :, ::-1]
    kernel = kernel.reshape(y.shape[1], rh * sh, rw * sw, x.shape[1])
    return kernel[:, : window.kernel[0], : window.kernel[1]].transpose(0, 3, 1, 2)


@dataclass(frozen=True)
class Blocks:
    """How x is cut into blocks: the first starts where the first window does, in the padding.

    reach : blocks in a window; count : blocks in all; window : r x r, as y is gathered for every block.
    """

    xp: Any
    images: int
    stride: Pair
    padding: Pair
    reach: Pair
    count: Pair

    @classmethod
    def of(cls, window: Window, size: Pair, array) -> Blocks:
        """Cut what windows at `size` places see."""
        rh, rw = (-(-k // s) for k, s in zip(window.kernel, window.stride, strict=True))
        count = size[0] + rh - 1, size[1] + rw - 1
        return cls(array_module(array), array.shape[0], window.stride, window.padding, (rh, rw), count)

    @property
    def window(self) -> Window:
        """Window of y that a block is seen by."""
        return Window(self.reach, padding=(self.reach[0] - 1, self.reach[1] - 1))

    @property
    def width(self) -> int:
        """Columns of all blocks."""
        return self.count[1] * self.stride[1]

    def cover(self, size: Pair) -> bool:
        """Whether a map of this size lies within the blocks."""
        return all(b * s >= p + n for b, s, p, n in zip(self.count, self.stride, self.padding, size, strict=True))

    def strips(self, work: int) -> list[Strip]:
        """Share the rows of blocks out."""
        return strips.cut_maps(self.images, self.count[0], evenly(1, work), work)

    def places(self, strip: Strip, i: int, size: Pair) -> tuple[slice, slice, slice, slice]:
        """Where row i of a strip's blocks lies in x: rows and columns among the blocks, rows and columns of x."""
        (sh, _), (ph, pw), rows = self.stride, self.padding, strip[1]
        first = max(rows.start, -((i - ph) // sh))
        last = max(first, min(rows.stop, -((i - ph - size[0]) // sh)))
        columns = min(size[1], self.width - pw)
        start = first * sh + i - ph
        return (
            slice(first - rows.start, last - rows.start),
            slice(pw, pw + columns),
            slice(start, start + max(0, (last - first) * sh - sh + 1), sh),
            slice(0, columns),
        )

    def row(self, x, strip: Strip, i: int):
        """X_i of a strip: (blocks, S·C), in a buffer used again."""
        images, rows = strip
        inside, across, rows_of_x, columns_of_x = self.places(strip, i, x.shape[2:])
        shape = (images.stop - images.start, rows.stop - rows.start, self.width, x.shape[1])
        row = buffer(self.xp, "row", shape, x.dtype)
        row[...] = 0
        row[:, inside, across] = x[images, :, rows_of_x, columns_of_x].transpose(0, 2, 3, 1)
        return row.reshape(-1, self.stride[1] * x.shape[1])

    def kernel_rows(self, weight):
        """B row by row: (S, r·r·O, S·C), the last block of a window first."""
        (rh, rw), (sh, sw), (outputs, channels, kh, kw) = self.reach, self.stride, weight.shape
        kernel = self.xp.zeros((outputs, rh, sh, rw, sw, channels), weight.dtype)
        kernel.reshape(outputs, rh * sh, rw * sw, channels)[:, :kh, :kw] = weight.transpose(0, 2, 3, 1)
        return kernel[:, ::-1, :, ::-1].transpose(2, 1, 3, 0, 4, 5).reshape(sh, rh * rw * outputs, sw * channels)
