"""The same three maps strip by strip, on all cores: `A x` is never in memory as a whole.

im2col copies every pixel KH·KW times; for a VGG layer that is hundreds of megabytes, and writing them to fresh
memory costs more than multiplying them. The windows of a few output rows, a strip, fit the cache, and their buffer
is used again for the next strip. Each function is the textbook one of convolution.py with a loop around it.
"""

from __future__ import annotations

import math
import threading

from minifcn.backend import array_module
from minifcn.compute import convolution
from minifcn.compute.convolution import matrix
from minifcn.compute.im2col import empty_map, windows
from minifcn.compute.threads import cut, share, thread_count
from minifcn.compute.window import Pair, Window

STRIP_BYTES = 2 << 20  # of gathered windows
_scratch = threading.local()


def convolve(x, weight, window: Window):
    """W A x, as in convolution.py."""
    xp, size, w = array_module(x), window.output_size(x.shape[2:]), matrix(weight)
    y = empty_map(xp, x.shape[0], weight.shape[0], size, x.dtype)

    def fill(task):
        (image, rows), outputs = task
        y_strip = y[image, :, rows].transpose(1, 2, 0).reshape(-1, w.shape[0])  # a view: y is channels-last
        xp.matmul(gather(x[image], window, rows, size[1]), w[outputs].T, out=y_strip[:, outputs])

    tasks = strips(x, window, size)
    parts = cut(range(w.shape[0]), thread_count() if len(tasks) == 1 else 1)
    share(fill, [(strip, slice(part[0], part[-1] + 1)) for strip in tasks for part in parts])
    return y


def convolve_transposed(y, weight, window: Window, size: Pair):
    """Aᵀ Wᵀ y, as in convolution.py.

    With stride 1 it is also a convolution, of y with the kernel turned by 180 degrees: gathering windows, each
    thread its own, replaces adding up windows that overlap.
    """
    (kh, kw), (ph, pw), (dh, dw) = window.kernel, window.padding, window.dilation
    back = dh * (kh - 1) - ph, dw * (kw - 1) - pw
    if window.stride != (1, 1) or min(back) < 0:
        return convolution.convolve_transposed(y, weight, window, size)
    turned = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    return convolve(y, turned, Window(window.kernel, (1, 1), back, window.dilation))


def convolve_weight(x, y, window: Window):
    """y (A x)ᵀ, as in convolution.py; every thread sums its own strips."""
    xp, size = array_module(x), y.shape[2:]

    def total(part):
        products = xp.zeros((y.shape[1], math.prod(window.kernel) * x.shape[1]), x.dtype)
        for image, rows in part:
            y_strip = y[image, :, rows].transpose(1, 2, 0).reshape(-1, y.shape[1])
            products += y_strip.T @ gather(x[image], window, rows, size[1])
        return products

    products = sum(share(total, cut(strips(x, window, size), thread_count())))
    return products.reshape(y.shape[1], *window.kernel, x.shape[1]).transpose(0, 3, 1, 2)


def strips(x, window: Window, size: Pair) -> list[tuple[int, slice]]:
    """Cut the output rows of every image into (image, rows), whose windows take about STRIP_BYTES.

    Where there is more than one strip, their number is a multiple of the threads.
    """
    images, row_bytes = x.shape[0], size[1] * math.prod(window.kernel) * x.shape[1] * x.itemsize
    count = -(-size[0] * row_bytes // STRIP_BYTES)
    if images * count > 1:
        together = math.lcm(images, thread_count())
        count = -(-images * count // together) * together // images
    height = -(-size[0] // count)
    tops = range(0, size[0], height)
    return [(image, slice(top, min(top + height, size[0]))) for image in range(images) for top in tops]


def gather(x, window: Window, rows: slice, width: int):
    """A x for some output rows of one image (C, H, W): a matrix (rows·OW, KH·KW·C) in a buffer used again."""
    channels, height = x.shape[0], rows.stop - rows.start
    if window.kernel == window.stride == (1, 1) and window.padding == (0, 0):
        return x[:, rows].transpose(1, 2, 0).reshape(-1, channels)  # the pixels themselves
    view = windows(padded_rows(x, window, rows)[None], window, (height, width))[0]
    gathered = buffer(array_module(x), "windows", (height, width, *window.kernel, channels), x.dtype)
    gathered[...] = view.transpose(3, 4, 1, 2, 0)
    return gathered.reshape(height * width, -1)


def padded_rows(x, window: Window, rows: slice):
    """Rows of a padded image (C, H, W) that the windows of some output rows look at."""
    (c, h, w), (ph, pw) = x.shape, window.padding
    top = rows.start * window.stride[0] - ph
    height = (rows.stop - rows.start - 1) * window.stride[0] + window.dilation[0] * (window.kernel[0] - 1) + 1
    if (ph, pw) == (0, 0):
        return x[:, top : top + height]
    padded = buffer(array_module(x), "rows", (height, w + 2 * pw, c), x.dtype).transpose(2, 0, 1)
    first, last = (min(max(edge, 0), h) for edge in (top, top + height))  # rows of x itself among them
    padded[:, : first - top] = padded[:, last - top :] = 0
    padded[:, :, :pw] = padded[:, :, pw + w :] = 0
    padded[:, first - top : last - top, pw : pw + w] = x[:, first:last]
    return padded


def buffer(xp, name: str, shape: tuple[int, ...], dtype):
    """Lend an uninitialised array from memory that this thread uses again and again under this name."""
    buffers = _scratch.__dict__.setdefault("buffers", {})
    key, size = (name, xp, dtype), math.prod(shape)
    if key not in buffers or buffers[key].size < size:
        buffers[key] = xp.empty(size, dtype)
    return buffers[key][:size].reshape(shape)
