"""Bilinear upsampling and its gradient: each channel by itself, rows and columns one after the other."""

import numpy as np
import pytest
import textbook
from cases import LAYOUTS, read_only

from minifcn.compute import algorithm
from minifcn.compute.fast import separable, threads
from minifcn.compute.window import Window
from minifcn.nn.init import bilinear

WINDOWS = {
    "twice": Window((4, 4), (2, 2), (1, 1)),
    "eight times, as in FCN-8s": Window((16, 16), (8, 8), (4, 4)),
    "eight times, as in the paper": Window((16, 16), (8, 8)),
    "rows and columns differ": Window((5, 4), (2, 3), (1, 0)),
    "windows apart": Window((2, 2), (3, 3)),
    "dilated": Window((3, 2), (2, 2), (1, 0), (2, 3)),
    "all padding": Window((4, 4), (2, 2), (3, 3)),
}
every_window = pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)


def separable_weight(rng, channels, window):
    """u vᵀ from each channel to itself."""
    u, v = (rng.standard_normal(size).astype("float32") for size in window.kernel)
    weight = np.zeros((channels, channels, *window.kernel), "float32")
    weight[range(channels), range(channels)] = np.outer(u, v)
    return weight


def maps(rng, window, batch=2, channels=3, count=(5, 4), extra=(1, 1)):
    """A map, the weight and the windows of the map."""
    size = window.transposed_size(count, extra)
    x = rng.standard_normal((batch, channels, *size), dtype="float32")
    y = rng.standard_normal((batch, channels, *count), dtype="float32")
    return x, separable_weight(rng, channels, window), y


def assert_close(found, expected):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * max(1, abs(expected).max()))


@pytest.fixture(params=[1, 1 << 30], ids=["strips of a row", "one strip"])
def strip_bytes(request, monkeypatch):
    monkeypatch.setattr(separable, "STRIP_BYTES", request.param)
    monkeypatch.setattr(threads, "WORTH_SHARING", 0)


@every_window
@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_maps_are_what_the_textbook_says(window, layout, rng, strip_bytes):
    x, weight, y = maps(rng, window)
    assert separable.applies(window, weight)
    ours, weight_of_ours, windows_of_ours = (read_only(LAYOUTS[layout](a)) for a in (x, weight, y))
    assert_close(separable.convolve(ours, weight_of_ours, window), textbook.convolve(x, weight, window))
    assert_close(
        separable.convolve_transposed(windows_of_ours, weight_of_ours, window, x.shape[2:]),
        textbook.convolve_transposed(y, weight, window, x.shape[2:]),
    )


@every_window
def test_the_number_of_threads_does_not_matter(window, rng, monkeypatch):
    x, weight, y = maps(rng, window)
    monkeypatch.setattr(separable, "STRIP_BYTES", 1)
    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    found = []
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "thread_count", lambda count=count: count)
        found.append(
            (separable.convolve(x, weight, window), separable.convolve_transposed(y, weight, window, x.shape[2:]))
        )
    for one, two, three in zip(*found, strict=True):
        assert_close(two, one)
        assert_close(three, one)


def test_a_matrix_upsamples():
    """X = V Y Hᵀ, with the bilinear kernel of stride 2: between 0 and 1 lie 1/4 and 3/4."""
    v = separable.upsampling_matrix(np.array([0.25, 0.75, 0.75, 0.25]), 4, 2, stride=2, padding=1)
    np.testing.assert_array_equal(v @ [0, 1], [0, 0.25, 0.75, 0.75])


class TestFactors:
    @pytest.mark.parametrize("kernel_size", [2, 3, 4, 16, 32, 64])
    @pytest.mark.parametrize("channels", [1, 2, 21])
    def test_of_bilinear_weights_are_tents(self, kernel_size, channels):
        weight = bilinear(channels, channels, kernel_size)
        u, v = separable.factors(weight)
        np.testing.assert_allclose(u, v, rtol=3e-7)
        np.testing.assert_allclose(np.outer(u, v), weight[0, 0], rtol=3e-7)

    @pytest.mark.parametrize(
        "change",
        [
            lambda w: w.__setitem__((0, 1, 2, 2), 1e-9),
            lambda w: w.__setitem__((2, 0, 0, 0), -1.0),
            lambda w: w.__setitem__((1, 1), 2 * w[1, 1]),
            lambda w: w.__setitem__((slice(None), slice(None), 1, 2), 1.01 * w[:, :, 1, 2]),
            lambda w: w.__setitem__(..., 0),
            lambda w: w.__setitem__((0, 0, 0, 0), np.nan),
        ],
        ids=["channels 0 and 1", "channels 2 and 0", "another kernel", "no product", "zero", "NaN"],
    )
    def test_there_are_none_of_a_weight_that_is_anything_else(self, change):
        weight = bilinear(3, 3, 4)
        assert separable.factors(weight) is not None
        change(weight)
        assert separable.factors(weight) is None

    def test_there_are_none_between_different_numbers_of_channels(self):
        assert separable.factors(bilinear(3, 3, 4)[:2]) is None


class TestTheRule:
    WINDOW = Window((16, 16), (8, 8), (4, 4))

    def chosen(self, weight, dtype="float32"):
        y = np.empty((1, 21, 5, 5), dtype)
        return algorithm.choose(y, self.WINDOW, (5, 5), 21, 21, weight).__name__.rpartition(".")[2]

    def test_a_bilinear_weight_takes_rows_then_columns(self):
        assert self.chosen(bilinear(21, 21, 16)) == "separable"

    def test_a_learned_weight_takes_blocks(self, rng):
        assert self.chosen(rng.standard_normal((21, 21, 16, 16), dtype="float32")) == "blocks"

    def test_float64_is_computed_as_defined(self):
        assert self.chosen(bilinear(21, 21, 16, "float64"), "float64") == "convolution"
