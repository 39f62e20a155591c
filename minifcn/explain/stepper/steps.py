"""Convolution and its kin one step at a time, with the sentence that says what each step does.

A transposed convolution scatters: each pixel of x leaves a stamp. The others gather: each pixel of y looks through a
window. One image, of a channel or a few, so that everything is small enough to be read.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from minifcn.compute.window import Pair, Window
from minifcn.explain.matrices import conv_matrix
from minifcn.explain.shown import number
from minifcn.explain.stepper.planes import check_channels, check_products, kernels, planes


@dataclass(frozen=True, eq=False)
class Step:
    """One step: a stamp of a transposed convolution, or a window of another operation.

    Where there are several channels, they are the first number of a place and the first axis of an array.

    Parameters
    ----------
    position : (row, column)
        The pixel that the step belongs to: of x for a stamp, of y for a window.
    value : float
        The number there; NaN for im2col, where each pixel has a whole window.
    stamp : array (KH, KW)
        What is added to y; of a convolution the products that are added up; else the numbers in the window.
    rows, columns : range
        What it covers: of y for a stamp, of x for a window. What is outside the map lies in the padding.
    output : array (OH, OW)
        The result so far; NaN where there is none yet. For im2col the matrix of windows (KH·KW, OH·OW).
    uncropped : array
        `output` before a transposed convolution crops its padding; else the same as `output`.
    column : array
        The step's column of Cᵀ, which is a row of C; of the matrix of windows; or of Mᵀ, the gradient's way back.
    sentence : str
        What the step does, with its numbers.
    """

    position: tuple[int, ...]
    value: float
    stamp: np.ndarray
    rows: range
    columns: range
    output: np.ndarray
    uncropped: np.ndarray
    column: np.ndarray
    sentence: str


def transposed_conv_steps(
    x: Any,
    weight: Any,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    output_padding: int | Pair = 0,
    dilation: int | Pair = 1,
) -> tuple[Step, ...]:
    """Convolve transposed, one stamp at a time.

    Parameters
    ----------
    x : Tensor or array (H, W) or (C, H, W)
        One image; leading axes of length 1 are dropped.
    weight : Tensor or array (KH, KW) or (C, O, KH, KW)
    stride, padding, output_padding, dilation : int or (rows, columns)
        As in `conv_transpose2d`.

    Returns
    -------
    tuple of Step
        C·H·W of them, in the order of x.ravel(). The last one's `output` is the transposed convolution.

    Raises
    ------
    ValueError
        If the shapes or settings do not fit together.

    Examples
    --------
    >>> steps = transposed_conv_steps([[1, 2], [3, 4]], np.ones((3, 3)), stride=2, padding=1)
    >>> steps[2].sentence
    'stamp 3 of 4: x[1,0] = 3 times w, added at rows 1..3 and columns -1..1 = column x[1,0] of Cᵀ'
    >>> steps[2].output
    array([[1., 3., 2.],
           [4., 6., 2.],
           [3., 3., 0.]])
    """
    x, weight = planes(x, "x"), kernels(weight)
    check_channels(x, weight, axis=0)
    check_products(x, weight)
    window, size = transposed_window(x.shape[1:], weight.shape[2:], stride, padding, output_padding, dilation)
    matrix = conv_matrix(weight, (weight.shape[1], *size), window.stride, window.padding, window.dilation)
    (ph, pw), (oh, ow) = window.padding, size
    uncropped = np.zeros((weight.shape[1], *uncropped_size(x.shape[1:], window, size)))
    single = weight.shape[:2] == (1, 1)
    steps = []
    for n, (place, rows, columns) in enumerate(places_of(x.shape, window)):
        value, position = float(x[place]), place[1:] if single else place
        stamp, uncropped = value * weight[place[0]], uncropped.copy()
        uncropped[:, moved(rows, ph), moved(columns, pw)] += stamp
        output = uncropped[:, ph : ph + oh, pw : pw + ow]
        w, where = ("w", "") if single else (f"w[{place[0]}]", " of every channel")
        sentence = (
            f"stamp {n + 1} of {x.size}: {pixel('x', position)} = {number(value)} times {w}, "
            f"added at {area(rows, columns)}{where} = column {pixel('x', position)} of Cᵀ"
        )
        shown, y, canvas = dropped(single, stamp, output, uncropped)
        steps.append(Step(position, value, shown, rows, columns, y, canvas, matrix[n], sentence))
    return tuple(steps)


def conv_steps(
    x: Any, weight: Any, stride: int | Pair = 1, padding: int | Pair = 0, dilation: int | Pair = 1
) -> tuple[Step, ...]:
    """Convolve, one pixel of the result at a time.

    Parameters
    ----------
    x : Tensor or array (H, W) or (C, H, W)
    weight : Tensor or array (KH, KW) or (O, C, KH, KW)
    stride, padding, dilation : int or (rows, columns)

    Returns
    -------
    tuple of Step
        O·OH·OW of them; `column` is the row of C. The last one's `output` is the convolution.

    Raises
    ------
    ValueError
        If the kernel does not fit on x, or has other channels.

    Examples
    --------
    >>> steps = conv_steps([[1, 2, 3]], [[10, 1]])
    >>> steps[1].sentence
    'window 2 of 2: row 0 and columns 1..2 of x times w, added up: y[0,1] = 23 = row y[0,1] of C times x'
    >>> steps[0].output, steps[1].output
    (array([[12., nan]]), array([[12., 23.]]))
    """
    x, weight = planes(x, "x"), kernels(weight)
    check_channels(x, weight, axis=1)
    check_products(x, weight)
    window = Window.of(weight.shape[2:], stride, padding, dilation)
    matrix = conv_matrix(weight, x.shape, window.stride, window.padding, window.dilation)
    output = np.full((len(weight), *window.output_size(x.shape[1:])), np.nan)
    single = weight.shape[:2] == (1, 1)
    steps = []
    for n, (place, rows, columns) in enumerate(places_of(output.shape, window)):
        stamp, position = weight[place[0]] * windowed(x, rows, columns), place[1:] if single else place
        output = output.copy()
        output[place] = stamp.sum()
        w, of = ("w", "x") if single else (f"w[{place[0]}]", "every channel of x")
        sentence = (
            f"window {n + 1} of {output.size}: {area(rows, columns)} of {of} times {w}, added up: "
            f"{pixel('y', position)} = {number(stamp.sum())} = row {pixel('y', position)} of C times x"
        )
        shown, y = dropped(single, stamp, output)
        steps.append(Step(position, float(output[place]), shown, rows, columns, y, y, matrix[n], sentence))
    return tuple(steps)


def transposed_window(
    size: Pair,
    kernel: Pair,
    stride: int | Pair,
    padding: int | Pair,
    output_padding: int | Pair,
    dilation: int | Pair = 1,
) -> tuple[Window, Pair]:
    """Give the window of a transposed convolution and the size of its result."""
    window = Window.of(kernel, stride, padding, dilation)
    return window, window.transposed_size(size, window.output_padding(output_padding))


def uncropped_size(size: Pair, window: Window, output_size: Pair) -> Pair:
    """Size that holds all stamps and, should output_padding go past the last one, all of the result."""
    stamps = Window(window.kernel, window.stride, dilation=window.dilation).transposed_size(size)
    kept = [m + p for m, p in zip(output_size, window.padding, strict=True)]
    return max(stamps[0], kept[0]), max(stamps[1], kept[1])


def pixel(name: str, position: tuple[int, ...]) -> str:
    """Name a pixel, such as x[1,0], or x[2,1,0] in channel 2."""
    return f"{name}[{','.join(map(str, position))}]"


def moved(places: range, by: int) -> slice:
    """Give places along an axis, moved by some, as a slice."""
    return slice(places.start + by, places.stop + by, places.step)


def windowed(x: np.ndarray, rows: range, columns: range, outside: float = 0.0) -> np.ndarray:
    """Cut a window out of x (C, H, W), with `outside` where it lies outside."""
    cut = np.full((len(x), len(rows), len(columns)), outside)
    for (k, r), (m, c) in itertools.product(enumerate(rows), enumerate(columns)):
        if 0 <= r < x.shape[1] and 0 <= c < x.shape[2]:
            cut[:, k, m] = x[:, r, c]
    return cut


def places_of(shape: tuple[int, ...], window: Window) -> Iterator[tuple[tuple[int, ...], range, range]]:
    """Yield each position (..., row, column) of the window, row by row, with the rows and columns it covers."""
    for place in np.ndindex(shape):
        yield place, *(_covered(place[axis - 2], *window.along(axis)) for axis in (0, 1))  # type: ignore[misc]


def _covered(place: int, k: int, s: int, p: int, d: int) -> range:
    return range(place * s - p, place * s - p + d * (k - 1) + 1, d)


def dropped(single: bool, *arrays: np.ndarray) -> list[np.ndarray]:
    """Drop the axis of the channels where there is one of them."""
    return [array[0] if single else array for array in arrays]


def area(rows: range, columns: range) -> str:
    return f"{_span('row', rows)} and {_span('column', columns)}"


def _span(name: str, places: range) -> str:
    if len(places) == 1:
        return f"{name} {places[0]}"
    return f"{name}s {places[0]}..{places[-1]}" + (f" by {places.step}" if places.step > 1 else "")
