"""What the functions that explain take: shapes of images, and real numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.autograd import Tensor
from minifcn.backend import to_host
from minifcn.check import as_whole


def image_shape(shape: Any, name: str) -> tuple[int, int, int]:
    """Take the shape of one image that is not empty.

    >>> image_shape([3, 4, 5], "input_shape")
    (3, 4, 5)
    """
    sizes = [as_whole(size) or 0 for size in (shape if isinstance(shape, tuple | list | np.ndarray) else [shape])]
    if len(sizes) != 3 or min(sizes) < 1:
        raise ValueError(f"{name} must be (C, H, W), three whole numbers of at least 1, got {shape!r}")
    return sizes[0], sizes[1], sizes[2]


def real(values: Any, name: str) -> np.ndarray:
    """Take a Tensor, array or list of real numbers as an array of NumPy in float64.

    >>> real([1, 2], "x")
    array([1., 2.])
    """
    array = np.asarray(to_host(values.data if isinstance(values, Tensor) else values))
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got {array.dtype}")
    return array.astype(np.float64)
