"""What a simple comparison of numbers lets pass, or fails wrongly: small numbers, corners, unreliable functions."""

import warnings

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.autograd import operation
from minifcn.cli.gradcheck import check_network
from minifcn.gradcheck import GradcheckError, check_all, gradcheck, gradcheck_arrays
from minifcn.models import NETWORKS

X = np.random.default_rng(0).normal(size=(3, 4))
SMALL = np.random.default_rng(1).normal(size=(2, 3))


def check(forward, backward, *inputs, **settings):
    return gradcheck_arrays(forward, backward, list(inputs), raise_exception=False, **settings)


def square(x):
    return x * x


@operation
def wrong_square(x):
    def backward(gy):
        return (gy * x,)

    return x.data**2, backward


class TestSmallNumbersHideNothing:
    @pytest.mark.parametrize("size", [1e-12, 1e-6, 1.0, 1e6, 1e12])
    def test_at_any_size_of_the_output(self, size):
        assert check(lambda x: size * x * x, lambda gy, x: (size * 2 * x * gy,), X).ok
        assert not check(lambda x: size * x * x, lambda gy, x: (size * 2.002 * x * gy,), X).ok
        assert "it is zero" in check(lambda x: size * x * x, lambda gy, x: (0 * gy,), X).message

    @pytest.mark.parametrize("size", [1e-3, 1e3, 1e10])
    def test_at_any_size_of_the_input(self, size):
        x = size * X
        assert check(lambda x: (x / size) ** 2, lambda gy, x: (2 * x / size**2 * gy,), x, rtol=1e-4).ok
        assert not check(lambda x: (x / size) ** 2, lambda gy, x: (2.002 * x / size**2 * gy,), x, rtol=1e-4).ok

    def test_beside_a_large_constant(self):
        def backward(gy, x):
            return (2.002 * x * gy,)

        assert not check(lambda x: x * x + 1e4, backward, np.random.default_rng(0).normal(size=500)).ok

    def test_a_right_one_passes_beside_a_large_constant(self):
        assert check(lambda x: 1e-6 * x * x + 1, lambda gy, x: (2e-6 * x * gy,), X).ok

    def test_beside_a_large_derivative(self):
        sizes = np.array([1.0, 1e-5])
        report = check(lambda x: x * sizes, lambda gy, x: (gy * sizes * [1, 2],), np.ones(2))
        assert report.worst.index == (1,)

    @pytest.mark.parametrize("seed", range(20))
    def test_for_any_weights(self, seed):
        """A weight near zero would hide the number behind it."""

        def backward(gy, x):
            return (2 * x * gy * np.where(np.arange(12).reshape(3, 4) == seed % 12, 1.001, 1),)

        assert not check(square, backward, np.ones((3, 4)), rng=seed).ok

    def test_a_gradient_of_zeros_that_is_right_is_pointed_out(self):
        report = check(lambda a, b: a * a + 0 * b, lambda gy, a, b: (2 * a * gy, 0 * b), X, X)
        assert report.ok
        assert "zero everywhere for input 1" in report.message


