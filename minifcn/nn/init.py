"""First values of weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from minifcn import check, named_otherwise
from minifcn.compute.window import Pair, pair

_shapes_only = ContextVar("shapes_only", default=False)


@contextmanager
def shapes_only() -> Iterator[None]:
    """Weights made inside have a shape but no memory, so that a network of any size can be looked at.

    All their numbers are one zero, which cannot be changed. The device "meta" of PyTorch is for the same.

    Examples
    --------
    >>> with shapes_only():
    ...     weight = zeros(4096, 4096, (7, 7))
    >>> weight.shape, weight.strides
    ((4096, 4096, 7, 7), (0, 0, 0, 0))
    """
    token = _shapes_only.set(True)
    try:
        yield
    finally:
        _shapes_only.reset(token)


def he_normal(
    out_channels: int, in_channels: int, kernel_size: tuple[int, int], rng: np.random.Generator, dtype: Any = "float32"
) -> np.ndarray:
    """Draw a weight (O, I, KH, KW) from a normal distribution of variance 2 / (I·KH·KW), channels-last in memory.

    With it, ReLU layers neither amplify nor damp their input: He et al. 2015, "Delving Deep into Rectifiers", eq. 10.

    >>> weight = he_normal(64, 32, (3, 3), np.random.default_rng(0))
    >>> weight.shape, bool(abs(weight.std() - (2 / (32 * 9)) ** 0.5) < 1e-3)
    ((64, 32, 3, 3), True)
    """
    kernel_size = _checked("he_normal", out_channels, in_channels, kernel_size, dtype)
    check.generator(rng, "he_normal: rng", needed=True)
    if _shapes_only.get():
        return _one_zero(out_channels, in_channels, kernel_size, dtype)
    fan_in = in_channels * kernel_size[0] * kernel_size[1]
    values = rng.standard_normal((out_channels, *kernel_size, in_channels), dtype=np.float32)
    values *= np.float32((2 / fan_in) ** 0.5)
    return values.astype(dtype, copy=False).transpose(0, 3, 1, 2)


def fan_in_uniform(
    out_channels: int, in_channels: int, kernel_size: tuple[int, int], rng: np.random.Generator, dtype: Any = "float32"
) -> np.ndarray:
    """Draw a weight (O, I, KH, KW) evenly between -b and b = 1 / sqrt(I·KH·KW), channels-last in memory.

    PyTorch's layers begin so (``kaiming_uniform_`` with a = sqrt(5)); a transposed convolution's weight is (I, O, K, K)
    there too, and its b counts O.

    >>> weight = fan_in_uniform(64, 32, (3, 3), np.random.default_rng(0))
    >>> weight.shape, bool(0.999 / (32 * 9) ** 0.5 < abs(weight).max() <= 1 / (32 * 9) ** 0.5)
    ((64, 32, 3, 3), True)
    """
    kernel_size = _checked("fan_in_uniform", out_channels, in_channels, kernel_size, dtype)
    check.generator(rng, "fan_in_uniform: rng", needed=True)
    if _shapes_only.get():
        return _one_zero(out_channels, in_channels, kernel_size, dtype)
    bound = np.float32((in_channels * kernel_size[0] * kernel_size[1]) ** -0.5)
    values = rng.random((out_channels, *kernel_size, in_channels), dtype=np.float32)
    values *= 2 * bound
    values -= bound
    return values.astype(dtype, copy=False).transpose(0, 3, 1, 2)


def zeros(out_channels: int, in_channels: int, kernel_size: tuple[int, int], dtype: Any = "float32") -> np.ndarray:
    """Make a weight (O, I, KH, KW) of zeros, channels-last in memory: the paper's start for the score layers.

    Examples
    --------
    >>> zeros(21, 512, (1, 1)).shape
    (21, 512, 1, 1)
    """
    kernel_size = _checked("zeros", out_channels, in_channels, kernel_size, dtype)
    if _shapes_only.get():
        return _one_zero(out_channels, in_channels, kernel_size, dtype)
    return np.zeros((out_channels, *kernel_size, in_channels), dtype).transpose(0, 3, 1, 2)


def bilinear_kernel(kernel_size: int) -> np.ndarray:
    """Make the kernel (K, K) with which a transposed convolution interpolates linearly in both directions.

    A tent `1 - |i - c| / f` over the rows times one over the columns, f = ceil(K / 2) pixels to each side of the
    centre c: the stamps of neighbouring pixels, f apart, add up to 1 everywhere between them.

    Notes
    -----
    Paper section 3.3; ``upsample_filt`` of the reference implementation.

    Examples
    --------
    >>> bilinear_kernel(4)[0] * 16
    array([1., 3., 3., 1.])
    >>> float(bilinear_kernel(64).sum())  # stride squared
    1024.0
    """
    kernel_size = check.whole(kernel_size, "bilinear_kernel: kernel_size")
    f = (kernel_size + 1) // 2
    centre = (kernel_size - 1) / 2 if kernel_size % 2 == 0 else f - 1
    tent = 1 - abs(np.arange(kernel_size) - centre) / f
    return tent[:, None] * tent


def bilinear(in_channels: int, out_channels: int, kernel_size: int, dtype: Any = "float32") -> np.ndarray:
    """Make a transposed-convolution weight (I, O, K, K) that interpolates each channel by itself.

    Parameters
    ----------
    in_channels, out_channels : int
        They must be equal: channel i is interpolated to channel i.
    kernel_size : int
        2·stride, or 2·stride - 1.
    dtype : dtype

    Returns
    -------
    array (I, O, K, K)
        The bilinear kernel where input and output channel are the same, and 0 elsewhere; channels-last in memory.

    Notes
    -----
    ``surgery.interp`` of the reference implementation. (Caffe's BilinearFiller fills *all* pairs of channels: without
    groups it adds all channels up.)

    Examples
    --------
    >>> weight = bilinear(2, 2, 4)
    >>> weight[0, 0, 0], weight[0, 1, 0]
    (array([0.0625, 0.1875, 0.1875, 0.0625], dtype=float32), array([0., 0., 0., 0.], dtype=float32))
    """
    _checked("bilinear", out_channels, in_channels, kernel_size, dtype)
    if in_channels != out_channels:
        raise ValueError(
            f"bilinear: in_channels ({in_channels}) and out_channels ({out_channels}) must be equal, because each "
            "channel is interpolated by itself; change the number of channels with a 1x1 convolution first"
        )
    weight = zeros(in_channels, out_channels, (kernel_size, kernel_size), dtype)
    if not _shapes_only.get():
        diagonal = np.arange(in_channels)
        weight[diagonal, diagonal] = bilinear_kernel(kernel_size)
    return weight


def _one_zero(first: int, second: int, kernel_size: Pair, dtype: Any) -> np.ndarray:
    """Make a weight all of whose numbers are the same one in memory."""
    return np.broadcast_to(np.zeros((), dtype), (first, second, *kernel_size))


def _checked(name: str, out_channels: Any, in_channels: Any, kernel_size: Any, dtype: Any) -> Pair:
    check.whole(out_channels, f"{name}: out_channels")
    check.whole(in_channels, f"{name}: in_channels")
    check.floating(dtype, f"{name}: dtype")
    return pair(kernel_size, f"{name}: kernel_size", 1)


if not TYPE_CHECKING:  # which would take any name for one that is here

    def __getattr__(name: str) -> NoReturn:
        raise named_otherwise.in_room(__name__, name, named_otherwise.INIT, globals())
