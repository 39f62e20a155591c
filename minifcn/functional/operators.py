"""What a Tensor can do by itself: its operators and methods, and how Python sees its values."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minifcn import named_otherwise
from minifcn.autograd import Tensor
from minifcn.backend import to_host
from minifcn.functional import arithmetic, maximum
from minifcn.functional.indexing import getitem
from minifcn.guards import changed_since


def _power(x: Tensor, exponent: Any) -> Tensor:
    if isinstance(exponent, int | float):  # np.float64 too, which is a float
        number = exponent if isinstance(exponent, int) else float(exponent)
        return arithmetic.power(x, exponent=number)
    return arithmetic.power_of(x, exponent)


def _negative(x: Tensor) -> Tensor:
    if x.dtype == bool:
        raise TypeError("-x: x is boolean, as NumPy refuses too; write ~x for the opposite, or 1 - x for numbers")
    return arithmetic.negative(x)


def _unrecorded(name: str) -> Callable:
    """Make a method of an operator that has no gradient: a comparison, or the logic of masks."""
    function = getattr(operator, name)

    def method(self, other):
        return Tensor(function(self.data, other.data if isinstance(other, Tensor) else other))

    return method


def _reduction(name: str, function: Callable) -> Callable:
    """Make a method of what reduces axes; it also takes what `numpy.sum` passes on, and knows PyTorch's names."""

    def method(self, axis: Any = None, keepdims: bool = False, **others: Any) -> Tensor:
        given = [key for key, value in others.items() if value is not None]
        if given:
            numpy_name = {"dim": "axis", "keepdim": "keepdims"}.get(given[0])
            advice = f"it is called {numpy_name} here, as in NumPy" if numpy_name else "there are axis and keepdims"
            raise TypeError(f"Tensor.{name}: no argument is called {given[0]!r}; {advice}")
        return function(self, axis=axis, keepdims=keepdims)

    method.__doc__ = function.__doc__
    return method


def _documented_by(function: Callable, method: Callable) -> Callable:
    method.__doc__ = function.__doc__
    return method


def _one_element(x: Tensor, wanted: str) -> Any:
    if x.data.size != 1:
        raise TypeError(
            f"{wanted}: only a Tensor of one element is a number, and this one has shape {x.shape}; take one element, "
            "or its .sum() or .mean()"
        )
    return x.data.item()


def _truth(x: Tensor) -> bool:
    if x.data.size != 1:
        raise ValueError(
            f"if: the truth of a Tensor of shape {x.shape} is ambiguous, as that of an array; write (...).data.all() "
            "or (...).data.any()"
        )
    return bool(x.data.item())


def numpy(x: Tensor) -> np.ndarray:
    """Give the data as a NumPy array on the host; it may share memory with the tensor."""
    return to_host(x.data)


def to_float32(x: Tensor) -> Tensor:
    """The same values in float32, the usual number type; for others there is `astype`."""
    return arithmetic.astype(x, dtype="float32")


def item(x: Tensor) -> float:
    """Give the value of a tensor of one element as a Python number; on a GPU this waits for it."""
    return x.data.item()


def _index(x: Tensor) -> int:
    if x.ndim or x.dtype.kind not in "iu":
        raise TypeError(f"index: only a single integer can be an index, got {x.dtype} of shape {x.shape}")
    return x.data.item()


def _format(x: Tensor, spec: str) -> str:
    return format(_one_element(x, f"format {spec!r}"), spec) if spec else str(x)


def _length(x: Tensor) -> int:
    if not x.ndim:
        raise TypeError("len: a Tensor of no axes is a single number and has no length")
    return len(x.data)


def _elements(x: Tensor) -> Iterator[Tensor]:
    if not x.ndim:
        raise TypeError("iteration: a Tensor of no axes is a single number; use .item()")
    return (x[i] for i in range(len(x.data)))


def _contains(x: Tensor, value: Any) -> bool:
    return bool((x == value).data.any())


