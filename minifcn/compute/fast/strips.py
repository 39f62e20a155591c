"""The same maps strip by strip, on all cores: `A x` is never in memory as a whole.

im2col copies every pixel KH·KW times; for a VGG layer that is hundreds of megabytes, and writing them to fresh
memory costs more than multiplying them. The windows of a few output rows, a strip, fit the cache, and their buffer
is used again for the next strip. Each function is the textbook one of convolution.py with a loop around it.

Between 8 channels, a product of windows (pixels x 72) and weights (72 x 8) is too narrow to fill the vectors, and
copying the windows takes as long again. So a product may compute t neighbouring outputs: four in a row look at a window
of 3x6 instead of four of 3x3, which is half as much to copy. The weight becomes four times as wide and has the kernel
at four places, a block Toeplitz matrix:

    k0 k1 k2  0  0  0
     0 k0 k1 k2  0  0
     0  0 k0 k1 k2  0
     0  0  0 k0 k1 k2

Multiplying by its zeros costs less than what is saved: the first layer of a narrow net takes half the time.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from dataclasses import dataclass

from minifcn.backend import array_module, device_of
from minifcn.backend.threads import cut, evenly, share, share_sum
from minifcn.backend.workspace import buffer
from minifcn.compute.fast.elementwise import Finish, finish_outputs
from minifcn.compute.im2col import pixels, windows
from minifcn.compute.window import Pair, Window

Strip = tuple[slice, slice]  # images, and rows of the output, or of whatever covers it: tiles, blocks

STRIP_BYTES = 2 << 20  # of gathered windows
GPU_STRIP_BYTES = 256 << 20  # a large product fills a GPU
LARGEST_STRIP_BYTES = 64 << 20
FEW_CHANNELS = 16  # so many or fewer make products too narrow for the vectors


def neighbours(window: Window, size: Pair, channels: int, outputs: int) -> int:
    """Choose t: 4 up to 8 channels, 2 up to 16, as long as there are no more than 64 outputs; 1 for other windows.

    Measured on layers of a VGG16 with an eighth of its channels, where t = 8 was no better, nor were 2x2 outputs.
    """
    shared = window.stride[1] == window.dilation[1] == 1 < window.kernel[1]  # pixels, by windows side by side
    t = (4 if channels <= FEW_CHANNELS // 2 else 2 if channels <= FEW_CHANNELS else 1) if shared else 1
    while t > 1 and (t * outputs > 64 or size[1] % t):
        t //= 2
    return t


@dataclass(frozen=True)
class Strips:
    """The maps that gather windows, strip by strip.

    Parameters
    ----------
    t : int
        Neighbouring outputs that are computed as one, by a window that sees what they all see.
    """

    t: int = 1

    def convolve(self, x, weight, window: Window, finish: Finish | None = None):
        """W A x, as in convolution.py.

        Threads share out the strips, or the outputs of a single one. Where the weight is larger than a strip would be,
        the strip grows: to read fc6's 400 megabytes once for every two megabytes of windows took three times as long.
        """
        xp, n, (height, width) = array_module(x), x.shape[0], window.output_size(x.shape[2:])
        if self.t > 1:
            weight, window = self.repeated(weight), self.widened(window)
            finish = finish and finish._replace(bias=xp.tile(finish.bias, self.t))
        w = weight.transpose(2, 3, 1, 0).reshape(-1, weight.shape[0])  # Wᵀ: if turned too, a copy of long runs
        y = xp.empty((n, height, width // self.t, w.shape[1]), x.dtype)

        def fill(task):
            (images, rows), outputs = task
            y_strip = y[images, rows].reshape(-1, w.shape[1])[:, outputs]  # a view
            xp.matmul(gather(x[images], window, rows, y.shape[2]), w[:, outputs], out=y_strip)
            if finish:
                finish_outputs(y_strip, finish.bias[outputs], relu=finish.relu)

        tasks, work = cut_windows(x, window, y.shape[1:3], y.size * len(w), min(w.nbytes, LARGEST_STRIP_BYTES))
        parts = cut(w.shape[1], evenly(1, work) if len(tasks) == 1 else 1)
        share(fill, list(itertools.product(tasks, parts)), work)
        return y.reshape(n, height, width, -1).transpose(0, 3, 1, 2)

    def convolve_weight(self, x, y, window: Window):
        """y (A x)ᵀ, as in convolution.py; of t neighbouring outputs, the sum over the t places of the kernel.

        Threads share out the strips and add up what each has found. Where the weight is larger than a strip they share
        out its outputs, as no thread should hold a weight of its own: fc6 has 100 million numbers.
        """
        n, outputs, height, width = y.shape
        wide = self.widened(window)
        y = y.transpose(0, 2, 3, 1).reshape(n, height, width // self.t, self.t * outputs)
        products = array_module(x).empty((y.shape[3], math.prod(wide.kernel) * x.shape[1]), x.dtype)
        tasks, work = cut_windows(x, wide, y.shape[1:3], products.size * math.prod(y.shape[:3]), products.nbytes)

        def product(strip, outputs=slice(None), out=None):
            images, rows = strip
            y_strip = y[images, rows, :, outputs]
            gathered = gather(x[images], wide, rows, y.shape[2])
            return array_module(x).matmul(y_strip.reshape(len(gathered), -1).T, gathered, out=out)

        def fill(outputs):
            product(tasks[0], outputs, out=products[outputs])
            for strip in tasks[1:]:
                products[outputs] += product(strip, outputs)

        if len(tasks) == 1 or products.nbytes > STRIP_BYTES:
            share(fill, cut(len(products), evenly(1, work)), work)
        else:
            products = share_sum(product, tasks, work)
        places = products.reshape(self.t, outputs, *wide.kernel, x.shape[1])
        found = functools.reduce(operator.add, (p[:, :, i : i + window.kernel[1]] for i, p in enumerate(places)))
        return found.transpose(0, 3, 1, 2)

    def widened(self, window: Window) -> Window:
        """Give the window of t neighbouring outputs."""
        (kh, kw), (sh, sw) = window.kernel, window.stride
        return Window((kh, kw + self.t - 1), (sh, sw * self.t), window.padding, window.dilation)

    def repeated(self, weight):
        """Give the kernel at t places, one to the right of the other: (t·O, C, KH, KW + t - 1)."""
        outputs, channels, kh, kw = weight.shape
        w = array_module(weight).zeros((self.t, outputs, kh, kw + self.t - 1, channels), weight.dtype)
        for i, kernel in enumerate(w):
            kernel[:, :, i : i + kw] = weight.transpose(0, 2, 3, 1)
        return w.reshape(-1, *w.shape[2:]).transpose(0, 3, 1, 2)


def cut_windows(x, window: Window, size: Pair, work: int, least_bytes: int) -> tuple[list[Strip], int]:
    """Cut the output into strips whose windows take STRIP_BYTES or, if that is more, `least_bytes`.

    Give also the multiply-adds that threads may share: none on a GPU, where products follow one another.
    """
    on_host, whole = device_of(x) == "cpu", (slice(0, x.shape[0]), slice(0, size[0]))
    total = x.shape[0] * math.prod(size) * math.prod(window.kernel) * x.shape[1] * x.itemsize
    count = -(-total // max(STRIP_BYTES if on_host else GPU_STRIP_BYTES, least_bytes))
    return cut_strip(whole, count, work), work if on_host else 0


def cut_strip(strip: Strip, count: int, work: int) -> list[Strip]:
    """Cut a strip into whole images, or rows of single images: `count` or more, so that all threads get as many."""
    count = evenly(count, work) if count > 1 else 1
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
    counts = zip((rows.stop - rows.start, width), window.kernel, window.stride, window.dilation, strict=True)
    height, across = ((count - 1) * s + d * (k - 1) + 1 for count, k, s, d in counts)
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
