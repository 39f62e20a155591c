"""The checker passes what is right, fails what is wrong, and says what it looks like."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minifcn as mf
import minifcn.functional as F
from minifcn import Tensor
from minifcn.autograd import operation
from minifcn.gradcheck import CASES, GradcheckError, check_all, gradcheck, gradcheck_arrays

X = np.random.default_rng(0).normal(size=(3, 4))
IMAGE = np.random.default_rng(1).normal(size=(1, 2, 6, 7))
KERNEL = np.random.default_rng(2).normal(size=(3, 2, 3, 3))


def square(x):
    return x * x


def check(forward, backward, *inputs, **settings):
    return gradcheck_arrays(forward, backward, list(inputs), raise_exception=False, **settings)


class TestRightGradientsPass:
    @pytest.mark.parametrize("mode", ["full", "directional"])
    def test_of_arrays(self, mode):
        report = check(square, lambda gy, x: (2 * x * gy,), X, mode=mode)
        assert report.ok
        assert report.max_error < 1e-8
        assert report.message == "all gradients are right"

    def test_of_several_inputs_and_outputs(self):
        def forward(a, b):
            return a * b, a + b

        def backward(weights, a, b):
            v, w = weights
            return v * b + w, v * a + w

        assert check(forward, backward, X, X + 1).ok

    @pytest.mark.parametrize("order", [1, 2])
    def test_of_every_operation(self, order):
        wrong = {name: str(report) for name, report in check_all(order) if not report.ok}
        assert not wrong

    def test_no_public_operation_is_forgotten(self):
        checked = {re.match(r"\w+", name)[0] for name, *_ in CASES if re.match(r"\w+", name)}
        assert set(F.__all__) <= checked

    def test_inputs_that_require_no_gradient_are_kept(self):
        report = gradcheck(lambda x, w: (x * w).sum(), [Tensor(X, requires_grad=True), Tensor(X)])
        assert [row.input for row in report.rows] == [0]

    @settings(deadline=None, max_examples=30)
    @given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1))
    def test_of_any_linear_map(self, rows, columns, seed):
        matrix = np.random.default_rng(seed).normal(size=(rows, columns))
        x = np.random.default_rng(seed + 1).normal(size=columns)
        assert check(lambda x: matrix @ x, lambda gy, x: (matrix.T @ gy,), x).ok
        if rows == columns > 1:
            assert not check(lambda x: matrix @ x, lambda gy, x: (matrix @ gy,), x).ok


class TestWrongGradientsFail:
    def test_by_a_thousandth(self):
        assert not check(square, lambda gy, x: (2.002 * x * gy,), X).ok

    def test_in_a_single_number(self):
        def backward(gy, x):
            g = 2 * x * gy
            g[2, 1] += 0.01
            return (g,)

        report = check(square, backward, X)
        assert report.worst[:2] == (0, (2, 1))
        assert report.worst.analytic - report.worst.numeric == pytest.approx(0.01, rel=1e-5)
        assert "wrong in 1 of 12 entries: at (2, 1)" in report.message

    def test_a_softmax_whose_backward_is_zero(self):
        """A sum over the outputs would not notice: it is always 1. DeZero's checker accepts this one."""

        def softmax(x):
            e = np.exp(x - x.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)

        assert "it is zero" in check(softmax, lambda gy, x: (np.zeros_like(x),), X).message

    def test_in_the_second_of_two_inputs(self):
        report = check(lambda a, b: a * b, lambda gy, a, b: (gy * b, gy * b), X, X + 1)
        assert report.worst.input == 1

    def test_of_the_gradient_only(self):
        """Right at first order, wrong at second: the mask of backward must not be a constant here."""

        @operation
        def cube(x):
            def backward(gy):
                return (gy * 3.0 * Tensor(x.data) ** 2,)  # x's history is lost

            return x.data**3, backward

        assert gradcheck(cube, [X]).ok
        with pytest.raises(GradcheckError, match="not the gradient of the gradient"):
            gradcheck(cube, [X], order=2)

    def test_directions_find_it_as_well(self):
        assert not check(square, lambda gy, x: (2.002 * x * gy,), X, mode="directional").ok

    def test_it_is_an_assertion_error_with_the_table(self):
        with pytest.raises(AssertionError, match=r"(?s)gradcheck: the gradient of input 0 is wrong.*WRONG"):
            gradcheck_arrays(square, lambda gy, x: (gy,), [X])


