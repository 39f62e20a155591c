"""Strips whose products compute neighbouring outputs together give what those computed one by one give."""

import numpy as np
import pytest

from minifcn.compute import algorithm, convolution
from minifcn.compute.fast import strips
from minifcn.compute.fast.strips import Strips
from minifcn.compute.window import Window

VGG = Window((3, 3), padding=(1, 1))


@pytest.mark.parametrize(
    ("channels", "outputs", "width", "t"),
    [
        (3, 8, 12, 4),
        (8, 16, 12, 2),  # more than 8 outputs are enough for two
        (3, 64, 12, 2),
        (3, 65, 12, 1),  # outputs enough for a product of its own
        (16, 16, 12, 2),
        (17, 16, 12, 1),  # channels enough for a product of its own
        (8, 8, 10, 2),  # a row that four do not divide
        (8, 8, 9, 1),
    ],
)
def test_how_many_neighbours(channels, outputs, width, t, monkeypatch):
    monkeypatch.setattr(algorithm, "cache_kind", lambda: "middle")
    x = np.zeros((1, channels, 5, width), "float32")
    assert algorithm.choose(x, VGG, (5, width), channels, outputs) == Strips(t)


@pytest.mark.parametrize("kind", ["small", "large"])
def test_four_for_more_outputs_and_two_for_fewer_where_caches_are_of_another_size(kind, monkeypatch):
    monkeypatch.setattr(algorithm, "cache_kind", lambda: kind)
    x = np.zeros((1, 3, 5, 12), "float32")
    assert [algorithm.choose(x, VGG, (5, 12), 3, outputs).t for outputs in (16, 32, 64)] == [4, 2, 1]


@pytest.mark.parametrize("window", [Window((3, 3), (1, 2)), Window((3, 3), dilation=(1, 2)), Window((3, 1))], ids=str)
def test_windows_that_share_nothing_are_computed_one_by_one(window):
    assert algorithm.choose(np.zeros((1, 3, 5, 12), "float32"), window, (5, 12), 3, 8) == Strips(1)


@pytest.mark.parametrize("window", [VGG, Window((2, 5), (3, 1), (0, 2), (2, 1)), Window((1, 2))], ids=str)
def test_the_product_has_more_outputs_and_fewer_pixels(window, monkeypatch, rng):
    """It has four times as many outputs and a quarter of the pixels, here of 40 in a row."""
    seen = []
    gather = strips.gather
    monkeypatch.setattr(strips, "gather", lambda *args: seen.append(gather(*args).shape) or gather(*args))
    (kh, kw), (_, padding) = window.kernel, window.padding
    x, weight = rng.standard_normal((2, 3, 9, 40 + kw - 1 - 2 * padding)), rng.standard_normal((8, 3, kh, kw))
    rows, columns = window.output_size(x.shape[2:])
    assert columns == 40
    y = Strips(4).convolve(x, weight, window, (rows, columns))
    assert Strips(4).repeated(weight).shape == (32, 3, kh, kw + 3)
    assert seen == [(2 * rows * 10, kh * (kw + 3) * 3)]
    np.testing.assert_allclose(y, convolution.convolve(x, weight, window), atol=1e-12, rtol=0)


@pytest.mark.parametrize("t", [1, 2, 4])
def test_the_weight_gradient_adds_up_the_places_of_the_kernel(t, rng):
    x, y = rng.standard_normal((2, 3, 4, 8)), rng.standard_normal((2, 5, 4, 8))
    expected = convolution.convolve_weight(x, y, VGG)
    np.testing.assert_allclose(Strips(t).convolve_weight(x, y, VGG), expected, atol=1e-12, rtol=0)
