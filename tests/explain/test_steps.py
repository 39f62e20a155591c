"""Each step is one column of a matrix; all steps together are the operation of the library."""

import itertools

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, explain
from minifcn.explain import conv_steps, im2col_steps, max_pool_steps, transposed_conv_steps

SETTINGS = [{"stride": s, "padding": p} for s, p in itertools.product([1, 2, (3, 2)], [0, 1, (0, 1)])]


def batch(array):
    """One channel of one image as (1, 1, H, W)."""
    return Tensor(np.asarray(array, np.float64)[None, None])


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
class TestForAnyWindow:
    @pytest.fixture
    def x(self, rng):
        return rng.normal(size=(4, 5))

    @pytest.fixture
    def weight(self, rng):
        return rng.normal(size=(3, 2))

    def test_the_stamps_add_up_to_the_transposed_convolution(self, settings, x, weight):
        steps = transposed_conv_steps(x, weight, **settings)
        expected = F.conv_transpose2d(batch(x), batch(weight), **settings).data[0, 0]
        np.testing.assert_allclose(steps[-1].output, expected, rtol=1e-12, atol=1e-14)

    def test_a_stamp_is_the_pixel_times_its_column_of_the_transposed_matrix(self, settings, x, weight):
        steps = transposed_conv_steps(x, weight, **settings)
        size = steps[-1].output.shape
        transposed = explain.conv_matrix(weight[None, None], (1, *size), **settings).T
        before = np.zeros(size)
        for q, step in enumerate(steps):
            np.testing.assert_array_equal(step.column, transposed[:, q])
            np.testing.assert_allclose((step.output - before).ravel(), step.value * step.column, atol=1e-12)
            before = step.output

    def test_windows_times_the_kernel_are_the_convolution(self, settings, x, weight):
        steps = conv_steps(x, weight, **settings)
        expected = F.conv2d(batch(x), batch(weight), **settings).data[0, 0]
        np.testing.assert_allclose(steps[-1].output, expected, rtol=1e-12)
        np.testing.assert_allclose([step.value for step in steps], expected.ravel(), rtol=1e-12)

    def test_a_window_has_its_row_of_the_matrix(self, settings, x, weight):
        matrix = explain.conv_matrix(weight[None, None], (1, *x.shape), **settings)
        np.testing.assert_array_equal([step.column for step in conv_steps(x, weight, **settings)], matrix)

    def test_windows_written_down_are_im2col(self, settings, x):
        steps = im2col_steps(x, (3, 2), **settings)
        gathered = explain.im2col_matrix((1, *x.shape), (3, 2), **settings) @ x.ravel()
        np.testing.assert_array_equal(steps[-1].output, gathered.reshape(6, -1))
        np.testing.assert_array_equal(np.transpose([step.column for step in steps]), steps[-1].output)

    def test_maxima_are_the_pooling_and_their_columns_its_gradient(self, settings, x, rng):
        steps = max_pool_steps(x, (3, 2), **settings)
        tensor = Tensor(x[None, None], requires_grad=True)
        y = F.max_pool2d(tensor, (3, 2), **settings)
        np.testing.assert_array_equal(steps[-1].output, y.data[0, 0])
        gy = rng.normal(size=y.shape)
        y.backward(Tensor(gy))
        back = np.transpose([step.column for step in steps]) @ gy.ravel()
        np.testing.assert_allclose(back, tensor.grad.data.ravel(), rtol=1e-12)


