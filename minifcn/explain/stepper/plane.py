"""What can be stepped through: one map of numbers that can be written out exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.autograd import Tensor
from minifcn.backend import to_host


def plane(value: Any, name: str) -> np.ndarray:
    """Check one channel of one image and give it as float64 (H, W)."""
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
    if array.ndim < 2 or any(n != 1 for n in array.shape[:-2]):
        raise ValueError(
            f"{name} must be one channel of one image, of shape (H, W), got {array.shape}; pass one plane of it, as in "
            "x[0, 0]"
        )
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all() or not array.size:
        raise ValueError(f"{name} must hold finite real numbers, got {array.dtype} of shape {array.shape}")
    if array.dtype.kind in "iu" and max(int(array.max()), -int(array.min())) > 2**53:
        raise ValueError(
            f"{name} must hold numbers that float64 holds exactly, so up to 2**53; divide it by a power of 2"
        )
    return array.reshape(array.shape[-2:]).astype(np.float64)


def check_products(x: np.ndarray, weight: np.ndarray) -> None:
    """Refuse numbers whose sum of products may overflow: it would be shown as infinity, or as nothing."""
    with np.errstate(over="ignore"):
        largest = np.abs(x).max() * np.abs(weight).sum()
    if not np.isfinite(largest):
        raise ValueError(
            "x and weight must be smaller: sums of their products may go beyond 1.8e308, the largest float64"
        )
