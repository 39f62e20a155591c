"""The device array: a NumPy array in hiding, which comes out only where CuPy copies one to the host."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from standin import indexing
from standin.events import DuplicateIndexError, HostArrayError, record
from standin.fusion import check_fusable

_owners: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()  # by the id of what they hide
FLAGS = ("c_contiguous", "f_contiguous", "fnc", "forc", "owndata")


def _attribute(name: str, of_host: bool = False) -> property:
    """A property of the hidden array; one that holds no array is given as it is."""

    def value(self):
        check_fusable(name)
        found = getattr(self._hidden, name)
        return found if of_host else wrap(found)

    return property(value)


class ndarray:
    """Stands in for cupy.ndarray: never becomes a NumPy array by itself, and refuses to be mixed with one.

    Its operators come from ufuncs.py, and the methods that compute from functions.py.
    """

    __slots__ = ("__weakref__", "_hidden", "base")  # base: the array that this one is a view of, or None
    __hash__ = None
    __array_priority__ = 100

    def __new__(cls, shape, dtype=float, memptr=None, strides=None, order="C"):
        if memptr is not None or strides is not None:
            raise NotImplementedError("the stand-in lays no arrays over given memory")
        return wrap(np.empty(shape, dtype, order))

    T, mT, real, imag = map(_attribute, ("T", "mT", "real", "imag"))
    dtype, itemsize, nbytes, ndim, shape, size, strides = (
        _attribute(name, of_host=True) for name in ("dtype", "itemsize", "nbytes", "ndim", "shape", "size", "strides")
    )
    data = property(lambda self: SimpleNamespace(ptr=self._hidden.ctypes.data, device_id=0))
    device = property(lambda self: _cupy().cuda.Device(0))

    @property
    def flags(self) -> SimpleNamespace:
        """CuPy's flags, of which none is `writeable`."""
        return SimpleNamespace(**{name: getattr(self._hidden.flags, name) for name in FLAGS})

    # From the device to the host.

    def __array__(self, dtype=None, copy=None):
        raise HostArrayError("Implicit conversion to a NumPy array is not allowed; use `.get()`")

    def get(self, stream=None, order="C", out=None, blocking=True) -> np.ndarray:
        """Copy to the host, in C order unless another is asked for."""
        record("d2h", "ndarray.get")
        hidden = self._wait("ndarray.get")
        if out is None:
            return hidden.copy(order)
        out[...] = hidden
        return out

    def set(self, arr, stream=None) -> None:
        """Copy from the host."""
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if (arr.shape, arr.dtype) != (self.shape, self.dtype):
            raise ValueError(f"set: {arr.dtype} {arr.shape} does not fit {self.dtype} {self.shape}")
        record("h2d", "ndarray.set")
        self._hidden[...] = arr

    def item(self):
        """Give the only element as a Python number; CuPy takes no index here."""
        return self._wait("ndarray.item").item()

    def tolist(self):
        """Give the elements as Python numbers in nested lists."""
        return self._wait("ndarray.tolist").tolist()

    def __bool__(self):
        return bool(self._wait("bool(array)"))

    def __int__(self):
        return int(self._wait("int(array)"))

    def __float__(self):
        return float(self._wait("float(array)"))

    def __format__(self, spec):
        return format(self._wait("format(array)")[()], spec)

    def __repr__(self):
        return repr(self._wait("repr(array)"))

    def __str__(self):
        return str(self._wait("str(array)"))

    def _wait(self, what: str) -> np.ndarray:
        check_fusable(what)
        record("sync", what)
        return self._hidden

    # As a sequence.

    def __len__(self):
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[ndarray]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __contains__(self, value):
        raise TypeError("cupy.ndarray has no __contains__; `in` would wait for one element after the other")

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def __getitem__(self, key) -> ndarray:
        check_fusable("indexing")
        key = indexing.hidden(key, ndarray, "getitem")
        chosen = indexing.select(self._hidden, key)
        if indexing.is_advanced(key):
            record("kernel", "getitem", chosen.size > 0)
            chosen = np.asarray(chosen, order="C")
        return wrap(chosen)

    def __setitem__(self, key, value) -> None:
        check_fusable("assignment to an index")
        key = indexing.hidden(key, ndarray, "setitem")
        if isinstance(value, list | tuple):
            raise TypeError(f"setitem: Unsupported type {type(value)}")
        value = unwrap(value, "setitem")
        if np.ndim(value) and indexing.has_duplicates(self._hidden, key):
            raise DuplicateIndexError("x[i] = v with repeated i: which value wins is undefined in CuPy")
        chosen = indexing.select(self._hidden, key)  # raises where an index is out of range
        record("kernel", "setitem", chosen.size > 0)
        with np.errstate(all="ignore"):
            if indexing.is_advanced(key):
                self._hidden[key] = value
            else:
                chosen[...] = value

    # From NumPy's functions to CuPy's.

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        check_fusable(f"np.{ufunc.__name__}")
        function = getattr(_cupy(), ufunc.__name__, None)
        if method != "__call__":
            function = getattr(function, method, None)
        if function is None:
            return NotImplemented
        if "out" in kwargs:
            (kwargs["out"],) = kwargs["out"]
        return function(*inputs, **kwargs)

    def __array_function__(self, func, types, args, kwargs):
        check_fusable(f"np.{func.__name__}")
        try:
            function = functools.reduce(getattr, [*func.__module__.split(".")[1:], func.__name__], _cupy())
        except AttributeError:
            return NotImplemented
        return function(*args, **kwargs)


def wrap(result: Any) -> Any:
    """Hide the NumPy arrays and scalars of a result; a scalar becomes a 0-d array, as every result of a GPU."""
    if isinstance(result, np.ndarray | np.generic):
        return _wrapped(np.asarray(result))
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return type(result)(*map(wrap, result))
    return type(result)(map(wrap, result)) if isinstance(result, list | tuple) else result


def _wrapped(hidden: np.ndarray) -> ndarray:
    """Hide an array, the same one in the same object: so views of it agree on their base, as CuPy's do."""
    array = _owners.get(id(hidden)) if hidden.base is None else None
    if array is None:
        check_dtype(hidden.dtype)
        array = object.__new__(ndarray)
        array._hidden = hidden
        array.base = _wrapped(hidden.base) if isinstance(hidden.base, np.ndarray) else None
        if hidden.base is None:
            _owners[id(hidden)] = array
    return array


def unwrap(x: Any, who: str) -> Any:
    """Give the NumPy array in a device array, also of those in a list; refuse arrays of the host."""
    if isinstance(x, ndarray):
        return x._hidden
    if isinstance(x, np.ndarray):
        raise HostArrayError(f"{who}: Unsupported type {type(x)} (shape {x.shape}); move it with cupy.asarray first")
    return type(x)(unwrap(v, who) for v in x) if type(x) in (list, tuple) else x


def check_dtype(dtype: np.dtype) -> None:
    """Raise ValueError for a dtype that CuPy 14 has not."""
    if dtype.char not in "?bhilqBHILQefdFD":
        raise ValueError(f"Unsupported dtype {dtype}")


def _cupy():
    from standin.modules import cupy  # which is made of this file

    return cupy
