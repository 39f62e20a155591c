"""SGD and Adam against a loop over plain numbers, written as their papers write them."""

from math import sqrt

import numpy as np
import pytest

from minifcn import Tensor, optim

STEPS = 20


def textbook_sgd(w, gradient, lr, momentum=0.0, weight_decay=0.0):
    v = 0.0
    for _ in range(STEPS):
        v = momentum * v + gradient(w) + weight_decay * w
        w = w - lr * v
    return w


def textbook_caffe_sgd(w, gradient, lr, momentum=0.0, weight_decay=0.0):
    v = 0.0
    for _ in range(STEPS):
        v = momentum * v + lr * (gradient(w) + weight_decay * w)
        w = w - v
    return w


def textbook_adam(w, gradient, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    m, v = 0.0, 0.0
    for t in range(1, STEPS + 1):
        g = gradient(w) + weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        w = w - lr * (m / (1 - betas[0] ** t)) / (sqrt(v / (1 - betas[1] ** t)) + eps)
    return w


CASES = [
    (optim.SGD, textbook_sgd, {"lr": 0.05}),
    (optim.SGD, textbook_sgd, {"lr": 0.02, "momentum": 0.9}),
    (optim.SGD, textbook_sgd, {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.3}),
    (optim.CaffeSGD, textbook_caffe_sgd, {"lr": 0.05}),
    (optim.CaffeSGD, textbook_caffe_sgd, {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.3}),
    (optim.Adam, textbook_adam, {}),
    (optim.Adam, textbook_adam, {"lr": 0.1, "betas": (0.8, 0.95), "eps": 0.01}),
    (optim.Adam, textbook_adam, {"lr": 0.1, "weight_decay": 0.3}),
]
ids = [f"{case[0].__name__} {case[2]}" for case in CASES]
START = np.array([2.0, -1.0, 0.5])


def loss(w):
    """Σ w⁴/4 - w: minimum at 1, gradient w³ - 1."""
    return (w**4 / 4 - w).sum()


def take_steps(optimizer, leaves, steps=STEPS):
    for _ in range(steps):
        optimizer.zero_grad()
        for w in leaves:
            loss(w).backward()
        optimizer.step()


@pytest.mark.parametrize(("kind", "textbook", "settings"), CASES, ids=ids)
class TestSteps:
    def test_are_the_textbooks(self, kind, textbook, settings):
        w = Tensor(START.copy(), requires_grad=True)
        take_steps(kind([w], **{"lr": 1e-3} | settings), [w])
        expected = [textbook(start, lambda w: w**3 - 1, **settings) for start in START]
        np.testing.assert_allclose(w.data, expected, rtol=1e-12)

    def test_happen_in_place_and_keep_the_dtype(self, kind, textbook, settings, dtype):
        array = START.astype(dtype)
        w = Tensor(array, requires_grad=True)
        take_steps(kind([w], **{"lr": 1e-3} | settings), [w], steps=3)
        assert w.data is array
        assert array.dtype == dtype
        assert not np.array_equal(array, START)

    def test_go_on_from_a_saved_state_as_if_nothing_had_happened(self, kind, textbook, settings):
        settings = {"lr": 1e-3} | settings
        straight, resumed = (Tensor(START.copy(), requires_grad=True) for _ in range(2))
        take_steps(kind([straight], **settings), [straight], steps=10)
        first = kind([resumed], **settings)
        take_steps(first, [resumed], steps=4)
        second = kind([resumed], **settings)
        second.load_state_dict(first.state_dict())
        take_steps(second, [resumed], steps=6)
        np.testing.assert_array_equal(resumed.data, straight.data)


class TestByHand:
    def test_two_steps_of_momentum(self):
        """Gradient 1 each time: v = 1, then 0.9 + 1."""
        w = Tensor(np.array(0.0), requires_grad=True)
        optimizer = optim.SGD([w], lr=0.1, momentum=0.9)
        for expected in (-0.1, -0.1 - 0.19):
            w.grad = Tensor(np.array(1.0))
            optimizer.step()
            assert w.item() == pytest.approx(expected)

    @pytest.mark.parametrize("gradient", [1e-4, 1.0, -1e4])
    def test_the_first_step_of_adam_is_lr_whatever_the_gradient(self, gradient):
        w = Tensor(np.array(0.0), requires_grad=True)
        w.grad = Tensor(np.array(gradient))
        optim.Adam([w], lr=0.1).step()
        assert w.item() == pytest.approx(-0.1 * np.sign(gradient), rel=1e-3)

    def test_a_learning_rate_that_changes_acts_on_the_whole_velocity(self):
        """PyTorch's form, not Caffe's, which keeps the learning rate of each step inside the velocity."""
        w = Tensor(np.array(0.0), requires_grad=True)
        optimizer = optim.SGD([w], lr=1.0, momentum=0.5)
        w.grad = Tensor(np.array(1.0))
        optimizer.step()
        optimizer.param_groups[0]["lr"] = 0.1
        w.grad = Tensor(np.array(0.0))
        optimizer.step()
        assert w.item() == -1.0 - 0.1 * 0.5


class TestGroups:
    def test_have_settings_of_their_own(self):
        """The paper's: biases with twice the learning rate and no weight decay."""
        weight, bias = (Tensor(START.copy(), requires_grad=True) for _ in range(2))
        groups = [{"params": [weight]}, {"params": [bias], "lr": 0.02, "weight_decay": 0.0}]
        optimizer = optim.SGD(groups, lr=0.01, momentum=0.9, weight_decay=0.5)
        take_steps(optimizer, [weight, bias])
        for w, lr, weight_decay in ((weight, 0.01, 0.5), (bias, 0.02, 0.0)):
            expected = [textbook_sgd(start, lambda w: w**3 - 1, lr, 0.9, weight_decay) for start in START]
            np.testing.assert_allclose(w.data, expected, rtol=1e-12)
        assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.02]

    def test_leave_fixed_parameters_out(self):
        learned, fixed = Tensor(START.copy(), requires_grad=True), Tensor(START.copy())
        optimizer = optim.SGD([learned, fixed], lr=0.1)
        assert optimizer.param_groups[0]["params"] == [learned]

    def test_parameters_may_come_from_a_generator(self):
        w = Tensor(START.copy(), requires_grad=True)
        take_steps(optim.SGD((p for p in [w]), lr=0.1), [w], steps=1)
        np.testing.assert_allclose(w.data, START - 0.1 * (START**3 - 1))