class TestCorners:
    @pytest.mark.parametrize("x", [3e-7, -5e-7, 1e-7, 2e-8])
    def test_beside_a_kink_the_gradient_is_verified(self, x):
        point = np.array([1.0, x, -1.0])
        report = gradcheck(F.relu, [point])
        assert report.ok
        assert not report.kinks
        assert not check(lambda x: np.maximum(x, 0), lambda gy, x: (1.001 * gy * (x > 0),), point).ok

    def test_a_kink_where_the_gradient_happens_to_be_the_mean_of_both_sides(self):
        report = check(abs, lambda gy, x: (gy * np.sign(x),), np.array([1.0, 0.0]))
        assert [kink.index for kink in report.kinks] == [(1,)]
        assert sorted(map(abs, report.kinks[0][3:])) == pytest.approx([abs(report.kinks[0].left)] * 2)

    def test_an_input_all_on_kinks_is_not_verified_by_another(self):
        report = check(lambda a, b: a * a + abs(b), lambda gy, a, b: (2 * a * gy, 0 * b), X, 0 * X)
        assert not report.ok
        assert "nothing was verified of input 1" in report.message
        assert "NOT VERIFIED" in str(report)

    def test_directions_through_a_kink_verify_nothing(self):
        x = X.copy()
        x[1, 2] = 0
        report = gradcheck(F.relu, [x], mode="directional", raise_exception=False)
        assert "every entry lies on a kink" in report.message
        assert "mode='full'" in report.message

    def test_a_gap_has_no_gradient(self):
        report = check(lambda x: np.where(x >= 0, 1.0, 0.0) + x, lambda gy, x: (gy,), np.array([1.0, 0.0]))
        assert report.worst.index == (1,)
        assert "the output itself jumps there" in report.message

    def test_a_sharp_bend_near_the_edge_of_the_domain(self):
        x = np.array([1e-7, 1.0])
        assert check(np.sqrt, lambda gy, x: (gy / 2 / np.sqrt(x),), x).ok
        assert not check(np.sqrt, lambda gy, x: (gy / 2.002 / np.sqrt(x),), x).ok

    def test_a_wrong_gradient_in_a_sharp_bend_is_no_kink(self):
        report = check(lambda x: x + 1e5 * x * x, lambda gy, x: (1.001 * gy,), np.zeros(1))
        assert not report.ok
        assert not report.kinks

    def test_the_edge_of_the_domain(self):
        report = check(lambda x: np.sqrt(x), lambda gy, x: (gy / 2 / np.sqrt(x + 1e-300),), np.array([0.0, 1.0]))
        assert report.worst.index == (0,)
        assert "the output is not finite right beside this point" in report.message

    def test_the_cause_is_seen_through_a_kink(self):
        x = X.copy()
        x[1, 2] = 0
        assert "wrong sign" in check(lambda x: np.maximum(x, 0), lambda gy, x: (-gy * (x > 0),), x).message


class TestMoreCauses:
    @pytest.mark.parametrize(
        ("backward", "words"),
        [
            (lambda gy, x: (2 * x,), "does not use grad_output"),
            (lambda gy, x: (2 * x * gy + 0.1,), "not linear in grad_output"),
            (lambda gy, x: (2 * x * gy * [[1], [0], [0]],), "right only at index 0 of axis 0"),
            (lambda gy, x: (2 * x * gy * [1, 1, 1, 3],), "wrong only at index 3 of axis 1, the border"),
        ],
        ids=["grad_output unused", "constant added", "first image only", "border"],
    )
    def test_of_a_square(self, backward, words):
        assert words in check(square, backward, X).message

    def test_stride(self):
        def backward(gy, x):
            g = np.zeros_like(x)
            g[:, : gy.shape[1], : gy.shape[2]] = gy
            return (g,)

        report = check(lambda x: x[:, ::2, ::2], backward, np.random.default_rng(0).normal(size=(1, 6, 8)))
        assert "side by side instead of 2 pixels apart" in report.message

    @pytest.mark.parametrize("second", [X + 1, np.ones((3, 1))], ids=["same shape", "another shape"])
    def test_gradients_in_the_wrong_order(self, second):
        def backward(gy, a, b):
            gradient_b = (a * a * gy).sum(axis=1, keepdims=True) if b.shape[1] == 1 else a * a * gy
            return gradient_b, 2 * a * b * gy

        assert "wrong order" in check(lambda a, b: a * a * b, backward, X, second).message

    @pytest.mark.parametrize(
        ("forward", "backward", "x", "words"),
        [
            (lambda b: X + b, lambda gy, b: (gy,), np.ones(4), "sum it over axis 0"),
            (lambda b: X + b, lambda gy, b: (gy,), np.ones((1, 1)), r"sum it over axes (0, 1)"),
            (lambda w: X @ w, lambda gy, w: (gy.T @ X,), np.ones((4, 2)), "g.transpose(1, 0) is right"),
            (square, lambda gy, x: ((2 * x * gy).ravel(),), X, "reshape it"),
            (lambda x: np.pad(x, 2), lambda gy, x: (gy,), X, "a crop is missing: g[2:5, 2:6] is right"),
        ],
        ids=["broadcast", "broadcast to both axes", "transposed", "flat", "crop"],
    )
    def test_of_a_wrong_shape(self, forward, backward, x, words):
        assert words in check(forward, backward, x).message

    def test_a_sum_that_is_missing_is_not_taken_for_the_gradient_of_the_other_input(self):
        message = check(lambda x, b: x + b, lambda gy, x, b: (gy, gy), X, np.ones(4)).message
        assert "sum it over axis 0" in message
        assert "wrong order" not in message

    def test_nothing_is_claimed_of_a_shape_that_holds_no_right_numbers(self):
        report = check(square, lambda gy, x: (gy[None],), X)
        assert report.message.endswith("has shape (1, 3, 4), the input (3, 4)")


