"""The array module of an array, and its way to a device and back."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from minifcn.backend.devices import gpu, resolve_device

OF_NUMPY = (np.ndarray, np.generic)


def array_module(x: Any) -> ModuleType:
    """Give the module whose functions work on an array.

    Parameters
    ----------
    x : array of NumPy or CuPy, any shape and dtype; or a number or list, which counts as NumPy's

    Returns
    -------
    module
        `numpy`, or `cupy` for an array on a GPU.

    Raises
    ------
    TypeError
        If `x` is an array of anything else, such as a Tensor.

    Examples
    --------
    >>> x = np.array([1.0, 4.0])
    >>> xp = array_module(x)
    >>> xp.sqrt(x)
    array([1., 2.])
    """
    if isinstance(x, OF_NUMPY):
        return np
    cupy = sys.modules.get("cupy")  # whoever holds a CuPy array has imported it
    if isinstance(x, getattr(cupy, "ndarray", ())):
        return cupy  # type: ignore[return-value]
    if hasattr(x, "dtype"):
        raise TypeError(
            f"array_module: x must be an array of NumPy or CuPy, got {type(x).__name__}; "
            "for a Tensor pass its .data, for others numpy.asarray(x)"
        )
    return np


def device_of(x: Any) -> str:
    """Say where an array lives.

    Parameters
    ----------
    x : array of NumPy or CuPy

    Returns
    -------
    str
        ``"cpu"``, or ``"cuda:N"`` with the number of the GPU.

    Examples
    --------
    >>> device_of(np.zeros(3))
    'cpu'
    """
    return "cpu" if isinstance(x, OF_NUMPY) or array_module(x) is np else f"cuda:{x.device.id}"


def to_device(x: Any, device: str) -> Any:
    """Give the array on another device, laid out in memory as before.

    Parameters
    ----------
    x : array of NumPy or CuPy, any shape and dtype
    device : str
        As in `resolve_device`.

    Returns
    -------
    array
        `x` itself where it is there already, otherwise a copy.

    Raises
    ------
    UserError
        If the device cannot be used.

    Examples
    --------
    >>> to_device(np.arange(3), "cpu")
    array([0, 1, 2])
    """
    device = resolve_device(device)
    if device == "cpu":
        return to_host(x)
    if device_of(x) == device:
        return x
    import cupy

    with gpu(device):
        return _keeping_layout(cupy.asarray, x if hasattr(x, "strides") else np.asarray(x))


def to_host(x: Any) -> np.ndarray:
    """Give the array on the host, laid out in memory as before; this waits for the GPU.

    Parameters
    ----------
    x : array of NumPy or CuPy, any shape and dtype

    Returns
    -------
    numpy.ndarray
        `x` itself where it is NumPy's already, otherwise a copy.

    Examples
    --------
    >>> to_host(np.arange(3))
    array([0, 1, 2])
    """
    xp = array_module(x)
    return np.asarray(x) if xp is np else _keeping_layout(xp.asnumpy, x)


def _keeping_layout(copy: Any, x: Any) -> Any:
    # CuPy's transfers make C order of a channels-last array; with its axes in memory order there is nothing to reorder.
    axes = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    return copy(x.transpose(axes)).transpose(np.argsort(axes).tolist())


def fused(function: Callable) -> Callable:
    """Make one GPU kernel of a function that changes arrays by a chain of elementwise steps.

    Each step by itself would read and write all of memory: SGD with momentum takes 15 sweeps, and fused 5. On the host
    the steps run one by one.

    Parameters
    ----------
    function : `function(xp, *arrays and numbers, **constants)`
        Of operators and functions of `xp` alone, because CuPy traces it. It may branch on constants.

    Returns
    -------
    `function(*arrays and numbers, **constants)`

    Examples
    --------
    >>> @fused
    ... def halve_positive(xp, x):
    ...     xp.maximum(x, 0, out=x)
    ...     x *= 0.5
    >>> x = np.array([-2.0, 6.0])
    >>> halve_positive(x)
    >>> x
    array([0., 3.])
    """

    @functools.cache
    def kernel(xp, constants):
        bound = functools.partial(function, xp, **dict(constants))
        return xp.fuse(kernel_name=function.__name__)(bound) if hasattr(xp, "fuse") else bound

    @functools.wraps(function)
    def apply(*args: Any, **constants: Any) -> Any:
        return kernel(array_module(args[0]), tuple(constants.items()))(*args)

    return apply
