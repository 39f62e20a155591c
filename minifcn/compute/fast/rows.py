"""Few channels: rows of pixels are matrices, and no window is copied.

im2col's matrices have a row for each pixel. With 8 channels that is too narrow for the vectors, and to copy every pixel
nine times takes as long again. So let the pixels of a row of the map lie side by side, and its channels one below the
other: (N, H, C, W) in memory. Then KH rows of the map are one matrix X of KH·C rows, and what column j of the kernel
sees of them begins at pixel j, which is a view:

    y[row] = Σ_j W_j X[:, j : j + OW]            W_j: (O, KH·C)

These are KW products as wide as the map. Maps are channels-last elsewhere; to turn them takes a third of the time.
"""

from __future__ import annotations

import math

from minifcn.backend import array_module, products
from minifcn.backend.cutting import STRIP_BYTES, Strip, cut_map
from minifcn.backend.pieces import ELEMENT_WORK
from minifcn.backend.threads import share, share_sum
from minifcn.backend.workspace import buffer
from minifcn.compute.fast.finish import Finish, finish_outputs, pooled
from minifcn.compute.im2col import windows
from minifcn.compute.window import Pair, Window

pools = True  # where `finish` says so


def convolve(x, weight, window: Window, size: Pair, finish: Finish | None = None):
    """W A x, as in convolution.py; where nothing trains nor pools it stays (N, H, C, W), as the next layer wants it."""
    xp, n, (outputs, channels, kh, kw), (height, width) = array_module(x), x.shape[0], weight.shape, size
    w = xp.ascontiguousarray(weight.transpose(3, 0, 2, 1)).reshape(kw, outputs, kh * channels)
    pool, stays = bool(finish and finish.pool), bool(finish and finish.keep and not finish.pool)
    high = 2 if pool else 1
    y = xp.empty((n, height, outputs, width) if stays else (n, -(-height // high), -(-width // high), outputs), x.dtype)
    y = y.swapaxes(2, 3) if stays else y

    def fill(strip):
        images, rows = strip
        x_columns = columns(x, window, (images, slice(high * rows.start, min(high * rows.stop, height))), width)
        done, shape = y[images, rows], (*x_columns.shape[1:3], outputs, width)
        total = done.swapaxes(2, 3) if stays else buffer(xp, "total", shape, x.dtype)
        products(w[0], x_columns[0], out=total)
        for w_j, x_j in zip(w[1:], x_columns[1:], strict=True):
            total += products(w_j, x_j, out=buffer(xp, "term", shape, x.dtype))
        total = pooled(total.swapaxes(2, 3), 1, out=done) if pool else total.swapaxes(2, 3)
        if finish:
            finish_outputs(total, finish.bias, relu=finish.relu)
        if not (pool or stays):
            done[...] = total

    numbers = n * height * width * (channels + 2 * outputs)
    work = n * height * width * weight.size + ELEMENT_WORK * numbers
    share(fill, cut_map(n, y.shape[1], -(-numbers * x.itemsize // STRIP_BYTES), work, weight.nbytes), work)
    return y.transpose(0, 3, 1, 2)


def convolve_weight(x, y, window: Window):
    """y (A x)ᵀ, as in convolution.py; a matrix for each row, and their sum."""
    xp, (n, outputs, height, width), channels = array_module(x), y.shape, x.shape[1]

    def product(strip):
        x_columns, y_rows = columns(x, window, strip, width), y[strip[0], :, strip[1]].transpose(0, 2, 1, 3)
        of_y = buffer(xp, "total", y_rows.shape, x.dtype)
        of_y[...] = y_rows
        found = xp.matmul(of_y, x_columns.swapaxes(3, 4)).reshape(kw, -1, outputs, kh * channels)
        while half := found.shape[1] // 2:  # in pairs: one after the other, a thousand rows round a thousand times
            found[:, :half] += found[:, -half:]
            found = found[:, :-half]
        return found[:, 0].copy()

    (kh, kw), size = window.kernel, outputs * channels * math.prod(window.kernel)
    numbers = n * height * (width * (channels + outputs) + size)
    work = n * height * width * size + ELEMENT_WORK * numbers
    strips = cut_map(n, height, -(-numbers * x.itemsize // STRIP_BYTES), work, 0)
    w = share_sum(product, strips, work).reshape(kw, outputs, kh, channels)
    return xp.ascontiguousarray(w.transpose(1, 2, 0, 3)).transpose(0, 3, 1, 2)


def columns(x, window: Window, strip: Strip, width: int):
    """View what each column of the kernel sees of a strip, in a buffer used again: (KW, N, rows, KH·C, width)."""
    images, rows = strip
    down, across, (left, right, top, bottom) = window.reach(x.shape[2:], rows.start, rows.stop, width)
    part = x[images, :, down, across].transpose(0, 2, 1, 3)
    n, height, channels, length = part.shape
    lines = buffer(array_module(x), "lines", (n, top + height + bottom, channels, left + length + right), x.dtype)
    lines[:, :top] = lines[:, top + height :] = 0
    lines[..., :left] = lines[..., left + length :] = 0
    lines[:, top : top + height, :, left : left + length] = part
    view = windows(lines.transpose(0, 2, 1, 3), window, (rows.stop - rows.start, width))
    return view.transpose(3, 0, 4, 2, 1, 5).reshape(window.kernel[1], n, -1, window.kernel[0] * channels, width)