@pytest.mark.parametrize("dilation", [1, 2, (1, 3)], ids=str)
class TestSeveralChannels:
    """Two channels become three; each step has all channels of what it reads or writes."""

    SETTINGS = {"stride": (2, 1), "padding": 1}

    def test_the_stamps_add_up_to_the_transposed_convolution(self, rng, dilation):
        x, weight = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 3, 2))
        settings = self.SETTINGS | {"dilation": dilation}
        steps = transposed_conv_steps(x, weight, **settings)
        expected = F.conv_transpose2d(Tensor(x[None]), Tensor(weight), **settings).data[0]
        np.testing.assert_allclose(steps[-1].output, expected, rtol=1e-12, atol=1e-14)
        assert len(steps) == x.size
        np.testing.assert_array_equal(steps[13].stamp, x[1, 0, 1] * weight[1])
        assert steps[13].position == (1, 0, 1)
        matrix = explain.conv_matrix(weight, expected.shape, **settings)
        np.testing.assert_array_equal([step.column for step in steps], matrix)

    def test_windows_times_the_kernels_are_the_convolution(self, rng, dilation):
        x, weight = rng.normal(size=(2, 6, 7)), rng.normal(size=(3, 2, 3, 2))
        settings = self.SETTINGS | {"dilation": dilation}
        steps = conv_steps(x, weight, **settings)
        expected = F.conv2d(Tensor(x[None]), Tensor(weight), **settings).data[0]
        np.testing.assert_allclose(steps[-1].output, expected, rtol=1e-12, atol=1e-14)
        matrix = explain.conv_matrix(weight, x.shape, **settings)
        np.testing.assert_array_equal([step.column for step in steps], matrix)

    def test_windows_written_down_are_im2col(self, rng, dilation):
        x = rng.normal(size=(2, 6, 7))
        settings = self.SETTINGS | {"dilation": dilation}
        steps = im2col_steps(x, (3, 2), **settings)
        gathered = explain.im2col_matrix(x.shape, (3, 2), **settings) @ x.ravel()
        np.testing.assert_array_equal(steps[-1].output, gathered.reshape(12, -1))

    @pytest.mark.parametrize("ceil_mode", [False, True])
    def test_maxima_are_the_pooling_and_their_columns_its_gradient(self, rng, dilation, ceil_mode):
        x = rng.integers(0, 5, (2, 6, 8)).astype(float)  # with ties
        settings = {"stride": (3, 2), "padding": (1, 0), "dilation": dilation, "ceil_mode": ceil_mode}
        steps = max_pool_steps(x, (3, 2), **settings)
        tensor = Tensor(x[None], requires_grad=True)
        y = F.max_pool2d(tensor, (3, 2), **settings)
        np.testing.assert_array_equal(steps[-1].output, y.data[0])
        gy = rng.normal(size=y.shape)
        y.backward(Tensor(gy))
        back = np.transpose([step.column for step in steps]) @ gy.ravel()
        np.testing.assert_allclose(back, tensor.grad.data.ravel(), rtol=1e-12)


@pytest.mark.parametrize("extra", [0, 1, (1, 0)], ids=str)
@pytest.mark.parametrize("kernel", [1, 3], ids=lambda k: f"kernel {k}")
def test_output_padding_keeps_what_is_computed_there(rng, kernel, extra):
    x, weight = rng.normal(size=(3, 2)), rng.normal(size=(kernel, kernel))
    settings = {"stride": 2, "padding": 0, "output_padding": extra}
    expected = F.conv_transpose2d(batch(x), batch(weight), **settings).data[0, 0]
    np.testing.assert_allclose(transposed_conv_steps(x, weight, **settings)[-1].output, expected, rtol=1e-12)


def test_steps_do_not_share_their_output():
    first, *_, last = transposed_conv_steps(np.ones((2, 2)), np.ones((2, 2)))
    assert first.output.sum() == 4
    assert last.output.sum() == 16


def test_the_first_of_equal_numbers_wins():
    step, *_ = max_pool_steps([[7, 7], [7, 7]], 2)
    assert step.column.tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    "kind", [np.array, lambda x: batch(x), lambda x: np.array(x)[None]], ids=["array", "tensor", "plane"]
)
def test_a_tensor_and_leading_axes_of_one_are_welcome(kind):
    assert transposed_conv_steps(kind([[1.0, 2.0]]), kind([[3.0]]))[-1].output.tolist() == [[3, 6]]


