"""Elementwise arithmetic, sums and shapes.

Broadcasting copies an operand along an axis; the derivative of a copy is a sum (`sum_to`), and of a sum a copy.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minifcn.autograd import Tensor, as_tensors, operation
from minifcn.backend import array_module, on_vectors, product, to_device


@operation
def add(a, b):
    """a + b; shapes broadcast."""
    shapes = a.shape, b.shape

    def backward(gy):
        return lambda: sum_to(gy, shapes[0]), lambda: sum_to(gy, shapes[1])

    return on_vectors(operator.add, a.data, b.data), backward


@operation
def subtract(a, b):
    """a - b; shapes broadcast."""
    shapes = a.shape, b.shape

    def backward(gy):
        return lambda: sum_to(gy, shapes[0]), lambda: sum_to(-gy, shapes[1])

    return on_vectors(operator.sub, a.data, b.data), backward


@operation
def negative(x):
    """-x."""

    def backward(gy):
        return (-gy,)

    return on_vectors(operator.neg, x.data), backward


@operation
def multiply(a, b):
    """a * b, elementwise; shapes broadcast."""
    shapes = a.shape, b.shape

    def backward(gy):
        return lambda: sum_to(gy * b, shapes[0]), lambda: sum_to(gy * a, shapes[1])

    return on_vectors(operator.mul, a.data, b.data), backward


@operation
def divide(a, b):
    """a / b, elementwise; shapes broadcast."""
    shapes = a.shape, b.shape

    def backward(gy):
        # Not gy a / b²: a square leaves the range of float32 at 1e20. Nor (gy / b) (a / b): at a = 0 the first may
        # be inf where the product is 0, in derivatives of this one.
        return lambda: sum_to(gy / b, shapes[0]), lambda: sum_to(-(gy * (a / b)) / b, shapes[1])

    return on_vectors(operator.truediv, a.data, b.data), backward


@operation
def power(x, *, exponent):
    """x ** n for a number n."""

    def backward(gy):
        if exponent < 0:  # |xⁿ⁻¹| leaves the range of the numbers before |xⁿ| does
            return (gy / x * (exponent * x**exponent),)
        return (gy * exponent * x ** (exponent - (exponent != 0)),)  # d/dx x⁰ = 0 · x⁰, at x = 0 too

    return on_vectors(lambda x: x**exponent, x.data), backward


@operation
def power_of(x, exponent):
    """x ** n, elementwise, where both may be learned; shapes broadcast."""

    def backward(gy):
        def by_x():
            lower = exponent - Tensor((x.data != 0) | (exponent.data != 0))  # d/dx x⁰ = 0 · x⁰, at x = 0 too
            return sum_to(gy * exponent * power_of(x, lower), x.shape)

        def by_exponent():
            logarithm = log(x + Tensor((x.data == 0) & (exponent.data >= 0)))  # xⁿ log x goes to 0 with x
            return sum_to(gy * power_of(x, exponent) * logarithm, exponent.shape)

        return by_x, by_exponent

    return x.data**exponent.data, backward


@operation
def exp(x):
    """e ** x.

    Examples
    --------
    >>> exp(Tensor([0.0, 1.0])).data.round(4).tolist()
    [1.0, 2.7183]
    """

    def backward(gy):
        return (gy * exp(x),)

    return on_vectors(array_module(x.data).exp, x.data), backward


@operation
def log(x):
    """Natural logarithm.

    Examples
    --------
    >>> log(Tensor([1.0, 8.0])).data.round(4).tolist()
    [0.0, 2.0794]
    """

    def backward(gy):
        return (gy / x,)

    return on_vectors(array_module(x.data).log, x.data), backward


@operation
def matrix_product(a, b):
    """a @ b for matrices or stacks of matrices; stacks broadcast."""
    shapes = a.shape, b.shape

    def backward(gy):
        return lambda: sum_to(gy @ _transposed(b), shapes[0]), lambda: sum_to(_transposed(a) @ gy, shapes[1])

    return product(a.data, b.data), backward


def _transposed(x):
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """a @ b with NumPy's rules: a vector counts as a row on the left and as a column on the right."""
    a, b = as_tensors((a, b), "matmul")
    if a.ndim == 1:
        return (y := matmul(a.reshape(1, -1), b)).reshape(y.shape[:-2] + y.shape[-1:] if b.ndim > 1 else ())
    if b.ndim == 1:
        return (y := matmul(a, b.reshape(-1, 1))).reshape(y.shape[:-1])
    return matrix_product(a, b)


