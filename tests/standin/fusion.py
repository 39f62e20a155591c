"""cupy.fuse: runs the function as it is, and refuses in it what CuPy cannot trace."""

from __future__ import annotations

import functools
from collections.abc import Callable
from numbers import Number
from typing import Any

import numpy as np

from standin.events import one_kernel

FUSABLE = {  # besides operators and ufuncs
    *("all", "amax", "amin", "any", "astype", "clip", "copy", "dtype", "max", "min", "ndim", "prod", "sum", "where")
}
_depth = 0


def check_fusable(what: str) -> None:
    """Raise TypeError inside a fused function if CuPy cannot make `what` a step of a kernel."""
    if _depth and what not in FUSABLE:
        raise TypeError(f"cupy.fuse cannot trace {what}; fused functions consist of operators and ufuncs of xp")


def fuse(*args: Callable, kernel_name: str | None = None) -> Callable:
    """Stand in for cupy.fuse, as ``@fuse`` or ``@fuse(kernel_name="name")``."""

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def fused(*args: Any) -> Any:
            from standin.array import ndarray  # which asks this file what may be traced

            if not any(isinstance(x, ndarray) for x in args):
                return function(*args)
            for x in args:
                if not isinstance(x, ndarray | Number | np.generic):
                    raise TypeError(f"cupy.fuse: Unsupported type {type(x)} beside device arrays")
            return _trace(function, args)

        return fused

    return decorate(*args) if args else decorate


def _trace(function: Callable, args: tuple) -> Any:
    global _depth
    _depth += 1
    try:
        with one_kernel():
            return function(*args)
    finally:
        _depth -= 1
