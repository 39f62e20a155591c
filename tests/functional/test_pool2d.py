"""Max-pooling, unpooling and average pooling: who wins, where its gradient goes, and what the border counts."""

import numpy as np
import pytest
import textbook
from cases import POOLS

import minifcn.functional as F
from minifcn import Tensor, grad
from minifcn.backend import to_device, to_host
from minifcn.compute.window import Window

GUIDE_X = np.array([[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]])[None, None]


def with_ties(rng, size, batch=2, channels=3):
    """Few different values, so that most windows have several maxima."""
    return rng.integers(-3, 1, size=(batch, channels, *size)).astype("float64")


@pytest.mark.parametrize("case", POOLS, ids=str)
class TestMaxPool:
    def test_value_index_and_gradient_are_the_textbooks(self, case, rng, device):
        k, s, p, d, ceil_mode, size = case
        x, window = with_ties(rng, size), Window.of(k, s, p, d)
        expected, positions = textbook.max_pool2d(x, window, ceil_mode)
        leaf = Tensor(to_device(x, device), requires_grad=True)
        y, indices = F.max_pool2d(leaf, k, s, p, d, ceil_mode, return_indices=True)
        np.testing.assert_array_equal(to_host(y.data), expected)
        np.testing.assert_array_equal(to_host(indices.data), positions)
        gy = rng.normal(size=y.shape)
        (gx,) = grad(y, leaf, Tensor(to_device(gy, device)))
        np.testing.assert_allclose(to_host(gx.data), textbook.max_pool2d_gradient(gy, positions, x.shape), atol=1e-12)

    def test_without_gradient_the_values_are_the_same(self, case, rng):
        k, s, p, d, ceil_mode, size = case
        x = with_ties(rng, size)
        plain, recorded = (F.max_pool2d(Tensor(x, r), k, s, p, d, ceil_mode).data for r in (False, True))
        np.testing.assert_array_equal(plain, recorded)


class TestMaxPoolByHand:
    def test_dumoulin_and_visin(self, dtype):
        """A guide to convolution arithmetic for deep learning, figure 1.6."""
        y = F.max_pool2d(Tensor(GUIDE_X.astype(dtype)), 3, 1)
        np.testing.assert_array_equal(y.data[0, 0], [[3, 3, 3], [3, 3, 3], [3, 2, 3]])
        assert y.dtype == dtype

    def test_the_padding_is_minus_infinity_not_zero(self):
        """A padding of zeros would win against -1 in three of the four windows."""
        y = F.max_pool2d(Tensor(-np.ones((1, 1, 4, 4))), 3, stride=2, padding=1)
        np.testing.assert_array_equal(y.data, -np.ones((1, 1, 2, 2)))

    def test_with_padding_the_gradient_goes_to_the_pixel_of_the_map(self):
        x = Tensor(np.arange(9.0).reshape(1, 1, 3, 3), requires_grad=True)
        F.max_pool2d(x, 2, padding=1).backward(Tensor(np.array([[[[1.0, 2.0], [3.0, 4.0]]]])))
        np.testing.assert_array_equal(x.grad.data[0, 0], [[1, 0, 2], [0, 0, 0], [3, 0, 4]])

    def test_of_equal_values_the_first_in_reading_order_gets_all(self):
        x = Tensor(np.ones((1, 1, 2, 4)), requires_grad=True)
        y, indices = F.max_pool2d(x, 2, return_indices=True)
        y.sum().backward()
        np.testing.assert_array_equal(indices.data[0, 0], [[0, 2]])
        np.testing.assert_array_equal(x.grad.data[0, 0], [[1, 0, 1, 0], [0, 0, 0, 0]])

    def test_a_pixel_that_wins_several_windows_gets_the_sum(self):
        x = np.zeros((1, 1, 3, 3))
        x[0, 0, 1, 1] = 5
        leaf = Tensor(x, requires_grad=True)
        F.max_pool2d(leaf, 2, stride=1).sum().backward()
        assert leaf.grad.data[0, 0, 1, 1] == 4

    def test_in_ceil_mode_a_window_hangs_over_the_edge(self):
        x = Tensor(np.arange(25.0).reshape(1, 1, 5, 5))
        np.testing.assert_array_equal(F.max_pool2d(x, 2).data[0, 0], [[6, 8], [16, 18]])
        np.testing.assert_array_equal(
            F.max_pool2d(x, 2, ceil_mode=True).data[0, 0], [[6, 8, 9], [16, 18, 19], [21, 23, 24]]
        )

    def test_in_ceil_mode_a_window_that_would_start_in_the_padding_is_dropped(self):
        """Caffe and PyTorch: 3 pixels with padding 1 and windows of 2 make 2 windows, not 3."""
        y = F.max_pool2d(Tensor(np.arange(9.0).reshape(1, 1, 3, 3)), 2, padding=1, ceil_mode=True)
        np.testing.assert_array_equal(y.data[0, 0], [[0, 2], [6, 8]])

    def test_the_stride_is_the_kernel_size_unless_given(self):
        assert F.max_pool2d(Tensor(np.zeros((1, 1, 6, 9))), (2, 3)).shape == (1, 1, 3, 3)

    def test_more_kernel_entries_than_a_byte_can_count(self):
        x = np.zeros((1, 1, 17, 17))
        x[0, 0, 16, 15] = 1  # entry 287
        leaf = Tensor(x, requires_grad=True)
        y, indices = F.max_pool2d(leaf, 17, return_indices=True)
        y.sum().backward()
        assert indices.item() == 16 * 17 + 15
        np.testing.assert_array_equal(leaf.grad.data, x)


