"""The matrices A and C do what im2col, convolution and transposed convolution do."""

import itertools

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, explain
from minifcn.compute.im2col import im2col
from minifcn.compute.window import Window

SHAPE = (4, 6, 7)  # channels, rows, columns
SETTINGS = itertools.product([1, (2, 3)], [0, (1, 2)], [1, (2, 1)])
WINDOWS = [{"stride": s, "padding": p, "dilation": d} for s, p, d in SETTINGS]


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (2, 4)], ids=str)
@pytest.mark.parametrize("settings", WINDOWS, ids=str)
class TestForAnyWindow:
    def test_a_gathers_the_windows(self, kernel, settings, rng):
        x, window = rng.normal(size=SHAPE), Window.of(kernel, **settings)
        columns = (explain.im2col_matrix(SHAPE, kernel, **settings) @ x.ravel()).reshape(4, kernel[0] * kernel[1], -1)
        rows = im2col(x[None], window)  # each row: a window, channels last
        np.testing.assert_array_equal(columns.transpose(2, 1, 0).reshape(rows.shape), rows)

    @pytest.mark.parametrize("groups", [1, 2])
    def test_c_convolves(self, kernel, settings, groups, rng):
        x, weight = rng.normal(size=SHAPE), rng.normal(size=(6, 4 // groups, *kernel))
        y = F.conv2d(Tensor(x[None]), Tensor(weight), groups=groups, **settings)
        matrix = explain.conv_matrix(weight, SHAPE, groups=groups, **settings)
        np.testing.assert_allclose(matrix @ x.ravel(), y.data.ravel(), atol=1e-12)

    @pytest.mark.parametrize("groups", [1, 2])
    def test_its_transpose_convolves_transposed(self, kernel, settings, groups, rng):
        weight, window = rng.normal(size=(6, 4 // groups, *kernel)), Window.of(kernel, **settings)
        size = window.output_size(SHAPE[1:])
        y = rng.normal(size=(6, *size))
        extra = tuple(n - m for n, m in zip(SHAPE[1:], window.transposed_size(size), strict=True))
        x = F.conv_transpose2d(
            Tensor(y[None]), Tensor(weight), output_padding=extra, groups=groups, **settings
        )  # the weight of the convolution itself: (in, out / groups, KH, KW) seen from here
        matrix = explain.conv_matrix(weight, SHAPE, groups=groups, **settings)
        np.testing.assert_allclose(matrix.T @ y.ravel(), x.data.ravel(), atol=1e-12)

    def test_c_is_the_weights_times_a(self, kernel, settings, rng):
        x, weight = rng.normal(size=SHAPE), rng.normal(size=(6, 4, *kernel))
        columns = (explain.im2col_matrix(SHAPE, kernel, **settings) @ x.ravel()).reshape(4 * kernel[0] * kernel[1], -1)
        product = weight.reshape(6, -1) @ columns
        matrix = explain.conv_matrix(weight, SHAPE, **settings)
        np.testing.assert_allclose((matrix @ x.ravel()).reshape(product.shape), product, atol=1e-12)


def test_c_by_hand():
    """The 4 x 16 matrix of Dumoulin and Visin's guide to convolution arithmetic, section 4.1."""
    w = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    matrix = explain.conv_matrix(w, (1, 4, 4))
    assert matrix.shape == (4, 16)
    np.testing.assert_array_equal(matrix[0], [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(matrix[3], [0, 0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9])


def test_a_transposed_convolution_inverts_nothing():
    """C of 3x3 weights on 5x5 pixels has rank 9 of 25: Cᵀ C is not the identity, and cannot be made so."""
    matrix = explain.conv_matrix(np.arange(1.0, 10.0).reshape(1, 1, 3, 3), (1, 5, 5))
    assert np.linalg.matrix_rank(matrix) == 9
    assert not np.allclose(matrix.T @ matrix, np.eye(25))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: explain.conv_matrix(np.ones((2, 3, 3, 3)), (4, 5, 5)), "takes 3 channels"),
        (lambda: explain.conv_matrix(np.ones((3, 3)), (1, 5, 5)), r"shape \(O, C/groups, KH, KW\), got \(3, 3\)"),
        (lambda: explain.im2col_matrix((3, 500, 500), 3), "take a smaller image"),
        (lambda: explain.im2col_matrix((1, 2, 2), 3), "does not fit on a map of 2x2"),
    ],
)
def test_mistakes_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("shape", [(4, 4), (1, 0, 4), (1, 4.0, 4), (1, -4, -4), 4, (0, 4, 4), "1x4x4"], ids=str)
def test_the_shape_of_an_image_is_three_numbers(shape):
    message = r"must be \(C, H, W\), three whole numbers of at least 1, got"
    with pytest.raises(ValueError, match=f"im2col_matrix: input_shape {message}"):
        explain.im2col_matrix(shape, 1)
    with pytest.raises(ValueError, match=f"conv_matrix: input_shape {message}"):
        explain.conv_matrix(np.ones((1, 1, 1, 1)), shape)
    with pytest.raises(ValueError, match=f"pixel_names: shape {message}"):
        explain.pixel_names(shape)


@pytest.mark.parametrize("weight", ["abc", np.ones((1, 1, 1, 1)) * 1j], ids=["text", "complex"])
def test_a_weight_is_made_of_real_numbers(weight):
    with pytest.raises(TypeError, match="conv_matrix: weight must hold real numbers, got"):
        explain.conv_matrix(weight, (1, 4, 4))


@pytest.mark.parametrize("groups", [0, 1.5])
def test_groups_are_counted(groups):
    with pytest.raises(ValueError, match="groups must be a whole number of at least 1, got"):
        explain.conv_matrix(np.ones((2, 1, 3, 3)), (1, 4, 4), groups=groups)


def test_a_list_of_lists_is_a_matrix_and_a_vector_is_none():
    assert explain.show_matrix([[1, 0]], ["y"], ["a", "b"]).splitlines()[1].split() == ["y", "1", "."]
    with pytest.raises(ValueError, match="matrix must have two axes"):
        explain.show_matrix(np.ones(3), ["a"], ["b"])
