"""Convolutions whose matrices are rows of pixels give what the definition does, and copy no window."""

import numpy as np
import pytest

import minifcn as mf
import minifcn.functional as F
from minifcn import Tensor, nn
from minifcn.backend import cutting, to_device
from minifcn.compute import algorithm, convolution
from minifcn.compute.fast import rows, strips
from minifcn.compute.fast.finish import Finish
from minifcn.compute.window import Window

VGG = Window((3, 3), padding=(1, 1))
WINDOWS = {
    "3x3": VGG,
    "no padding": Window((3, 3)),
    "more padding than kernel": Window((3, 2), padding=(4, 5)),
    "one row": Window((1, 4), padding=(0, 1)),
    "every second row": Window((3, 3), (2, 1), (1, 1)),
    "rows that windows leave out": Window((2, 2), (3, 1)),
    "7x7": Window((7, 7), padding=(3, 3)),
}


def channels_last(rng, n, c, h, w):
    return rng.standard_normal((n, h, w, c)).transpose(0, 3, 1, 2)


@pytest.mark.parametrize(
    ("channels", "outputs", "width", "expected"),
    [
        (3, 8, 32, rows),
        (16, 16, 33, rows),
        (16, 1, 500, rows),
        (3, 17, 32, strips),  # outputs enough for a product of its own
        (17, 8, 32, strips),
        (8, 8, 31, strips),  # a product for each row would have too few columns
    ],
)
def test_few_channels_and_long_rows(channels, outputs, width, expected):
    x = np.zeros((1, channels, 5, width), "float32")
    assert algorithm.choose(x, VGG, (5, width), channels, outputs) is expected


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize(
    "window",
    [Window((3, 3), (1, 2)), Window((3, 3), dilation=(1, 2)), Window((3, 3), dilation=(2, 1)), Window((3, 1))],
    ids=str,
)
def test_windows_that_share_no_pixels_or_see_no_neighbours_are_left_to_strips(window, forced):
    x = np.zeros((1, 3, 5, 64), "float32")
    with mf.algorithm("rows" if forced else "strips"):
        assert algorithm.choose(x, window, (5, 64), 3, 8) is strips


@pytest.mark.parametrize("strip_bytes", [1, 3000, 1 << 30])
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_the_maps_of_the_definition(window, strip_bytes, rng, monkeypatch):
    monkeypatch.setattr(rows, "STRIP_BYTES", strip_bytes)
    x, weight = channels_last(rng, 3, 5, 12, 11), rng.standard_normal((4, 5, *window.kernel))
    size = window.output_size((12, 11))
    expected = convolution.convolve(x, weight, window)
    np.testing.assert_allclose(rows.convolve(x, weight, window, size), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        rows.convolve_weight(x, expected, window),
        convolution.convolve_weight(x, expected, window),
        rtol=0,
        atol=1e-12 * abs(expected).max() * expected.size,
    )


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("size", [(12, 10), (11, 9)], ids=str)
def test_a_bias_a_relu_and_a_pool(size, keep, pool, rng):
    x, weight, bias = channels_last(rng, 2, 3, *size), rng.standard_normal((4, 3, 3, 3)), rng.standard_normal(4)
    y = np.maximum(convolution.convolve(x, weight, VGG) + bias[:, None, None], 0)
    expected = F.max_pool2d(Tensor(y), 2, ceil_mode=True).data if pool else y
    found = rows.convolve(x, weight, VGG, size, Finish(bias, relu=True, keep=keep, pool=pool))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_no_window_is_copied(rng):
    """What the columns of a kernel see is the same memory, a pixel further on."""
    x = channels_last(rng, 2, 5, 12, 11)
    seen = rows.columns(x, VGG, (slice(0, 2), slice(0, 12)), 11)
    assert seen.shape == (3, 2, 12, 3 * 5, 11)
    assert seen.strides == tuple(8 * step for step in (1, 14 * 5 * 13, 5 * 13, 13, 1))