class TestUnreliableFunctions:
    def test_backward_changes_grad_output(self):
        report = check(square, lambda gy, x: (np.multiply(gy, 2 * x, out=gy),), X)
        assert "backward changes grad_output" in report.message

    def test_backward_draws_random_numbers(self):
        rng = np.random.default_rng(0)
        report = check(square, lambda gy, x: (2 * x * gy * rng.random(),), X)
        assert "backward is not deterministic" in report.message

    def test_forward_gives_another_shape_each_time(self):
        sizes = iter(range(1, 100))
        report = check(lambda x: x[: next(sizes)], lambda gy, x: (x,), np.ones(50))
        assert "has shape (1,) in one and (2,) in the other" in report.message

    def test_forward_loses_precision(self):
        report = check(lambda x: (x * x).astype("float32"), lambda gy, x: (2 * x * gy,), X)
        assert "output 0 has dtype float32" in report.message

    def test_an_input_that_is_not_finite(self):
        with pytest.raises(ValueError, match=r"input 0 is nan at index \(1,\)"):
            gradcheck_arrays(square, lambda gy, x: (2 * x * gy,), [np.array([1.0, np.nan])])

    def test_warnings_of_numpy_become_a_report(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert "output 0 is nan" in check(np.log, lambda gy, x: (gy / x,), -abs(X)).message


class TestReports:
    def test_an_input_behind_a_constant_keeps_its_number(self):
        report = gradcheck(lambda c, x: c * wrong_square(x), [Tensor(X), Tensor(X, True)], raise_exception=False)
        assert report.worst.input == 1
        assert "gradient of input 1" in report.message

    def test_inputs_can_have_names(self):
        report = gradcheck(wrong_square, [SMALL], names=["image"], raise_exception=False)
        assert "gradient of image" in report.message
        assert report.worst_name == "image"

    def test_the_seed_in_it_repeats_it(self):
        rng = np.random.default_rng(7)
        with pytest.raises(GradcheckError, match="rng=") as first:
            gradcheck(wrong_square, [SMALL], rng=rng)
        seed = int(str(first.value).rpartition("rng=")[2].split()[0])
        with pytest.raises(GradcheckError) as again:
            gradcheck(wrong_square, [SMALL], rng=seed)
        assert str(again.value) == str(first.value)

    @pytest.mark.parametrize("order", [1, 2])
    def test_outputs_without_a_gradient_are_passed_over(self, order):
        x = np.random.default_rng(0).permutation(16.0 * np.arange(16)).reshape(1, 1, 4, 4)
        assert gradcheck(lambda x: F.max_pool2d(x, 2, return_indices=True), [x], order=order).ok

    def test_a_detached_output_is_a_wrong_gradient(self):
        report = gradcheck(lambda x: (x * x).detach(), [X], raise_exception=False)
        assert "it is zero" in report.message


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("seed", range(1, 6))
def test_every_operation_at_other_points(order, seed):
    wrong = {name: str(report) for name, report in check_all(order, seed) if not report.ok}
    assert not wrong


@pytest.mark.parametrize("variant", ["aligned", "paper"])
@pytest.mark.parametrize("model", NETWORKS)
def test_no_gradient_of_a_network_is_trivial(model, variant):
    report = check_network(model, variant, order=1, seed=0)
    assert report.message == "all gradients are right", report


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("forward", "slope", "x"),
    [(np.log1p, lambda x: 1 / (1 + x), -1 + 1e-9), (np.arctanh, lambda x: 1 / ((1 - x) * (1 + x)), 1 - 1e-9)],
    ids=["log1p", "arctanh"],
)
def test_a_direction_that_leaves_the_domain_for_all_but_few_steps(forward, slope, x, seed):
    assert gradcheck_arrays(
        forward, lambda g, x: g * slope(x), [np.array([x, 0.5])], mode="directional", rng=seed, raise_exception=False
    ).ok


def test_a_derivative_that_is_rounded_away_is_not_called_wrong():
    """The loss is minus the logarithm of a probability just below 1, which moves by whole units of its last digit."""

    def probabilities(x):
        return np.exp(x - x.max()) / np.exp(x - x.max()).sum()

    report = gradcheck_arrays(
        lambda x: -np.log(probabilities(x)[0]),
        lambda g, x: g * (probabilities(x) - [1, 0, 0]),
        [np.array([30.0, 0.0, 0.0])],
        raise_exception=False,
    )
    assert not report.wrong
    assert "could not be verified, because differences of any step are inexact there" in report.message
