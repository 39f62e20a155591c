"""One door to the algorithms for the three linear maps, and the rule that chooses between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from minifcn.backend import device_of
from minifcn.compute import convolution
from minifcn.compute.convolution import grouped
from minifcn.compute.fast import blocks, separable, strips, toeplitz, winograd
from minifcn.compute.fast.elementwise import Finish, finite, has_nan
from minifcn.compute.window import Pair, Window

ALGORITHMS = {
    "im2col": convolution,
    "strips": strips,
    "blocks": blocks,
    "separable": separable,
    "toeplitz": toeplitz,
    "winograd": winograd,
}
REARRANGING = (blocks, separable, toeplitz, winograd)
_forced: ContextVar[str | None] = ContextVar("algorithm", default=None)


@contextmanager
def algorithm(name: str) -> Iterator[None]:
    """Force an algorithm for the convolutions inside.

    Parameters
    ----------
    name : "im2col" | "strips" | "blocks" | "separable" | "toeplitz" | "winograd"
        The definition; the same strip by strip on all cores. And those for certain windows, which leave others to
        strips: blocks for strides above 1; rows, then columns, for bilinear weights; neighbouring outputs together
        where there are few channels; Winograd for 3x3 kernels.

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


def choose(array, window: Window, size: Pair, channels: int, outputs: int, weight=None) -> ModuleType:
    """Choose for windows on `size` pixels of an array's batch, between `channels` on the x side and `outputs`.

    On a GPU, strips. On a CPU im2col, the definition, for float64, and for float32: Winograd for 3x3 windows with
    channels enough to pay for transforming the maps, and pixels enough to pay for transforming the weights; measured,
    it wins from 32 and 400 on. Strides: rows, then columns, where the weight is bilinear upsampling, and else blocks.
    Neighbouring outputs together between few channels. Strips for the rest.
    """
    name = _forced.get()
    if 0 in (array.size, channels, outputs) or array.dtype not in ("float32", "float64"):
        name = "im2col"  # nothing to cut into strips, or to round
    elif name is None:
        if device_of(array) != "cpu":
            name = "strips"
        elif array.dtype != "float32":
            name = "im2col"
        elif winograd.applies(window) and min(channels, outputs) >= 32 and array.shape[0] * size[0] * size[1] > 400:
            name = "winograd"
        elif weight is not None and separable.applies(window, weight):
            name = "separable"
        elif blocks.applies(window):
            name = "blocks"
        elif toeplitz.applies(window) and min(channels, outputs) <= 16:
            name = "toeplitz"
        else:
            name = "strips"
    return ALGORITHMS[name]


def textbook(array) -> bool:
    """Whether convolutions of an array's dtype on its device are computed by the definition, step by step."""
    if (forced := _forced.get()) is None:
        return array.dtype != "float32" and device_of(array) == "cpu"
    return forced == "im2col"


def convolve(x, weight, window: Window, groups: int = 1, finish: Finish | None = None):
    """W A x: (N, C, H, W), (O, C/groups, KH, KW) -> (N, O, OH, OW); `finish` adds a bias, and perhaps a ReLU."""

    def by(room):
        if finish and groups == 1 and room is not convolution:
            return room.convolve(x, weight, window, finish)
        y = grouped(room.convolve, groups)(x, weight, window)
        if finish:
            finish.whole(y)
        return y

    size = window.output_size(x.shape[2:])
    return _each_where_it_is_seen(by, choose(x, window, size, weight.shape[1], weight.shape[0] // groups, weight))


def convolve_transposed(y, weight, window: Window, size: Pair, groups: int = 1):
    """Aᵀ Wᵀ y: (N, O, OH, OW), (O, C/groups, KH, KW) -> `(N, C, *size)`."""
    return _each_where_it_is_seen(
        lambda room: grouped(room.convolve_transposed, groups)(y, weight, window, size),
        choose(y, window, y.shape[2:], weight.shape[1], weight.shape[0] // groups, weight),
    )


def convolve_weight(x, y, window: Window, groups: int = 1):
    """y (A x)ᵀ: (N, C, H, W), (N, O, OH, OW) -> (O, C/groups, KH, KW)."""
    return _each_where_it_is_seen(
        lambda room: grouped(room.convolve_weight, groups)(x, y, window),
        choose(x, window, y.shape[2:], x.shape[1] // groups, y.shape[1] // groups),
    )


def _each_where_it_is_seen(by: Callable[[ModuleType], Any], room: ModuleType) -> Any:
    """Compute by an algorithm; if the result has nan, as the definition does, by strips.

    Those that rearrange windows multiply numbers by 0 where the definition does not see them, and 0 · inf is nan: one
    pixel that is nan would make a whole tile, or the whole map, nan. To look takes a hundredth of the time. Rows and
    columns one after the other leave out products with inf too, those between different channels.
    """
    result = by(room)
    spoilt = room in REARRANGING and (has_nan(result) or (room is separable and not finite(result)))
    return by(strips) if spoilt else result