class TestStepsOfAParameter:
    """Adam's corrections depend on how often the parameter itself has moved."""

    def steps_of_a_pair(self, make):
        """Two parameters of which the second has a gradient in every third step only."""
        often, seldom = (Tensor(START.copy(), requires_grad=True) for _ in range(2))
        optimizer = make([often, seldom])
        for step in range(3 * STEPS):
            take_steps(optimizer, [often] if step % 3 else [often, seldom], steps=1)
        return optimizer, seldom

    @pytest.mark.parametrize(
        "settings", [{"lr": 0.05}, {"lr": 0.1, "betas": (0.8, 0.95), "weight_decay": 0.3}], ids=str
    )
    def test_one_that_seldom_has_a_gradient_moves_as_if_alone(self, settings):
        _, seldom = self.steps_of_a_pair(lambda params: optim.Adam(params, **settings))
        expected = [textbook_adam(start, lambda w: w**3 - 1, **settings) for start in START]
        np.testing.assert_allclose(seldom.data, expected, rtol=1e-12)

    def test_are_saved_and_loaded(self):
        optimizer, seldom = self.steps_of_a_pair(optim.Adam)
        state = optimizer.state_dict()
        np.testing.assert_array_equal(state["steps"], [3 * STEPS, STEPS])
        copy = Tensor(seldom.data.copy(), requires_grad=True)
        resumed = optim.Adam([Tensor(START.copy(), requires_grad=True), copy])
        resumed.load_state_dict(state)
        for own, w in ((optimizer, seldom), (resumed, copy)):
            take_steps(own, [w], steps=1)
        np.testing.assert_array_equal(copy.data, seldom.data)

    def test_one_number_for_all_of_them_is_read(self):
        """As in every state in which they do not differ."""
        optimizer = optim.Adam([Tensor(START.copy(), requires_grad=True) for _ in range(2)])
        optimizer.load_state_dict(optimizer.state_dict() | {"steps": np.array(7)})
        assert optimizer.steps == [7, 7]
        assert optimizer.state_dict()["steps"].shape == ()


