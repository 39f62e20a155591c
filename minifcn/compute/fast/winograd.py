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
import math

from minifcn.backend import array_module, kept, products
from minifcn.backend.cutting import cut_map
from minifcn.backend.threads import cut, evenly, share, share_sum
from minifcn.backend.workspace import buffer
from minifcn.compute.fast.finish import Finish, finish_outputs, pooled
from minifcn.compute.fast.strips import windows_of_strip
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

pools = True  # where `finish` says so
TILES, NUMBERS = 192, 12288  # of a strip, and of each of its V[f], at least, about: smaller products are slower
KEEPS = range(26, 1000)  # tiles, for which U is kept: with fewer, reading takes as long as making; with more, no time
OUTPUTS = 64  # in a part: its transformed weights stay in the cache


def convolve(x, weight, window: Window, size: Pair, finish: Finish | None = None):
    """W A x, as in convolution.py.

    Many tiles are shared out strip by strip. Where there are few, at the end of a net, the weights are what is large,
    and outputs are shared out: no thread reads weights that another one uses.
    """
    xp, n, outputs, channels = array_module(x), x.shape[0], weight.shape[0], x.shape[1]
    rows, columns = (-(-length // 4) for length in size)  # of tiles; the last may hang over the edge
    side = 2 if finish and finish.pool else 4
    y = xp.empty((n, rows, side, columns, side, outputs), x.dtype)
    blocks, tiles = y.transpose(2, 4, 0, 1, 3, 5), Window((6, 6), (4, 4), window.padding)

    def inputs(strip):
        return transform("BT", windows_of_strip(x, tiles, strip, columns))

    def fill(strip, v, parts):
        for part in parts:
            target, (first, start) = blocks[:, :, *strip, :, part], divmod(part.start, outputs // equal)
            u_part = transformed(weight[part]) if u is None else u[first, ..., start : start + target.shape[-1]]
            m = products(v, u_part, out=buffer(xp, "M", (36, v.shape[1], u_part.shape[2]), x.dtype))
            done = transform("AT", m.reshape(6, 6, *target.shape[2:])).reshape(4, 4, *target.shape[2:])
            if side == 2:
                last, right = (length % 4 for length in size)  # a pool that hangs over the edge sees its pixels twice
                if last % 2 and strip[1].stop == rows:
                    done[last, :, :, -1] = done[last - 1, :, :, -1]
                if right % 2:
                    done[:, right, :, :, -1] = done[:, right - 1, :, :, -1]
                done = pooled(done, 0)
            if finish:
                finish_outputs(done, finish.bias[part], relu=finish.relu)
            target[...] = done

    work = 36 * n * rows * columns * (outputs * channels + 8 * (outputs + channels))  # and transforms
    equal = math.gcd(outputs, max(1, outputs // OUTPUTS))  # parts
    u = kept("U", weight, whole_u, 4 * weight.nbytes, bool(finish and finish.keep and n * rows * columns in KEEPS))
    strips = cut_map(n, rows, n * rows * columns // max(TILES, NUMBERS // channels), work, 4 * weight.nbytes)
    if len(strips) > 1:
        u = whole_u(weight) if u is None else u
        share(lambda strip: fill(strip, inputs(strip), cut(outputs, equal)), strips, work)
    else:
        v = inputs(strips[0])
        share(lambda part: fill(strips[0], v, [part]), cut(outputs, math.lcm(equal, evenly(1, work))), work)
    y = y.reshape(n, side * rows, side * columns, outputs)
    return y[:, : -(-size[0] * side // 4), : -(-size[1] * side // 4)].transpose(0, 3, 1, 2)


def convolve_weight(x, y, window: Window):
    """y (A x)ᵀ, as in convolution.py."""
    xp, n, outputs, channels = array_module(x), x.shape[0], y.shape[1], x.shape[1]
    rows, columns = (-(-length // 4) for length in y.shape[2:])
    weight = xp.empty((outputs, 3, 3, channels), x.dtype).transpose(0, 3, 1, 2)
    blocks, tiles = Window((4, 4), (4, 4)), Window((6, 6), (4, 4), window.padding)

    def inputs(strip):
        return transform("BT", windows_of_strip(x, tiles, strip, columns))

    def product(strip, v, part):
        m = transform("A", windows_of_strip(y[:, part], blocks, strip, columns))
        return products(m.transpose(0, 2, 1), v, xp.empty((36, m.shape[2], v.shape[2]), x.dtype))

    def restore(u, part):
        places = transform("GT", u.reshape(6, 6, *u.shape[1:]))
        weight[part] = places.reshape(3, 3, *u.shape[1:]).transpose(2, 3, 0, 1)

    work = 36 * n * rows * columns * (outputs * channels + 8 * (outputs + channels))  # and transforms
    strips = cut_map(n, rows, n * rows * columns // max(TILES, NUMBERS // channels), work)
    if len(strips) > 1:
        restore(share_sum(lambda strip: product(strip, inputs(strip), slice(None)), strips, work), slice(None))
    else:
        v = inputs(strips[0])
        parts = cut(outputs, evenly(outputs // OUTPUTS, work))
        share(lambda part: restore(product(strips[0], v, part), part), parts, work)
    return weight


def transform(name: str, a):
    """Give matrix · a · matrixᵀ, over the first two axes of a (k, k, ..., C), as a stack (m·m, ..., C) in a buffer.

    Threads share out the images, or the rows of a single one.
    """
    xp, matrix = array_module(a), constant(name, array_module(a), a.dtype)
    a = a[:, :, 0] if a.shape[2] == 1 else a
    m, k = matrix.shape
    out = buffer(xp, name, (m, m, *a.shape[2:]), a.dtype)

    def fill(part):
        some = a[:, :, part]
        if not a.flags.c_contiguous:
            some = buffer(xp, "M", some.shape, a.dtype)  # whose products are made later
            some[...] = a[:, :, part]
        some = some.reshape(k, k, -1)
        half = products(matrix, some, out=buffer(xp, "half", (k, m, some.shape[2]), a.dtype))
        products(matrix, half.swapaxes(0, 1), out=out[:, :, part].reshape(m, m, -1).swapaxes(0, 1))

    work = 12 * max(a.size, out.size)
    share(fill, cut(a.shape[2], evenly(1, work)), work)
    return out.reshape(m * m, -1, a.shape[-1])


def transformed(weight):
    """U = G weight Gᵀ, in a buffer: (O, C, 3, 3) -> (36, C, O)."""
    (outputs, channels), turned = weight.shape[:2], weight.strides[0] < weight.strides[1]
    places = buffer(array_module(weight), "M", (3, 3, channels, outputs), weight.dtype)
    for few in cut(outputs, 1 if turned else outputs // 16):  # a cache line of each channel at once
        places[..., few] = weight[few].transpose(2, 3, 1, 0)
    return transform("G", places).reshape(36, channels, outputs)


def whole_u(weight):
    """U in memory of its own, of about 64 outputs at a time, in equal parts: (parts, 36, C, outputs of a part)."""
    parts = cut(len(weight), math.gcd(len(weight), max(1, len(weight) // OUTPUTS)))
    u = array_module(weight).empty((len(parts), 36, weight.shape[1], parts[0].stop), weight.dtype)
    for u_part, part in zip(u, parts, strict=True):
        u_part[...] = transformed(weight[part])
    return u


@functools.cache
def constant(name: str, xp, dtype):
    """Give one of the matrices on a device; A and GT are the transposes of AT and G."""
    matrix = xp.asarray({"BT": BT, "G": G, "GT": G, "AT": AT, "A": AT}[name], dtype=dtype)
    return matrix.T if name in ("A", "GT") else matrix