@operation
def broadcast_to(x, *, shape):
    """Repeat x along new axes and along axes of length 1."""
    old_shape = x.shape

    def backward(gy):
        return (sum_to(gy, old_shape),)

    return array_module(x.data).broadcast_to(x.data, shape), backward


def sum_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Sum over the axes along which `shape` was broadcast to the shape of x."""
    if x.shape == shape:
        return x
    new = x.ndim - len(shape)
    axes = tuple(range(new)) + tuple(new + i for i, n in enumerate(shape) if n == 1 != x.shape[new + i])
    return sum_over(x, axis=axes).reshape(shape)


@operation
def sum_over(x, *, axis=None, keepdims=False):
    """Sum of the elements along an axis, several axes, or all; half precision is added up in float32."""
    shape, summed = x.shape, axes_of(x.ndim, axis)

    def backward(gy):
        kept = tuple(1 if i in summed else n for i, n in enumerate(shape))
        return (broadcast_to(reshape(gy, shape=kept), shape=shape),)

    axis = None if axis is None else tuple(summed)
    if x.dtype == "float16":  # which cannot add many small numbers
        return x.data.sum(axis=axis, dtype="float32", keepdims=keepdims).astype(x.dtype), backward
    return x.data.sum(axis=axis, keepdims=keepdims), backward


def axes_of(ndim: int, axis) -> list[int]:
    """List the axes that None, a number or several of them mean."""
    if axis is None:
        return list(range(ndim))
    axes = [_axis(ndim, a) for a in (axis if isinstance(axis, tuple | list) else [axis])]
    if len(set(axes)) < len(axes):
        raise ValueError(f"axis: {axis!r} names an axis twice")
    return axes


def _axis(ndim: int, axis) -> int:
    if isinstance(axis, bool | np.bool_) or not hasattr(axis, "__index__"):
        raise TypeError(f"axis must be a whole number, a tuple of them, or None for all, got {axis!r}")
    number = operator.index(axis)
    if not -ndim <= number < ndim:
        raise np.exceptions.AxisError(number, ndim)
    return number % ndim


def mean(x: Tensor, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """Mean of the elements along an axis, several axes, or all; of integers it is float64, and of nothing NaN.

    >>> mean(Tensor([True, False, True, True]))
    Tensor(0.75)
    """
    if x.dtype == "float16":  # which cannot add the values of many elements
        return mean(x.astype("float32"), axis, keepdims).astype(x.dtype)
    count = math.prod(x.shape[a] for a in axes_of(x.ndim, axis))
    total = sum_over(x if x.dtype.kind == "f" else x.astype("float64"), axis=axis, keepdims=keepdims)
    return total * (1 / count if count else math.nan)


@operation
def reshape(x, *, shape):
    """The same elements in another shape, in C order."""
    old_shape = x.shape

    def backward(gy):
        return (reshape(gy, shape=old_shape),)

    return x.data.reshape(shape), backward


@operation
def permute(x, *, axes):
    """Axis i of the result is axis axes[i] of x."""

    def backward(gy):
        return (permute(gy, axes=tuple(axes.index(i) for i in range(len(axes)))),)

    return x.data.transpose(axes), backward


def transpose(x: Tensor, *axes: Any) -> Tensor:
    """Reorder the axes; without arguments, reverse them."""
    order = axes[0] if len(axes) == 1 and isinstance(axes[0], tuple | list) else axes or range(x.ndim)[::-1]
    return permute(x, axes=tuple(_axis(x.ndim, axis) for axis in order))


@operation
def astype(x, *, dtype):
    """The same values in another number type; a gradient passes between floating-point ones only."""
    old_dtype = x.dtype

    def backward(gy):
        return (astype(gy, dtype=old_dtype),)

    return x.data.astype(dtype), backward


@operation
def to(x, *, device):
    """The same values on another device."""
    old_device = x.device

    def backward(gy):
        return (to(gy, device=old_device),)

    return to_device(x.data, device), backward
