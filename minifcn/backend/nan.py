"""What is no finite number: whether there is any, and 0 in its place where it does not count."""

from __future__ import annotations

import numpy as np

from minifcn.backend.arrays import array_module, device_of


def has_nan(x) -> bool:
    """Whether any element is nan: the minimum is, then, and nan is the number that differs from itself.

    >>> has_nan(np.array([1.0, np.nan])), has_nan(np.array([1.0, np.inf])), has_nan(np.zeros(0))
    (True, False, False)
    """
    return x.size > 0 and bool((least := x.min()) != least)


def finite(x) -> bool:
    """Whether all elements are finite, as their sum is, then; a sum that overflows says no, too.

    >>> finite(np.array([1.0, 2.0])), finite(np.array([1.0, np.inf])), finite(np.array([1e308, 1e308]))
    (True, False, False)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(array_module(x).isfinite(x.sum()))


def unless(mask, x, result) -> None:
    """Write x, and 0 where the mask holds, whatever x is there: floats in NumPy's arrays.

    To choose bits takes a tenth of the time of choosing numbers one by one (np.where), and 0 · inf makes no nan.

    >>> x = np.array([1.0, np.inf])
    >>> unless(np.array([False, True]), x, result=x)
    >>> x
    array([1., 0.])
    """
    if x.itemsize > 8:  # a long double: no integer is as long
        result[...] = np.where(mask, x.dtype.type(0), x)
        return
    bits = f"i{x.itemsize}"
    np.bitwise_and(x.view(bits), mask.view("i1") - 1, out=result.view(bits))  # True is 1: 1 - 1 has no bits, 0 - 1 all


def rectify(xp, x, out) -> None:
    """Write max(x, 0) to `out`: nan stays.

    NumPy's maximum of an array and a number computes element by element, and clip with vectors: 524,288 numbers take
    0.16 ms and 0.04 (Zen 5). CuPy's clip loses nan.

    >>> x = np.array([-1.0, np.nan, 2.0])
    >>> rectify(np, x, out=x)
    >>> x
    array([ 0., nan,  2.])
    """
    if xp is np and x.dtype.kind == "f":
        xp.clip(x, 0, xp.inf, out=out)
    else:
        xp.maximum(x, x.dtype.type(0), out=out)


def clear(product, mask) -> None:
    """Set to 0, where a mask holds, what is 0 times something, and so nan if that was inf or nan.

    A GPU would have to wait for the answer whether there is any, so there it is always done.
    """
    if device_of(product) != "cpu" or has_nan(product):
        array_module(product).copyto(product, 0, where=mask)
