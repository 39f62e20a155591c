"""Elementwise functions, with the parameters, dtypes and memory order of CuPy's; and from them the operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from standin import indexing
from standin.array import ndarray, unwrap, wrap
from standin.events import HostArrayError, record

SCALARS = (bool, int, float, complex, np.generic)
ATOMIC = {  # dtypes of ufunc.at
    "add": "iIlLqQefd",
    "subtract": "iI",
    "maximum": "iIlLqQfd",
    "minimum": "iIlLqQfd",
    "bitwise_and": "iIlLqQ",
    "bitwise_or": "iIlLqQ",
    "bitwise_xor": "iIlLqQ",
}
REDUCTIONS = {"add": ("sum", "cumsum"), "multiply": ("prod", "cumprod")}
_order = np.random.default_rng(12345)


class ufunc:
    """Stands in for a cupy.ufunc: no where=, order= or subok=, and results are in C order."""

    def __init__(self, host: np.ufunc):
        self._numpy, self.name, self.__name__ = host, host.__name__, host.__name__
        self.nin, self.nout, self.nargs = host.nin, host.nout, host.nargs

    def __repr__(self):
        return f"<ufunc 'cupy_{self.name}'>"

    def __call__(self, *args, out=None, dtype=None, casting="same_kind"):
        who = f"cupy.{self.name}"
        if not self.nin <= len(args) <= self.nargs:
            raise TypeError(f"{who}: takes {self.nin} to {self.nargs} arguments, got {len(args)}")
        inputs = [self._operand(x) for x in args[: self.nin]]
        out = args[self.nin :] or (out if isinstance(out, tuple | None) else (out,))
        if not all(isinstance(x, ndarray) for x in out or ()):
            raise HostArrayError(f"{who}: Output arguments type must be cupy.ndarray")
        into = tuple(x._hidden for x in out) if out else None
        with np.errstate(all="ignore"):  # a GPU never warns
            result = self._numpy(*inputs, out=into, dtype=dtype, casting=casting, order="C")
        record("kernel", who, np.size(result[0] if self.nout > 1 else result) > 0)
        record("strided", who, any(isinstance(x, np.ndarray) and not x.flags.c_contiguous for x in inputs))
        if not out:
            return wrap(result)
        return out[0] if self.nout == 1 else out

    def _operand(self, x: Any) -> Any:
        who = f"cupy.{self.name}"
        if not isinstance(x, (ndarray, np.ndarray, *SCALARS)):
            raise TypeError(f"{who}: Unsupported type {type(x)}")
        return unwrap(x, who)

    def at(self, a, indices, b=None) -> None:
        """Change elements with atomics, in no fixed order: sums of floats come out different each time."""
        if self.name not in ATOMIC:
            raise NotImplementedError(f"`cupy_{self.name}.at` is not supported yet")
        who = f"cupy.{self.name}.at"
        if not isinstance(a, ndarray):
            raise HostArrayError(f"{who}: the array to change must be on the device, got {type(a)}")
        if a.dtype.char not in ATOMIC[self.name]:
            raise TypeError(f"{who} does not support {a.dtype}")
        key, values = indexing.hidden(indices, ndarray, who), unwrap(b, who)
        positions = indexing.select(np.arange(a.size).reshape(a.shape), key)
        if indexing.is_advanced(key):
            record("atomic", who)
        record("kernel", who)
        values = np.broadcast_to(np.asarray(values, a.dtype), positions.shape).ravel()
        order = _order.permutation(positions.size)
        self._numpy.at(a._hidden, np.unravel_index(positions.ravel()[order], a.shape), values[order])

    def reduce(self, array, axis=0, dtype=None, out=None, keepdims=False):
        """Sum or multiply along an axis; CuPy has no other reductions here."""
        if self.name not in REDUCTIONS:
            raise NotImplementedError(f"`cupy_{self.name}.reduce` is not supported yet")
        return getattr(array, REDUCTIONS[self.name][0])(axis, dtype, out, keepdims)

    def accumulate(self, array, axis=0, dtype=None, out=None):
        """Sum or multiply cumulatively along an axis."""
        if self.name not in REDUCTIONS:
            raise NotImplementedError(f"`cupy_{self.name}.accumulate` is not supported yet")
        return getattr(array, REDUCTIONS[self.name][1])(axis, dtype, out)


BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}
COMPARISONS = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}


def operator(function, swapped: bool = False, in_place: bool = False):
    """Make a method of two operands; Python asks the other operand if it is neither an array nor a number."""

    def method(self, other):
        if not isinstance(other, (ndarray, np.ndarray, *SCALARS)):
            return NotImplemented
        operands = (other, self) if swapped else (self, other)
        return function(*operands, out=self) if in_place else function(*operands)

    return method


def _unary(function):
    return lambda self: function(self)


for _name, _host in (BINARY | COMPARISONS).items():
    setattr(ndarray, f"__{_name}__", operator(ufunc(_host)))
for _name, _host in BINARY.items():
    setattr(ndarray, f"__r{_name}__", operator(ufunc(_host), swapped=True))
    setattr(ndarray, f"__i{_name}__", operator(ufunc(_host), in_place=True))
for _name, _host in UNARY.items():
    setattr(ndarray, f"__{_name}__", _unary(ufunc(_host)))
