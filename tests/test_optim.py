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


class TestErrors:
    @pytest.fixture
    def w(self):
        return Tensor(START.copy(), requires_grad=True)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"lr": -0.1}, "SGD: lr must be at least 0, got -0.1"),
            ({"lr": float("nan")}, "SGD: lr must be at least 0, got nan"),
            ({"lr": 0.1, "momentum": -1}, "SGD: momentum must be at least 0, got -1"),
            ({"lr": 0.1, "weight_decay": -1}, "SGD: weight_decay must be at least 0"),
        ],
        ids=str,
    )
    def test_impossible_settings(self, w, settings, message):
        with pytest.raises(ValueError, match=message):
            optim.SGD([w], **settings)

    @pytest.mark.parametrize("betas", [(1.0, 0.9), (0.9, -0.1)], ids=str)
    def test_impossible_betas(self, w, betas):
        with pytest.raises(ValueError, match=r"Adam: betas must lie in \[0, 1\), got"):
            optim.Adam([w], betas=betas)

    def test_an_unknown_setting_of_a_group(self, w):
        with pytest.raises(ValueError, match="unknown setting 'learning_rate'; known: lr, momentum, weight_decay"):
            optim.SGD([{"params": [w], "learning_rate": 0.1}], lr=0.1)

    @pytest.mark.parametrize("count", [0, 2])
    def test_no_parameter_or_one_twice(self, w, count):
        with pytest.raises(ValueError, match="at least one parameter with requires_grad=True, and none twice; got"):
            optim.SGD([w] * count, lr=0.1)