SENTENCES = {
    "stamp": (
        transposed_conv_steps([[1, 2], [3, 4]], np.ones((3, 3)), stride=2, padding=1)[2],
        "stamp 3 of 4: x[1,0] = 3 times w, added at rows 1..3 and columns -1..1 = column x[1,0] of Cᵀ",
    ),
    "fraction": (
        transposed_conv_steps([[1 / 3, -0.0]], [[1]])[0],
        "stamp 1 of 2: x[0,0] = 0.333 times w, added at row 0 and column 0 = column x[0,0] of Cᵀ",
    ),
    "small number": (
        transposed_conv_steps([[0.0004]], [[1]])[0],
        "stamp 1 of 1: x[0,0] = 0.0004 times w, added at row 0 and column 0 = column x[0,0] of Cᵀ",
    ),
    "almost equal": (
        max_pool_steps([[0.33331, 0.33334]], (1, 2))[0],
        "window 1 of 1: of row 0 and columns 0..1 the largest is x[0,1] = 0.33334 = y[0,0], whose gradient goes to "
        "x[0,1]",
    ),
    "minus zero": (
        transposed_conv_steps([[1 / 3, -0.0]], [[1]])[1],
        "stamp 2 of 2: x[0,1] = 0 times w, added at row 0 and column 1 = column x[0,1] of Cᵀ",
    ),
    "convolution": (
        conv_steps([[1, 2], [3, 4]], np.ones((3, 3)), stride=2, padding=1)[0],
        "window 1 of 1: rows -1..1 and columns -1..1 of x times w, added up: y[0,0] = 10 = row y[0,0] of C times x",
    ),
    "im2col": (
        im2col_steps([[1, 2], [3, 4]], 1)[3],
        "window 4 of 4: row 1 and column 1 of x, read row by row, are column 3 of the matrix of windows",
    ),
    "dilated stamp": (
        transposed_conv_steps([[1, 2]], np.ones((2, 2)), dilation=2)[1],
        "stamp 2 of 2: x[0,1] = 2 times w, added at rows 0..2 by 2 and columns 1..3 by 2 = column x[0,1] of Cᵀ",
    ),
    "stamp on channels": (
        transposed_conv_steps([[[1]], [[5]]], np.ones((2, 3, 1, 1)))[1],
        "stamp 2 of 2: x[1,0,0] = 5 times w[1], added at row 0 and column 0 of every channel = column x[1,0,0] of Cᵀ",
    ),
    "convolution of channels": (
        conv_steps([[[1]], [[5]]], np.ones((3, 2, 1, 1)))[2],
        "window 3 of 3: row 0 and column 0 of every channel of x times w[2], added up: y[2,0,0] = 6 = "
        "row y[2,0,0] of C times x",
    ),
    "a window over the edge": (
        max_pool_steps([[1, 2, 3]], 2, ceil_mode=True, padding=(1, 0))[1],
        "window 2 of 2: of rows -1..0 and columns 2..3 the largest is x[0,2] = 3 = y[0,1], whose gradient goes to "
        "x[0,2]",
    ),
    "maximum": (
        max_pool_steps([[1, 2, 0, 0], [3, 4, 0, 9]], 2)[1],
        "window 2 of 2: of rows 0..1 and columns 2..3 the largest is x[1,3] = 9 = y[0,1], whose gradient goes to "
        "x[1,3]",
    ),
}


@pytest.mark.parametrize(("step", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_the_sentence_says_what_the_step_does(step, sentence):
    assert step.sentence == sentence


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: transposed_conv_steps(np.ones((2, 3, 3)), [[1]]),
            r"x has 2 channels, but weight .* takes 1, its axis 0",
        ),
        (
            lambda: conv_steps(np.ones((3, 3, 3)), np.ones((3, 2, 1, 1))),
            r"x has 3 channels, but .* takes 2, its axis 1",
        ),
        (lambda: conv_steps(np.ones((2, 1, 3, 3)), [[1]]), r"x must be one channel .* got \(2, 1, 3, 3\)"),
        (lambda: transposed_conv_steps([1, 2], [[1]]), r"x must be one channel .* got \(2,\)"),
        (lambda: conv_steps([[1, 2]], np.ones((4, 3, 3))), "weight must be one channel"),
        (lambda: conv_steps([[1, np.nan]], [[1]]), "x must hold finite real numbers"),
        (lambda: conv_steps([[1j]], [[1]]), "x must hold finite real numbers, got complex128"),
        (lambda: conv_steps([[1], [2, 3]], [[1]]), "x must be one channel .* its rows differ in length"),
        (lambda: conv_steps(np.ma.array([[1, 2]], mask=[[0, 1]]), [[1]]), "x must hold .* got a masked array"),
        (lambda: conv_steps([[1]], [[2**53 + 1]]), r"weight must hold numbers that float64 holds exactly"),
        (lambda: conv_steps(np.array([[2**64 - 1]], np.uint64), [[1]]), r"x must hold numbers that float64 holds"),
        (lambda: conv_steps([[1e300]], [[1e300]]), "x and weight must be smaller"),
        (lambda: transposed_conv_steps([[1e308]], [[1, -1, 1]]), "x and weight must be smaller"),
        (lambda: conv_steps(np.ones((0, 3)), [[1]]), "x must hold finite real numbers"),
        (lambda: conv_steps([["a"]], [[1]]), "x must hold finite real numbers"),
        (lambda: transposed_conv_steps([[1]], [[1]], stride=0), "stride must be a whole number of at least 1"),
        (lambda: transposed_conv_steps([[1]], [[1]], stride=2, output_padding=2), "output_padding .* less than stride"),
        (lambda: transposed_conv_steps([[1]], np.ones((3, 3)), padding=2), "crops the whole result"),
        (lambda: conv_steps([[1]], np.ones((3, 3))), "does not fit on a map of 1x1"),
        (lambda: im2col_steps([[1]], 0), "kernel_size must be a whole number of at least 1"),
        (lambda: max_pool_steps(np.ones((4, 4)), 2, padding=2), "at most half the kernel size"),
    ],
)
def test_mistakes_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