class TestUnpool:
    def test_puts_the_maxima_back_where_they_were(self):
        x = Tensor(np.array([[[[1.0, 5.0, 2.0, 0.0], [3.0, 4.0, 7.0, 6.0]]]]))
        y, indices = F.max_pool2d(x, 2, return_indices=True)
        np.testing.assert_array_equal(F.max_unpool2d(y, indices, 2).data[0, 0], [[0, 5, 0, 0], [0, 0, 7, 0]])

    def test_output_size_says_which_of_several_sizes_is_meant(self, rng, device):
        x = Tensor(to_device(rng.normal(size=(2, 3, 5, 7)), device))
        y, indices = F.max_pool2d(x, 2, return_indices=True)
        back = F.max_unpool2d(y, indices, 2, output_size=(5, 7))
        assert back.shape == x.shape
        kept = to_host(back.data) != 0
        np.testing.assert_array_equal(to_host(back.data)[kept], to_host(x.data)[kept])
        assert kept.sum() == y.data.size

    def test_pooling_again_gives_the_same(self, rng):
        y, indices = F.max_pool2d(Tensor(rng.uniform(1, 2, size=(1, 2, 6, 6))), 3, return_indices=True)
        np.testing.assert_array_equal(F.max_pool2d(F.max_unpool2d(y, indices, 3), 3).data, y.data)

    def test_the_gradient_is_read_at_the_same_places(self, rng):
        x = Tensor(rng.normal(size=(1, 1, 4, 4)))
        y, indices = F.max_pool2d(x, 2, return_indices=True)
        leaf = Tensor(y.data, requires_grad=True)
        weights = rng.normal(size=(1, 1, 4, 4))
        F.max_unpool2d(leaf, indices, 2).backward(Tensor(weights))
        np.testing.assert_array_equal(leaf.grad.data.ravel(), weights.ravel()[indices.data.ravel()])

    @pytest.mark.parametrize("indices", [np.zeros((1, 1, 2, 2)), np.zeros((1, 1, 4), int)], ids=["floats", "shape"])
    def test_wrong_indices_are_refused(self, indices):
        with pytest.raises(ValueError, match=r"indices must be integers of the shape of x \(1, 1, 2, 2\), got"):
            F.max_unpool2d(Tensor(np.zeros((1, 1, 2, 2))), indices, 2)


class TestAvgPool:
    def test_dumoulin_and_visin(self):
        """A guide to convolution arithmetic for deep learning, figure 1.5."""
        y = F.avg_pool2d(Tensor(GUIDE_X.astype("float64")), 3, 1)
        np.testing.assert_allclose(y.data[0, 0], [[1.7, 1.7, 1.7], [1.0, 1.2, 1.8], [1.1, 0.8, 1.3]], atol=0.05)

    @pytest.mark.parametrize("include", [True, False])
    @pytest.mark.parametrize("case", [case for case in POOLS if case[3] == 1], ids=str)
    def test_value_and_gradient_are_the_textbooks(self, case, include, rng, device):
        k, s, p, _, ceil_mode, size = case
        x, window = rng.normal(size=(2, 3, *size)), Window.of(k, s, p)
        (kh, kw), (sh, sw), (ph, pw) = window.kernel, window.stride, window.padding
        y = F.avg_pool2d(leaf := Tensor(to_device(x, device), requires_grad=True), k, s, p, ceil_mode, include)
        gy, expected_gx = rng.normal(size=y.shape), np.zeros_like(x)
        for (i, j), pixels in textbook.windows_of_pixels(x.shape, window, ceil_mode):
            rows = min(i * sh - ph + kh, size[0] + ph) - (i * sh - ph)  # what hangs over the padding never counts
            columns = min(j * sw - pw + kw, size[1] + pw) - (j * sw - pw)
            count = rows * columns if include else len(pixels)
            expected = sum(x[:, :, row, column] for row, column in pixels) / count
            np.testing.assert_allclose(to_host(y.data)[:, :, i, j], expected, atol=1e-12)
            for row, column in pixels:
                expected_gx[:, :, row, column] += gy[:, :, i, j] / count
        (gx,) = grad(y, leaf, Tensor(to_device(gy, device)))
        np.testing.assert_allclose(to_host(gx.data), expected_gx, atol=1e-12)

    def test_the_padding_counts_unless_told_otherwise(self):
        x = Tensor(np.ones((1, 1, 2, 2)))
        np.testing.assert_array_equal(F.avg_pool2d(x, 2, padding=1).data[0, 0], [[0.25, 0.25], [0.25, 0.25]])
        np.testing.assert_array_equal(
            F.avg_pool2d(x, 2, padding=1, count_include_pad=False).data[0, 0], [[1, 1], [1, 1]]
        )

    def test_what_hangs_over_the_padding_in_ceil_mode_does_not_count(self):
        y = F.avg_pool2d(Tensor(np.ones((1, 1, 3, 3))), 2, ceil_mode=True)
        np.testing.assert_array_equal(y.data[0, 0], [[1, 1], [1, 1]])


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
class TestErrors:
    def test_padding_of_more_than_half_the_kernel(self, pool):
        with pytest.raises(ValueError, match=rf"{pool.__name__}: padding \(2, 2\) must be at most half the kernel"):
            pool(Tensor(np.ones((1, 1, 5, 5))), 3, padding=2)

    def test_a_kernel_larger_than_the_map(self, pool):
        with pytest.raises(ValueError, match=r"a kernel of 3x3 .* does not fit on a map of 2x2"):
            pool(Tensor(np.ones((1, 1, 2, 2))), 3)

    def test_an_image_without_a_batch(self, pool):
        with pytest.raises(
            ValueError, match=rf"{pool.__name__}: x must be a map \(N, C, H, W\), got shape \(3, 5, 5\)"
        ):
            pool(Tensor(np.ones((3, 5, 5))), 3)
