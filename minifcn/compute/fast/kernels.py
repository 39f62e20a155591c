"""What a GPU has kernels of its own for: windows gathered, or added up, and the maximum of each; and dropout's masks.

Every element of a result reads what it is made of: nothing is padded, filled with zeros or added to in turns. Each
kernel has a NumPy twin with the same bits: `gather` in strips.py, `max_pool` and `scatter_winner` in pooling.py beside
this file, `col2im` in compute/im2col.py, `drop` in compute/dropout.py.

CuPy copies a view of six axes at a sixth of the memory's speed, after a padded copy and fills of its border: 3.6 ms of
a forward pass, and 0.92 by the kernel (an H100).
"""

from __future__ import annotations

import functools
import math

import numpy as np

from minifcn.backend import array_module, product
from minifcn.compute.convolution import matrix
from minifcn.compute.dropout import Mask
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
DROP = (  # Philox4x64-10; NumPy's first counter is 1, and each has four words of 64 bits
    "T x, uint64 key0, uint64 key1, uint64 first, uint32 C, uint32 pixels, uint64 least, float64 scale",
    "T y",
    """
    unsigned int n = i; unsigned long long j = n / (C * pixels) * C + n % C + first;
    unsigned long long a = j / 8 + 1, b = 0, c = 0, d = 0, k0 = key0, k1 = key1;
    for (int round = 0; round < 10; ++round) {
      unsigned long long high = __umul64hi(0xD2E7470EE14C6C93ULL, a), low = 0xD2E7470EE14C6C93ULL * a;
      a = __umul64hi(0xCA5A826395121157ULL, c) ^ b ^ k0; b = 0xCA5A826395121157ULL * c;
      c = high ^ d ^ k1; d = low;
      k0 += 0x9E3779B97F4A7C15ULL; k1 += 0xBB67AE8584CAA73BULL;
    }
    unsigned long long words[4] = {a, b, c, d};
    unsigned int word = words[j / 2 % 4] >> 32 * (j % 2);
    y = x * (word >= least ? T(scale) : T(0));""",
)


def gather(x, window: Window, top: int, gathered) -> None:
    """Fill (N, rows, width, KH, KW, C) with windows of x, the first from its row `top` on.

    Four channels of float32 move as one 16-byte number.
    """
    (_, c, h, w), size = x.shape, gathered.shape[1:3]
    source, target = _flat(x), gathered.reshape(-1)
    if c % 4 == 0 and x.dtype == "float32" and source.data.ptr % 16 == 0:
        source, target, c = source.view("complex128"), target.view("complex128"), c // 4
    _run(GATHER, source, *_sizes((h, w), c, size, window)[:-2], -top, window.padding[1], target)


def convolve_transposed(y, weight, window: Window, size: Pair):
    """Aᵀ Wᵀ y, as in convolution.py; no pixel is added to, each reads its sum."""
    return col2im(product(pixels(y), matrix(weight)), window, size)


def col2im(rows, window: Window, size: Pair):
    """Aᵀ rows."""
    output_size, (kh, kw) = window.output_size(size), window.kernel
    n, c = rows.shape[0] // (output_size[0] * output_size[1]), rows.shape[1] // (kh * kw)
    x = empty_map(array_module(rows), n, c, size, rows.dtype)
    _run(COL2IM, _vector(rows), *_sizes(size, c, output_size, window), _flat(x))
    return x


def max_pool(x, window: Window, size: Pair):
    """Maximum of each window, and which kernel entry it was."""
    (n, c, *x_size), xp = x.shape, array_module(x)
    y, winner = (empty_map(xp, n, c, size, dtype) for dtype in (x.dtype, winner_type(window)))
    _run(MAX_POOL, _flat(x), *_sizes(x_size, c, size, window), _flat(y), _flat(winner))
    return y, winner


def scatter_winner(y, winner, window: Window, size: Pair):
    """Add every y to the pixel of a map `(N, C, *size)` that won its window."""
    x = empty_map(array_module(y), y.shape[0], y.shape[1], size, y.dtype)
    _run(SCATTER_WINNER, _flat(y), _flat(winner), *_sizes(size, y.shape[1], y.shape[2:], window), _flat(x))
    return x


def drop(x, mask: Mask):
    """Give x times a mask, channels-last."""
    xp, share = array_module(x), math.prod(x.shape) // max(1, math.prod(mask.shape))  # of x, that has one word
    last = xp.moveaxis(x, 1, -1) if x.ndim > 1 else x
    y = xp.empty(last.shape, x.dtype)
    keys = (np.uint64(part) for part in (mask.key & (1 << 64) - 1, mask.key >> 64, mask.first_word))
    settings = (last.shape[-1] if x.ndim else 1, share, np.uint64(mask.least_kept), 1 / (1 - mask.p))
    _run(DROP, _vector(last), *keys, *settings, y.reshape(-1))
    return xp.moveaxis(y, -1, 1) if x.ndim > 1 else y


def _flat(x):
    return _vector(pixels(x))  # a view, if x is channels-last


def _vector(x):
    x = x.reshape(-1)  # also a view of a number that was broadcast, as the gradient of a sum is, in steps of 0
    return x if x.flags.c_contiguous else array_module(x).ascontiguousarray(x)


def _sizes(size: Pair, channels: int, output_size: Pair, window: Window) -> tuple:
    return (*size, channels, *output_size, *window.kernel, *window.stride, *window.dilation, *window.padding)


def _run(kernel: tuple, *arguments) -> None:
    if arguments[-1].size >= 1 << 32:
        raise ValueError(f"a GPU's kernels count 2^32 numbers, got {arguments[-1].size}; pass fewer images at once")
    _compiled(array_module(arguments[0]), *kernel)(*arguments)


@functools.cache
def _compiled(xp, inputs: str, outputs: str, text: str):
    return xp.ElementwiseKernel(inputs, outputs, text)
