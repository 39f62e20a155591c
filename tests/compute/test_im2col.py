"""The matrix A that gathers windows, its transpose that scatters them, and the border around a map."""

import numpy as np
import pytest
from cases import CONVOLUTIONS, LAYOUTS, read_only

from minifcn.compute.convolution import matrix
from minifcn.compute.im2col import col2im, im2col, maps, padded, pixels
from minifcn.compute.window import Window


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_col2im_is_the_transpose_of_im2col(case, rng):
    """<A x, r> = <x, Aᵀ r>."""
    x = rng.normal(size=case.x_shape)
    gathered = im2col(x, case.window)
    rows = rng.normal(size=gathered.shape)
    assert np.vdot(gathered, rows) == pytest.approx(np.vdot(x, col2im(rows, case.window, case.size)), rel=1e-10)


def test_im2col_by_hand_with_stride_padding_and_channels():
    """One window on each corner of a 2x2 map with two channels: rows are windows, channels innermost."""
    x = np.array([[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]])
    np.testing.assert_array_equal(
        im2col(x, Window.of(2, stride=2, padding=1)),
        [[0, 0, 0, 0, 0, 0, 1, 5], [0, 0, 0, 0, 2, 6, 0, 0], [0, 0, 3, 7, 0, 0, 0, 0], [4, 8, 0, 0, 0, 0, 0, 0]],
    )


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 5])
def test_col2im_of_ones_counts_the_windows_over_each_pixel(stride):
    window, size = Window.of(4, stride), (13, 9)
    oh, ow = window.output_size(size)
    counts = col2im(np.ones((oh * ow, 16)), window, size)[0, 0]
    rows, columns = (
        [sum(i * stride <= row < i * stride + 4 for i in range(windows)) for row in range(n)]
        for n, windows in zip(size, (oh, ow), strict=True)
    )
    np.testing.assert_array_equal(counts, np.outer(rows, columns))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_padded_surrounds_without_touching_its_input(layout, rng, dtype):
    x = rng.normal(size=(2, 3, 4, 5)).astype(dtype)
    y = padded(read_only(LAYOUTS[layout](x)), (1, 0, 2, 3), value=-np.inf)
    np.testing.assert_array_equal(y, np.pad(x, ((0, 0), (0, 0), (2, 3), (1, 0)), constant_values=-np.inf))
    assert y.dtype == dtype


def test_no_border_copies_nothing(rng):
    x = rng.normal(size=(1, 2, 3, 4))
    assert padded(x, (0, 0, 0, 0)) is x


def test_channels_last_maps_and_weights_are_read_as_matrices_without_a_copy(rng):
    x = LAYOUTS["channels-last"](rng.normal(size=(2, 3, 4, 5)))
    assert np.shares_memory(pixels(x), x)
    assert np.shares_memory(matrix(x), x)


def test_maps_is_the_inverse_of_pixels(rng):
    x = rng.normal(size=(2, 3, 4, 5))
    np.testing.assert_array_equal(maps(pixels(x), 2, (4, 5)), x)
