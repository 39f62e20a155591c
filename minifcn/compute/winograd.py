"""3x3 convolution with a quarter of the multiplications: Winograd's F(4x4, 3x3), as three matrix products.

Four neighbouring outputs of a kernel of three are polynomial products that six multiplications determine, instead
of twelve: y = Aᵀ [(G g) * (Bᵀ d)], with six inputs d and three weights g. In two dimensions rows and columns are
transformed alike, which is one product with a Kronecker matrix, and 36 multiplications replace 144. Between the
transforms, each of the 36 frequencies is an ordinary matrix product over the channels:

    V = (Bᵀ ⊗ Bᵀ) tiles        tiles: 6x6 windows, 4 apart
    M[f] = V[f] U[f]           U = (G ⊗ G) weights
    y = (Aᵀ ⊗ Aᵀ) M            4x4 blocks of the result

The weight gradient goes the same way back: M' = (Aᵀ ⊗ Aᵀ)ᵀ blocks of y, U'[f] = M'[f]ᵀ V[f], W' = (G ⊗ G)ᵀ U'.

Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks"; docs/winograd.md derives the matrices. The
result differs from im2col's by rounding, about 5e-6 of the largest value in float32.
"""

from __future__ import annotations

import functools
import math
import operator

import numpy as np

from minifcn.backend import array_module
from minifcn.compute import strips
from minifcn.compute.im2col import empty_map, windows
from minifcn.compute.strips import Strip, buffer, cut_maps, cut_strip, padded_rows
from minifcn.compute.threads import cut, evenly, share
from minifcn.compute.window import Pair, Window

BT = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
G = [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
]
AT = [
    [1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -2, 0],
    [0, 1, 1, 4, 4, 0],
    [0, 1, -1, 8, -8, 1],
]
BLOCKS = Window((4, 4), (4, 4))  # of y: they touch, where the tiles of x overlap

TILES = 256  # in a strip, about: enough for products at full speed
OUTPUTS = 64  # in a part, where all tiles make one strip: its transformed weights stay in the cache


def applies(window: Window) -> bool:
    """Whether a window is one that the matrices are made for."""
    return window.kernel == (3, 3) and window.stride == window.dilation == (1, 1)


