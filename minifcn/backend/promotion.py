"""What arrays and numbers become beside each other: the one rule of number types (docs/number_types.md).

NumPy's own, with two differences. Integers beside floating-point data take its dtype, where NumPy would make float64
of float32. And float32 beside float64 is refused, because it is nearly always a mistake that costs twice the time.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from minifcn.backend.arrays import array_module, device_of

PYTHON_NUMBERS = (bool, int, float)


def is_array(x: Any) -> bool:
    """Whether x is an array of NumPy or CuPy; a NumPy scalar is a number.

    >>> is_array(np.zeros(())), is_array(np.float32(0)), is_array([0.0])
    (True, False, False)
    """
    return isinstance(x, np.ndarray) or is_array_of_gpu(x)


def is_array_of_gpu(x: Any) -> bool:
    """Whether x is an array of CuPy."""
    return "cupy" in sys.modules and isinstance(x, sys.modules["cupy"].ndarray)


def as_array(data: Any, name: str = "Tensor") -> Any:
    """Give an array of real numbers as it is, in the machine's byte order, and make one of numbers and nested lists.

    Parameters
    ----------
    data : array of NumPy or CuPy, or a number or nested list, or what else NumPy makes an array of
    name : str
        Who asks, for the message.

    Raises
    ------
    TypeError
        If it holds anything but booleans, integers or floating-point numbers, hides some of them behind a mask, or is
        a list of Tensors whose gradients would be lost.

    Examples
    --------
    >>> as_array([1, 2.5])
    array([1. , 2.5])
    >>> as_array(1j)
    Traceback (most recent call last):
    TypeError: Tensor: the data must be real numbers or booleans, got complex128
    """
    if (type(data) is np.ndarray or is_array_of_gpu(data)) and data.dtype.kind in "biuf" and data.dtype.isnative:
        return data  # nearly always; the questions below would take longer than a small sum
    if isinstance(data, np.generic) and data.dtype.kind in "biuf":
        return np.asarray(data)
    if _needs_gradient(data):
        raise TypeError(
            f"{name}: a list of Tensors would lose their gradients; join them with functional.concatenate, or pass "
            "[t.item() for t in list]"
        )
    if hasattr(data, "mask") and hasattr(data, "filled"):
        raise TypeError(f"{name}: the data are a masked array, and the mask would be lost; pass data.filled(value)")
    if hasattr(data, "images") and hasattr(data, "labels"):
        raise TypeError(f"{name}: a batch is images and labels; write images, labels = batch, and pass Tensor(images)")
    array = data if is_array(data) else _from_numbers(data, name)
    if array.dtype.kind not in "biuf":
        found = type(data).__name__ if array.dtype == object else array.dtype
        raise TypeError(f"{name}: the data must be real numbers or booleans, got {found}")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return np.asarray(array) if isinstance(array, np.ndarray) else array  # a np.matrix would multiply differently


def _from_numbers(data: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(data)
    except ValueError as error:  # lists of different lengths
        raise TypeError(f"{name}: no array can be made of these data: {error}") from None


def _needs_gradient(data: Any) -> bool:
    if isinstance(data, list | tuple):
        return any(_needs_gradient(x) for x in data)
    return getattr(data, "requires_grad", False) is True


def alike(operands: Sequence[Any], name: str) -> list:
    """Give the operands of one operation as arrays that may meet: on one device, floating-point ones of one dtype.

    Parameters
    ----------
    operands : sequence of arrays, numbers and nested lists of numbers
    name : str
        Of the operation, for the message.

    Returns
    -------
    list of arrays
        Numbers, lists, and arrays of integers and booleans take the dtype of the floating-point arrays. Where there
        are none, Python's numbers take what NumPy gives them, and the rest stays as it is. Numbers beside arrays of
        a GPU become NumPy's scalars, the only ones that CuPy's functions take.

    Raises
    ------
    TypeError
        If floating-point arrays differ in dtype, arrays in their device, or an operand holds no real numbers.
    OverflowError
        If a Python integer does not fit the integers beside it.

    Examples
    --------
    >>> [a.dtype.name for a in alike([np.float32([1, 2]), np.arange(2), 0.5, [1, 2]], "add")]
    ['float32', 'float32', 'float32', 'float32']
    >>> [a.dtype.name for a in alike([np.uint8([1, 2]), 0.5], "multiply")]
    ['uint8', 'float64']
    """
    others = [x for x in operands if type(x) not in PYTHON_NUMBERS]
    if len(others) == 1 and is_array(others[0]) and others[0].dtype.kind == "f":  # as nearly always
        array = as_array(others[0], name)
        xp, dtype = array_module(array), array.dtype
        return [array if x is others[0] else _in_dtype(x, dtype, xp, name) for x in operands]
    arrays = [as_array(x, name) for x in operands if is_array(x)]
    if not arrays:
        return [as_array(x, name) for x in operands]
    _check_devices(arrays, name)
    xp = array_module(arrays[0])
    floating = list(dict.fromkeys(a.dtype for a in arrays if a.dtype.kind == "f"))
    if len(floating) > 1:
        raise TypeError(f"{name}: the operands are {floating[0]} and {floating[1]}; convert one with .astype(...)")
    if floating:
        return [_in_dtype(x, floating[0], xp, name) for x in operands]
    dtypes = [a.dtype for a in arrays]
    return [
        xp.asarray(x, dtype=np.result_type(*dtypes, x)) if type(x) in PYTHON_NUMBERS else xp.asarray(as_array(x, name))
        for x in operands
    ]


def _in_dtype(x: Any, dtype: Any, xp: Any, name: str) -> Any:
    if xp is not np and isinstance(x, (*PYTHON_NUMBERS, np.number, np.bool)):
        return dtype.type(x)  # travels with the kernel that needs it, where an array would be one more to fill
    if type(x) in PYTHON_NUMBERS:  # not by way of NumPy's integers, which end at 2**63
        return xp.asarray(x, dtype=dtype)
    array = as_array(x, name)
    return array if array.dtype == dtype else xp.asarray(array, dtype=dtype)


def _check_devices(arrays: list, name: str) -> None:
    first = arrays[0]
    for other in arrays[1:]:
        if type(other) is not type(first) and device_of(other) != device_of(first):
            raise TypeError(
                f"{name}: the operands are on {device_of(first)} and {device_of(other)}; move one with .to(...)"
            )
