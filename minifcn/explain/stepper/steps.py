"""Convolution and its kin one step at a time, with the sentence that says what each step does.

A transposed convolution scatters: each pixel of x leaves a stamp. The others gather: each pixel of y looks through a
window. One channel of one image, so that everything is small enough to be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from minifcn.compute.window import Pair, Window
from minifcn.explain.matrices import conv_matrix
from minifcn.explain.shown import number, telling_digits
from minifcn.explain.stepper.plane import check_products, plane


@dataclass(frozen=True, eq=False)
class Step:
    """One step: a stamp of a transposed convolution, or a window of another operation.

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

    position: Pair
    value: float
    stamp: np.ndarray
    rows: range
    columns: range
    output: np.ndarray
    uncropped: np.ndarray
    column: np.ndarray
    sentence: str


def transposed_conv_steps(
    x: Any, weight: Any, stride: int | Pair = 1, padding: int | Pair = 0, output_padding: int | Pair = 0
) -> tuple[Step, ...]:
    """Convolve transposed, one stamp at a time.

    Parameters
    ----------
    x : Tensor or array (H, W)
        One channel of one image; leading axes of length 1 are dropped.
    weight : Tensor or array (KH, KW)
    stride, padding, output_padding : int or (rows, columns)
        As in `conv_transpose2d`.

    Returns
    -------
    tuple of Step
        H·W of them, in the order of x.ravel(). The last one's `output` is the transposed convolution.

    Raises
    ------
    ValueError
        If the shapes or settings do not fit together.

    Examples
    --------
    >>> steps = transposed_conv_steps([[1, 2], [3, 4]], np.ones((3, 3)), stride=2, padding=1)
    >>> steps[2].sentence
    'stamp 3 of 4: x[1,0] = 3 times w, added at rows 1..3 and columns -1..1 = column 2 of Cᵀ'
    >>> steps[2].output
    array([[1., 3., 2.],
           [4., 6., 2.],
           [3., 3., 0.]])
    """
    x, weight = plane(x, "x"), plane(weight, "weight")
    check_products(x, weight)
    window, size = transposed_window(x.shape, weight.shape, stride, padding, output_padding)
    matrix = conv_matrix(weight[None, None], (1, *size), window.stride, window.padding)
    (ph, pw), (oh, ow) = window.padding, size
    uncropped = np.zeros(uncropped_size(x.shape, window, size))
    steps = []
    for n, (position, rows, columns) in enumerate(_places(x.shape, window)):
        value = float(x[position])
        stamp, uncropped = value * weight, uncropped.copy()
        uncropped[rows.start + ph : rows.stop + ph, columns.start + pw : columns.stop + pw] += stamp
        output = uncropped[ph : ph + oh, pw : pw + ow]
        sentence = (
            f"stamp {n + 1} of {x.size}: {pixel('x', position)} = {number(value)} times w, "
            f"added at {_area(rows, columns)} = column {n} of Cᵀ"
        )
        steps.append(Step(position, value, stamp, rows, columns, output, uncropped, matrix[n], sentence))
    return tuple(steps)


def conv_steps(x: Any, weight: Any, stride: int | Pair = 1, padding: int | Pair = 0) -> tuple[Step, ...]:
    """Convolve, one pixel of the result at a time.

    Parameters
    ----------
    x : Tensor or array (H, W)
    weight : Tensor or array (KH, KW)
    stride, padding : int or (rows, columns)

    Returns
    -------
    tuple of Step
        OH·OW of them; `column` is the row of C. The last one's `output` is the convolution.

    Raises
    ------
    ValueError
        If the kernel does not fit on x.

    Examples
    --------
    >>> steps = conv_steps([[1, 2, 3]], [[10, 1]])
    >>> steps[1].sentence
    'window 2 of 2: row 0 and columns 1..2 of x times w, added up: y[0,1] = 23 = row 1 of C times x'
    >>> steps[0].output, steps[1].output
    (array([[12., nan]]), array([[12., 23.]]))
    """
    x, weight = plane(x, "x"), plane(weight, "weight")
    check_products(x, weight)
    window = Window.of(weight.shape, stride, padding)
    matrix = conv_matrix(weight[None, None], (1, *x.shape), window.stride, window.padding)
    size = window.output_size(x.shape)
    output = np.full(size, np.nan)
    steps = []
    for n, (position, rows, columns) in enumerate(_places(size, window)):
        stamp = weight * _windowed(x, window, rows, columns)
        output = output.copy()
        output[position] = stamp.sum()
        sentence = (
            f"window {n + 1} of {output.size}: {_area(rows, columns)} of x times w, added up: "
            f"{pixel('y', position)} = {number(stamp.sum())} = row {n} of C times x"
        )
        steps.append(Step(position, float(output[position]), stamp, rows, columns, output, output, matrix[n], sentence))
    return tuple(steps)


