"""The same maps strip by strip, on all cores: `A x` is never in memory as a whole.

im2col copies every pixel KH·KW times; for a VGG layer that is hundreds of megabytes, and writing them to fresh
memory costs more than multiplying them. The windows of a few output rows, a strip, fit the cache, and their buffer
is used again for the next strip. Each function is the textbook one of convolution.py with a loop around it.
"""

from __future__ import annotations

import functools
import itertools
import math

from minifcn.backend import array_module, device_of, has_kernels, products, sum_of_products
from minifcn.backend.cutting import LARGE_WEIGHT, LARGEST_STRIP_BYTES, STRIP_BYTES, Strip, cut_map, gpu_strip_bytes
from minifcn.backend.threads import cut, evenly, share, share_sum
from minifcn.backend.workspace import buffer
from minifcn.compute.fast import kernels
from minifcn.compute.fast.finish import Finish, finish_outputs, pooled
from minifcn.compute.im2col import padded, pixels, windows
from minifcn.compute.window import Pair, Window

pools = True  # where `finish` says so


def convolve(x, weight, window: Window, size: Pair, finish: Finish | None = None):
    """W A x, as in convolution.py.

    Threads share out the strips, or the outputs of a single one. Where the weight is larger than a strip would be,
    the strip grows: to read fc6's 400 megabytes for every two megabytes of windows took three times as long.
    """
    xp, n, (height, width), pool = array_module(x), x.shape[0], size, bool(finish and finish.pool)
    w = weight.transpose(2, 3, 1, 0).reshape(-1, weight.shape[0])  # Wᵀ: if turned too, a copy of long runs
    y_size = (-(-height // 2), -(-width // 2)) if pool else size
    y, on_host, count = xp.empty((n, *y_size, w.shape[1]), x.dtype), device_of(x) == "cpu", n * height * width
    high = 2 if on_host else 1  # rows go in pairs

    def fill(task):
        (images, rows), outputs = task
        strip = images, slice(high * rows.start, min(high * rows.stop, height))
        done = y[images, rows, :, outputs] if pool else y[strip].reshape(-1, y.shape[3])[:, outputs]  # a view
        gathered = gather(x, window, strip, width) if whole is None else whole
        found = buffer(xp, "rows", (len(gathered), w[0, outputs].size), x.dtype) if pool else done  # free again
        products(gathered, w[:, outputs], out=found)
        if pool:
            pooled(found.reshape(len(done), -1, width, done.shape[3]), 1, out=done)
        if finish:
            finish_outputs(done, finish.bias[outputs], relu=finish.relu)

    least, work = (STRIP_BYTES, count * w.size) if on_host else (gpu_strip_bytes(device_of(x)), 0)
    strip_bytes = max(least, min(w.nbytes, LARGEST_STRIP_BYTES))
    tasks = cut_map(n, -(-height // high), -(-count * w[:, 0].nbytes // strip_bytes), work, w.nbytes)
    parts = cut(w.shape[1], evenly(1, work) if len(tasks) == 1 else 1)
    whole = gather(x, window, (slice(0, n), slice(0, height)), width) if len(parts) > 1 else None  # read by all
    share(fill, list(itertools.product(tasks, parts)), work)
    return y.transpose(0, 3, 1, 2)


def convolve_weight(x, y, window: Window):
    """y (A x)ᵀ, as in convolution.py.

    Threads share out the strips and add up what each has found. Where the weight is larger than a strip they share
    out its outputs, as no thread should hold a weight of its own: fc6 has 100 million numbers.
    """
    y, (kh, kw) = y.transpose(0, 2, 3, 1), window.kernel
    n, height, width, outputs = y.shape
    sums = array_module(x).empty((outputs, kh * kw * x.shape[1]), x.dtype)

    def product(strip, outputs=slice(None), out=None):
        y_strip, gathered = y[*strip, :, outputs], gather(x, window, strip, width)
        return sum_of_products(y_strip.reshape(len(gathered), -1), gathered, out=out)

    def fill(outputs):
        product(tasks[0], outputs, out=sums[outputs])
        for strip in tasks[1:]:
            sums[outputs] += product(strip, outputs)

    places, on_cpu = n * height * width, device_of(x) == "cpu"
    least, work = (STRIP_BYTES, sums.size * places) if on_cpu else (gpu_strip_bytes(device_of(x)), 0)
    count = -(-places * sums[0].nbytes // max(least, sums.nbytes))
    tasks = cut_map(n, height, count, work, sums.nbytes)
    if len(tasks) == 1 or sums.nbytes > LARGE_WEIGHT:
        share(fill, cut(outputs, evenly(1, work)), work)
    else:
        sums = share_sum(product, tasks, work)
    return sums.reshape(outputs, kh, kw, x.shape[1]).transpose(0, 3, 1, 2)


def gather(x, window: Window, strip: Strip, width: int):
    """A x for a strip of outputs, `width` in a row: a matrix (N·rows·width, KH·KW·C) in a buffer used again."""
    if window.kernel == window.stride == (1, 1) and window.padding == (0, 0):
        return pixels(x[strip[0], :, strip[1]])
    count = strip[0].stop - strip[0].start, strip[1].stop - strip[1].start, width
    gathered = buffer(array_module(x), "windows", (*count, *window.kernel, x.shape[1]), x.dtype)
    if has_kernels(array_module(x)):
        kernels.gather(x[strip[0]], window, strip[1].start * window.stride[0] - window.padding[0], gathered)
    else:
        gathered[...] = windows_of_strip(x, window, strip, width).transpose(2, 3, 4, 0, 1, 5)
    return gathered.reshape(math.prod(count), -1)


def windows_of_strip(x, window: Window, strip: Strip, width: int):
    """View the windows of a strip: (KH, KW, N, rows, width, C); a buffer used again holds rows that need padding."""
    images, rows = strip
    down, across, border = window.reach(x.shape[2:], rows.start, rows.stop, width)
    part = padded(x[images, :, down, across], border, empty=functools.partial(buffer, array_module(x), "rows"))
    return windows(part, window, (rows.stop - rows.start, width)).transpose(2, 3, 0, 4, 5, 1)
