"""One door to the algorithms for the three linear maps, and for max-pooling, and the rule that chooses between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from minifcn.backend import array_module, caches, device_of, has_kernels
from minifcn.backend.nan import finite, has_nan
from minifcn.compute import convolution, pooling
from minifcn.compute.convolution import by_groups
from minifcn.compute.fast import blocks, kernels, rows, strips, winograd
from minifcn.compute.fast import pooling as fast_pooling
from minifcn.compute.fast.finish import Finish, finish_map
from minifcn.compute.window import HALVES, Pair, Window

PLAIN = strips  # for any window
ALGORITHMS: dict[str, Any] = {
    "im2col": convolution,
    "strips": PLAIN,
    "rows": rows,
    "blocks": blocks,
    "winograd": winograd,
}
# The others multiply numbers by 0 where the definition does not see them, and 0 · inf is nan: one pixel that is nan
# would make a whole tile, or the whole map, nan. So a result with nan is computed once more as it is defined; to look
# for one takes a hundredth of the time.
AS_DEFINED = convolution, strips, rows
# Channels and pixels from which Winograd pays, by the caches of a core: measured by `minifcn bench rule` on AMD Zen 4
# and 5 (middle) and on Intel (large). And channels up to which rows pay, if so long.
PAYS = {"small": (32, 400), "middle": (16, 150), "large": (16, 400)}
FEW, LONG = 16, 32
_forced: ContextVar[str | None] = ContextVar("algorithm", default=None)


@contextmanager
def algorithm(name: str) -> Iterator[None]:
    """Force an algorithm for the convolutions inside.

    Parameters
    ----------
    name : "im2col" | "strips" | "rows" | "blocks" | "winograd"
        The definition; the same strip by strip on all cores. And those for certain windows, which leave others to
        strips: rows of pixels where windows are one pixel apart, blocks for strides above 1; Winograd for 3x3 kernels.

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


def textbook(array) -> bool:
    """Whether maps of an array are computed as they are defined: if that is forced, and for float64 on the host.

    And where there is nothing to cut into strips, or to round: for an empty batch, and for whole numbers.
    """
    if not array.size or array.dtype.char not in "fd":  # float32, float64
        return True
    name = _forced.get()
    return name == "im2col" or (name is None and array.dtype.char != "f" and device_of(array) == "cpu")


def choose(array, window: Window, size: Pair, channels: int, outputs: int) -> Any:
    """Choose an algorithm for windows on `size` pixels of an array's batch, from `channels` on the x side to `outputs`.

    The definition where `textbook` says so; one that is forced, where it applies. Else, on a CPU, Winograd for 3x3
    windows with channels enough to pay for transforming the maps, and pixels enough for the weights. Blocks for
    strides. Rows of pixels where there are so few channels that a product would be too narrow for the vectors. Else
    strips.
    """
    if textbook(array):
        return convolution
    on_host, forced, (kh, kw), (sh, sw) = device_of(array) == "cpu", _forced.get(), window.kernel, window.stride
    least, pixels = PAYS[caches.cache_kind()]
    free, pays = on_host and not forced, array.shape[0] * size[0] * size[1] > pixels and min(channels, outputs) >= least
    if window.dilation == (1, 1):
        if kh == kw == 3 and sh == sw == 1 and (forced == "winograd" or (free and pays and channels + outputs > 32)):
            return winograd
        if 1 < sh <= kh and 1 < sw <= kw and (forced == "blocks" or free):
            return blocks
        if sw == 1 < kw and (forced == "rows" or (free and max(channels, outputs) <= FEW and size[1] >= LONG)):
            return rows
    return PLAIN