def test_where_nothing_trains_the_next_layer_finds_the_map_turned(rng):
    conv = nn.Conv2d(3, 8, 3, padding=1, relu=True)
    x = Tensor(channels_last(rng, 2, 3, 40, 32).astype("float32"))
    trained = conv(x).data
    with mf.no_grad():
        found = conv(x).data
    assert trained.transpose(0, 2, 3, 1).flags.c_contiguous
    assert found.transpose(0, 2, 1, 3).flags.c_contiguous
    np.testing.assert_array_equal(found, trained)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_one_bad_pixel_reaches_its_windows_only(value, rng, monkeypatch):
    """And so nothing is computed once more."""
    monkeypatch.setattr(algorithm.PLAIN, "convolve", None)
    x, weight = channels_last(rng, 1, 2, 8, 40).astype("float32"), rng.standard_normal((3, 2, 3, 3), dtype="float32")
    x[0, 1, 4, 20] = value
    with np.errstate(invalid="ignore"):
        y = algorithm.convolve(x, weight, VGG)
    bad = ~np.isfinite(y)
    assert bad[:, :, 3:6, 19:22].all()
    assert bad.sum() == 3 * 9


def test_large_maps_are_cut_into_strips(rng, monkeypatch):
    parts, shared = [], []
    monkeypatch.setattr(rows, "share", lambda function, found, work: parts.extend(found) or shared.append(work))
    x, weight = np.zeros((1, 8, 256, 512), "float32"), np.zeros((8, 8, 3, 3), "float32")
    rows.convolve(x, weight, VGG, (256, 512))
    assert len(parts) >= 24 * x[0, 0].nbytes / cutting.STRIP_BYTES
    assert [row for _, part in parts for row in range(256)[part]] == list(range(256))
    assert shared[0] >= 256 * 512 * weight.size  # enough that threads share them out


def test_thousands_of_rows_are_added_in_pairs():
    """One after the other they are wrong by 2e-5."""
    x, y = np.full((8, 2, 256, 32), 0.1, "float32"), np.full((8, 4, 256, 32), 0.1, "float32")
    expected = convolution.convolve_weight(x.astype("float64"), y.astype("float64"), VGG)
    np.testing.assert_allclose(rows.convolve_weight(x, y, VGG), expected, rtol=1e-6)


@pytest.fixture
def strips_of_weight(monkeypatch):
    """What threads would share out of a weight gradient, and what the first strip gives."""

    def found(x, kernel):
        parts, results = [], []

        def share_sum(product, strips, work):
            parts.extend(strips)
            results.append(product(strips[0]))
            return results[0]

        monkeypatch.setattr(rows, "share_sum", share_sum)
        rows.convolve_weight(x, x, Window(kernel, padding=(kernel[0] // 2, kernel[1] // 2)))
        return parts, results[0]

    return found


def test_a_matrix_for_each_row_counts_as_part_of_its_strip(strips_of_weight):
    """Those of a 7x7 kernel are twelve times as large as the row."""
    parts, weight = strips_of_weight(np.zeros((4, 16, 256, 32), "float32"), (7, 7))
    assert len(parts) >= 4 * 256 * weight.nbytes / cutting.STRIP_BYTES


def test_and_so_do_the_pixels(strips_of_weight):
    x = np.zeros((1, 4, 256, 2048), "float32")
    parts, _ = strips_of_weight(x, (3, 3))
    assert len(parts) >= 2 * x.nbytes / cutting.STRIP_BYTES


def test_the_sum_of_a_strip_keeps_none_of_its_matrices(strips_of_weight):
    _, weight = strips_of_weight(np.zeros((1, 4, 64, 32), "float32"), (3, 3))
    assert weight.base is None


def test_a_gpu_is_left_to_strips(stand_in):
    x = to_device(np.zeros((1, 8, 5, 64), "float32"), stand_in)
    assert algorithm.choose(x, VGG, (5, 64), 8, 8) is strips
