"""What a wrong gradient looks like: the usual mistakes, tried one by one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def guess(analytic: np.ndarray, numeric: np.ndarray, tolerance: float) -> str:
    """Name the mistake that turns the right gradient into the one found, if a usual one does.

    Parameters
    ----------
    analytic, numeric : float64 arrays of one shape
        The gradient found, and the right one.
    tolerance : float

    Returns
    -------
    str
        Half a sentence, or "" if nothing fits.

    Examples
    --------
    >>> right = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> guess(-right, right, 1e-6)
    'it has the wrong sign'
    >>> guess(right.T, right, 1e-6)
    'it looks transposed: its last two axes are swapped'
    """
    close = tolerance + 1e-4 * abs(numeric).max()
    for description, candidate in _mistakes(numeric):
        if candidate.shape == numeric.shape and abs(analytic - candidate).max() <= close:
            return description
    shift = _shift(analytic, numeric, close)
    if shift:
        return shift
    square = float((numeric * numeric).sum())
    factor = float((analytic * numeric).sum()) / square if square else 0.0
    if factor and abs(analytic - factor * numeric).max() <= close * abs(factor):
        return f"it is {factor:.6g} times the right one: a constant factor is wrong"
    return ""


def _mistakes(numeric: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    yield "it is zero: backward passes nothing on", np.zeros_like(numeric)
    yield "it has the wrong sign", -numeric
    if numeric.ndim >= 2:
        yield "it looks transposed: its last two axes are swapped", numeric.swapaxes(-1, -2)
        yield "the kernel is turned by 180 degrees: flip its last two axes", numeric[..., ::-1, ::-1]
    if numeric.ndim >= 4:
        yield "its first two axes are swapped: (in, out) for (out, in)", numeric.swapaxes(0, 1)


def _shift(analytic: np.ndarray, numeric: np.ndarray, close: float) -> str:
    """Whether the last two axes are moved by a few pixels, as by a forgotten crop or a wrong offset."""
    if numeric.ndim < 2:
        return ""
    height, width = numeric.shape[-2:]
    for dy in range(-min(3, height - 2), min(3, height - 2) + 1):
        for dx in range(-min(3, width - 2), min(3, width - 2) + 1):
            a, n = _overlap(analytic, dy, dx), _overlap(numeric, -dy, -dx)
            if (dy, dx) != (0, 0) and abs(n).max() > close >= abs(a - n).max():
                return f"it is shifted by ({dy}, {dx}) pixels: a crop or padding is missing or has a wrong offset"
    return ""


def _overlap(x: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """What is left of x when it is moved and compared with something that is not."""
    height, width = x.shape[-2:]
    return x[..., max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