def convolve(x, weight, window: Window):
    """W A x, as in convolution.py, for 3x3 windows; by strips of im2col for all others.

    Many tiles are shared out strip by strip. Where there are few, at the end of a net, the weights are what is large,
    and outputs are shared out: no thread reads weights that another one uses.
    """
    if not applies(window):
        return strips.convolve(x, weight, window)
    xp, outputs, size = array_module(x), weight.shape[0], window.output_size(x.shape[2:])
    tasks, columns, work = plan(x.shape[0], size, weight)
    y = empty_map(xp, x.shape[0], outputs, (-(-size[0] // 4) * 4, 4 * columns), x.dtype)

    def finish(strip, v, u, part):
        m = xp.matmul(v, u, out=buffer(xp, "M", (36, v.shape[1], u.shape[2]), x.dtype))
        done = xp.matmul(kronecker("AT", xp, x.dtype), flat(m), out=buffer(xp, "Y", (16, m[0].size), x.dtype))
        target = blocks(y[:, part], strip)
        target[...] = done.reshape(target.shape)

    if len(tasks) > 1:
        u = transformed(weight)
        share(lambda strip: finish(strip, inputs(x, window, strip, columns), u, slice(0, outputs)), tasks, work)
    else:
        v = inputs(x, window, *tasks, columns)
        parts = cut(outputs, evenly(outputs // OUTPUTS))
        share(lambda part: finish(*tasks, v, transformed(weight[part]), part), parts, work)
    return y[:, :, : size[0], : size[1]]


def convolve_transposed(y, weight, window: Window, size: Pair):
    """Aᵀ Wᵀ y, as in convolution.py: by Winograd too, since it is a convolution with the turned kernel."""
    return strips.convolve_transposed(y, weight, window, size, convolve)


def convolve_weight(x, y, window: Window):
    """y (A x)ᵀ, as in convolution.py, for 3x3 windows; by strips of im2col for all others."""
    if not applies(window):
        return strips.convolve_weight(x, y, window)
    xp, (outputs, channels) = array_module(x), (y.shape[1], x.shape[1])
    weight = xp.empty((outputs, 3, 3, channels), x.dtype).transpose(0, 3, 1, 2)
    tasks, columns, work = plan(x.shape[0], y.shape[2:], weight)

    def product(v, strip, part):
        m = buffer(xp, "M", (36, v.shape[1], part.stop - part.start), x.dtype)
        transform(kronecker("AT", xp, x.dtype).T, y[:, part], BLOCKS, strip, columns, m)
        return xp.matmul(m.transpose(0, 2, 1), v)

    def restore(u, part):
        places = kronecker("G", xp, x.dtype).T @ flat(u)
        weight[part] = places.reshape(3, 3, -1, channels).transpose(2, 3, 0, 1)

    if len(tasks) > 1:

        def total(group):
            found = (product(inputs(x, window, strip, columns), strip, slice(0, outputs)) for strip in tasks[group])
            return functools.reduce(operator.iadd, found)

        u = functools.reduce(operator.iadd, share(total, cut(len(tasks), evenly(1)), work))
        share(lambda part: restore(u[:, part], part), cut(outputs, evenly(1)), work=9 * u.size)
    else:
        v = inputs(x, window, *tasks, columns)
        parts = cut(outputs, evenly(outputs // OUTPUTS))
        share(lambda part: restore(product(v, *tasks, part), part), parts, work)
    return weight


def plan(images: int, size: Pair, weight) -> tuple[list[Strip], int, int]:
    """Give strips of tiles that cover outputs of a size, the tiles in a row, and the multiplications to come."""
    rows, columns = -(-size[0] // 4), -(-size[1] // 4)  # the last tiles may hang over the edge
    tiles = images * rows * columns
    return cut_maps(images, rows, tiles // TILES), columns, 36 * tiles * math.prod(weight.shape[:2])


def inputs(x, window: Window, strip: Strip, columns: int):
    """V of a strip: (36, tiles, C), in a buffer used again."""
    xp, tiles = array_module(x), Window((6, 6), (4, 4), window.padding)
    images, rows = (axis.stop - axis.start for axis in strip)
    v = buffer(xp, "V", (36, images, rows * columns, x.shape[1]), x.dtype)

    def fill(piece):
        some, across = (slice(p.start - s.start, p.stop - s.start) for p, s in zip(piece, strip, strict=True))
        out = v[:, some, across.start * columns : across.stop * columns]
        transform(kronecker("BT", xp, x.dtype), x, tiles, piece, columns, out)

    share(fill, cut_strip(strip, evenly(1)), work=36 * v.size)
    return v.reshape(36, -1, x.shape[1])


def transform(matrix, x, window: Window, strip: Strip, columns: int, out) -> None:
    """Put matrix · windows of a strip into `out` (36, ..., C)."""
    images, rows = strip
    view = windows(padded_rows(x[images], window, rows, columns), window, (rows.stop - rows.start, columns))
    view = view.transpose(2, 3, 0, 4, 5, 1)
    gathered = buffer(array_module(x), "tiles", view.shape, x.dtype)
    gathered[...] = view
    array_module(x).matmul(matrix, gathered.reshape(matrix.shape[1], -1), out=flat(out))


def transformed(weight):
    """U = (G ⊗ G) weight: (O, C, 3, 3) -> (36, C, O).

    A kernel turned for the input gradient has its channels swapped in memory; then so has U, and nothing is reordered.
    """
    xp, turned = array_module(weight), weight.strides[0] < weight.strides[1]
    by_place = (weight.swapaxes(0, 1) if turned else weight).transpose(2, 3, 0, 1)
    u = buffer(xp, "U", (36, *by_place.shape[2:]), weight.dtype)

    def fill(part):
        places = by_place[:, :, part].reshape(9, -1)
        xp.matmul(kronecker("G", xp, weight.dtype), places, out=flat(u[:, part]))

    share(fill, cut(u.shape[1], evenly(1)), work=9 * u.size)
    return u if turned else u.transpose(0, 2, 1)


def blocks(y, strip: Strip):
    """View the 4x4 blocks of a strip of y as (4, 4, N, rows, columns, O)."""
    (n, outputs, height, width), (images, rows) = y.shape, strip
    return y.reshape(n, outputs, height // 4, 4, width // 4, 4).transpose(3, 5, 0, 2, 4, 1)[:, :, images, rows]


def flat(a):
    """View the frequencies (36, ...) as the rows of a matrix."""
    return a.reshape(len(a), -1)


@functools.cache
def kronecker(name: str, xp, dtype):
    """Give the transform of rows and columns at once, as one matrix."""
    matrix = np.array({"BT": BT, "G": G, "AT": AT}[name])
    return xp.asarray(np.kron(matrix, matrix), dtype=dtype)
