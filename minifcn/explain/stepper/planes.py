"""What can be stepped through: one image, and kernels, of numbers that can be written out exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.autograd import Tensor
from minifcn.backend import to_host


def planes(value: Any, name: str) -> np.ndarray:
    """Check one image, one channel of it or several, and give it as float64 (C, H, W).

    >>> planes([[1, 2]], "x").shape, planes(np.ones((1, 3, 4, 5)), "x").shape
    ((1, 1, 2), (3, 4, 5))
    """
    array = _numbers(value, name)
    if array.ndim < 2 or any(n != 1 for n in array.shape[:-3]):
        raise ValueError(
            f"{name} must be one channel of one image, of shape (H, W), or all of them, (C, H, W), got {array.shape}; "
            "pass one image of a batch, as in x[0]"
        )
    return array.reshape((-1, *array.shape[-2:])).astype(np.float64)


def kernels(value: Any, name: str = "weight") -> np.ndarray:
    """Check a kernel, or one for each pair of channels, and give them as float64, with four axes.

    >>> kernels([[1, 2]]).shape
    (1, 1, 1, 2)
    """
    array = _numbers(value, name)
    if array.ndim not in (2, 4) and not (array.ndim == 3 and len(array) == 1):
        raise ValueError(
            f"{name} must be one channel of one kernel, of shape (KH, KW), or have 4 axes, (O, C, KH, KW), got "
            f"{array.shape}; pass one plane of it, as in w[0, 0]"
        )
    return array.reshape((1,) * (4 - array.ndim) + array.shape).astype(np.float64)


def check_channels(x: np.ndarray, weight: np.ndarray, axis: int) -> None:
    """Refuse kernels that do not take the channels of x."""
    if weight.shape[axis] != len(x):
        raise ValueError(
            f"x has {len(x)} channels, but weight of shape {weight.shape} takes {weight.shape[axis]}, its axis {axis}; "
            "pass some channels of x, as in x[:1], or another weight"
        )


def _numbers(value: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(to_host(value.data if isinstance(value, Tensor) else value))
    except ValueError:
        raise ValueError(
            f"{name} must be one channel of one image, of shape (H, W); its rows differ in length"
        ) from None
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(
            f"{name} must hold finite real numbers, got a masked array; fill it with .filled(0), for example"
        )
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all() or not array.size:
        raise ValueError(f"{name} must hold finite real numbers, got {array.dtype} of shape {array.shape}")
    if array.dtype.kind in "iu" and max(int(array.max()), -int(array.min())) > 2**53:
        raise ValueError(
            f"{name} must hold numbers that float64 holds exactly, so up to 2**53; divide it by a power of 2"
        )
    return array


def check_products(x: np.ndarray, weight: np.ndarray) -> None:
    """Refuse numbers whose sum of products may overflow: it would be shown as infinity, or as nothing."""
    with np.errstate(over="ignore"):
        largest = np.abs(x).max() * np.abs(weight).sum()
    if not np.isfinite(largest):
        raise ValueError(
            "x and weight must be smaller: sums of their products may go beyond 1.8e308, the largest float64"
        )
