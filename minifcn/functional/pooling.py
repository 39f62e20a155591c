"""Max-pooling, unpooling and average pooling of maps (N, C, H, W)."""

from __future__ import annotations

import functools
from typing import Any

from minifcn.autograd import Tensor, operation
from minifcn.backend import array_module, device_of
from minifcn.compute import algorithm, pooling
from minifcn.compute.window import SIGNATURES, Pair, Window, pair
from minifcn.functional.operands import array, expect, floating, given


@operation
def window_maximum(x, *, window, size):
    """Maximum of each window; the gradient goes to the first pixel that has it."""
    y, winner = algorithm.max_pool(x.data, window, size, with_winner=x.requires_grad)

    def backward(gy):
        return (to_winner(gy, winner=winner, window=window, size=x.shape[2:]),)

    return y, backward


@operation
def to_winner(y, *, winner, window, size):
    """Add every y to the pixel that won its window."""

    def backward(gx):
        return (from_winner(gx, winner=winner, window=window),)

    return algorithm.scatter_winner(y.data, winner, window, size), backward


@operation
def from_winner(x, *, winner, window):
    """Read from every window the pixel that won."""

    def backward(gy):
        return (to_winner(gy, winner=winner, window=window, size=x.shape[2:]),)

    return pooling.gather_winner(x.data, winner, window), backward


def max_pool2d(
    x: Tensor,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Take the maximum of each window.

    Parameters
    ----------
    x : Tensor (N, C, H, W)
        Of any real numbers; whole ones stay what they are.
    kernel_size, stride, padding, dilation : int or (rows, columns)
        The stride is the kernel size unless given. The padding is less than any number, -inf too.
    ceil_mode : bool
        Round the output size up, as Caffe's Pooling layer does (and the paper's nets need): the last window may hang
        over the edge, but one that would start in the padding is dropped.
    return_indices : bool
        Give also the position of each maximum in the flattened plane H·W, int64; the first one of equal values. If a
        window has nan, its maximum is nan, at the last one.

    Returns
    -------
    Tensor (N, C, OH, OW), or a pair of them with the indices

    Raises
    ------
    ValueError
        If the kernel does not fit on the padded map, or a window sees no pixel of it.

    Examples
    --------
    >>> y, indices = max_pool2d(Tensor([[[[1.0, 5.0, 2.0], [3.0, 4.0, 7.0]]]]), 2, ceil_mode=True, return_indices=True)
    >>> y, indices
    (Tensor([[[[5., 7.]]]]), Tensor([[[[1, 5]]]]))
    """
    x = given(x, "max_pool2d: x")
    window = _window("max_pool2d", x, kernel_size, stride, padding, dilation)
    size = _output_size(x.shape[2:], window, bool(ceil_mode))
    y = window_maximum(x, window=window, size=size)
    if not return_indices:
        return y
    _, winner = algorithm.max_pool(x.data, window, size)
    return y, Tensor(pooling.flat_indices(winner, window, x.shape[2:]))


def max_unpool2d(
    x: Tensor,
    indices: Tensor,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    output_size: Pair | None = None,
) -> Tensor:
    """Put every value back where `max_pool2d` found it, and zeros elsewhere.

    Where windows overlap, one pixel may have been the maximum of several: it gets the sum of their values. So
    unpooling is the adjoint of reading the pixels at the indices, and each is the gradient of the other. (PyTorch keeps
    one of the values, and does not say which.)

    Parameters
    ----------
    x, indices : Tensor (N, C, H, W)
        Values, and their positions in the flattened plane of the result, 0 to rows·columns - 1. That they are is
        checked, for which a GPU has to be waited for.
    kernel_size, stride, padding : as given to `max_pool2d`
    output_size : (rows, columns), optional
        Size before pooling, where several are possible: less than one stride from (H - 1) S - 2P + K, which is taken
        unless given.

    Returns
    -------
    Tensor `(N, C, *output_size)`

    Raises
    ------
    ValueError
        If an index lies outside the plane, or pooling cannot have made maps of the size of x out of `output_size`.

    Examples
    --------
    >>> max_unpool2d(Tensor([[[[5.0]]]]), Tensor([[[[2]]]]), 2)
    Tensor([[[[0., 0.],
              [5., 0.]]]])
    """
    x = given(x, "max_unpool2d: x")
    window = _window("max_unpool2d", x, kernel_size, stride, padding)
    size = _unpooled_size(x, window, output_size)
    positions = array(indices)
    expect(
        positions.shape == x.shape and positions.dtype.kind in "iu",
        f"max_unpool2d: indices must be integers of the shape of x {x.shape}, got {positions.dtype} {positions.shape}",
    )
    expect(
        device_of(positions) == x.device,
        f"max_unpool2d: indices are on {device_of(positions)}, but x on {x.device}; "
        f"pass minifcn.to_device(indices, {x.device!r})",
    )
    outside = (positions < 0) | (positions >= size[0] * size[1])
    if outside.any():
        raise ValueError(
            f"max_unpool2d: index {positions[outside][0]} lies outside a plane of {size[0]}x{size[1]}, whose pixels "
            f"are 0..{size[0] * size[1] - 1}; pass the indices of max_pool2d with the output_size that they came from"
        )
    return put_in_plane(x, positions=positions.astype("int64"), size=size)


@operation
def put_in_plane(x, *, positions, size):
    """Zeros (N, C, *size) with every x added at its position in the plane."""

    def backward(gy):
        return (take_from_plane(gy, positions=positions),)

    xp, (n, c) = array_module(x.data), x.shape[:2]
    y = xp.zeros((n * c, size[0] * size[1]), x.dtype)
    plane, count = xp.arange(n * c)[:, None], x.shape[2] * x.shape[3]
    xp.add.at(y, (plane, positions.reshape(n * c, count)), x.data.reshape(n * c, count))  # one position may come twice
    return y.reshape(n, c, *size), backward


@operation
def take_from_plane(x, *, positions):
    """Read each position from the plane."""

    def backward(gy):
        return (put_in_plane(gy, positions=positions, size=x.shape[2:]),)

    xp, (n, c) = array_module(x.data), x.shape[:2]
    planes = x.data.reshape(n, c, x.shape[2] * x.shape[3])
    y = xp.take_along_axis(planes, positions.reshape(n, c, positions.shape[2] * positions.shape[3]), 2)
    return y.reshape(positions.shape), backward


@operation
def window_sum(x, *, window, size):
    """Sum of each window."""

    def backward(gy):
        return (to_window(gy, window=window, size=x.shape[2:]),)

    return pooling.sum_pool(x.data, window, size), backward


@operation
def to_window(y, *, window, size):
    """Add every y to all pixels of its window."""

    def backward(gx):
        return (window_sum(gx, window=window, size=y.shape[2:]),)

    return pooling.spread(y.data, window, size), backward


def avg_pool2d(
    x: Tensor,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Take the mean of each window.

    Parameters
    ----------
    x : Tensor (N, C, H, W)
        Whole numbers and booleans are averaged in float64, as NumPy's mean does.
    kernel_size, stride, padding, ceil_mode : as in `max_pool2d`, but the padding counts as 0
    count_include_pad : bool
        Divide by the pixels of the padded map in the window; otherwise by those of the map itself.

    Returns
    -------
    Tensor (N, C, OH, OW)

    Examples
    --------
    >>> avg_pool2d(Tensor([[[[1.0, 5.0], [3.0, 7.0]]]]), 2)
    Tensor([[[[4.]]]])
    """
    x = floating(x, "avg_pool2d: x")
    if x.dtype == "float16":  # whose largest number, 65504, a sum soon exceeds
        wide = avg_pool2d(x.astype("float32"), kernel_size, stride, padding, ceil_mode, count_include_pad)
        return wide.astype(x.dtype)
    window = _window("avg_pool2d", x, kernel_size, stride, padding)
    size = _output_size(x.shape[2:], window, bool(ceil_mode))
    counts = pooling.pixel_counts(array_module(x.data), window, x.shape[2:], size, padding=count_include_pad)
    return window_sum(x, window=window, size=size) / Tensor(counts.astype(x.dtype))