def convolve(x, weight, window: Window, groups: int = 1, finish: Finish | None = None):
    """W A x: (N, C, H, W), (O, C/groups, KH, KW) -> (N, O, OH, OW).

    `finish` adds a bias, and perhaps a ReLU, and pools what comes out; an algorithm does so strip by strip.
    """
    size = window.output_size(x.shape[2:])
    chosen = choose(x, window, size, weight.shape[1], weight.shape[0] // groups)
    pools = getattr(chosen, "pools", False)
    if finish and finish.pool and (groups > 1 or not pools or device_of(x) != "cpu" or not finite(finish.bias)):
        y = convolve(x, weight, window, groups, finish._replace(pool=False))
        return max_pool(y, HALVES, HALVES.output_size(size, True), with_winner=False)[0]
    for room in (chosen, PLAIN):
        settings = (window,) if room is convolution else (window, size)
        along = (finish,) if finish and groups == 1 and room is not convolution else ()
        if groups > 1:
            y = by_groups(room.convolve, (x, 1), (weight, 0), groups, 1, *settings)
        else:
            y = room.convolve(x, weight, *settings, *along)
        if finish and not along:
            finish_map(y, finish)
        if room in AS_DEFINED or not has_nan(y):
            break
    return y


def convolve_transposed(y, weight, window: Window, size: Pair, groups: int = 1):
    """Aᵀ Wᵀ y: (N, O, OH, OW), (O, C/groups, KH, KW) -> `(N, C, *size)`.

    With stride 1 it is also a convolution, of y with the kernel turned by 180 degrees: gathering windows, each thread
    its own, replaces adding up windows that overlap. With other strides blocks do. What is left is as defined.

    That convolution pads y with zeros, where the definition adds nothing. So a kernel with inf makes nan there, in a
    corner if anywhere, and the definition computes once more; not on a GPU, where to look would be to wait.
    """
    if groups > 1:
        return by_groups(convolve_transposed, (y, 1), (weight, 0), groups, 1, window, size)
    if not textbook(y) and (turned := window.turned()):
        x = convolve(y, weight[:, :, ::-1, ::-1].swapaxes(0, 1), turned)
        corners = x[:, :, :: max(1, size[0] - 1), :: max(1, size[1] - 1)]
        spoilt = device_of(x) == "cpu" and has_nan(corners) and not finite(weight)
        return convolution.convolve_transposed(y, weight, window, size) if spoilt else x
    chosen = choose(y, window, y.shape[2:], weight.shape[1], weight.shape[0])
    if not hasattr(chosen, "convolve_transposed"):
        chosen = kernels if has_kernels(array_module(y)) else convolution
    x = chosen.convolve_transposed(y, weight, window, size)
    large = x.size > 2 * (y.size + weight.size)  # then it takes less time to look at these
    spoilt = chosen not in (convolution, kernels) and not (large and finite(y) and finite(weight)) and has_nan(x)
    return convolution.convolve_transposed(y, weight, window, size) if spoilt else x


def convolve_weight(x, y, window: Window, groups: int = 1):
    """y (A x)ᵀ: (N, C, H, W), (N, O, OH, OW) -> (O, C/groups, KH, KW)."""
    if groups > 1:
        return by_groups(convolve_weight, (x, 1), (y, 1), groups, 0, window)
    chosen = choose(x, window, y.shape[2:], x.shape[1], y.shape[1])
    weight = chosen.convolve_weight(x, y, window)
    spoilt = chosen not in AS_DEFINED and has_nan(weight)
    return PLAIN.convolve_weight(x, y, window) if spoilt else weight


def max_pool(x, window: Window, size: Pair, with_winner: bool = True) -> tuple:
    """Maximum of each window, and which kernel entry it was, or None: (N, C, H, W) -> twice (N, C, OH, OW).

    With nan the definition computes once more.
    """
    room = _room_for_pools(x)
    if room is fast_pooling and not with_winner:
        return room.maximum(x, window, size), None
    y, winner = room.max_pool(x, window, size)
    return pooling.max_pool(x, window, size) if room is fast_pooling and has_nan(y) else (y, winner)


def scatter_winner(y, winner, window: Window, size: Pair):
    """Add every y to the pixel that won its window: (N, C, OH, OW) -> `(N, C, *size)`."""
    room = _room_for_pools(y)
    room = pooling if room is fast_pooling and not finite(y) else room
    return room.scatter_winner(y, winner, window, size)


def _room_for_pools(array) -> Any:
    return pooling if textbook(array) else kernels if has_kernels(array_module(array)) else fast_pooling
