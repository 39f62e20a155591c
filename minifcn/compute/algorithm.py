"""One door to the algorithms for the three linear maps, and the rule that chooses between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from minifcn.compute import convolution, strips
from minifcn.compute.convolution import grouped
from minifcn.compute.window import Pair, Window

ALGORITHMS = {"im2col": convolution, "strips": strips}
SMALL = 1_000_000  # multiply-adds, about 10 microseconds: less than handing them to another thread
_forced: ContextVar[str | None] = ContextVar("algorithm", default=None)


@contextmanager
def algorithm(name: str) -> Iterator[None]:
    """Force an algorithm for the convolutions inside: "im2col" (the definition) or "strips" (for large maps).

    Examples
    --------
    >>> import minifcn as mf, minifcn.functional as F, numpy as np
    >>> x, weight = mf.Tensor(np.ones((1, 1, 3, 3))), mf.Tensor(np.ones((1, 1, 2, 2)))
    >>> with mf.algorithm("strips"):
    ...     F.conv2d(x, weight)
    Tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    if name not in ALGORITHMS:
        raise ValueError(f"algorithm: unknown name {name!r}; there are {', '.join(map(repr, ALGORITHMS))}")
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


def choose(x_shape: tuple[int, ...], window: Window, size: Pair, outputs: int, dtype):
    """Take im2col, the definition, for float64 and for small products, strips for the rest."""
    name = _forced.get()
    if name is None:
        products = x_shape[0] * size[0] * size[1] * window.kernel[0] * window.kernel[1] * x_shape[1] * outputs
        name = "strips" if dtype == "float32" and products > SMALL else "im2col"
    return ALGORITHMS[name]


def convolve(x, weight, window: Window, groups: int = 1):
    """W A x: (N, C, H, W), (O, C/groups, KH, KW) -> (N, O, OH, OW)."""
    room = choose(x.shape, window, window.output_size(x.shape[2:]), weight.shape[0], x.dtype)
    return grouped(room.convolve, groups)(x, weight, window)


def convolve_transposed(y, weight, window: Window, size: Pair, groups: int = 1):
    """Aᵀ Wᵀ y: (N, O, OH, OW), (O, C/groups, KH, KW) -> (N, C, *size)."""
    room = choose((y.shape[0], weight.shape[1] * groups, *size), window, y.shape[2:], weight.shape[0], y.dtype)
    return grouped(room.convolve_transposed, groups)(y, weight, window, size)


def convolve_weight(x, y, window: Window, groups: int = 1):
    """y (A x)ᵀ: (N, C, H, W), (N, O, OH, OW) -> (O, C/groups, KH, KW)."""
    room = choose(x.shape, window, y.shape[2:], y.shape[1], x.dtype)
    return grouped(room.convolve_weight, groups)(x, y, window)
