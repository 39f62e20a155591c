"""Numbers as they are shown, each written so that it is not taken for another."""

from __future__ import annotations

import math

import numpy as np


def number(value: float, digits: int = 3) -> str:
    """Write a number so that it is not taken for another one.

    It is exact, if that takes at most `digits` after the point, or of a number below 0.1 as many behind its leading
    zeros. Otherwise it is rounded, and the zeros that this leaves at the end are kept: 0.9999 is 1.000, which is not 1.
    The last 4 of the 16 digits of a float64, which are mostly rounding, do not count.

    >>> number(12.0), number(-0.0), number(1 / 3), number(0.9999), number(0.0004), number(0.1 + 0.2)
    ('12', '0', '0.333', '1.000', '0.0004', '0.3')
    >>> number(12345678), number(123456.789), number(1e-17), number(2 / 3 * 1e-6), number(1e20)
    ('12345678', '123456.789', '1e-17', '6.67e-07', '1e+20')
    """
    value = float(value)
    if value == 0 or not math.isfinite(value):
        return f"{abs(value) if value == 0 else value:g}"
    places = digits - min(0, math.floor(math.log10(abs(value))) + 1)  # after the point
    rounded = round(value, places)
    if math.isclose(rounded, value, rel_tol=1e-12, abs_tol=0):
        return repr(rounded).removesuffix(".0")
    return f"{value:.{places}f}" if places <= digits + 3 else f"{value:.{digits - 1}e}"


def telling_digits(values: np.ndarray) -> int:
    """How many digits `number` needs, at least 3, so that numbers that differ look different.

    >>> telling_digits(np.array([0.1, 0.2])), telling_digits(np.array([0.33331, 0.33334]))
    (3, 5)
    """
    different = np.unique(values)
    enough = (n for n in range(3, 12) if len({number(v, n) for v in different}) == len(different))
    return next(enough, 12)
