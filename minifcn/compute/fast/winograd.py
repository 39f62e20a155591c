"""3x3 convolution with a quarter of the multiplications: Winograd's F(4x4, 3x3).

Four neighbouring outputs of a kernel of three are polynomial products that six multiplications determine, instead
of twelve: y = Aᵀ [(G g) * (Bᵀ d)], with six inputs d and three weights g. In two dimensions rows and columns are
transformed alike, and 36 multiplications replace 144. Between the transforms, each of the 36 frequencies is an
ordinary matrix product over the channels:

    V = Bᵀ tile B        tiles: 6x6 windows of x, 4 apart
    U = G kernel Gᵀ
    M[f] = V[f] U[f]     for each frequency f
    y = Aᵀ M A           4x4 blocks of the result

The weight gradient goes the same way back: M' = A (block of y) Aᵀ, U'[f] = M'[f]ᵀ V[f], W' = Gᵀ U' G.

Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks"; docs/winograd.md derives the matrices. The
result differs from im2col's by rounding, about 1e-5 of the largest value in float32.
"""

from __future__ import annotations

import functools

from minifcn.backend import array_module
from minifcn.backend.threads import cut, evenly, share, share_sum
from minifcn.backend.workspace import buffer
from minifcn.compute.fast.elementwise import Finish, finish_outputs
from minifcn.compute.fast.strips import Strip, cut_strip, padded_rows
from minifcn.compute.im2col import windows
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


