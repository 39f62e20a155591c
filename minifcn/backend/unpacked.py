"""Products in pieces that BLAS multiplies as they lie in memory.

Before OpenBLAS multiplies two matrices it packs them: it copies both into the order in which its kernel reads them, and
matrices of few rows or columns do not pay for that. Its kernels for AVX-512 do without where a product has at most a
million multiply-adds (sgemm_small_kernel_permit_skylakex.c). So larger ones are cut into pieces, where these are large
enough to be quick. On one core of Zen 5, in GFLOP/s:

                                      whole    in pieces
    256 x 64 times 64 x 64              176          242
    192 x 256 times 256 x 64            168          229
    16384 x 144 times 144 x 32          194          243
    6 x 6 times 6 x 65536                45           96

With other kernels of OpenBLAS, and other libraries, every product stays whole: with those for AVX2, pieces take 3 %
longer.
"""

from __future__ import annotations

import functools

from minifcn.backend.arrays import array_module, device_of
from minifcn.backend.blas import blas_libraries
from minifcn.backend.threads import cut
from minifcn.backend.workspace import buffer

LARGEST = 1_000_000  # multiply-adds of a product that is not packed
AVX512_KERNELS = "SkylakeX", "Cooperlake", "SapphireRapids"  # as OpenBLAS calls them
FEWEST_ROWS, MOST_ROWS, COLUMNS = 24, 192, 64  # of a piece
SUMMED_ROWS = 96  # or more, of a piece that is added to others: each takes memory for a result
DEEPEST = 256  # numbers in a sum, half of them in a small one: packed ones are summed in blocks, these one by one, and
# 512 round twice as much; a weight gradient from 578 tiles, too, with an error of 1.8e-5 of the largest number for 8e-6
FEW = 8  # rows of a matrix that is never cut into rows


def products(a, b, out):
    """Write a @ b to `out`: (..., M, K) @ (..., K, N) -> (..., M, N).

    A weight as it lies in memory is bᵀ; where it is much the larger one, bᵀ aᵀ is quicker: 49 x 4096 times 4096 x 4096
    takes 12 ms and not 15.

    >>> import numpy as np
    >>> products(np.ones((2, 3)), np.ones((3, 1)), np.empty((2, 1)))
    array([[3.],
           [3.]])
    """
    xp, (m, n), k = array_module(a), out.shape[-2:], a.shape[-1]
    large = m * k * n > LARGEST
    deepest = DEEPEST if large else DEEPEST // 2
    if (not large and k <= deepest) or device_of(a) != "cpu" or not packs_nothing():
        return xp.matmul(a, b, out=out)
    if large:
        (rows, columns), lies_across = _piece(m, k, n), b.strides[-1] != b.itemsize
        if lies_across and 4 * m <= n:
            out[...] = (b.swapaxes(-1, -2) @ a.swapaxes(-1, -2)).swapaxes(-1, -2)
            return out
        if (rows, columns) == (m, n) or (lies_across and columns < n):  # to copy a large b takes longer than it saves
            return xp.matmul(a, b, out=out)
        b = xp.ascontiguousarray(b) if lies_across else b
    for i, part in enumerate(cut(k, -(-k // deepest))):
        some = buffer(xp, "sum", out.shape, out.dtype) if i else out
        _in_pieces(xp, a[..., part], b[..., part, :], some)
        if i:
            out += some
    return out


def _in_pieces(xp, a, b, out):
    m, n = out.shape[-2:]
    rows, columns = _piece(m, a.shape[-1], n)
    if (rows, columns) == (m, n):
        return xp.matmul(a, b, out=out)
    whole = m // rows * rows
    for part in cut(n, -(-n // columns)):
        xp.matmul(_stack(a[..., :whole, :], rows), b[..., None, :, part], out=_stack(out[..., :whole, part], rows))
        if whole < m:
            xp.matmul(a[..., whole:, :], b[..., part], out=out[..., whole:, part])
    return out


def sum_of_products(a, b, out=None):
    """Give aᵀ @ b of two tall matrices, (M, O) and (M, K) -> (O, K): a sum over pieces of their rows.

    >>> import numpy as np
    >>> sum_of_products(np.ones((3, 1)), np.ones((3, 2)))
    array([[3., 3.]])
    """
    (m, o), k = a.shape, b.shape[1]
    rows = min(m, MOST_ROWS, LARGEST // max(1, o * k))
    if rows < SUMMED_ROWS or m * o * k <= LARGEST or device_of(a) != "cpu" or not packs_nothing():
        return array_module(a).matmul(a.T, b, out=out)
    whole = m // rows * rows
    total = (_stack(a[:whole], rows).swapaxes(1, 2) @ _stack(b[:whole], rows)).sum(axis=0, out=out)
    if whole < m:
        total += a[whole:].T @ b[whole:]
    return total


def _stack(a, rows: int):
    """View (..., M, K) as a stack of matrices of `rows` rows each."""
    return a.reshape(*a.shape[:-2], -1, rows, a.shape[-1])


@functools.lru_cache(1024)
def _piece(m: int, k: int, n: int) -> tuple[int, int]:
    """Choose rows and columns of a piece; all of them where the whole is as quick."""
    if m * k * n <= LARGEST or min(m, n) > 2 * COLUMNS:
        return m, n
    if m <= FEW and k > DEEPEST:  # 4 x 4096 times 4096 x 4096: 6.6 ms, in pieces 13.6
        return m, n
    if m <= FEW:
        return m, max(16, LARGEST // (m * k) // 16 * 16)
    columns = min(n, COLUMNS)
    most = min(m, MOST_ROWS, LARGEST // (k * columns))
    if most < min(m, FEWEST_ROWS):
        return m, n
    evenly = -(-m // -(-m // most))
    return min(most, -(-evenly // 8) * 8), columns


@functools.cache
def packs_nothing() -> bool:
    """Whether BLAS multiplies small matrices as they lie in memory.

    >>> packs_nothing() in (True, False)
    True
    """
    return any(getattr(library, "architecture", "") in AVX512_KERNELS for library, _ in blas_libraries())
