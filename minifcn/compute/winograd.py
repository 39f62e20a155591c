"""3x3 convolution with a quarter of the multiplications: Winograd's F(4x4, 3x3), as three matrix products.

Four neighbouring outputs of a kernel of three are polynomial products that six multiplications determine, instead
of twelve: y = Aᵀ [(G g) * (Bᵀ d)], with six inputs d and three weights g. In two dimensions rows and columns are
transformed alike, which is one product with a Kronecker matrix, and 36 multiplications replace 144. Between the
transforms, each of the 36 frequencies is an ordinary matrix product over the channels:

    V = (Bᵀ ⊗ Bᵀ) tiles        tiles: 6x6 windows, 4 apart
    M[f] = V[f] U[f]           U = (G ⊗ G) weights
    y = (Aᵀ ⊗ Aᵀ) M            4x4 blocks of the result

Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks". The result differs from im2col's by rounding,
about 5e-6 of the largest value in float32.
"""

from __future__ import annotations

import functools

import numpy as np

from minifcn.backend import array_module
from minifcn.compute import strips
from minifcn.compute.im2col import empty_map, windows
from minifcn.compute.strips import buffer, padded_rows
from minifcn.compute.threads import cut, share, thread_count
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


def applies(window: Window) -> bool:
    """Whether a window is one that the matrices are made for."""
    return window.kernel == (3, 3) and window.stride == window.dilation == (1, 1)


def convolve(x, weight, window: Window):
    """W A x, as in convolution.py, for 3x3 windows; the textbook's strips for all others."""
    if not applies(window):
        return strips.convolve(x, weight, window)
    xp, (oh, ow), outputs = array_module(x), window.output_size(x.shape[2:]), weight.shape[0]
    tiles = Window((6, 6), (4, 4), window.padding)
    bt, at = (kronecker(name, xp, x.dtype) for name in ("BT", "AT"))
    u = transformed(weight)
    rows, columns = -(-oh // 4), -(-ow // 4)  # of tiles; the last may hang over the edge
    y = empty_map(xp, x.shape[0], outputs, (4 * rows, 4 * columns), x.dtype)
    blocks = y.reshape(x.shape[0], outputs, rows, 4, columns, 4).transpose(3, 5, 0, 2, 4, 1)

    def fill(strip):
        images, tile_rows = strip
        view = windows(
            padded_rows(x[images], tiles, tile_rows, columns), tiles, (tile_rows.stop - tile_rows.start, columns)
        )
        n, channels, _, _, height, width = view.shape
        count = n * height * width
        gathered = buffer(xp, "tiles", (6, 6, n, height, width, channels), x.dtype)
        gathered[...] = view.transpose(2, 3, 0, 4, 5, 1)
        v = xp.matmul(bt, gathered.reshape(36, -1), out=buffer(xp, "V", (36, count * channels), x.dtype))
        m = xp.matmul(v.reshape(36, count, channels), u, out=buffer(xp, "M", (36, count, outputs), x.dtype))
        done = xp.matmul(at, m.reshape(36, -1), out=buffer(xp, "Y", (16, count * outputs), x.dtype))
        blocks[:, :, images, tile_rows] = done.reshape(4, 4, n, height, width, outputs)

    tile_bytes = 36 * (x.shape[1] + outputs) * x.itemsize  # of V and M
    tasks = strips.cut_maps(x.shape[0], rows, columns * tile_bytes)
    share(fill, tasks, work=4 * x.shape[0] * rows * columns * weight.size)
    return y[:, :, :oh, :ow]


def convolve_transposed(y, weight, window: Window, size: Pair):
    """Aᵀ Wᵀ y, as in convolution.py: by Winograd too, since it is a convolution with the turned kernel."""
    return strips.convolve_transposed(y, weight, window, size, convolve)


def convolve_weight(x, y, window: Window):
    """y (A x)ᵀ, as in convolution.py, by strips of im2col."""
    return strips.convolve_weight(x, y, window)


def transformed(weight):
    """U = (G ⊗ G) weight: (O, C, 3, 3) -> (36, C, O)."""
    xp, (outputs, channels) = array_module(weight), weight.shape[:2]
    by_place = weight.transpose(2, 3, 0, 1).reshape(9, -1)
    g = kronecker("G", xp, weight.dtype)
    u = buffer(xp, "U", (36, outputs * channels), weight.dtype)  # 38 MB for 512 channels: fresh memory takes longer

    def fill(part):
        xp.matmul(g, by_place[:, part], out=u[:, part])

    share(fill, cut(by_place.shape[1], thread_count()), work=36 * by_place.size)
    return u.reshape(36, outputs, channels).transpose(0, 2, 1)


@functools.cache
def kronecker(name: str, xp, dtype):
    """The transform of rows and columns at once, as one matrix."""
    matrix = np.array({"BT": BT, "G": G, "AT": AT}[name])
    return xp.asarray(np.kron(matrix, matrix), dtype=dtype)
