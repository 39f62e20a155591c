"""What a GPU has kernels of its own for: windows gathered, or added up, and the maximum of each.

Every element of a result reads what it is made of: nothing is padded, filled with zeros or added to in turns. Each
kernel has a NumPy twin with the same bits: `gather` in strips.py, `max_pool` and `scatter_winner` in pooling.py beside
this file, `col2im` in compute/im2col.py.

CuPy copies a view of six axes at a sixth of the memory's speed, after a padded copy and fills of its border: 3.6 ms of
a forward pass, and 0.92 by the kernel (an H100).
"""

from __future__ import annotations

from minifcn.backend import array_module, product
from minifcn.backend.launch import launch, vector
from minifcn.compute.convolution import matrix
from minifcn.compute.im2col import empty_map, pixels
from minifcn.compute.pooling import winner_type
from minifcn.compute.window import Pair, Window

SIZES = (
    "int32 H, int32 W, int32 C, int32 OH, int32 OW, int32 KH, int32 KW, "
    "int32 SH, int32 SW, int32 DH, int32 DW, int32 PH, int32 PW"
)
OF_PIXEL = """
    unsigned int q = i; int c = q % C; q /= C; int w = q % W; q /= W; int h = q % H; int n = q / H;
    T sum = 0;
    for (int oh = (h + PH) / SH; oh >= 0 && h + PH - oh * SH <= (KH - 1) * DH; --oh)
    for (int ow = (w + PW) / SW; ow >= 0 && w + PW - ow * SW <= (KW - 1) * DW; --ow) {
      int kh = h + PH - oh * SH, kw = w + PW - ow * SW;
      if (oh >= OH || ow >= OW || kh % DH || kw % DW) continue;
      ptrdiff_t output = ((ptrdiff_t)n * OH + oh) * OW + ow; int k = kh / DH * KW + kw / DW;
      EACH
    }
    x = sum;"""

GATHER = (
    f"raw T x, {SIZES}",
    "T gathered",
    """
    unsigned int q = i; int c = q % C; q /= C; int kw = q % KW; q /= KW; int kh = q % KH; q /= KH;
    int ow = q % OW; q /= OW; int oh = q % OH; int n = q / OH;
    int h = oh * SH + kh * DH - PH, w = ow * SW + kw * DW - PW;
    gathered = (h >= 0 && h < H && w >= 0 && w < W) ? x[(((ptrdiff_t)n * H + h) * W + w) * C + c] : T(0);""",
)
COL2IM = (f"raw T rows, {SIZES}", "T x", OF_PIXEL.replace("EACH", "sum += rows[(output * KH * KW + k) * C + c];"))
MAX_POOL = (
    f"raw T x, {SIZES}",
    "T y, K winner",
    """
    unsigned int q = i; int c = q % C; q /= C; int ow = q % OW; q /= OW; int oh = q % OH; int n = q / OH;
    T most = 0; int best = -1;
    for (int k = 0; k < KH * KW; ++k) {
      int h = oh * SH + k / KW * DH - PH, w = ow * SW + k % KW * DW - PW;
      if (h < 0 || h >= H || w < 0 || w >= W) continue;
      T value = x[(((ptrdiff_t)n * H + h) * W + w) * C + c];
      if (best < 0 || value > most || value != value) { most = value; best = k; }
    }
    y = most; winner = best;""",
)
SCATTER_WINNER = (
    f"raw T y, raw K winner, {SIZES}",
    "T x",
    OF_PIXEL.replace("EACH", "if (winner[output * C + c] == k) sum += y[output * C + c];"),
)


def gather(x, window: Window, top: int, gathered) -> None:
    """Fill (N, rows, width, KH, KW, C) with windows of x, the first from its row `top` on.

    Four channels of float32 move as one 16-byte number.
    """
    (_, c, h, w), size = x.shape, gathered.shape[1:3]
    source, target = _flat(x), gathered.reshape(-1)
    if c % 4 == 0 and x.dtype == "float32" and source.data.ptr % 16 == 0:
        source, target, c = source.view("complex128"), target.view("complex128"), c // 4
    launch(GATHER, source, *_sizes((h, w), c, size, window)[:-2], -top, window.padding[1], target)


def convolve_transposed(y, weight, window: Window, size: Pair):
    """Aᵀ Wᵀ y, as in convolution.py; no pixel is added to, each reads its sum."""
    return col2im(product(pixels(y), matrix(weight)), window, size)


def col2im(rows, window: Window, size: Pair):
    """Aᵀ rows."""
    output_size, (kh, kw) = window.output_size(size), window.kernel
    n, c = rows.shape[0] // (output_size[0] * output_size[1]), rows.shape[1] // (kh * kw)
    x = empty_map(array_module(rows), n, c, size, rows.dtype)
    launch(COL2IM, vector(rows), *_sizes(size, c, output_size, window), _flat(x))
    return x


def max_pool(x, window: Window, size: Pair):
    """Maximum of each window, and which kernel entry it was."""
    (n, c, *x_size), xp = x.shape, array_module(x)
    y, winner = (empty_map(xp, n, c, size, dtype) for dtype in (x.dtype, winner_type(window)))
    launch(MAX_POOL, _flat(x), *_sizes(x_size, c, size, window), _flat(y), _flat(winner))
    return y, winner


def scatter_winner(y, winner, window: Window, size: Pair):
    """Add every y to the pixel of a map `(N, C, *size)` that won its window."""
    x = empty_map(array_module(y), y.shape[0], y.shape[1], size, y.dtype)
    launch(SCATTER_WINNER, _flat(y), _flat(winner), *_sizes(size, y.shape[1], y.shape[2:], window), _flat(x))
    return x


def _flat(x):
    return vector(pixels(x))  # a view, if x is channels-last


def _sizes(size: Pair, channels: int, output_size: Pair, window: Window) -> tuple:
    return (*size, channels, *output_size, *window.kernel, *window.stride, *window.dilation, *window.padding)
