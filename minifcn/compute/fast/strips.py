"""The same three maps strip by strip, on all cores: `A x` is never in memory as a whole.

im2col copies every pixel KH·KW times; for a VGG layer that is hundreds of megabytes, and writing them to fresh
memory costs more than multiplying them. The windows of a few output rows, a strip, fit the cache, and their buffer
is used again for the next strip. Each function is the textbook one of convolution.py with a loop around it.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable

from minifcn.backend import array_module, device_of
from minifcn.compute import convolution
from minifcn.compute.fast.elementwise import Finish
from minifcn.compute.fast.threads import cut, evenly, one_blas_thread, share
from minifcn.compute.fast.workspace import buffer
from minifcn.compute.im2col import empty_map, pixels, windows
from minifcn.compute.window import Pair, Window

Strip = tuple[slice, slice]  # images, rows

STRIP_BYTES = 2 << 20  # of gathered windows
GPU_STRIP_BYTES = 256 << 20  # a large product fills a GPU
LARGEST_STRIP_BYTES = 64 << 20


def convolve(x, weight, window: Window, finish: Finish | None = None):
    """W A x, as in convolution.py.

    Threads share out the strips, or the outputs of a single one. Where the weight is larger than a strip would be, the
    strip grows: to read fc6's 400 megabytes once for every two megabytes of windows took three times as long.
    """
    xp, size = array_module(x), window.output_size(x.shape[2:])
    w = weight.transpose(2, 3, 1, 0).reshape(-1, weight.shape[0])  # Wᵀ: of a turned kernel too, a copy of long runs
    y = empty_map(xp, x.shape[0], weight.shape[0], size, x.dtype)

    def fill(task):
        (images, rows), outputs = task
        y_strip = pixels(y[images, :, rows])[:, outputs]  # a view: y is channels-last
        xp.matmul(gather(x[images], window, rows, size[1]), w[:, outputs], out=y_strip)
        if finish:
            finish(y_strip, outputs)

    work = to_share(x, x.shape[0] * math.prod(size) * w.size)
    tasks = strips(x, window, size, work, min(w.nbytes, LARGEST_STRIP_BYTES))
    parts = cut(w.shape[1], evenly(1, work) if len(tasks) == 1 else 1)
    share(fill, list(itertools.product(tasks, parts)), work)
    return y


def convolve_transposed(y, weight, window: Window, size: Pair, convolve: Callable = convolve):
    """Aᵀ Wᵀ y, as in convolution.py.

    With stride 1 it is also a convolution, of y with the kernel turned by 180 degrees: gathering windows, each
    thread its own, replaces adding up windows that overlap.
    """
    (kh, kw), (ph, pw), (dh, dw) = window.kernel, window.padding, window.dilation
    back = dh * (kh - 1) - ph, dw * (kw - 1) - pw
    if window.stride == (1, 1) and min(back) >= 0:
        turned = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
        return convolve(y, turned, Window(window.kernel, (1, 1), back, window.dilation))
    with one_blas_thread():
        return convolution.convolve_transposed(y, weight, window, size)


def convolve_weight(x, y, window: Window):
    """y (A x)ᵀ, as in convolution.py.

    Threads share out the strips and add up what each has found. Where the weight is larger than a strip they share out
    its outputs, as no thread should hold a weight of its own: fc6 has 100 million numbers.
    """
    xp, size = array_module(x), y.shape[2:]
    products = xp.empty((y.shape[1], math.prod(window.kernel) * x.shape[1]), x.dtype)
    work = to_share(x, products.size * x.shape[0] * math.prod(size))
    tasks = strips(x, window, size, work, products.nbytes)

    def product(strip, outputs=slice(None), out=None):
        images, rows = strip
        return xp.matmul(pixels(y[images, outputs, rows]).T, gather(x[images], window, rows, size[1]), out=out)

    def fill(outputs):
        product(tasks[0], outputs, out=products[outputs])
        for strip in tasks[1:]:
            products[outputs] += product(strip, outputs)

    if len(tasks) == 1 or products.nbytes > STRIP_BYTES:
        share(fill, cut(len(products), evenly(1, work)), work)
    else:
        groups = cut(len(tasks), evenly(1, work))
        totals = share(lambda group: functools.reduce(operator.iadd, map(product, tasks[group])), groups, work)
        products = functools.reduce(operator.iadd, totals)
    return products.reshape(y.shape[1], *window.kernel, x.shape[1]).transpose(0, 3, 1, 2)


def strips(x, window: Window, size: Pair, work: int, least_bytes: int = 0) -> list[Strip]:
    """Cut the output into strips whose windows take STRIP_BYTES or, if that is more, `least_bytes`."""
    total = x.shape[0] * math.prod(size) * math.prod(window.kernel) * x.shape[1] * x.itemsize
    strip_bytes = max(STRIP_BYTES if device_of(x) == "cpu" else GPU_STRIP_BYTES, least_bytes)
    return cut_maps(x.shape[0], size[0], -(-total // strip_bytes), work)


def to_share(x, work: int) -> int:
    """Give the multiply-adds that threads may share: none on a GPU, where products follow one another."""
    return work if device_of(x) == "cpu" else 0


def cut_maps(images: int, height: int, count: int, work: int) -> list[Strip]:
    """Cut maps into `count` strips or a few more; of several, all threads get equally many."""
    return cut_strip((slice(0, images), slice(0, height)), evenly(count, work) if count > 1 else 1)


def cut_strip(strip: Strip, count: int) -> list[Strip]:
    """Cut a strip into whole images, or rows of single images."""
    images, rows = (axis.stop - axis.start for axis in strip)
    if count <= images:
        return [(some, strip[1]) for some in cut(images, count, strip[0].start)]
    singles = cut(images, images, strip[0].start)
    return list(itertools.product(singles, cut(rows, -(-count // images), strip[1].start)))


def gather(x, window: Window, rows: slice, width: int):
    """A x for some output rows of x (N, C, H, W): a matrix (N·rows·OW, KH·KW·C) in a buffer used again."""
    if window.kernel == window.stride == (1, 1) and window.padding == (0, 0):
        return pixels(x[:, :, rows])
    (n, c), height = x.shape[:2], rows.stop - rows.start
    view = windows(padded_rows(x, window, rows, width), window, (height, width))
    gathered = buffer(array_module(x), "windows", (n, height, width, *window.kernel, c), x.dtype)
    gathered[...] = view.transpose(0, 4, 5, 2, 3, 1)
    return gathered.reshape(n * height * width, -1)


def padded_rows(x, window: Window, rows: slice, width: int):
    """Rows of a padded map (N, C, H, W) that the windows of some output rows, `width` of them in each, look at."""
    (n, c, h, w), (ph, pw) = x.shape, window.padding
    seen = Window(window.kernel, window.stride, dilation=window.dilation)
    height, across = seen.transposed_size((rows.stop - rows.start, width))
    top = rows.start * window.stride[0] - ph
    if (ph, pw) == (0, 0) and top + height <= h and across <= w:
        return x[:, :, top : top + height]
    padded = buffer(array_module(x), "rows", (n, height, across, c), x.dtype).transpose(0, 3, 1, 2)
    first, last = (min(max(edge, 0), h) for edge in (top, top + height))  # rows of x itself among them
    right = min(w, across - pw)
    padded[:, :, : first - top] = padded[:, :, last - top :] = 0
    padded[..., :pw] = padded[..., pw + right :] = 0
    padded[:, :, first - top : last - top, pw : pw + right] = x[:, :, first:last, :right]
    return padded