def _window(name, x, kernel_size, stride, padding, dilation=1) -> Window:
    if x.ndim != 4:
        raise ValueError(f"{name}: x must be a map (N, C, H, W), got shape {x.shape}; for one image pass x[None]")
    return Window.of_pool(kernel_size, stride, padding, dilation, caller=name)


@functools.lru_cache(SIGNATURES)
def _output_size(map_size: Pair, window: Window, ceil_mode: bool) -> Pair:
    size = window.output_size(map_size, ceil_mode)
    (height, width), (kh, kw) = map_size, window.kernel
    for n, o, s, p, d in zip(map_size, size, window.stride, window.padding, window.dilation, strict=True):
        # A window that starts in the padding comes out of it in steps of d: on the map, or behind it already.
        expect(
            all((i * s - p) % d < n for i in range(min(o, -(-p // s)))),
            f"{window.caller}: a kernel of {kh}x{kw} with padding {window.padding} and dilation {window.dilation} has "
            f"a window that sees no pixel of a map of {height}x{width}; use less padding or dilation",
        )
    return size


def _unpooled_size(x: Tensor, window: Window, output_size: Any) -> Pair:
    """Size before pooling: the one meant among those of which windows make a map of the size of x."""
    usual = tuple(
        (n - 1) * s - 2 * p + k
        for n, k, s, p in zip(x.shape[2:], window.kernel, window.stride, window.padding, strict=True)
    )
    least = tuple(max(1, u - s + 1) for u, s in zip(usual, window.stride, strict=True))
    most = tuple(u + s - 1 for u, s in zip(usual, window.stride, strict=True))
    size = usual if output_size is None else pair(output_size, "max_unpool2d: output_size")
    expect(
        min(x.shape[2:]) > 0 and all(a <= n <= b for a, n, b in zip(least, size, most, strict=True)),
        f"max_unpool2d: a map of {x.shape[2]}x{x.shape[3]} is pooled from one of {least[0]}x{least[1]} to "
        f"{most[0]}x{most[1]} pixels, got output_size {size}",
    )
    return size
