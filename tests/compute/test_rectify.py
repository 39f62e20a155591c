"""max(x, 0), of every kind of number, wherever it lies in memory."""

import numpy as np
import pytest

from minifcn.backend import rectify

inf, nan = float("inf"), float("nan")
FLOATS = {"f2": 6e4, "f4": 3e38, "f8": 1e308}  # and of each a large number


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("step", [1, -1, 2])
@pytest.mark.parametrize("times", [1, 40])
def test_nan_and_infinity_stay(dtype, step, times):
    x = np.array([-inf, -1.5, 0, nan, 1.5, inf, FLOATS[dtype], -FLOATS[dtype]] * times, dtype)[::step]
    out = np.empty_like(x)
    with np.errstate(all="raise"):
        rectify(np, x, out=out)
    assert np.array_equal(out, [0 if a < 0 else a for a in x], equal_nan=True)


@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "i4", "i8"])
def test_whole_numbers_stay_what_they_are(dtype):
    x = np.array([-3, 0, 1, 100]).astype(dtype)
    out = np.empty_like(x)
    rectify(np, x, out=out)
    assert np.array_equal(out, [0 if a < 0 else a for a in x])