def _as_numpy(x: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    if x.device != "cpu":
        raise TypeError(f"numpy.asarray: the Tensor is on {x.device}; copy it to the host with .numpy()")
    return np.array(x.data, dtype=dtype, copy=copy)


def _copy(x: Tensor) -> Tensor:
    """Give a tensor of its own in the graph, with the same data and history."""
    copy = type(x).__new__(type(x))
    for name in Tensor.__slots__[1:]:  # all but __weakref__
        setattr(copy, name, getattr(x, name))
    if not changed_since(x):  # else its order shows it
        copy.order = Tensor(0.0).order
    if hasattr(x, "__dict__"):  # of a subclass
        vars(copy).update(vars(x))
    return copy


def _state(x: Tensor) -> tuple:
    """Give what a deep copy, here or in another process, is made of; it is a tensor of its own in the graph."""
    if not x.is_leaf:
        raise TypeError(
            "copy: this Tensor is the result of an operation, and a copy would not know its history; copy "
            "tensor.detach() instead"
        )
    return x.data, x.requires_grad, x.grad, getattr(x, "__dict__", None)


def _set_state(x: Tensor, state: tuple) -> None:
    data, requires_grad, grad, attributes = state
    Tensor.__init__(x, data, requires_grad)  # a subclass may be made of something else
    x.grad = grad
    if attributes:
        vars(x).update(attributes)


def _in_place(name: str) -> Callable:
    """Make `x += y` give a new Tensor, as numbers do, but never in the place of one that learns."""
    function = getattr(operator, name)

    def method(self, other):
        if self.requires_grad and self.is_leaf:
            raise TypeError(
                f"x {_SIGNS[name]}= ...: it would put a new Tensor in the place of one that is learned; change its "
                f"array, as in x.data {_SIGNS[name]}= 0.1 * x.grad.data"
            )
        return function(self, other)

    return method


_SIGNS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "matmul": "@"}


def _refuse_assignment(x: Tensor, index: Any, value: Any) -> None:
    raise TypeError(
        "x[...] = value: a Tensor cannot be changed through an index, because its graph would not know; write "
        "x.data[...] = value, or make a new Tensor"
    )


_UNRECORDED = ("lt", "le", "gt", "ge", "eq", "ne", "and_", "or_", "xor")
METHODS: dict[str, Any] = {
    "__add__": arithmetic.add,
    "__radd__": lambda self, other: arithmetic.add(other, self),
    "__sub__": arithmetic.subtract,
    "__rsub__": lambda self, other: arithmetic.subtract(other, self),
    "__mul__": arithmetic.multiply,
    "__rmul__": lambda self, other: arithmetic.multiply(other, self),
    "__truediv__": arithmetic.divide,
    "__rtruediv__": lambda self, other: arithmetic.divide(other, self),
    "__pow__": _power,
    "__rpow__": lambda self, base: arithmetic.power_of(base, self),
    "__matmul__": arithmetic.matmul,
    "__rmatmul__": lambda self, other: arithmetic.matmul(other, self),
    "__neg__": _negative,
    **{f"__{name.strip('_')}__": _unrecorded(name) for name in _UNRECORDED},
    "__invert__": lambda self: Tensor(~self.data),
    **{f"__i{name}__": _in_place(name) for name in _SIGNS},
    "__getitem__": getitem,
    "__setitem__": _refuse_assignment,
    "sum": _reduction("sum", arithmetic.sum_over),
    "mean": _reduction("mean", arithmetic.mean),
    "max": _reduction("max", maximum.maximum),
    "argmax": _reduction("argmax", maximum.argmax),
    "reshape": _documented_by(
        arithmetic.reshape, lambda self, *shape: arithmetic.reshape(self, shape=shape[0] if len(shape) == 1 else shape)
    ),
    "transpose": arithmetic.transpose,
    "astype": _documented_by(arithmetic.astype, lambda self, dtype: arithmetic.astype(self, dtype=dtype)),
    "float": to_float32,
    "to": _documented_by(arithmetic.to, lambda self, device: arithmetic.to(self, device=device)),
    "numpy": numpy,
    "item": item,
    "__bool__": _truth,
    "__float__": lambda self: float(_one_element(self, "float")),
    "__int__": lambda self: int(_one_element(self, "int")),
    "__index__": _index,
    "__round__": lambda self, digits=None: round(_one_element(self, "round"), digits),
    "__format__": _format,
    "__len__": _length,
    "__iter__": _elements,
    "__contains__": _contains,
    "__array__": _as_numpy,
    "__copy__": _copy,
    "__getstate__": _state,
    "__setstate__": _set_state,
    "__hash__": object.__hash__,  # which Python takes away from a class with its own ==
}


def _missing(x: Tensor, name: str) -> Any:
    return named_otherwise.of_object(x, name, named_otherwise.TENSOR, named_otherwise.IN_PLACE)


def give_to(cls: type) -> None:
    """Make them methods of a class."""
    for name, method in METHODS.items():
        setattr(cls, name, method)
    setattr(cls, "backward", named_otherwise.arguments(getattr(cls, "backward")))  # noqa: B009, B010 (cls is any type)
    setattr(cls, "__getattr__", _missing)  # noqa: B010 (not among METHODS: type checkers would believe in any name)