def convolve(x, weight, window: Window, finish: Finish | None = None):
    """W A x, as in convolution.py.

    Many tiles are shared out strip by strip. Where there are few, at the end of a net, the weights are what is large,
    and outputs are shared out: no thread reads weights that another one uses.
    """
    xp, n, outputs, size = array_module(x), x.shape[0], weight.shape[0], window.output_size(x.shape[2:])
    tasks, columns, work = plan(n, size, outputs * x.shape[1])
    y = xp.empty((n, -(-size[0] // 4), 4, columns, 4, outputs), x.dtype)
    blocks = y.transpose(2, 4, 0, 1, 3, 5)

    def multiply(strip, v, u, part):
        m = empty_tiles(xp, "M", strip, columns, u.shape[-1], x.dtype)
        xp.matmul(frequencies(v), u, out=frequencies(m))
        target = blocks[:, :, *strip, :, part]
        done = buffer(xp, "blocks", target.shape, x.dtype)
        transform(constant("AT", xp, x.dtype), m, out=done)
        if finish:
            finish_outputs(done, finish.bias[part], relu=finish.relu)
        target[...] = done

    if len(tasks) > 1:
        u = transformed(weight)
        share(lambda strip: multiply(strip, inputs(x, window, strip, columns), u, slice(0, outputs)), tasks, work)
    else:
        (whole,) = tasks
        v = inputs(x, window, whole, columns)
        parts = cut(outputs, evenly(outputs // OUTPUTS, work))
        share(lambda part: multiply(whole, v, transformed(weight[part]), part), parts, work)
    return y.reshape(n, -1, 4 * columns, outputs)[:, : size[0], : size[1]].transpose(0, 3, 1, 2)


def convolve_weight(x, y, window: Window):
    """y (A x)ᵀ, as in convolution.py."""
    xp, (outputs, channels) = array_module(x), (y.shape[1], x.shape[1])
    weight = xp.empty((outputs, 3, 3, channels), x.dtype).transpose(0, 3, 1, 2)
    tasks, columns, work = plan(x.shape[0], y.shape[2:], outputs * channels)

    def product(strip, v, part):
        m = empty_tiles(xp, "M", strip, columns, part.stop - part.start, x.dtype)
        gather(constant("AT", xp, x.dtype).T, y[:, part], BLOCKS, strip, columns, out=m)
        return xp.matmul(frequencies(m).transpose(0, 2, 1), frequencies(v))

    def restore(u, part):
        places = xp.empty((3, 3, *u.shape[1:]), x.dtype)
        transform(constant("G", xp, x.dtype).T, u.reshape(6, 6, *u.shape[1:]), out=places)
        weight[part] = places.transpose(2, 3, 0, 1)

    if len(tasks) > 1:
        u = share_sum(lambda strip: product(strip, inputs(x, window, strip, columns), slice(0, outputs)), tasks, work)
        share(lambda part: restore(u[:, part], part), cut(outputs, evenly(1, 9 * u.size)), work=9 * u.size)
    else:
        (whole,) = tasks
        v = inputs(x, window, whole, columns)
        parts = cut(outputs, evenly(outputs // OUTPUTS, work))
        share(lambda part: restore(product(whole, v, part), part), parts, work)
    return weight


def plan(images: int, size: Pair, products: int) -> tuple[list[Strip], int, int]:
    """Give strips of tiles that cover outputs of a size, the tiles in a row, and the multiplications to come."""
    rows, columns = -(-size[0] // 4), -(-size[1] // 4)  # the last tiles may hang over the edge
    tiles = images * rows * columns
    work = 36 * tiles * products
    return cut_strip((slice(0, images), slice(0, rows)), tiles // TILES, work), columns, work


def inputs(x, window: Window, strip: Strip, columns: int):
    """V of a strip: (6, 6, images, tiles of an image, C), in a buffer used again."""
    xp = array_module(x)
    v = empty_tiles(xp, "V", strip, columns, x.shape[1], x.dtype)
    gather(constant("BT", xp, x.dtype), x, Window((6, 6), (4, 4), window.padding), strip, columns, out=v)
    return v


def gather(matrix, x, window: Window, strip: Strip, columns: int, out) -> None:
    """Transform the windows of a strip; where a strip is all there is, threads share its rows out."""

    def fill(piece):
        images, rows = piece
        view = windows(padded_rows(x[images], window, rows, columns), window, (rows.stop - rows.start, columns))
        view = view.transpose(2, 3, 0, 4, 5, 1)
        tiles = buffer(array_module(x), "tiles", view.shape, x.dtype)
        tiles[...] = view
        some, across = (slice(p.start - s.start, p.stop - s.start) for p, s in zip(piece, strip, strict=True))
        transform(matrix, tiles, out=out[:, :, some, across.start * columns : across.stop * columns])

    work = 12 * out.size
    share(fill, cut_strip(strip, evenly(1, work), work), work)


def transform(matrix, a, out) -> None:
    """Put matrix · a · matrixᵀ, over the first two axes of a, into `out`."""
    xp, a, out = array_module(a), a.reshape(*a.shape[:2], -1), out.reshape(*out.shape[:2], -1)
    half = buffer(xp, "half", (len(a), *out.shape[1:]), a.dtype)
    xp.matmul(matrix, a, out=half)
    xp.matmul(matrix, half.swapaxes(0, 1), out=out.swapaxes(0, 1))


def transformed(weight):
    """U = G weight Gᵀ: (O, C, 3, 3) -> (36, C, O).

    A kernel turned for the input gradient has its channels swapped in memory; then so has U, and nothing is reordered.
    """
    xp, turned = array_module(weight), weight.strides[0] < weight.strides[1]
    places = (weight.swapaxes(0, 1) if turned else weight).transpose(2, 3, 0, 1)
    u = buffer(xp, "U", (6, 6, *places.shape[2:]), weight.dtype)

    def fill(part):
        copied = buffer(xp, "kernels", places[:, :, part].shape, weight.dtype)
        copied[...] = places[:, :, part]
        transform(constant("G", xp, weight.dtype), copied, out=u[:, :, part])

    work = 9 * u.size
    share(fill, cut(places.shape[2], evenly(1, work)), work)
    u = frequencies(u)
    return u if turned else u.transpose(0, 2, 1)


def empty_tiles(xp, name: str, strip: Strip, columns: int, channels: int, dtype):
    """Lend (6, 6, images, tiles of an image, channels) for a strip."""
    images, rows = (axis.stop - axis.start for axis in strip)
    return buffer(xp, name, (6, 6, images, rows * columns, channels), dtype)


def frequencies(a):
    """View (6, 6, ..., C) as a stack of 36 matrices."""
    return a.reshape(36, -1, a.shape[-1])


@functools.cache
def constant(name: str, xp, dtype):
    """Give one of the matrices on a device."""
    return xp.asarray({"BT": BT, "G": G, "AT": AT}[name], dtype=dtype)