def im2col_steps(x: Any, kernel_size: int | Pair, stride: int | Pair = 1, padding: int | Pair = 0) -> tuple[Step, ...]:
    """Write the windows of x down as columns, one at a time.

    Parameters
    ----------
    x : Tensor or array (H, W)
    kernel_size, stride, padding : int or (rows, columns)

    Returns
    -------
    tuple of Step
        OH·OW of them; `output` is the matrix of windows so far.

    Raises
    ------
    ValueError
        If the kernel does not fit on x.

    Examples
    --------
    >>> steps = im2col_steps([[1, 2, 3]], (1, 2))
    >>> steps[1].sentence
    'window 2 of 2: row 0 and columns 1..2 of x, read row by row, are column 1 of the matrix of windows'
    >>> steps[1].output
    array([[1., 2.],
           [2., 3.]])
    """
    x = plane(x, "x")
    window = Window.of(kernel_size, stride, padding)
    size = window.output_size(x.shape)
    output = np.full((window.kernel[0] * window.kernel[1], size[0] * size[1]), np.nan)
    steps = []
    for n, (position, rows, columns) in enumerate(_places(size, window)):
        stamp = _windowed(x, window, rows, columns)
        output = output.copy()
        output[:, n] = stamp.ravel()
        sentence = (
            f"window {n + 1} of {output.shape[1]}: {_area(rows, columns)} of x, read row by row, "
            f"are column {n} of the matrix of windows"
        )
        steps.append(Step(position, np.nan, stamp, rows, columns, output, output, stamp.ravel(), sentence))
    return tuple(steps)


def max_pool_steps(
    x: Any, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0
) -> tuple[Step, ...]:
    """Take the maximum of one window at a time, and say where its gradient goes.

    Parameters
    ----------
    x : Tensor or array (H, W)
    kernel_size, stride, padding : int or (rows, columns)
        The stride is the kernel size unless given. The padding, at most half the kernel, counts as -inf.

    Returns
    -------
    tuple of Step
        OH·OW of them; `column` holds a 1 at the winning pixel, the first of equal ones: there the gradient goes.

    Raises
    ------
    ValueError
        If the kernel does not fit on x, or a window could lie in the padding alone.

    Examples
    --------
    >>> steps = max_pool_steps([[1, 5, 2, 7]], (1, 2))
    >>> steps[1].sentence
    'window 2 of 2: of row 0 and columns 2..3 the largest is x[0,3] = 7 = y[0,1], whose gradient goes to x[0,3]'
    >>> steps[1].column
    array([0., 0., 0., 1.])
    """
    x = plane(x, "x")
    window = Window.of_pool(kernel_size, stride, padding)
    size = window.output_size(x.shape)
    output = np.full(size, np.nan)
    digits = telling_digits(x)
    steps = []
    for n, (position, rows, columns) in enumerate(_places(size, window)):
        stamp = _windowed(x, window, rows, columns, outside=-np.inf)
        i, j = np.unravel_index(stamp.argmax(), stamp.shape)
        winner = rows[int(i)], columns[int(j)]
        output = output.copy()
        output[position] = x[winner]
        column = np.zeros(x.size)
        column[winner[0] * x.shape[1] + winner[1]] = 1
        found = pixel("x", winner)
        sentence = (
            f"window {n + 1} of {output.size}: of {_area(rows, columns)} the largest is "
            f"{found} = {number(x[winner], digits)} = {pixel('y', position)}, whose gradient goes to {found}"
        )
        steps.append(Step(position, float(x[winner]), stamp, rows, columns, output, output, column, sentence))
    return tuple(steps)


def transposed_window(
    size: Pair, kernel: Pair, stride: int | Pair, padding: int | Pair, output_padding: int | Pair
) -> tuple[Window, Pair]:
    """Give the window of a transposed convolution and the size of its result."""
    window = Window.of(kernel, stride, padding)
    return window, window.transposed_size(size, window.output_padding(output_padding))


def uncropped_size(size: Pair, window: Window, output_size: Pair) -> Pair:
    """Size that holds all stamps and, should output_padding go past the last one, all of the result."""
    stamps = Window(window.kernel, window.stride).transposed_size(size)
    kept = [m + p for m, p in zip(output_size, window.padding, strict=True)]
    return max(stamps[0], kept[0]), max(stamps[1], kept[1])


def pixel(name: str, position: Pair) -> str:
    """Name a pixel, such as x[1,0]."""
    return f"{name}[{position[0]},{position[1]}]"


def _places(size: Pair, window: Window) -> Iterator[tuple[Pair, range, range]]:
    """Yield each position of the window, row by row, with the rows and columns it covers."""
    (kh, kw), (sh, sw), (ph, pw) = window.kernel, window.stride, window.padding
    for i, j in np.ndindex(size):
        yield (i, j), range(i * sh - ph, i * sh - ph + kh), range(j * sw - pw, j * sw - pw + kw)


def _windowed(x: np.ndarray, window: Window, rows: range, columns: range, outside: float = 0.0) -> np.ndarray:
    """Cut a window out of x, with `outside` where it lies in the padding."""
    ph, pw = window.padding
    padded = np.pad(x, ((ph, ph), (pw, pw)), constant_values=outside)
    return padded[rows.start + ph : rows.stop + ph, columns.start + pw : columns.stop + pw]


def _area(rows: range, columns: range) -> str:
    return f"{_span('row', rows)} and {_span('column', columns)}"


def _span(name: str, places: range) -> str:
    return f"{name} {places[0]}" if len(places) == 1 else f"{name}s {places[0]}..{places[-1]}"
