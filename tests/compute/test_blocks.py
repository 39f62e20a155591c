"""Upsampling block by block, where each channel is by itself: what is left out is multiplied by 0."""

import numpy as np
import pytest
import textbook
from cases import LAYOUTS, read_only

import minifcn as mf
from minifcn.backend import threads
from minifcn.compute import algorithm, convolution
from minifcn.compute.fast import blocks
from minifcn.compute.window import Window
from minifcn.nn.init import bilinear

WINDOWS = {
    "twice": Window((4, 4), (2, 2), (1, 1)),
    "eight times, as in FCN-8s": Window((16, 16), (8, 8), (4, 4)),
    "eight times, as in the paper": Window((16, 16), (8, 8)),
    "rows and columns differ": Window((5, 4), (3, 2), (1, 0)),
    "all padding": Window((4, 4), (2, 2), (3, 3)),
}
ONES = np.ones((1, 3, 2, 2), "float32")
every_window = pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)


def upsampling(rng, window, batch=2, channels=3, count=(5, 4), extra=(1, 1)):
    """A map, a weight that leads each channel to itself, and the size of the result."""
    weight = np.zeros((channels, channels, *window.kernel), "float32")
    weight[range(channels), range(channels)] = rng.standard_normal(window.kernel)
    return rng.standard_normal((batch, channels, *count), dtype="float32"), weight, window.transposed_size(count, extra)


@every_window
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("strip_bytes", [1, 1 << 30], ids=["strips of a row", "one strip"])
def test_each_channel_by_itself_is_what_the_textbook_says(window, layout, strip_bytes, rng, monkeypatch):
    monkeypatch.setattr(blocks, "STRIP_BYTES", strip_bytes)
    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    y, weight, size = upsampling(rng, window)
    assert blocks.kernel_rows(weight, window, y)[1]
    found = blocks.convolve_transposed(*(read_only(LAYOUTS[layout](a)) for a in (y, weight)), window, size)
    expected = textbook.convolve_transposed(y, weight, window, size)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * abs(expected).max())
    arrays = (read_only(LAYOUTS[layout](a)) for a in (expected.astype("float32"), weight))
    back = blocks.convolve(*arrays, window, window.output_size(size))
    expected = textbook.convolve(expected, weight, window)
    np.testing.assert_allclose(back, expected, rtol=0, atol=2e-6 * abs(expected).max())


@every_window
def test_the_number_of_threads_does_not_matter(window, rng, monkeypatch):
    y, weight, size = upsampling(rng, window)
    monkeypatch.setattr(blocks, "STRIP_BYTES", 1)
    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    found = []
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "thread_count", lambda count=count: count)
        found.append(blocks.convolve_transposed(y, weight, window, size))
    assert all(np.array_equal(other, found[0]) for other in found)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_pixel_that_is_not_finite_reaches_the_other_channels_too(value, rng):
    """As by definition, for 0 · inf is nan."""
    window = WINDOWS["twice"]
    y, weight, size = upsampling(rng, window)
    y[0, 1, 2, 3] = value
    with np.errstate(invalid="ignore"), mf.algorithm("blocks"):
        found = algorithm.convolve_transposed(y, weight, window, size)
        np.testing.assert_allclose(found, convolution.convolve_transposed(y, weight, window, size), atol=1e-6)
        back = algorithm.convolve(found, weight, window)
        np.testing.assert_allclose(back, convolution.convolve(found, weight, window), atol=1e-5)


class TestTheKernelOfEachChannel:
    @pytest.mark.parametrize("kernel_size", [2, 3, 16])
    @pytest.mark.parametrize("channels", [1, 2, 21])
    def test_of_bilinear_weights_is_the_first(self, kernel_size, channels):
        weight = bilinear(channels, channels, kernel_size)
        b, apart = blocks.kernel_rows(weight, Window((kernel_size, kernel_size)), weight)
        assert apart
        np.testing.assert_array_equal(b.ravel(), weight[0, 0, ::-1, ::-1].ravel())

    @pytest.mark.parametrize("at", [(2, 0, 1, 1), (0, 2, 3, 3), (1, 1, 0, 0)], ids=str)
    @pytest.mark.parametrize("value", [0.5, np.nan, np.inf])
    def test_there_is_none_of_a_weight_that_is_anything_else(self, at, value):
        weight = bilinear(3, 3, 4)
        weight[at] = value
        assert not blocks.kernel_rows(weight, Window((4, 4)), ONES)[1]

    def test_there_is_none_between_different_numbers_of_channels(self):
        assert not blocks.kernel_rows(bilinear(3, 3, 4)[:2], Window((4, 4)), ONES)[1]


@pytest.mark.parametrize("value", [None, np.nan, np.inf])
@pytest.mark.parametrize("where", ["map", "weight"])
def test_a_large_result_is_searched_for_nan_only_if_what_it_is_made_of_is_not_finite(where, value, rng, monkeypatch):
    searched, has_nan, window = [], algorithm.has_nan, WINDOWS["eight times, as in FCN-8s"]
    monkeypatch.setattr(algorithm, "has_nan", lambda x: searched.append(x.shape) or has_nan(x))
    y, weight = (rng.standard_normal(shape, dtype="float32") for shape in ((1, 3, 20, 20), (3, 3, 16, 16)))
    if value is not None:
        (y if where == "map" else weight)[0, 1, 0, 0] = value
    with np.errstate(invalid="ignore"):
        found = algorithm.convolve_transposed(y, weight, window, (160, 160))
        expected = convolution.convolve_transposed(y, weight, window, (160, 160))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    assert bool(searched) == (value is not None)
