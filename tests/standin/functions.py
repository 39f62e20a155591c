"""The functions and methods of CuPy that are not ufuncs: NumPy's, bound to the recorded parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from standin import api
from standin.array import check_dtype, ndarray, unwrap, wrap
from standin.events import DuplicateIndexError, HostArrayError, record
from standin.fusion import check_fusable
from standin.ufuncs import operator

# These wait for the GPU: the shape of the result, or a check of the arguments, depends on values.
WAITING = {
    *("argwhere", "array2string", "array_repr", "array_str", "bincount", "compress", "extract", "flatnonzero"),
    *("histogram", "nonzero", "save", "savez", "savez_compressed", "setdiff1d", "sliding_window_view"),
    *("trim_zeros", "unique"),
}
NO_LAUNCH = {"empty", "empty_like"}  # these only take memory
# These give Python objects; numbers from all others are 0-d arrays on the device.
ON_HOST = {
    *("broadcast_shapes", "can_cast", "iscomplexobj", "isrealobj", "isscalar", "issubdtype", "may_share_memory"),
    *("ndim", "shape", "shares_memory", "size"),
}
# Parameters that must be Python numbers: arrays on the device have no __index__.
NUMBERS = {"axes", "axis", "minlength", "newshape", "reps", "shape"}


def stand_in(who: str, entry: dict[str, Any], host: Callable) -> Callable:
    """Make a function or method of CuPy's, with the recorded parameters, that runs NumPy's on what arrays hide."""
    name, parameters = who.rpartition(".")[2], api.signature(entry)
    lays_out = name == "asfortranarray" or (parameters is not None and "order" in parameters.parameters)

    def call(*args: Any, **kwargs: Any) -> Any:
        bound = api.bind(who, parameters, args, kwargs)
        for parameter in NUMBERS & bound.keys():
            _refuse_arrays(who, parameter, bound[parameter])
        if bound.get("writeable"):
            raise NotImplementedError(f"{who}: Writeable views are not supported.")
        check_fusable(name)
        if name in WAITING or (name == "where" and len(bound) == 1):
            record("sync", who)
        hidden = [unwrap(x, who) for x in args]
        with np.errstate(all="ignore"):  # a GPU never warns
            result = host(*hidden, **{key: unwrap(x, who) for key, x in kwargs.items()})
        changed = args[0] if result is None and args else bound.get("out")  # fill and copyto give None
        if isinstance(changed, ndarray):
            record("kernel", who, changed.size > 0)
            return None if result is None else changed
        if name in ON_HOST:
            return result
        if isinstance(result, bool | int | float):
            result = np.asarray(result)
        if isinstance(result, np.ndarray | np.generic) and not _is_view(result, hidden):
            record("kernel", who, result.size > 0 and name not in NO_LAUNCH)
            result = np.asarray(result, order=None if lays_out else "C")  # as CuPy does unless there is order=
        return wrap(result)

    call.__name__ = call.__qualname__ = name
    return call


def _refuse_arrays(who: str, parameter: str, value: Any) -> None:
    for v in value if isinstance(value, list | tuple) else (value,):
        if isinstance(v, ndarray):
            raise TypeError(f"{who}: {parameter} must be Python numbers; an array on the device has no __index__")


def _is_view(result: Any, arrays: list) -> bool:
    return any(isinstance(x, np.ndarray) and np.may_share_memory(result, x) for x in arrays)


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False) -> ndarray:
    """Stand in for cupy.array: NumPy arrays and lists are uploaded, numbers travel with the kernel that fills."""
    check_fusable("array")
    if isinstance(obj, ndarray):
        hidden = np.array(obj._hidden, dtype, copy=copy or None, order=order, ndmin=ndmin)
        if hidden is obj._hidden:
            return obj
    elif _has_device_array(obj):
        hidden = np.array(unwrap(obj, "cupy.array"), dtype, order="C", ndmin=ndmin)
    else:
        hidden = np.array(obj, dtype, order="A" if order == "K" else order, ndmin=ndmin)  # as CuPy uploads
        check_dtype(hidden.dtype)
        if hidden.ndim:
            record("h2d", "cupy.array")
            return wrap(hidden)
    record("kernel", "cupy.array")
    return wrap(hidden)


def _has_device_array(x: Any) -> bool:
    return any(map(_has_device_array, x)) if isinstance(x, list | tuple) else isinstance(x, ndarray)


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False) -> ndarray:
    """Stand in for cupy.asarray: an array on the device stays as it is, unless its dtype or order must change."""
    return array(a, dtype, bool(copy), order or "K")


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True) -> np.ndarray:
    """Stand in for cupy.asnumpy: wait, and copy to the host; arrays of NumPy stay there."""
    return a.get(stream, order, out) if isinstance(a, ndarray) else np.asarray(a, order=order)


def matmul(a, b, /, *, out=None) -> ndarray:
    """Stand in for cupy.matmul: results in C order, of which a host product may differ in the last bit."""
    check_fusable("matmul")
    hidden = [unwrap(x, "cupy.matmul") for x in (a, b)]
    if out is not None and not isinstance(out, ndarray):
        raise HostArrayError("cupy.matmul: Output arguments type must be cupy.ndarray")
    with np.errstate(all="ignore"):
        result = np.matmul(*hidden, out=None if out is None else out._hidden, order="C")
    record("kernel", "cupy.matmul", 1 + sum(map(_must_copy, (*hidden, *([] if out is None else [out._hidden])))))
    return wrap(result) if out is None else out


def _must_copy(x: np.ndarray) -> bool:
    """Whether cuBLAS takes it only as a copy: a matrix that is in neither order, or a stack that is not in C order."""
    return not (x.flags.c_contiguous or (x.ndim <= 2 and x.flags.f_contiguous))


def put_along_axis(arr, indices, values, axis) -> None:
    """Stand in for cupy.put_along_axis; raises where an index comes twice in a lane."""
    check_fusable("put_along_axis")
    arrays = [unwrap(x, "cupy.put_along_axis") for x in (arr, indices, values)]
    if not isinstance(arr, ndarray):
        raise HostArrayError("cupy.put_along_axis: arr must be an array on the device")
    lanes = np.sort(arrays[1] % arr.shape[axis], axis)
    if (np.diff(lanes, axis=axis) == 0).any():
        raise DuplicateIndexError("put_along_axis with repeated indices: which value wins is undefined in CuPy")
    record("kernel", "cupy.put_along_axis")
    np.put_along_axis(*arrays, axis)


def get_array_module(*args):
    """Stand in for cupy.get_array_module."""
    from standin.modules import cupy  # which is made of this file

    return cupy if any(isinstance(x, ndarray) for x in args) else np


for _name, _entry in api.NAMES["cupy.ndarray"].items():
    if _entry["kind"] == "function" and _name not in vars(ndarray) and hasattr(np.ndarray, _name):
        setattr(ndarray, _name, stand_in(f"cupy.ndarray.{_name}", _entry, getattr(np.ndarray, _name)))
ndarray.__matmul__, ndarray.__rmatmul__ = operator(matmul), operator(matmul, swapped=True)
