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

from minifcn.backend import array_module, caches, kept, products
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
# Of a strip at least, about, and of each of its V[f], by the caches of a core: smaller products are slower, and threads
# wait for the interpreter's lock more often.
TILES, NUMBERS = 192, {"small": 12288, "middle": 12288, "large": 16384}
KEEPS = range(26, 1000)  # tiles, for which U is kept: with fewer, reading takes as long as making; with more, no time
OUTPUTS = 64  # in a part: its transformed weights stay in the cache
WORK = 36  # multiply-adds that take as long as to copy and transform a number


def convolve(x, weight, window: Window, size: Pair, finish: Finish | None = None):
    """W A x, as in convolution.py.

    Many tiles are shared out strip by strip. Where there are few, at the end of a net, the weights are what is large:
    threads share out V, and then the outputs, so that none reads weights that another one uses.
    """
    xp, n, outputs, channels = array_module(x), x.shape[0], weight.shape[0], x.shape[1]
    rows, columns = (-(-length // 4) for length in size)  # of tiles; the last may hang over the edge
    side = 2 if finish and finish.pool else 4
    y = xp.empty((n, rows, side, columns, side, outputs), x.dtype)
    blocks, tiles = y.transpose(2, 4, 0, 1, 3, 5), Window((6, 6), (4, 4), window.padding)

    def fill(strip, parts):
        v = transform("BT", windows_of_strip(x, tiles, strip, columns)) if whole is None else whole
        for part in parts:
            target, (first, start) = blocks[:, :, *strip, :, part], divmod(part.start, outputs // equal)
            u_part = transformed(weight[part]) if u is None else u[first, ..., start : start + target.shape[-1]]
            m = products(v, u_part, out=buffer(xp, "M", (36, v.shape[1], u_part.shape[2]), x.dtype))
            done = transform("AT", m.reshape(6, 6, *m.shape[1:]), out=m[:16]).reshape(4, 4, *target.shape[2:])
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
    least = max(TILES, NUMBERS[caches.cache_kind()] // channels)
    strips = cut_map(n, rows, n * rows * columns // least, work, 4 * weight.nbytes)
    whole = inputs(x, tiles, n, rows, columns) if len(strips) == 1 else None
    if whole is None:
        u = whole_u(weight) if u is None else u
        share(lambda strip: fill(strip, cut(outputs, equal)), strips, work)
    else:
        share(lambda part: fill(strips[0], [part]), cut(outputs, math.lcm(equal, evenly(1, work))), work)
    y = y.reshape(n, side * rows, side * columns, outputs)
    return y[:, : -(-size[0] * side // 4), : -(-size[1] * side // 4)].transpose(0, 3, 1, 2)


def convolve_weight(x, y, window: Window):
    """y (A x)ᵀ, as in convolution.py."""
    xp, n, outputs, channels = array_module(x), x.shape[0], y.shape[1], x.shape[1]
    rows, columns = (-(-length // 4) for length in y.shape[2:])
    weight = xp.empty((outputs, 3, 3, channels), x.dtype).transpose(0, 3, 1, 2)
    blocks, tiles = Window((4, 4), (4, 4)), Window((6, 6), (4, 4), window.padding)

    def product(strip, part):
        v = transform("BT", windows_of_strip(x, tiles, strip, columns)) if whole is None else whole
        m = transform("A", windows_of_strip(y[:, part], blocks, strip, columns))
        return products(m.transpose(0, 2, 1), v, xp.empty((36, m.shape[2], v.shape[2]), x.dtype))

    def restore(u, part):
        places = transform("GT", u.reshape(6, 6, *u.shape[1:]))
        weight[part] = places.reshape(3, 3, *u.shape[1:]).transpose(2, 3, 0, 1)

    work = 36 * n * rows * columns * (outputs * channels + 8 * (outputs + channels))  # and transforms
    least = max(TILES, NUMBERS[caches.cache_kind()] // channels)
    strips = cut_map(n, rows, n * rows * columns // least, work)
    whole = inputs(x, tiles, n, rows, columns) if len(strips) == 1 else None
    if whole is None:
        u = share_sum(lambda strip: product(strip, slice(None)), strips, work)
        share(lambda part: restore(u[:, part], part), cut(outputs, evenly(1, WORK * u.size)), WORK * u.size)
    else:
        parts = cut(outputs, evenly(outputs // OUTPUTS, work))
        share(lambda part: restore(product(strips[0], part), part), parts, work)
    return weight


def inputs(x, tiles: Window, n: int, rows: int, columns: int):
    """V of all tiles, of which each thread makes some: (36, tiles, C)."""
    v = buffer(array_module(x), "V", (36, n, rows, columns, x.shape[1]), x.dtype)
    strips = cut_map(n, rows, 1, WORK * v.size, weight_bytes=0)  # whole images, or rows of one: a view is a matrix
    share(lambda s: transform("BT", windows_of_strip(x, tiles, s, columns), out=v[:, *s]), strips, WORK * v.size)
    return v.reshape(36, -1, x.shape[1])


def transform(name: str, a, out=None):
    """Give matrix · a · matrixᵀ, over the first two axes of a (k, k, ..., C), as a stack (m·m, ..., C).

    `out` may be memory of a, which has been read when it is written; unless given it is a buffer.
    """
    xp, matrix = array_module(a), constant(name, array_module(a), a.dtype)
    (m, k), places = matrix.shape, a.shape[2:]
    out = buffer(xp, name, (m * m, *places), a.dtype) if out is None else out
    if not a.flags.c_contiguous:
        copy = buffer(xp, "M", a.shape, a.dtype)  # whose products are made later
        copy[...] = a
        a = copy
    half = products(matrix, a.reshape(k, k, -1), out=buffer(xp, "half", (k, m, math.prod(places)), a.dtype))
    products(matrix, half.swapaxes(0, 1), out=out.reshape(m, m, -1).swapaxes(0, 1))
    return out.reshape(m * m, -1, places[-1])


def transformed(weight, out=None):
    """U = G weight Gᵀ: (O, C, 3, 3) -> (36, C, O)."""
    (outputs, channels), turned = weight.shape[:2], weight.strides[0] < weight.strides[1]
    places = buffer(array_module(weight), "M", (3, 3, channels, outputs), weight.dtype)
    for few in cut(outputs, 1 if turned else outputs // 16):  # a cache line of each channel at once
        places[..., few] = weight[few].transpose(2, 3, 1, 0)
    return transform("G", places, out=out).reshape(36, channels, outputs)


def whole_u(weight):
    """U in memory of its own, of about 64 outputs at a time, in equal parts: (parts, 36, C, outputs of a part)."""
    parts = cut(len(weight), math.gcd(len(weight), max(1, len(weight) // OUTPUTS)))
    u = array_module(weight).empty((len(parts), 36, weight.shape[1], parts[0].stop), weight.dtype)
    share(lambda i: transformed(weight[parts[i]], out=u[i]), range(len(parts)), WORK * u.size)
    return u


@functools.cache
def constant(name: str, xp, dtype):
    """Give one of the matrices on a device; A and GT are the transposes of AT and G."""
    matrix = xp.asarray({"BT": BT, "G": G, "GT": G, "AT": AT, "A": AT}[name], dtype=dtype)
    return matrix.T if name in ("A", "GT") else matrix
