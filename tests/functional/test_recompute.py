"""What is computed again in the backward pass: the same numbers, and less in memory in between."""

import copy
import weakref

import numpy as np
import pytest
from cases import read_only

import minifcn as mf
import minifcn.functional as F
from minifcn import Tensor, grad, nn, no_grad
from minifcn.recording import is_grad_enabled


@pytest.fixture
def stage():
    """Two convolutions and a pool, as the stages of VGG16 in small."""
    first, second = (nn.Conv2d(2, 2, 3, padding=1, relu=True, rng=np.random.default_rng(seed)) for seed in (1, 2))
    return nn.Sequential(first, second, nn.MaxPool2d(2))


@pytest.fixture
def x(rng):
    return Tensor(rng.normal(size=(2, 2, 6, 8)).astype("float32"), requires_grad=True)


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.data, other.data)


def plainly(function, *tensors):
    """What `recompute` stands in for."""
    return function(*tensors)


def counted(function):
    """A function that counts its runs, and whether each was recorded."""

    def run(*tensors):
        run.recorded.append(is_grad_enabled())
        return function(*tensors)

    run.recorded = []
    return run


class TestNumbers:
    def test_are_those_of_the_function_bit_for_bit(self, stage, x):
        y, expected = F.recompute(stage, x), stage(x)
        leaves = [x, *stage.parameters()]
        assert_same([y], [expected])
        assert_same(grad((y * y).sum(), leaves), grad((expected * expected).sum(), leaves))

    def test_backward_leaves_them_in_the_parameters(self, stage, x):
        """Although nobody gave it the parameters."""
        F.recompute(stage, x).sum().backward()
        leaves = [x, *stage.parameters()]
        assert_same([leaf.grad for leaf in leaves], grad(stage(x).sum(), leaves))

    def test_parameters_learn_from_an_input_that_needs_no_gradient(self, stage, x):
        image = x.detach()
        F.recompute(stage, image).sum().backward()
        assert image.grad is None
        assert_same([p.grad for p in stage.parameters()], grad(stage(image).sum(), list(stage.parameters())))

    def test_one_function_inside_another_or_behind_it(self, stage, x):
        def twice(x):
            return F.recompute(stage, F.recompute(stage, x) * 2)

        leaves = [x, *stage.parameters()]
        expected = grad(stage(stage(x) * 2).sum(), leaves)
        assert_same(grad(twice(x).sum(), leaves), expected)
        assert_same(grad(F.recompute(twice, x).sum(), leaves), expected)

    def test_several_inputs_one_made_from_the_other(self, rng):
        x = Tensor(rng.normal(size=5), requires_grad=True)

        def gradients(apply):
            other = x * 3
            return grad(apply(lambda a, b: a * a * b, x, other).sum(), [x, other])

        assert_same(gradients(F.recompute), gradients(plainly))

    def test_what_the_function_finds_by_itself_gets_its_gradient_once(self):
        """`middle` has a history, is used inside and outside, and is not given."""
        x = Tensor(2.0, requires_grad=True)
        middle = x * x
        y = F.recompute(lambda x: x * middle, x) + middle
        y.backward()
        assert x.grad.item() == 3 * 2**2 + 2 * 2  # of x³ + x²

    def test_a_copy_that_the_function_makes_hands_on_its_gradient(self):
        x, w = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
        middle = w * w
        F.recompute(lambda x: x * copy.copy(middle), x).backward()
        assert (x.grad.item(), w.grad.item()) == (9, 2 * 2 * 3)

    def test_a_function_that_gives_back_what_it_got(self, x):
        assert_same(grad(F.recompute(lambda x: x, x).sum(), x), [Tensor(np.ones(x.shape, "float32"))])

    def test_inputs_are_not_written_to(self, stage, x):
        protected = Tensor(read_only(x.data), requires_grad=True)
        F.recompute(stage, protected).sum().backward()
        assert_same([protected.grad], grad(stage(x).sum(), x))

    def test_the_algorithm_of_the_first_run_holds_for_the_second(self, stage, x):
        """Winograd rounds differently: the gradients of the second convolution would show it."""

        def gradients(apply):
            with mf.algorithm("winograd"):
                y = apply(stage, x)
            return grad(y.sum(), [x, *stage.parameters()])

        assert_same(gradients(F.recompute), gradients(plainly))


