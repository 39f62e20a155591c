"""First values of weights: the bilinear kernels of the paper, and He's variance."""

import numpy as np
import pytest

from minifcn.nn import init

STRIDES = {3: 2, 4: 2, 5: 3, 6: 3, 8: 4, 16: 8, 32: 16, 63: 32, 64: 32}  # kernel size: stride it is made for


def taps(kernel_size):
    """One row of the kernel, scaled so that it adds up to the stride."""
    row = init.bilinear_kernel(kernel_size).sum(0)
    return row / STRIDES[kernel_size]


class TestBilinearKernel:
    @pytest.mark.parametrize(
        ("kernel_size", "expected"),
        [
            (3, [1 / 2, 1, 1 / 2]),
            (4, [1 / 4, 3 / 4, 3 / 4, 1 / 4]),
            (5, [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3]),
            (6, [1 / 6, 3 / 6, 5 / 6, 5 / 6, 3 / 6, 1 / 6]),
            (8, [1 / 8, 3 / 8, 5 / 8, 7 / 8, 7 / 8, 5 / 8, 3 / 8, 1 / 8]),
            *((2 * f, [(2 * i + 1) / (2 * f) for i in (*range(f), *reversed(range(f)))]) for f in (8, 16, 32)),
            (63, [(i + 1) / 32 for i in (*range(32), *reversed(range(31)))]),
        ],
        ids=lambda value: str(value) if isinstance(value, int) else "",
    )
    def test_taps(self, kernel_size, expected):
        np.testing.assert_allclose(taps(kernel_size), expected, rtol=1e-12)

    def test_of_4_by_hand(self):
        kernel = init.bilinear_kernel(4)
        assert (kernel[0, 0], kernel[0, 1], kernel[1, 1], kernel.sum()) == (0.0625, 0.1875, 0.5625, 4.0)

    @pytest.mark.parametrize("kernel_size", STRIDES)
    def test_is_that_of_caffes_filler(self, kernel_size):
        """BilinearFiller of Caffe's filler.hpp, as it has been since 2016."""
        f = -(-kernel_size // 2)
        c = (kernel_size - 1) / (2 * f)
        expected = [
            [(1 - abs(x / f - c)) * (1 - abs(y / f - c)) for x in range(kernel_size)] for y in range(kernel_size)
        ]
        np.testing.assert_allclose(init.bilinear_kernel(kernel_size), expected, rtol=1e-12)

    @pytest.mark.parametrize(("kernel_size", "stride"), STRIDES.items())
    def test_adds_up_to_the_stride_squared(self, kernel_size, stride):
        assert init.bilinear_kernel(kernel_size).sum() == pytest.approx(stride**2, rel=1e-12)

    @pytest.mark.parametrize(("kernel_size", "stride"), STRIDES.items())
    def test_stamps_a_stride_apart_add_up_to_1_inside(self, kernel_size, stride):
        canvas = np.zeros((kernel_size + 4 * stride,) * 2)
        for i, j in np.ndindex(5, 5):
            canvas[i * stride : i * stride + kernel_size, j * stride : j * stride + kernel_size] += (
                init.bilinear_kernel(kernel_size)
            )
        inside = (slice(stride, -stride),) * 2
        np.testing.assert_allclose(canvas[inside], 1, rtol=1e-12)
        assert canvas[0, 0] < 1

    @pytest.mark.parametrize("kernel_size", STRIDES)
    def test_is_symmetric(self, kernel_size):
        kernel = init.bilinear_kernel(kernel_size)
        np.testing.assert_array_equal(kernel, kernel.T)
        np.testing.assert_array_equal(kernel, kernel[::-1, ::-1])


class TestBilinear:
    def test_has_the_kernel_on_the_channel_diagonal_only(self, dtype):
        weight = init.bilinear(3, 3, 4, dtype)
        assert (weight.shape, weight.dtype) == ((3, 3, 4, 4), dtype)
        for i, o in np.ndindex(3, 3):
            np.testing.assert_array_equal(weight[i, o], init.bilinear_kernel(4) * (i == o))

    def test_different_numbers_of_channels_are_refused(self):
        with pytest.raises(
            ValueError, match=r"in_channels \(3\) and out_channels \(4\) must be equal.*1x1 convolution"
        ):
            init.bilinear(3, 4, 4)


class TestHeNormal:
    @pytest.mark.parametrize(("inputs", "kernel"), [(64, (3, 3)), (512, (1, 1)), (8, (7, 5))], ids=str)
    def test_variance_is_2_over_the_fan_in(self, inputs, kernel, rng):
        weight = init.he_normal(200, inputs, kernel, rng)
        variance = 2 / (inputs * kernel[0] * kernel[1])
        assert weight.var() == pytest.approx(variance, rel=6 * (2 / weight.size) ** 0.5)
        assert weight.mean() == pytest.approx(0, abs=6 * (variance / weight.size) ** 0.5)

    def test_keeps_the_size_of_activations_through_relus(self, rng):
        x = rng.normal(size=(300, 400))
        for _ in range(10):
            x = np.maximum(x @ init.he_normal(400, 400, (1, 1), rng)[:, :, 0, 0].T, 0)
        assert 0.3 < (x**2).mean() / 0.5 < 3

    def test_the_same_generator_gives_the_same_weights_in_any_precision(self):
        single, double = (
            init.he_normal(4, 3, (3, 3), np.random.default_rng(3), kind) for kind in ("float32", "float64")
        )
        assert (single.dtype, double.dtype) == ("float32", "float64")
        np.testing.assert_array_equal(single, double)


@pytest.mark.parametrize(
    "weight", [init.he_normal(4, 3, (5, 6), np.random.default_rng(0)), init.zeros(4, 3, (5, 6))], ids=["he", "zeros"]
)
def test_weights_are_channels_last_in_memory(weight):
    assert weight.shape == (4, 3, 5, 6)
    assert weight.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda rng: init.bilinear_kernel(2.5), "bilinear_kernel: kernel_size must be a whole number, got 2.5"),
        (lambda rng: init.bilinear_kernel(0), "bilinear_kernel: kernel_size must be at least 1, got 0"),
        (lambda rng: init.bilinear(2, 2, 4.0), "bilinear: kernel_size must be a whole number of at least 1"),
        (lambda rng: init.bilinear(2.0, 2, 4), "bilinear: in_channels must be a whole number, got 2.0"),
        (lambda rng: init.bilinear(2, 2, 4, "int32"), "bilinear: dtype must be floating-point"),
        (lambda rng: init.zeros(-1, 2, (3, 3)), "zeros: out_channels must be at least 1, got -1"),
        (lambda rng: init.zeros(1, 2, (3, 3), "uint8"), "zeros: dtype must be floating-point"),
        (lambda rng: init.he_normal(1, 0, (3, 3), rng), "he_normal: in_channels must be at least 1, got 0"),
        (lambda rng: init.he_normal(1, 1, (3, 3), rng, int), "he_normal: dtype must be floating-point"),
        (lambda rng: init.he_normal(1, 1, (3, 3), 0), "he_normal: rng must be a numpy.random.Generator"),
        (lambda rng: init.he_normal(1, 1, (3, 3), None), "he_normal: rng must be a numpy.random.Generator"),
    ],
)
def test_weights_that_cannot_be_made_are_refused(make, message, rng):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        make(rng)


def test_one_number_is_a_square_kernel(rng):
    assert init.he_normal(2, 3, 5, rng).shape == (2, 3, 5, 5)
    assert init.zeros(2, 3, 5).shape == (2, 3, 5, 5)
