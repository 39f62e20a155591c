"""Max-pooling of the workshop gives what the definition does, and brings back what it does."""

import numpy as np
import pytest

from minifcn.backend import pieces, threads
from minifcn.compute import pooling
from minifcn.compute.fast import pooling as fast_pooling
from minifcn.compute.window import Window

WINDOWS = {
    "2x2": Window((2, 2), (2, 2)),
    "apart, with gaps": Window((2, 2), (3, 4)),
    "rows shared": Window((3, 2), (2, 2)),
    "columns shared": Window((2, 3), (2, 2)),
    "rows and columns shared": Window((3, 3), (2, 2), (1, 1)),
    "pixels of a wide window shared": Window((2, 2), (2, 2), (0, 0), (2, 2)),
    "wide windows, apart": Window((2, 2), (3, 3), (0, 0), (2, 2)),
    "padded": Window((2, 2), (2, 2), (1, 1)),
}


@pytest.fixture(params=[1 << 17, 10], ids=["whole maps", "short pieces on three threads"])
def piece(request, monkeypatch):
    if request.param == 10:
        monkeypatch.setattr(threads, "WORTH_SHARING", 0)
        monkeypatch.setattr(threads, "thread_count", lambda: 3)
    monkeypatch.setattr(pieces, "PIECE", request.param)


@pytest.mark.usefixtures("piece")
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_maxima_and_what_comes_back_to_the_winners(window, ceil_mode, rng):
    x = rng.integers(-9, 10, (2, 7, 9, 3)).astype("float32").transpose(0, 3, 1, 2)
    x[0, 0] = -np.inf  # as the padding is, which wins nowhere
    size = window.output_size(x.shape[2:], ceil_mode)
    maxima, winner = fast_pooling.max_pool(x, window, size)
    for found, expected in zip((maxima, winner), pooling.max_pool(x, window, size), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(fast_pooling.maximum(x, window, size), maxima)
    y = rng.integers(-9, 10, maxima.shape).astype("float32")
    found, expected = (room.scatter_winner(y, winner, window, x.shape[2:]) for room in (fast_pooling, pooling))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))
    assert found.sum() == y.sum()


SHARED_OUT = {"2x2": True, "wide windows, apart": True, "rows shared": False, "pixels of a wide window shared": False}


@pytest.mark.parametrize(("name", "expected"), SHARED_OUT.items(), ids=SHARED_OUT)
def test_what_comes_back_is_shared_out_where_no_pixel_is_in_two_windows(name, expected, monkeypatch):
    """Or two threads would add to one pixel, and one of the numbers could be lost."""
    window, calls = WINDOWS[name], []
    monkeypatch.setattr(fast_pooling, "piecewise", lambda fill, *arrays, passes: calls.append(fill(*arrays)))
    y = np.ones((1, 2, *window.output_size((9, 9))), "float32")
    fast_pooling.scatter_winner(y, np.zeros(y.shape, "uint8"), window, (9, 9))
    assert bool(calls) == expected
