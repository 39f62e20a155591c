"""Four implementations of the transposed convolution agree, and it is the transpose of the convolution."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.explain.matrices import conv_matrix
from minifcn.explain.transposed import (
    adjoint_test,
    by_gather,
    by_matrix,
    by_stamps,
    by_zero_insertion,
    compare_implementations,
)

IMPLEMENTATIONS = [by_stamps, by_gather, by_zero_insertion, by_matrix]
SETTINGS = [
    {},
    {"stride": 2},
    {"stride": 2, "padding": 1},
    {"stride": 3, "padding": 1, "output_padding": 2},
    {"stride": (2, 3), "padding": (0, 2), "output_padding": (1, 0)},
    {"stride": 4},  # larger than the kernel
    {"stride": 2, "padding": 3},  # more than K - 1 rows
]


@pytest.mark.parametrize("compute", IMPLEMENTATIONS, ids=lambda f: f.__name__)
class TestEveryImplementation:
    @pytest.mark.parametrize("settings", SETTINGS, ids=str)
    def test_is_conv_transpose2d(self, compute, settings, rng):
        x, weight = rng.normal(size=(2, 4, 5)), rng.normal(size=(2, 3, 3, 4))
        expected = F.conv_transpose2d(Tensor(x[None]), Tensor(weight), **settings).data[0]
        np.testing.assert_allclose(compute(x, weight, **settings), expected, rtol=0, atol=1e-12)

    def test_by_hand(self, compute):
        """Two pixels, 1 and 10, stamp (1, 2, 3) two columns apart: 1 2 3 . . and . . 10 20 30."""
        x, weight = [[[1.0, 10.0]]], [[[[1.0, 2.0, 3.0]]]]
        assert compute(x, weight, 2).tolist() == [[[1, 2, 13, 20, 30]]]

    def test_padding_crops(self, compute):
        """It adds nothing: the result is the one without padding, less a rim."""
        x, weight = np.arange(6.0).reshape(1, 2, 3), np.arange(9.0).reshape(1, 1, 3, 3)
        whole, padded = compute(x, weight, 2), compute(x, weight, 2, padding=1)
        np.testing.assert_array_equal(padded, whole[:, 1:-1, 1:-1])

    def test_output_padding_crops_less(self, compute):
        """It adds no zeros: it gives back the row and the column that padding had cut off below and at the right."""
        x, weight = np.arange(1.0, 7.0).reshape(1, 2, 3), np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
        whole, larger = compute(x, weight, 2), compute(x, weight, 2, padding=1, output_padding=1)
        np.testing.assert_array_equal(larger, whole[:, 1:, 1:])
        assert larger[:, -1].all()

    def test_tensors_of_either_dtype_are_taken(self, compute):
        result = compute(Tensor(np.ones((1, 2, 2), "float32")), Tensor(np.ones((1, 1, 2, 2))))
        assert result.dtype == np.float64
        assert result.tolist() == [[[1, 2, 1], [2, 4, 2], [1, 2, 1]]]

    @pytest.mark.parametrize(
        ("shapes", "settings", "words"),
        [
            (((2, 4, 4), (3, 2, 3, 3)), {}, r"same C, got \(2, 4, 4\) and \(3, 2, 3, 3\)"),
            (((4, 4), (1, 1, 3, 3)), {}, r"x must be \(C, H, W\)"),
            (((1, 4, 4), (1, 1, 3, 3)), {"stride": 2, "output_padding": 2}, "must be less than the stride"),
            (((1, 2, 2), (1, 1, 1, 1)), {"padding": 1}, "crops the whole result"),
        ],
    )
    def test_mistakes_are_named(self, compute, shapes, settings, words):
        with pytest.raises(ValueError, match=words):
            compute(np.ones(shapes[0]), np.ones(shapes[1]), **settings)


def test_zero_insertion_without_turning_the_kernel_is_wrong(rng):
    x, weight = rng.normal(size=(1, 4, 4)), rng.normal(size=(1, 1, 3, 3))
    not_turned = by_zero_insertion(x, weight[:, :, ::-1, ::-1], stride=2)
    assert abs(not_turned - by_stamps(x, weight, stride=2)).max() > 0.1


def test_a_symmetric_kernel_hides_that(rng):
    """A bilinear kernel looks the same when turned, so its first values reveal no mistake."""
    x, tent = rng.normal(size=(1, 4, 4)), np.array([1, 3, 3, 1]) / 4
    weight = (tent[:, None] * tent)[None, None]
    not_turned = by_zero_insertion(x, weight[:, :, ::-1, ::-1], stride=2)
    np.testing.assert_allclose(not_turned, by_stamps(x, weight, stride=2), atol=1e-12)


@pytest.mark.parametrize("size", [16, 17, 18])
def test_the_same_settings_do_not_lead_back_to_the_same_size(size, rng):
    """Convolved with kernel 5, stride 3, padding 2, three sizes become 6: only one of them comes back by itself."""
    weight = rng.normal(size=(1, 1, 5, 5))
    y = F.conv2d(Tensor(rng.normal(size=(1, 1, size, size))), Tensor(weight), None, 3, 2).data[0]
    assert y.shape == (1, 6, 6)
    assert by_stamps(y, weight, 3, 2).shape == (1, 16, 16)
    assert by_stamps(y, weight, 3, 2, size - 16).shape == (1, size, size)


class TestComparison:
    def test_multiplications_by_hand(self):
        """2 channels of 2x2 pixels, 3x3 kernels to 3 channels, stride 2, padding 1: the result is 3 x 3x3."""
        counts = compare_implementations(np.ones((2, 2, 2)), np.ones((2, 3, 3, 3)), 2, 1).multiplications
        assert counts == {
            "stamps": 2 * 4 * 3 * 9,
            "gather": 2 * 4 * 3 * 4,  # the padding leaves 2x2 of each 3x3 stamp
            "zero insertion": 3 * 9 * 2 * 9,
            "matrix": (2 * 4) * (3 * 9),
        }

    def test_differences_are_rounding(self, rng):
        comparison = compare_implementations(rng.normal(size=(2, 4, 5)), rng.normal(size=(2, 3, 3, 4)), 2, 1, 1)
        assert set(comparison.differences) == {"stamps", "gather", "zero insertion", "matrix"}
        assert max(comparison.differences.values()) < 1e-12


STRIDES = [{}, {"stride": 2, "padding": 1}, {"stride": (3, 2), "padding": (2, 0), "dilation": (1, 2)}]


class TestAdjoint:
    @pytest.mark.parametrize("settings", STRIDES, ids=str)
    @pytest.mark.parametrize("size", [(9, 10), (11, 9)], ids=str)
    def test_both_sides_agree(self, settings, size, rng):
        result = adjoint_test(rng.normal(size=(4, 3, 3, 2)), (3, *size), **settings, rng=rng)
        assert result.residual < 1e-14
        assert result.left == pytest.approx(result.right, abs=1e-11)

    def test_a_turned_kernel_fails(self, rng, monkeypatch):
        forward = F.conv_transpose2d
        turned = lambda y, weight, *rest, **more: forward(y, Tensor(weight.data[:, :, ::-1, ::-1]), *rest, **more)  # noqa: E731
        monkeypatch.setattr(F, "conv_transpose2d", turned)
        assert adjoint_test(rng.normal(size=(1, 1, 3, 3)), (1, 6, 6), rng=rng).residual > 1e-3

    def test_it_says_so_in_one_line(self):
        assert str(adjoint_test(np.zeros((1, 1, 1, 1)) + 1, (1, 1, 1))).count("\n") == 0

    def test_transposed_is_not_inverse(self, rng):
        """Cᵀ C x has the shape of x, and nothing else of it."""
        weight, x = rng.normal(size=(1, 1, 3, 3)), rng.normal(size=(1, 5, 5))
        y = (conv_matrix(weight, x.shape) @ x.ravel()).reshape(1, 3, 3)
        back = by_stamps(y, weight)
        assert back.shape == x.shape
        assert abs(back - x).max() > 0.1


@pytest.mark.parametrize("implementation", [by_stamps, by_gather, by_zero_insertion, by_matrix])
@pytest.mark.parametrize(
    ("x", "weight", "error", "message"),
    [
        (np.ones((1, 2, 2)) * 1j, np.ones((1, 1, 2, 2)), TypeError, "x must hold real numbers, got complex128"),
        (np.ones((1, 2, 2)), "w", TypeError, "weight must hold real numbers"),
        (np.ones((1, 0, 2)), np.ones((1, 1, 2, 2)), ValueError, "must not be empty"),
        (np.ones((1, 2, 2)), np.ones((1, 0, 2, 2)), ValueError, "must not be empty"),
    ],
    ids=["complex", "text", "no rows", "no channels"],
)
def test_what_cannot_be_right_is_refused_by_all_alike(implementation, x, weight, error, message):
    with pytest.raises(error, match=message):
        implementation(x, weight)


@pytest.mark.parametrize(("weight", "shape"), [(np.ones((2, 3)), (3, 9, 9)), (np.ones((2, 3, 1, 1)), (9, 9))])
def test_the_adjoint_test_names_what_has_the_wrong_shape(weight, shape):
    with pytest.raises(ValueError, match=r"adjoint_test: (weight|input_shape) must"):
        adjoint_test(weight, shape)