class TestHigherOrder:
    def test_gradients_of_gradients_are_those_of_the_function(self, rng):
        x, w = (Tensor(rng.normal(size=4), requires_grad=True) for _ in range(2))

        def second(apply):
            first = grad(apply(lambda x: F.exp(x * w) * x, x).sum(), [x, w], create_graph=True)
            return grad(sum(g.sum() for g in first), [x, w])

        assert_same(second(F.recompute), second(plainly))

    def test_of_third_order(self):
        """d³/dx³ x⁴ = 24 x."""
        x = Tensor(2.0, requires_grad=True)
        y = F.recompute(lambda x: x**4, x)
        for expected in (32, 48, 48):
            (y,) = grad(y, x, create_graph=True)
            assert y.item() == expected

    def test_a_graph_that_is_kept_can_be_used_again(self):
        x = Tensor(2.0, requires_grad=True)
        y = F.recompute(lambda x: x**4, x)
        assert [grad(y, x, create_graph=True)[0].item() for _ in range(2)] == [32, 32]

    def test_a_graph_that_was_used_is_released(self):
        x = Tensor(2.0, requires_grad=True)
        y = F.recompute(lambda x: x**4, x)
        y.backward()
        with pytest.raises(RuntimeError, match="used already"):
            y.backward()


class TestCost:
    @pytest.mark.parametrize("kept", [False, True])
    def test_nothing_that_lies_in_between_is_kept(self, x, kept):
        """`kept`: run as it is, the function does keep it; otherwise this would show nothing."""
        between = []

        def function(x):
            middle = F.exp(x)
            between.append(weakref.ref(middle.data))
            return middle * middle

        y = function(x) if kept else F.recompute(function, x)
        assert y.requires_grad
        assert (between[0]() is not None) == kept

    def test_backward_lets_go_of_what_it_computed_again(self, x):
        between = []

        def function(x):
            middle = F.exp(x)
            between.append(weakref.ref(middle.data))
            return middle * middle

        y = F.recompute(function, x)
        y.sum().backward()
        assert [reference() for reference in between] == [None, None]

    def test_the_function_runs_once_forward_and_once_backward(self, stage, x):
        function = counted(stage)
        y = F.recompute(function, x)
        assert len(function.recorded) == 1
        y.sum().backward()
        assert function.recorded == [True, True]

    def test_without_recording_it_runs_once_and_unrecorded(self, stage, x):
        function = counted(stage)
        with no_grad():
            assert not F.recompute(function, x).requires_grad
        assert function.recorded == [False]

    def test_where_nothing_needs_a_gradient_nothing_is_recorded(self, x):
        y = F.recompute(F.relu, x.detach())
        assert not y.requires_grad


CHANGING = {
    "dropout": lambda rng, held: lambda x: F.dropout(x, 0.5, True, rng),
    "a fixed Tensor that it reads": lambda rng, held: lambda x: x * Tensor(held),
    "its shape": lambda rng, held: lambda x: x[: int(held.item())],
}


@pytest.mark.parametrize("function", CHANGING.values(), ids=CHANGING)
def test_a_function_that_gives_other_values_the_second_time_is_refused(function, x, rng):
    held = np.array([1.0], "float32")
    y = F.recompute(function(rng, held), x).sum()
    held += 1
    with pytest.raises(RuntimeError, match=r"^recompute: function gave other values when it ran again.*leave dropout"):
        y.backward()


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e-30, 1e30])
@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (20, 3, 20)], ids=str)
def test_a_function_that_gives_the_same_values_is_not(value, shape):
    x = Tensor(np.full(shape, value), requires_grad=True)
    F.recompute(lambda x: x * 2, x).sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.full(shape, 2.0))


def test_last_bits_may_differ():
    runs = iter([1.0, 1 + 2**-20])
    x = Tensor(np.ones(3, "float32"), requires_grad=True)
    F.recompute(lambda x: x * next(runs), x).sum().backward()
    np.testing.assert_allclose(x.grad.data, np.ones(3), rtol=1e-5)


def test_a_function_that_gives_no_tensor_is_refused(x):
    with pytest.raises(ValueError, match="recompute: function must give one Tensor, got tuple"):
        F.recompute(lambda x: F.max_pool2d(x, 2, return_indices=True), x)
