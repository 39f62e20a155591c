"""`ok` is never True where nothing was compared, and what stands in the way is said in one sentence."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn.gradcheck import gradcheck, gradcheck_arrays

X = np.random.default_rng(0).normal(size=(3, 4))


def square(x):
    return x * x


def right(g, x):
    return 2 * x * g


def check(forward, backward, *inputs, **settings):
    return gradcheck_arrays(forward, backward, list(inputs), raise_exception=False, **settings)


class TestOutputs:
    @pytest.mark.parametrize(
        ("output", "words"),
        [
            ({"scores": X}, "the output is a dict; return its values"),
            (None, "the output is None"),
            ((X, None), "output 1 is None"),
            (True, "forward returns bool, which has no derivative"),
            (X > 0, "forward returns bool, which has no derivative"),
            (np.arange(3), "forward returns int64, which has no derivative"),
            ("scores", "the output is a str"),
            ((), "forward returns nothing"),
            (X * 1j, "the output is complex (complex128); return its real and its imaginary part"),
            (np.zeros((0, 3)), "the output is empty, of shape (0, 3)"),
            (np.nan, "output 0 is nan"),
            (np.inf, "output 0 is inf"),
            (np.array([object()]), "not of numbers"),
        ],
        ids=str,
    )
    def test_that_cannot_be_compared(self, output, words):
        report = check(lambda x: output, lambda g, x: 0 * x, X)
        assert not report.ok
        assert words in report.message

    @pytest.mark.parametrize(
        ("function", "words"),
        [
            (lambda x: {"scores": x}, "is a dict"),
            (lambda x: None, "is None"),
            (lambda x: x > 0, "has no derivative"),
            (lambda x: (x * x).numpy(), "is no Tensor but a ndarray of float64"),
            (lambda x: (x * x, x.sum().item()), "output 1 is no Tensor"),
            (lambda x: "scores", "is a str"),
        ],
        ids=["dict", "None", "mask", "array", "number", "text"],
    )
    @pytest.mark.parametrize("order", [1, 2])
    def test_of_a_function_of_tensors(self, function, words, order):
        report = gradcheck(function, [X], order=order, raise_exception=False)
        assert not report.ok
        assert words in report.message

    @pytest.mark.parametrize("order", [1, 2])
    def test_masks_and_indices_beside_a_derivative_are_allowed(self, order):
        assert gradcheck(lambda x: (F.relu(x) * x, x > 0, np.arange(3)), [X], order=order).ok

    def test_a_list_is_taken_for_several(self):
        assert check(lambda x: [x * x, 3 * x], lambda g, x: 2 * x * g[0] + 3 * g[1], X).ok


class TestHugeOutputs:
    def test_a_constant_in_the_same_array_hides_nothing(self):
        def forward(x):
            return np.append(x * x, 1e20)

        assert check(forward, lambda g, x: 2 * x * g[:-1].reshape(x.shape), X).ok
        assert not check(forward, lambda g, x: 2.1 * x * g[:-1].reshape(x.shape), X).ok

    @pytest.mark.parametrize("factor", [1.0, 1e3])
    def test_a_constant_that_is_added_hides_all(self, factor):
        report = check(lambda x: x + 1e20, lambda g, x: factor * g, X)
        assert not report.ok
        assert "nothing was verified of input 0: the outputs are so large" in report.message
        assert "NOT VERIFIED" in str(report)

    def test_nor_does_one_output_drown_another_of_the_same_array(self):
        def backward(factor):
            return lambda g, x: (1e8 * g[:12] + factor * 1e-8 * g[12:]).reshape(x.shape)

        def forward(x):
            return np.append(1e8 * x, 1e-8 * x)

        assert check(forward, backward(1), X).ok
        assert not check(forward, backward(2), X).ok

    def test_what_is_too_inexact_is_not_called_right(self):
        def forward(x):  # three digits are left of x at most
            return (x + 1e13) - 1e13

        report = check(forward, lambda g, x: g, X)
        assert not report.ok
        assert "could not be verified, because differences of any step are inexact" in report.message


class TestInputs:
    def test_none(self):
        with pytest.raises(ValueError, match="there are no inputs"):
            gradcheck_arrays(lambda: X, lambda g: (), [])
        with pytest.raises(ValueError, match="no input requires a gradient"):
            gradcheck(lambda: X, [])

    def test_an_empty_one_is_not_verified(self):
        report = check(lambda a, b: a * a, lambda g, a, b: (2 * a * g, 0 * b), X, np.zeros((0, 2)))
        assert not report.ok
        assert "nothing was verified of input 1: it is empty, of shape (0, 2)" in report.message

    @pytest.mark.parametrize("whole", [np.arange(3), [1, 2], True, "text", None], ids=str)
    def test_that_are_no_floating_numbers(self, whole):
        for run in (lambda: gradcheck(F.relu, [whole]), lambda: check(square, right, whole)):
            with pytest.raises(TypeError, match=r"gradcheck: input 0 is .*, which has no gradient"):
                run()

    def test_complex_ones(self):
        with pytest.raises(TypeError, match="input 0 is complex128; pass its real and its imaginary part"):
            check(square, right, X * 1j)

    def test_a_scalar_and_its_gradient_as_a_number(self):
        assert check(square, lambda g, x: float(2 * x * g), 1.5).ok


class TestSettings:
    @pytest.mark.parametrize("eps", [0, -1e-6, np.nan, np.inf, 1, "1e-6", None])
    def test_eps_out_of_range(self, eps):
        with pytest.raises(ValueError, match="eps must be a number above 0 and below 1"):
            gradcheck(F.relu, [X], eps=eps)

    @pytest.mark.parametrize("eps", [1e-16, 1e-20, 5e-324])
    def test_eps_that_moves_nothing(self, eps):
        with pytest.raises(ValueError, match="moves nothing, because 1 \\+ eps is 1"):
            check(square, right, X, eps=eps)

    @pytest.mark.parametrize("eps", [0.9, 1e-2, 1e-10, 1e-15])
    def test_any_other_eps_is_only_where_the_search_begins(self, eps):
        assert check(np.exp, lambda g, x: g * np.exp(x), X, eps=eps).ok
        assert not check(np.exp, lambda g, x: 1.001 * g * np.exp(x), X, eps=eps).ok

    @pytest.mark.parametrize("name", ["rtol", "atol"])
    @pytest.mark.parametrize("value", [-1, np.nan, np.inf, 1, "1"])
    def test_tolerances_out_of_range(self, name, value):
        with pytest.raises(ValueError, match=f"{name} must be a number from 0 up and below 1"):
            gradcheck(F.relu, [X], **{name: value})

    @pytest.mark.parametrize("rng", [-1, 1.5, "0"])
    def test_a_seed_that_is_none(self, rng):
        with pytest.raises(ValueError, match=r"rng must be a numpy\.random.Generator or a whole number from 0 up"):
            gradcheck(F.relu, [X], rng=rng)


class TestWeightsOfTheOutputs:
    @pytest.mark.parametrize("seed", range(10))
    @pytest.mark.parametrize(
        "use", [abs, lambda g: max(g, 0), lambda g: min(g, 0), np.sign, lambda g: np.clip(g, -1e3, 1e3)]
    )
    def test_a_scalar_output_gets_both_signs_and_several_sizes(self, use, seed):
        assert not check(lambda x: (x * x).sum(), lambda g, x: 2 * x * use(g), X, rng=seed).ok

    def test_the_fault_is_named(self):
        messages = [check(lambda x: (x * x).sum(), lambda g, x: 2 * x * abs(g), X, rng=s).message for s in range(4)]
        assert all("backward is not linear in grad_output" in message for message in messages), messages

    def test_a_backward_that_remembers_its_last_forward(self):
        """It is called at the point where forward was called last."""
        last = []

        def forward(x):
            last[:] = [x]
            return x * x, np.full(2, 1e20)

        assert check(forward, lambda g, x: 2 * last[0] * g[0], X).ok


class TestKinksOfSeveralOutputs:
    def test_ties_in_overlapping_windows_are_kinks(self):
        """Each window may choose a side of its own: the gradient can lie outside the two slopes of their sum."""
        x = np.pad(np.ones((1, 1, 4, 4)), ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=9.0)
        for seed in range(5):
            report = gradcheck(lambda x: F.max_pool2d(x, 3, 1), [x], rng=seed, raise_exception=False)
            assert not report.wrong, f"seed {seed}: {report}"
            assert report.kinks

    def test_ties_alone_verify_nothing(self):
        report = gradcheck(lambda x: F.max_pool2d(x, 3, 1), [np.ones((1, 1, 5, 5))], raise_exception=False)
        assert not report.ok
        assert "nothing was verified of input 0: every entry lies on a kink" in report.message

    def test_a_kink_of_the_function_is_no_mistake_of_the_second_order(self):
        report = gradcheck(F.relu, [np.array([-1.0, 0.0, 2.0])], order=2)
        assert report.ok
        assert [kink.index for kink in report.kinks] == [(1,)]
