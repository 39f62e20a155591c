"""Reading elements by an index, and its adjoint: adding to the elements of an index."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.autograd import Tensor, operation
from minifcn.backend import array_module, is_array


def getitem(x: Tensor, index: Any) -> Tensor:
    """x[index], with NumPy's rules: numbers, slices, None, Ellipsis, lists, tuples, index arrays and masks.

    The arrays in it, Tensors included, are copied, so that a change of them does not change the backward pass.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> x[[0, 0, 2]].sum().backward()
    >>> x.grad
    Tensor([2., 0., 1.])
    """
    xp = array_module(x.data)
    parts = index if isinstance(index, tuple) else (index,)
    return take(x, index=tuple(_own_part(part, xp) for part in parts))


def _own_part(part: Any, xp: Any) -> Any:
    if isinstance(part, Tensor):
        part = part.data
    if is_array(part) or isinstance(part, np.generic):
        return part.copy()
    if hasattr(part, "__len__") and not isinstance(part, str | bytes):  # a list, or what else NumPy takes as one
        array = np.array(part)
        return xp.asarray(array if array.size else array.astype(np.intp))  # an empty list is float64 to NumPy
    return part


@operation
def take(x, *, index):
    """x[index]."""
    shape = x.shape

    def backward(gy):
        return (put(gy, index=index, shape=shape),)

    return x.data[index], backward


@operation
def put(x, *, index, shape):
    """Zeros of the given shape with x added at [index]: the adjoint of `take`."""

    def backward(gy):
        return (take(gy, index=index),)

    xp = array_module(x.data)
    y = xp.zeros(shape, x.dtype)
    if any(hasattr(part, "shape") and part.dtype != bool for part in index):
        xp.add.at(y, index, x.data)  # an index array may name an element twice; it takes ten times as long
    else:
        y[index] = x.data
    return y, backward
