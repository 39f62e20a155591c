"""Max-pooling, unpooling and average pooling of maps (N, C, H, W)."""

from __future__ import annotations

from minifcn.autograd import Tensor, operation
from minifcn.backend import array_module
from minifcn.compute import pooling
from minifcn.compute.window import Pair, Window
from minifcn.functional.check import expect


@operation
def window_maximum(x, *, window, size):
    """Maximum of each window; the gradient goes to the first pixel that has it."""
    y, winner = pooling.max_pool(x.data, window, size, with_winner=x.requires_grad)

    def backward(gy):
        return (to_winner(gy, winner=winner, window=window, size=x.shape[2:]),)

    return y, backward


@operation
def to_winner(y, *, winner, window, size):
    """Add every y to the pixel that won its window."""

    def backward(gx):
        return (from_winner(gx, winner=winner, window=window),)

    return pooling.scatter_winner(y.data, winner, window, size), backward


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
    kernel_size, stride, padding, dilation : int or (rows, columns)
        The stride is the kernel size unless given. The padding counts as -inf.
    ceil_mode : bool
        Round the output size up, as Caffe's Pooling layer does (and the paper's nets need): the last window may hang
        over the edge, but one that would start in the padding is dropped.
    return_indices : bool
        Give also the position of each maximum in the flattened plane H·W, int64; the first one of equal values.

    Returns
    -------
    Tensor (N, C, OH, OW), or a pair of them with the indices

    Examples
    --------
    >>> y, indices = max_pool2d(Tensor([[[[1.0, 5.0, 2.0], [3.0, 4.0, 7.0]]]]), 2, ceil_mode=True, return_indices=True)
    >>> y, indices
    (Tensor([[[[5., 7.]]]]), Tensor([[[[1, 5]]]]))
    """
    window, size = _window("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode)
    y = window_maximum(x, window=window, size=size)
    if not return_indices:
        return y
    _, winner = pooling.max_pool(x.data, window, size)
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

    Parameters
    ----------
    x, indices : Tensor (N, C, H, W)
        Values, and their positions in the flattened plane of the result.
    kernel_size, stride, padding : as given to `max_pool2d`
    output_size : (rows, columns), optional
        Size before pooling, where several are possible.

    Returns
    -------
    Tensor `(N, C, *output_size)`

    Examples
    --------
    >>> max_unpool2d(Tensor([[[[5.0]]]]), Tensor([[[[2]]]]), 2)
    Tensor([[[[0., 0.],
              [5., 0.]]]])
    """
    window = Window.of(kernel_size, kernel_size if stride is None else stride, padding)
    size = window.transposed_size(x.shape[2:]) if output_size is None else (int(output_size[0]), int(output_size[1]))
    positions = indices.data if isinstance(indices, Tensor) else indices
    expect(
        positions.shape == x.shape and positions.dtype.kind in "iu",
        f"max_unpool2d: indices must be integers of the shape of x {x.shape}, got {positions.dtype} {positions.shape}",
    )
    return put_in_plane(x, positions=positions, size=size)


@operation
def put_in_plane(x, *, positions, size):
    """Zeros (N, C, *size) with every x written to its position in the plane."""

    def backward(gy):
        return (take_from_plane(gy, positions=positions),)

    xp, (n, c) = array_module(x.data), x.shape[:2]
    y = xp.zeros((n, c, size[0] * size[1]), x.dtype)
    xp.put_along_axis(y, positions.reshape(n, c, -1), x.data.reshape(n, c, -1), 2)
    return y.reshape(n, c, *size), backward


@operation
def take_from_plane(x, *, positions):
    """Read each position from the plane."""

    def backward(gy):
        return (put_in_plane(gy, positions=positions, size=x.shape[2:]),)

    xp, (n, c) = array_module(x.data), x.shape[:2]
    y = xp.take_along_axis(x.data.reshape(n, c, -1), positions.reshape(n, c, -1), 2)
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
    window, size = _window("avg_pool2d", x, kernel_size, stride, padding, 1, ceil_mode)
    margin = window.padding if count_include_pad else (0, 0)
    counts = [
        [min(i * s - p + k, n + m) - max(i * s - p, -m) for i in range(o)]
        for n, o, k, s, p, m in zip(
            x.shape[2:], size, window.kernel, window.stride, window.padding, margin, strict=True
        )
    ]
    xp = array_module(x.data)
    rows, columns = (xp.asarray(count, dtype=x.dtype) for count in counts)
    return window_sum(x, window=window, size=size) * Tensor(1 / (rows[:, None] * columns))


def _window(name, x, kernel_size, stride, padding, dilation, ceil_mode) -> tuple[Window, Pair]:
    expect(x.ndim == 4, f"{name}: x must be a map (N, C, H, W), got shape {x.shape}; for one image pass x[None]")
    window = Window.of(kernel_size, kernel_size if stride is None else stride, padding, dilation)
    expect(
        all(2 * p <= k for p, k in zip(window.padding, window.kernel, strict=True)),
        f"{name}: padding {window.padding} must be at most half the kernel size {window.kernel}, "
        "or a window could lie in the padding alone",
    )
    return window, window.output_size(x.shape[2:], ceil_mode)
