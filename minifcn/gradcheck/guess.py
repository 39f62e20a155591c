"""What a wrong gradient looks like: the usual mistakes, tried one by one. Only what fits the numbers is said."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

_CLOSE = 1e-4  # relative to a number
_NOISE = 1e-7  # relative to the largest number


def guess(analytic: np.ndarray, numeric: np.ndarray, rtol: float = 0.0) -> str:
    """Name the mistake that turns the right gradient into the one found, if a usual one does.

    Parameters
    ----------
    analytic, numeric : float64 arrays of one shape
        The gradient found, and the right one; NaN where nothing is to be compared.
    rtol : float
        How far a right number may be off.

    Returns
    -------
    str
        Half a sentence, or "" if nothing fits.

    Examples
    --------
    >>> right = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> guess(-right, right)
    'it has the wrong sign'
    >>> guess(right.T, right)
    'it looks transposed: its last two axes are swapped'
    """
    if not np.isfinite(numeric).any():
        return ""
    close = max(rtol, _CLOSE)
    for description, candidate in _mistakes(numeric):
        if candidate.shape == numeric.shape and _fits(analytic, candidate, close):
            return description
    return (
        _shift(analytic, numeric, close)
        or _stride(analytic, numeric, close)
        or _factor(analytic, numeric, close)
        or _place(analytic, numeric, rtol)
    )


def guess_shape(analytic: np.ndarray, numeric: np.ndarray) -> str:
    """Name what was forgotten if a gradient has the wrong shape but the right numbers in it, "" if nothing fits.

    >>> guess_shape(np.ones((5, 3)), np.full(3, 5.0))
    'sum it over axis 0, along which the input was repeated'
    """
    close = _CLOSE
    if not numeric.any():
        return ""
    summed = _repeated(analytic.shape, numeric.shape)
    if summed is not None and _fits(analytic.sum(axis=summed).reshape(numeric.shape), numeric, close):
        axes = f"axis {summed[0]}" if len(summed) == 1 else f"axes {summed}"
        return f"sum it over {axes}, along which the input was repeated"
    for order in itertools.permutations(range(analytic.ndim)):
        if analytic.transpose(order).shape == numeric.shape and _fits(analytic.transpose(order), numeric, close):
            return f"it is transposed: g.transpose{order} is right"
    if analytic.size == numeric.size and _fits(analytic.reshape(numeric.shape), numeric, close):
        return "its numbers are right: reshape it to the shape of the input"
    return _missing_crop(analytic, numeric, close)


def _fits(a: np.ndarray, b: np.ndarray, close: float) -> bool:
    compared = np.isfinite(a - b)
    return bool(compared.any()) and not (_apart(a, b, close) & compared).any()


def _apart(a: np.ndarray, b: np.ndarray, close: float) -> np.ndarray:
    return abs(a - b) > close * abs(b) + _NOISE * float(np.nanmax(abs(b), initial=0.0))


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
            if (dy, dx) != (0, 0) and (abs(n) > 0).any() and _fits(a, n, close):
                return f"it is shifted by ({dy}, {dx}) pixels: a crop or padding is missing or has a wrong offset"
    return ""


def _overlap(x: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """What is left of x when it is moved and compared with something that is not."""
    height, width = x.shape[-2:]
    return x[..., max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]


def _stride(analytic: np.ndarray, numeric: np.ndarray, close: float) -> str:
    """Whether the numbers that belong s pixels apart stand side by side."""
    if numeric.ndim < 2:
        return ""
    for s in range(2, min(numeric.shape[-2:]) // 2 + 1):
        apart = numeric[..., ::s, ::s]
        together = analytic[..., : apart.shape[-2], : apart.shape[-1]]
        if (abs(apart) > 0).any() and _fits(together, apart, close):
            return f"the stride is missing: its numbers stand side by side instead of {s} pixels apart"
    return ""


def _factor(analytic: np.ndarray, numeric: np.ndarray, close: float) -> str:
    square = float(np.nansum(numeric * numeric))
    factor = float(np.nansum(analytic * numeric)) / square if square else 0.0
    if factor and f"{factor:.6g}" != "1" and _fits(analytic, factor * numeric, min(close, abs(factor - 1) / 10)):
        return f"it is {factor:.6g} times the right one: a constant factor is wrong"
    return ""


def _place(analytic: np.ndarray, numeric: np.ndarray, close: float) -> str:
    """Whether the wrong numbers have something in common: one image, one channel, the border."""
    wrong = _apart(analytic, numeric, close)
    if wrong.ndim < 2 or wrong.sum() < 2:
        return ""
    for axis, length in enumerate(wrong.shape):
        indices = np.unique(np.nonzero(wrong)[axis]).tolist()
        right = [n for n in range(length) if n not in indices]
        if length > 2 and indices in ([0], [length - 1], [0, length - 1]):
            return f"it is wrong only at index {' and '.join(map(str, indices))} of axis {axis}, the border"
        if right and len(right) == 1 and length > 1:
            return f"it is right only at index {right[0]} of axis {axis}"
        if len(indices) == 1 and length > 1:
            return f"it is wrong only at index {indices[0]} of axis {axis}"
    return ""


def _repeated(shape: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...] | None:
    """Axes along which an array of the wanted shape was broadcast to the shape, None if it cannot have been."""
    new = len(shape) - len(wanted)
    if new < 0 or any(n not in (1, shape[new + i]) for i, n in enumerate(wanted)):
        return None
    return tuple(range(new)) + tuple(new + i for i, n in enumerate(wanted) if n == 1 != shape[new + i])


def _missing_crop(analytic: np.ndarray, numeric: np.ndarray, close: float) -> str:
    """Whether a window of the gradient is right: what lies around it belongs to a padding."""
    if analytic.ndim != numeric.ndim or any(a < n for a, n in zip(analytic.shape, numeric.shape, strict=True)):
        return ""
    offsets = [range(a - n + 1) for a, n in zip(analytic.shape, numeric.shape, strict=True)]
    for offset in itertools.islice(itertools.product(*offsets), 1000):
        window = tuple(slice(o, o + n) for o, n in zip(offset, numeric.shape, strict=True))
        if _fits(analytic[window], numeric, close):
            text = ", ".join(f"{part.start}:{part.stop}" for part in window)
            return f"a crop is missing: g[{text}] is right, the rest belongs to a padding"
    return ""
