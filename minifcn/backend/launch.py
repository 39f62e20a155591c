"""Kernels of one's own on a GPU: a text in C, compiled once, and run for every element of what it gives.

A kernel is written as CuPy takes it: its inputs, its outputs, and the text, in which `i` numbers the elements.
"""

from __future__ import annotations

import functools
from types import ModuleType

from minifcn.backend.arrays import array_module


@functools.cache
def has_kernels(xp: ModuleType) -> bool:
    """Whether an array module runs kernels of one's own, as CuPy does.

    >>> import numpy as np
    >>> has_kernels(np)
    False
    """
    return getattr(xp, "ElementwiseKernel", None) is not None


def launch(kernel: tuple[str, str, str], *arguments) -> None:
    """Run a kernel for vectors and numbers: its inputs, and then its outputs, of which it fills every element."""
    if arguments[-1].size >= 1 << 32:
        raise ValueError(f"a GPU's kernels count 2^32 numbers, got {arguments[-1].size}; pass fewer images at once")
    _compiled(array_module(arguments[0]), *kernel)(*arguments)


def vector(x):
    """Read an array as a vector, in C order; a view if it lies in memory like that.

    >>> import numpy as np
    >>> vector(np.eye(2)[:, ::-1])
    array([0., 1., 1., 0.])
    """
    x = x.reshape(-1)  # also a view of a number that was broadcast, as the gradient of a sum is, in steps of 0
    return x if x.flags.c_contiguous else array_module(x).ascontiguousarray(x)


@functools.cache
def _compiled(xp, inputs: str, outputs: str, text: str):
    return xp.ElementwiseKernel(inputs, outputs, text)
