"""The steps of what only reads windows: im2col writes them down, max-pooling takes the largest number of each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.compute.window import Pair, Window
from minifcn.explain.shown import number, telling_digits
from minifcn.explain.stepper.planes import planes
from minifcn.explain.stepper.steps import Step, area, dropped, pixel, places_of, windowed


def im2col_steps(
    x: Any, kernel_size: int | Pair, stride: int | Pair = 1, padding: int | Pair = 0, dilation: int | Pair = 1
) -> tuple[Step, ...]:
    """Write the windows of x down as columns, one at a time.

    Parameters
    ----------
    x : Tensor or array (H, W) or (C, H, W)
    kernel_size, stride, padding, dilation : int or (rows, columns)

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
    x = planes(x, "x")
    window = Window.of(kernel_size, stride, padding, dilation)
    size = window.output_size(x.shape[1:])
    output = np.full((len(x) * window.kernel[0] * window.kernel[1], size[0] * size[1]), np.nan)
    of = "x" if len(x) == 1 else "every channel of x"
    steps = []
    for n, (position, rows, columns) in enumerate(places_of(size, window)):
        stamp = windowed(x, rows, columns)
        output = output.copy()
        output[:, n] = stamp.ravel()
        sentence = (
            f"window {n + 1} of {output.shape[1]}: {area(rows, columns)} of {of}, read row by row, "
            f"are column {n} of the matrix of windows"
        )
        (shown,) = dropped(len(x) == 1, stamp)
        steps.append(Step(position, np.nan, shown, rows, columns, output, output, stamp.ravel(), sentence))
    return tuple(steps)


def max_pool_steps(
    x: Any,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    ceil_mode: bool = False,
) -> tuple[Step, ...]:
    """Take the maximum of one window at a time, and say where its gradient goes.

    Parameters
    ----------
    x : Tensor or array (H, W) or (C, H, W)
    kernel_size, stride, padding, dilation : int or (rows, columns)
        The stride is the kernel size unless given. The padding, at most half the kernel, counts as -inf.
    ceil_mode : bool
        Whether the size is rounded up, so that the last windows may hang over the edge.

    Returns
    -------
    tuple of Step
        C·OH·OW of them; `column` holds a 1 at the winning pixel, the first of equal ones: there the gradient goes.

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
    x = planes(x, "x")
    window = Window.of_pool(kernel_size, stride, padding, dilation)
    single, digits = len(x) == 1, telling_digits(x)
    output = np.full((len(x), *window.output_size(x.shape[1:], ceil_mode)), np.nan)
    steps = []
    for n, (place, rows, columns) in enumerate(places_of(output.shape, window)):
        stamp = windowed(x[place[0]][None], rows, columns, outside=-np.inf)[0]
        i, j = np.unravel_index(stamp.argmax(), stamp.shape)
        winner = place[0], rows[int(i)], columns[int(j)]
        output = output.copy()
        output[place] = x[winner]
        column = np.zeros(x.size)
        column[np.ravel_multi_index(winner, x.shape)] = 1
        position, found = place[1:] if single else place, pixel("x", winner[1:] if single else winner)
        sentence = (
            f"window {n + 1} of {output.size}: of {area(rows, columns)} the largest is "
            f"{found} = {number(x[winner], digits)} = {pixel('y', position)}, whose gradient goes to {found}"
        )
        (shown,) = dropped(single, output)
        steps.append(Step(position, float(x[winner]), stamp, rows, columns, shown, shown, column, sentence))
    return tuple(steps)