def convolve(x, w):
    return F.conv2d(Tensor(x), Tensor(w)).data


def image_gradient(gy, w):
    return F.conv_transpose2d(Tensor(gy), Tensor(w)).data


class TestTheCauseIsGuessed:
    @pytest.mark.parametrize(
        ("backward", "words"),
        [
            (lambda gy, x: (0 * x,), "it is zero: backward passes nothing on"),
            (lambda gy, x: (-2 * x * gy,), "wrong sign"),
            (lambda gy, x: (x * gy,), "0.5 times the right one"),
            (lambda gy, x: (2 * x * gy / 12,), "0.0833333 times the right one"),
        ],
        ids=["zero", "sign", "factor", "mean for sum"],
    )
    def test_elementwise(self, backward, words):
        assert words in check(square, backward, X).message

    def test_transposed(self):
        w = np.random.default_rng(3).normal(size=(4, 4))
        report = check(lambda w: X @ w, lambda gy, w: ((X.T @ gy).T,), w)
        assert "looks transposed" in report.message

    def test_flipped_kernel(self):
        def backward(gy, w):
            x, weight = Tensor(IMAGE), Tensor(w, requires_grad=True)
            F.conv2d(x, weight).backward(Tensor(gy))
            return (weight.grad.data[..., ::-1, ::-1].copy(),)

        assert "turned by 180 degrees" in check(lambda w: convolve(IMAGE, w), backward, KERNEL).message

    def test_swapped_channels(self):
        w = np.random.default_rng(4).normal(size=(2, 2, 3, 3))

        def backward(gy, w):
            weight = Tensor(w, requires_grad=True)
            F.conv2d(Tensor(IMAGE), weight).backward(Tensor(gy))
            return (weight.grad.data.swapaxes(0, 1).copy(),)

        assert "first two axes are swapped" in check(lambda w: convolve(IMAGE, w), backward, w).message

    @pytest.mark.parametrize("offset", [(1, 0), (0, -1), (2, 2)], ids=str)
    def test_missing_crop(self, offset):
        def backward(gy, x):
            return (np.roll(image_gradient(gy, KERNEL), offset, axis=(2, 3)),)

        report = check(lambda x: convolve(x, KERNEL), backward, IMAGE)
        assert f"shifted by {offset} pixels" in report.message

    def test_nothing_is_claimed_of_what_fits_no_usual_mistake(self):
        noise = np.random.default_rng(5).normal(size=X.shape)
        report = check(square, lambda gy, x: (2 * x * gy * noise,), X)
        assert not report.ok
        assert report.message.endswith(f"{report.worst.numeric:.6g}")


class TestKinks:
    def test_relu_at_zero_is_named_and_not_counted(self):
        x = X.copy()
        x[1, 2] = 0
        report = gradcheck(F.relu, [x])
        assert report.ok
        assert [kink[:2] for kink in report.kinks] == [(0, (1, 2))]
        assert "kinks at input 0, index (1, 2)" in report.message

    def test_a_tie_in_max_pooling_is_named_at_both_places(self):
        x = np.arange(16.0).reshape(1, 1, 4, 4)
        x[0, 0, 1, 0] = x[0, 0, 1, 1]
        report = gradcheck(lambda x: F.max_pool2d(x, 2), [x])
        assert report.ok
        assert [kink.index for kink in report.kinks] == [(0, 0, 1, 0), (0, 0, 1, 1)]

    def test_a_wrong_gradient_at_a_kink_is_wrong(self):
        def backward(gy, x):
            return (gy * np.where(x == 0, 7.0, x > 0),)

        x = X.copy()
        x[1, 2] = 0
        assert not check(lambda x: np.maximum(x, 0), backward, x).ok

    def test_a_wrong_gradient_on_smooth_ground_is_no_kink(self):
        report = check(lambda x: np.maximum(x, 0), lambda gy, x: (gy,), X)
        assert not report.ok
        assert not report.kinks

    def test_a_sharp_bend_is_no_kink(self):
        def backward(gy, x):
            return (gy * 1e3 / np.cosh(1e3 * x) ** 2,)

        report = check(lambda x: np.tanh(1e3 * x), backward, 1e-4 * X, rtol=1e-4)
        assert report.ok
        assert not report.kinks

    def test_kinks_alone_verify_nothing(self):
        report = gradcheck(F.relu, [np.zeros((2, 2))], raise_exception=False)
        assert not report.ok
        assert "nothing was verified" in report.message


