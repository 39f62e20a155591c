"""Elementwise arithmetic, sums and shapes: the operators and methods of a Tensor.

Broadcasting copies an operand along an axis; the derivative of a copy is a sum (`sum_to`), and of a sum a copy.
"""

from __future__ import annotations

import operator
from typing import Any

from minifcn.autograd import Tensor, operation
from minifcn.backend import array_module, device_of, to_device
from minifcn.compute.threads import product


@operation
def add(a, b):
    """a + b; shapes broadcast."""

    def backward(gy):
        return sum_to(gy, a.shape), sum_to(gy, b.shape)

    return a.data + b.data, backward


@operation
def multiply(a, b):
    """a * b, elementwise; shapes broadcast."""

    def backward(gy):
        return _product_gradient(gy, b, a), _product_gradient(gy, a, b)

    return a.data * b.data, backward


def _product_gradient(gy, other, operand):
    return sum_to(gy * other, operand.shape) if operand.requires_grad else None


@operation
def divide(a, b):
    """a / b, elementwise; shapes broadcast."""

    def backward(gy):
        return sum_to(gy / b, a.shape), sum_to(-gy * a / (b * b), b.shape) if b.requires_grad else None

    return a.data / b.data, backward


@operation
def power(x, *, exponent):
    """x ** exponent for a number as exponent."""

    def backward(gy):
        return (gy * exponent * x ** (exponent - 1),)

    return x.data**exponent, backward


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

    return array_module(x.data).exp(x.data), backward


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

    return array_module(x.data).log(x.data), backward


@operation
def matrix_product(a, b):
    """a @ b for matrices or stacks of matrices; stacks broadcast."""

    def backward(gy):
        return sum_to(gy @ _transposed(b), a.shape), sum_to(_transposed(a) @ gy, b.shape)

    return product(a.data, b.data), backward


def _transposed(x):
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """a @ b with NumPy's rules: a vector counts as a row on the left and as a column on the right."""
    a, b = (x if isinstance(x, Tensor) else Tensor(x) for x in (a, b))
    if a.ndim == 1:
        return (y := matmul(a.reshape(1, -1), b)).reshape(y.shape[:-2] + y.shape[-1:] if b.ndim > 1 else ())
    if b.ndim == 1:
        return (y := matmul(a, b.reshape(-1, 1))).reshape(y.shape[:-1])
    return matrix_product(a, b)


@operation
def broadcast_to(x, *, shape):
    """Repeat x along new axes and along axes of length 1."""

    def backward(gy):
        return (sum_to(gy, x.shape),)

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
    """Sum of the elements along an axis, several axes, or all."""

    def backward(gy):
        return (broadcast_to(reshape(gy, shape=_kept_shape(x.shape, axis)), shape=x.shape),)

    return array_module(x.data).asarray(x.data.sum(axis=axis, keepdims=keepdims)), backward


def _kept_shape(shape, axis):
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    summed = {a % len(shape) for a in axes}
    return tuple(1 if i in summed else n for i, n in enumerate(shape))


def mean(x: Tensor, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """Mean of the elements along an axis, several axes, or all."""
    total = sum_over(x, axis=axis, keepdims=keepdims)
    return total * (total.data.size / x.data.size)


@operation
def reshape(x, *, shape):
    """The same elements in another shape, in C order."""

    def backward(gy):
        return (reshape(gy, shape=x.shape),)

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
    return permute(x, axes=tuple(axis % x.ndim for axis in order))


@operation
def getitem(x, *, index):
    """x[index], with NumPy's rules for indices."""

    def backward(gy):
        return (put(gy, index=index, shape=x.shape),)

    return x.data[index], backward


@operation
def put(x, *, index, shape):
    """Zeros of the given shape with x added at [index]: the adjoint of `getitem`."""

    def backward(gy):
        return (getitem(gy, index=index),)

    xp = array_module(x.data)
    y = xp.zeros(shape, x.dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if any(hasattr(part, "shape") or isinstance(part, list) for part in parts):
        xp.add.at(y, index, x.data)  # an index array may name an element twice
    else:
        y[index] = x.data
    return y, backward


@operation
def astype(x, *, dtype):
    """The same values in another floating-point precision."""

    def backward(gy):
        return (astype(gy, dtype=x.dtype),)

    return x.data.astype(dtype), backward


@operation
def to(x, *, device):
    """The same values on another device."""

    def backward(gy):
        return (to(gy, device=device_of(x.data)),)

    return to_device(x.data, device), backward


def _comparison(name):
    def compare(self, other):
        return Tensor(getattr(operator, name)(self.data, other.data if isinstance(other, Tensor) else other))

    return compare


def _documented_by(function, method):
    method.__doc__ = function.__doc__
    return method


_METHODS = {
    "__add__": add,
    "__radd__": add,
    "__neg__": lambda self: multiply(self, -1.0),
    "__sub__": lambda self, other: add(self, -other),
    "__rsub__": lambda self, other: add(-self, other),
    "__mul__": multiply,
    "__rmul__": multiply,
    "__truediv__": divide,
    "__rtruediv__": lambda self, other: divide(other, self),
    "__pow__": lambda self, exponent: power(self, exponent=exponent),
    "__matmul__": matmul,
    "__rmatmul__": lambda self, other: matmul(other, self),
    "__getitem__": lambda self, index: getitem(self, index=index),
    "sum": _documented_by(
        sum_over, lambda self, axis=None, keepdims=False: sum_over(self, axis=axis, keepdims=keepdims)
    ),
    "mean": mean,
    "reshape": _documented_by(
        reshape, lambda self, *shape: reshape(self, shape=shape[0] if len(shape) == 1 else shape)
    ),
    "transpose": transpose,
    "astype": _documented_by(astype, lambda self, dtype: astype(self, dtype=dtype)),
    "to": _documented_by(to, lambda self, device: to(self, device=device)),
    **{name: _comparison(name) for name in ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__")},
    "__hash__": object.__hash__,  # which Python takes away from a class with its own ==
}
for _name, _method in _METHODS.items():
    setattr(Tensor, _name, _method)
