"""Neighbouring outputs computed together are those computed one by one."""

import numpy as np
import pytest

from minifcn.compute import convolution
from minifcn.compute.fast import strips, toeplitz
from minifcn.compute.window import Window

VGG = Window((3, 3), padding=(1, 1))


@pytest.mark.parametrize(
    ("channels", "outputs", "width", "t"),
    [
        (3, 8, 12, 4),
        (8, 16, 12, 4),
        (3, 32, 12, 2),  # no more than 64 outputs in all
        (3, 64, 12, 1),
        (16, 16, 12, 2),
        (17, 16, 12, 1),  # channels enough for a product of its own
        (8, 8, 10, 2),  # a row that four do not divide
        (8, 8, 9, 1),
    ],
)
def test_how_many_neighbours(channels, outputs, width, t):
    assert toeplitz.neighbours(VGG, (5, width), channels, outputs) == t


@pytest.mark.parametrize("window", [Window((3, 3), (1, 2)), Window((3, 3), dilation=(1, 2)), Window((3, 1))], ids=str)
def test_windows_that_share_nothing_are_computed_one_by_one(window):
    assert not toeplitz.applies(window)
    assert toeplitz.neighbours(window, (5, 12), 3, 8) == 1


@pytest.mark.parametrize("window", [VGG, Window((2, 5), (3, 1), (0, 2), (2, 1)), Window((1, 2))], ids=str)
def test_the_window_of_four_neighbours_has_a_quarter_of_the_positions(window):
    rows, columns = window.output_size((9, 40 + window.kernel[1] - 1 - 2 * window.padding[1]))
    assert columns == 40
    assert toeplitz.widened(window, 4).output_size((9, 40 + window.kernel[1] - 1 - 2 * window.padding[1])) == (rows, 10)


def test_it_is_strips_that_compute_it(monkeypatch, rng):
    """The product has four times as many outputs and a quarter of the pixels."""
    seen = []
    whole = strips.convolve
    monkeypatch.setattr(strips, "convolve", lambda x, w, *rest: seen.append(w.shape) or whole(x, w, *rest))
    x, weight = rng.standard_normal((2, 3, 4, 8)), rng.standard_normal((8, 3, 3, 3))
    y = toeplitz.convolve(x, weight, VGG)
    assert seen == [(32, 3, 3, 6)]
    np.testing.assert_allclose(y, convolution.convolve(x, weight, VGG), atol=1e-12, rtol=0)