def test_a_parameter_of_no_elements_is_stepped_over(dtype):
    for make in (lambda params: optim.SGD(params, lr=0.1), optim.Adam):
        w, empty = Tensor(START.astype(dtype), requires_grad=True), Tensor(np.zeros((0, 3), dtype), requires_grad=True)
        optimizer = make([empty, w])
        take_steps(optimizer, [empty, w], steps=2)
        optimizer.load_state_dict(optimizer.state_dict())
        assert empty.shape == (0, 3)
        assert not np.array_equal(w.data, START)


def test_a_parameter_without_gradient_stays():
    used, unused = (Tensor(START.copy(), requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([used, unused], lr=0.1, weight_decay=0.5)
    take_steps(optimizer, [used], steps=2)
    np.testing.assert_array_equal(unused.data, START)


def test_zero_grad_forgets_the_gradients():
    w = Tensor(START.copy(), requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)
    loss(w).backward()
    optimizer.zero_grad()
    assert w.grad is None


class TestState:
    def test_is_flat_and_a_copy(self):
        w = Tensor(START.copy(), requires_grad=True)
        optimizer = optim.Adam([w])
        take_steps(optimizer, [w], steps=3)
        state = optimizer.state_dict()
        assert {name: array.shape for name, array in state.items()} == {"steps": (), "m.0": (3,), "v.0": (3,)}
        assert state["steps"] == 3
        state["m.0"][...] = 0
        assert optimizer.state_dict()["m.0"].any()

    @pytest.mark.parametrize(
        "other",
        [
            lambda w: optim.Adam([w]),
            lambda w: optim.SGD([w, Tensor(np.zeros(2), requires_grad=True)], lr=0.1),
            lambda w: optim.SGD([Tensor(np.zeros(2), requires_grad=True)], lr=0.1),
        ],
        ids=["optimiser", "number", "shape"],
    )
    def test_of_another_optimiser_or_network_is_refused(self, other):
        w = Tensor(START.copy(), requires_grad=True)
        with pytest.raises(ValueError, match=r"is not in both states with the same shape; .* than this SGD, or for"):
            optim.SGD([w], lr=0.1).load_state_dict(other(w).state_dict())

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"v.1": np.full(3, "1")}, "v.1 must hold numbers, but is <U1"),
            ({"v.1": np.full(3, None)}, "v.1 must hold numbers, but is object"),
            ({"v.1": np.ones(3, complex)}, "v.1 must hold numbers, but is complex128"),
            ({"v.1": np.ones((3, 1))}, "v.1 is not in both states with the same shape"),
            ({"v.2": np.ones(3)}, "v.2 is not in both states with the same shape"),
            ({"steps": np.array(-1)}, "steps must be at least 0, got -1"),
            ({"steps": np.array(1.5)}, "steps must hold numbers, but is float64"),
            ({"steps": np.array([1, 2, 3])}, "steps is not in both states with the same shape"),
            ({"steps": np.array([1, -2])}, r"steps must be at least 0, got \[ 1 -2\]"),
        ],
        ids=str,
    )
    def test_that_cannot_be_right_is_refused_and_changes_nothing(self, change, message):
        leaves = [Tensor(START.copy(), requires_grad=True) for _ in range(2)]
        optimizer = optim.Adam(leaves)
        take_steps(optimizer, leaves, steps=2)
        before = optimizer.state_dict()
        state = {name: array + 1 for name, array in before.items()} | change
        with pytest.raises(ValueError, match=f"load_state_dict: {message}"):
            optimizer.load_state_dict(state)
        for name, array in optimizer.state_dict().items():
            np.testing.assert_array_equal(array, before[name], err_msg=name)

    @pytest.mark.parametrize("state", [None, [1], "checkpoint.npz"], ids=str)
    def test_is_a_mapping(self, state):
        optimizer = optim.SGD([Tensor(START.copy(), requires_grad=True)], lr=0.1)
        with pytest.raises(TypeError, match=r"load_state_dict: state must be a mapping of names to arrays"):
            optimizer.load_state_dict(state)