class TestWhatMakesComparingPointless:
    @pytest.mark.parametrize(
        ("forward", "backward", "words"),
        [
            (lambda x: np.log(x), lambda gy, x: (gy / x,), r"output 0 is nan at index \(\d, \d\)"),
            (square, lambda gy, x: (gy / (x - x),), r"gradient of input 0 is (nan|-?inf) at index \(0, 0\)"),
            (square, lambda gy, x: (gy.sum(axis=0),), r"shape \(4,\), the input \(3, 4\)"),
            (square, lambda gy, x: (None,), "gives None for input 0; return zeros"),
            (square, lambda gy, x: ((2 * x * gy).astype("float32"),), "has dtype float32, but the input float64"),
            (square, lambda gy, x: (gy, gy), "gives 2 for 1 inputs"),
            (square, lambda gy, x: None, "gives a NoneType for 1 inputs"),
            (lambda x: np.multiply(x, x, out=x), lambda gy, x: (gy,), "forward changes input 0"),
            (square, lambda gy, x: (np.multiply(x, 2 * gy, out=x),), "backward changes input 0"),
        ],
        ids=[
            "nan output",
            "nan gradient",
            "shape",
            "none for an input",
            "dtype",
            "too many",
            "none",
            "forward in place",
            "backward in place",
        ],
    )
    def test_is_told_apart(self, forward, backward, words):
        with np.errstate(all="ignore"):
            report = check(forward, backward, X)
        assert not report.ok
        assert report.worst is None
        assert re.search(words, report.message), report.message

    def test_random_numbers(self):
        rng = np.random.default_rng(0)
        report = gradcheck(lambda x: F.dropout(x, 0.5, rng=rng), [X], raise_exception=False)
        assert "not deterministic" in report.message
        assert "new generator with a fixed seed" in report.message

    def test_float32_is_refused_with_advice(self):
        with pytest.raises(TypeError, match=r"input 0 is float32.*x.astype\('float64'\)"):
            gradcheck(F.relu, [X.astype("float32")])

    def test_integers_are_refused(self):
        with pytest.raises(TypeError, match="input 1 is int64"):
            gradcheck_arrays(lambda a, b: a, lambda gy, a, b: (gy, gy), [X, np.arange(3)])

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"mode": "fast"}, "mode must be"),
            ({"order": 3}, "order must be 1 or 2"),
            ({"names": ["x", "y"]}, "2 names for 1 inputs"),
        ],
    )
    def test_settings(self, settings, words):
        with pytest.raises(ValueError, match=words):
            gradcheck(F.relu, [X], **settings)

    def test_arrays_have_no_second_order(self):
        with pytest.raises(ValueError, match="use gradcheck"):
            gradcheck_arrays(square, lambda gy, x: (gy,), [X], order=2)

    def test_nothing_requires_a_gradient(self):
        with pytest.raises(ValueError, match="requires_grad=True"):
            gradcheck(F.relu, [Tensor(X)])


def test_the_package_offers_the_function_not_the_module():
    assert mf.gradcheck is gradcheck
    assert mf.gradcheck_arrays is gradcheck_arrays
