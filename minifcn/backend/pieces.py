"""Elementwise work: on all cores, in pieces that stay in the cache from one step to the next; on a GPU, on vectors.

Reading and writing memory takes longer than the arithmetic: a function of three steps over a whole map would fetch the
map three times. And a channels-last map is a transposed view of four axes to CuPy, which computes every index by
division: the ReLU masks of a training step took 4.2 ms on views and 0.4 ms on vectors (an H100).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from minifcn.backend.arrays import array_module, device_of
from minifcn.backend.threads import cut, evenly, share

PIECE = 1 << 17  # elements, 512 KiB of float32: the calls of two threads on a quarter of it are so short that they wait
# for each other's hold of the interpreter's lock, and a narrow training step takes 31.0 ms instead of 28.8
LAYOUTS = 2048  # of which the order of the axes is kept
ELEMENT_WORK = 30  # multiply-adds that take as long as one element does on its way from memory and back


def piecewise(function: Callable, *arrays, passes: int = 1) -> None:
    """Call ``function(*pieces)`` for matching pieces of arrays of one shape; it writes into some of them.

    What goes over them several times, `passes`, takes longer, and is shared from fewer elements on.

    Arrays that lie alike in memory, without gaps, are cut as vectors, others along an axis, images or rows. Those on a
    GPU are a single piece, as one kernel is quickest, and a vector where they can be.

    >>> import numpy as np
    >>> x = np.array([1.0, -2.0])
    >>> piecewise(lambda x: np.maximum(x, 0, out=x), x)
    >>> x
    array([1., 0.])
    """
    size, on_host = arrays[0].size, device_of(arrays[0]) == "cpu"
    work = ELEMENT_WORK * size * passes
    small = on_host and size <= PIECE and (passes == 1 or evenly(1, work) == 1)
    flat, _ = (arrays, ()) if small else _vectors(arrays)
    if small or not on_host:
        function(*flat)
        return
    shape = flat[0].shape
    count = evenly(-(-size // PIECE), work)
    axis = next((axis for axis, length in enumerate(shape) if length >= count), shape.index(max(shape)))
    parts = [(*[slice(None)] * axis, part) for part in cut(shape[axis], count)]
    share(lambda part: function(*(a[part] for a in flat)), parts, work)


def on_vectors(function: Callable, *operands):
    """Give ``function(*operands)``, elementwise, of arrays and numbers; on a GPU it lies in memory as the arrays do.

    CuPy's own results are in C order, and what follows would reorder a map before it can be a matrix of pixels.

    >>> import numpy as np
    >>> on_vectors(np.add, np.array([1, 2]), np.array([3, 4]))
    array([4, 6])
    """
    if type(operands[0]) is np.ndarray:
        return function(*operands)
    arrays = [a for a in operands if not isinstance(a, np.generic)]  # numbers go with the kernel
    if not arrays or arrays[0].shape != arrays[-1].shape:
        return function(*operands)
    flat, axes = _vectors(arrays)
    taken = iter(flat)
    result = function(*(a if isinstance(a, np.generic) else next(taken) for a in operands))
    return result.reshape([arrays[0].shape[axis] for axis in axes]).transpose(_inverse(axes))


def joined(arrays, axis: int):
    """Put arrays one behind the other along an axis; the result lies in memory as the first does, on a GPU too.

    >>> import numpy as np
    >>> joined([np.ones((2, 1)), np.zeros((2, 2))], 1).tolist()
    [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    if type(arrays[0]) is np.ndarray:
        return np.concatenate(arrays, axis)
    axes = _order(arrays[0].strides, arrays[0].shape)
    turned = [a.transpose(axes) for a in arrays]
    return array_module(arrays[0]).concatenate(turned, axes.index(axis % len(axes))).transpose(_inverse(axes))


def _vectors(arrays) -> tuple[list, tuple[int, ...]]:
    """View arrays of one shape as vectors, and list their axes in the order in which they lie in memory.

    Where one has gaps, or differs in that order, they keep their axes, in the order of the first.
    """
    axes = _order(arrays[0].strides, arrays[0].shape)
    ordered = [a.transpose(axes) for a in arrays]
    for a in ordered:
        if not a.flags.c_contiguous:
            return ordered, axes
    return [a.reshape(-1) for a in ordered], axes


@functools.lru_cache(LAYOUTS)
def _order(strides: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """List axes in the order in which they lie in memory; one of a single element behind those with its stride."""
    return tuple(sorted(range(len(strides)), key=lambda axis: (-strides[axis], shape[axis] == 1)))


@functools.lru_cache(LAYOUTS)
def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """Say to where each axis has to go back."""
    return tuple(sorted(axes, key=axes.__getitem__))


def for_rows(function: Callable[[slice], None], rows) -> None:
    """Call function(part) for slices that cut the first axis of `rows` into pieces; on a GPU, one for all of it."""
    work = ELEMENT_WORK * rows.size if device_of(rows) == "cpu" else 0
    share(function, cut(len(rows), evenly(-(-rows.size // PIECE), work) if work else 1), work)
