"""What an optimiser is made of: parameters and settings that cannot be right are refused, and nothing is changed."""

import numpy as np
import pytest

from minifcn import Tensor, nn, optim

START = np.array([2.0, -1.0, 0.5])


def loss(w):
    return (w**4 / 4 - w).sum()


class TestParameters:
    """What is given as parameters is one list of tensors, or of groups of them."""

    @pytest.fixture
    def w(self):
        return Tensor(START.copy(), requires_grad=True)

    @pytest.mark.parametrize(
        "wrap", [lambda params: params, lambda params: [{"params": params}]], ids=["flat", "group"]
    )
    @pytest.mark.parametrize(
        ("params", "message"),
        [
            (lambda w: w, r"params is a single Tensor, whose rows are no parameters; pass a list: \[w\]"),
            (lambda w: nn.ReLU(), r"params is a ReLU; pass its parameters: model.parameters\(\)"),
            (lambda w: nn.ReLU, r"params is a type; pass its parameters: model.parameters"),
            (lambda w: "weights", "params must be a list of Parameters, or of groups .dicts., got a str"),
            (lambda w: 3, "params must be a list of Parameters, or of groups .dicts., got a int"),
            (lambda w: None, "params must be a list of Parameters, or of groups .dicts., got a NoneType"),
            (lambda w: {"params": [w]}, "params must be a list of Parameters, or of groups .dicts., got a dict"),
            (lambda w: [w, START], "parameter 1 is a ndarray, not a Parameter or Tensor"),
            (lambda w: START, "parameter 0 is a float64, not a Parameter or Tensor"),
            (lambda w: [[w]], "parameter 0 is a list, not a Parameter or Tensor"),
            (
                lambda w: nn.Conv2d(1, 1, 1).named_parameters(),
                r"parameter 0 is a tuple, not a Parameter or Tensor; pass model.parameters\(\), not named_parameters",
            ),
        ],
        ids=["tensor", "module", "class", "text", "number", "none", "dict", "array inside", "array", "nested", "names"],
    )
    def test_are_a_list_of_tensors(self, w, params, message, wrap):
        with pytest.raises(TypeError, match=f"^SGD: ({message})"):
            optim.SGD(wrap(params(w)), lr=0.1)

    def test_are_not_computed(self, w):
        with pytest.raises(ValueError, match=r"^SGD: parameter 1 was computed from other tensors, so that backward"):
            optim.SGD([w, w * 2], lr=0.1)

    def test_can_be_written_to(self):
        w = Tensor(np.broadcast_to(np.ones(1), (3,)), requires_grad=True)
        with pytest.raises(ValueError, match=r"^SGD: parameter 0 holds a read-only array; give it a copy"):
            optim.SGD([w], lr=0.1)

    def test_are_all_groups_or_none(self, w):
        other = Tensor(START.copy(), requires_grad=True)
        with pytest.raises(TypeError, match=r'^SGD: group 1 must be a dict with "params", as all .* got a Tensor'):
            optim.SGD([{"params": [w]}, other], lr=0.1)
        with pytest.raises(TypeError, match=r'^SGD: group 0 must be a dict with "params", .* got one without'):
            optim.SGD([{"parameters": [w]}], lr=0.1)

    def test_belong_to_one_group(self, w):
        with pytest.raises(ValueError, match=r"none twice; got 2"):
            optim.SGD([{"params": [w]}, {"params": [w], "lr": 0.2}], lr=0.1)

    @pytest.mark.parametrize(
        ("grad", "kind", "message"),
        [
            (Tensor(np.ones(1)), ValueError, r"parameter 1 is float64 \(3,\), but its gradient float64 \(1,\)"),
            (Tensor(np.ones(3, "float32")), ValueError, r"but its gradient float32 \(3,\); they must agree"),
            (
                np.ones(3),
                TypeError,
                r"parameter 1 has a ndarray as grad; it must be a Tensor: w.grad = Tensor\(array\)",
            ),
        ],
        ids=["would broadcast", "precision", "array"],
    )
    def test_with_a_gradient_that_does_not_fit_stop_the_step_before_it_begins(self, w, grad, kind, message):
        first = Tensor(START.copy(), requires_grad=True)
        optimizer = optim.SGD([first, w], lr=0.1)
        first.grad, w.grad = Tensor(np.ones(3)), grad
        with pytest.raises(kind, match=message):
            optimizer.step()
        np.testing.assert_array_equal(first.data, START)
        assert optimizer.steps == [0, 0]

    @pytest.mark.parametrize("change", [list.clear, lambda params: params.append(params[0]), list.reverse])
    def test_in_the_groups_stay_the_same(self, w, change):
        """The state belongs to them by their order."""
        optimizer = optim.SGD([w, Tensor(START.copy(), requires_grad=True)], lr=0.1)
        change(optimizer.param_groups[0]["params"])
        with pytest.raises(ValueError, match=r"^SGD: param_groups hold other parameters than at first; make a new SGD"):
            optimizer.step()

    def test_that_were_converted_behind_the_optimiser_are_refused(self):
        """Its state has their first precision, and would round every step to it."""
        layer = nn.Conv2d(1, 1, 1)
        optimizer = optim.Adam(layer.parameters())
        layer.astype("float64")
        layer(Tensor(np.ones((1, 1, 1, 1)))).sum().backward()
        with pytest.raises(ValueError, match=r"^Adam: parameter 0 was float32 .* float64 .* now; make it after model"):
            optimizer.step()


class TestErrors:
    @pytest.fixture
    def w(self):
        return Tensor(START.copy(), requires_grad=True)

    @pytest.mark.parametrize("name", ["lr", "momentum", "weight_decay"])
    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ("0.1", "must be a number, got '0.1'"),
            (0.1 + 0j, r"must be a number, got \(0.1\+0j\)"),
            (None, "must be a number, got None"),
            (True, "must be a number, got True"),
            ([0.1], "must be a number, got a list"),
            (Tensor(0.1), "must be a number, got a Tensor"),
            (float("inf"), "must be finite, got inf"),
        ],
        ids=str,
    )
    def test_settings_that_are_no_numbers(self, w, name, value, message):
        with pytest.raises((TypeError, ValueError), match=f"^SGD: {name} {message}"):
            optim.SGD([w], **{"lr": 0.1, name: value})
        with pytest.raises((TypeError, ValueError), match=f"^SGD: {name} {message}"):
            optim.SGD([{"params": [w], name: value}], lr=0.1)

    @pytest.mark.parametrize(
        "betas", [0.9, "ab", (0.9,), (0.9, 0.99, 0.999), ("0.9", "0.99"), (0.9, 1j), None], ids=str
    )
    def test_betas_that_are_no_pair_of_numbers(self, w, betas):
        with pytest.raises(TypeError, match=r"^Adam: betas must be (two numbers|a number), got"):
            optim.Adam([w], betas=betas)

    @pytest.mark.parametrize("eps", [-1e-8, float("nan"), "1e-8"], ids=str)
    def test_impossible_eps(self, w, eps):
        with pytest.raises((TypeError, ValueError), match=r"^Adam: eps must be"):
            optim.Adam([w], eps=eps)

    @pytest.mark.parametrize("lr", [0.1 + 0.2j, float("nan"), -1, "0.1"], ids=str)
    def test_a_learning_rate_that_becomes_impossible_stops_the_step(self, w, lr):
        optimizer = optim.SGD([w], lr=0.1)
        loss(w).backward()
        optimizer.param_groups[0]["lr"] = lr
        with pytest.raises((TypeError, ValueError), match=r"^SGD: lr must be"):
            optimizer.step()
        np.testing.assert_array_equal(w.data, START)

    @pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
    def test_a_learning_rate_of_numpy_leaves_the_precision_alone(self, kind):
        """Beside a NumPy float64, float32 arrays would be computed in float64."""
        start, found = np.random.default_rng(0).normal(size=1000).astype("float32"), []
        for lr in (0.1, np.float64(0.1)):
            w = Tensor(start.copy(), requires_grad=True)
            optimizer = kind([w], lr=lr)
            for _ in range(5):
                optimizer.zero_grad()
                loss(w).backward()
                optimizer.step()
            found.append(w.data)
        np.testing.assert_array_equal(*found)

    @pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda group, w: group.update(initial_lr=0.1), "a parameter group has the unknown setting 'initial_lr'"),
            (lambda group, w: group.pop("lr"), "a parameter group has lost its setting 'lr'"),
            (lambda group, w: w.data.setflags(write=False), "parameter 1 holds a read-only array; give it a copy"),
            (lambda group, w: group.update(lr=10**400), "lr must be finite, got a number beyond the range of floats"),
        ],
        ids=["unknown setting", "lost setting", "read-only", "huge"],
    )
    def test_what_becomes_impossible_stops_the_step_before_anything_is_changed(self, w, kind, change, message):
        other = Tensor(START.copy(), requires_grad=True)
        optimizer = kind([w, other], lr=0.1)
        loss(w + other).backward()
        change(optimizer.param_groups[0], other)
        with pytest.raises(ValueError, match=f"^{kind.__name__}: {message}"):
            optimizer.step()
        np.testing.assert_array_equal(w.data, START)
        assert optimizer.steps == [0, 0]


def test_a_parameter_that_is_freed_later_is_not_passed_over():
    w, fixed = Tensor(START.copy(), requires_grad=True), Tensor(START.copy())
    optimizer = optim.SGD([w, fixed], lr=0.1)
    loss(w * fixed).backward()
    optimizer.step()
    fixed.requires_grad = True
    optimizer.step()  # it has no gradient yet
    loss(w * fixed).backward()
    with pytest.raises(ValueError, match=r"^SGD: a parameter that was fixed .* make a new SGD after setting requires"):
        optimizer.step()


def test_without_momentum_nothing_of_a_bad_step_is_left():
    w = Tensor(START.copy(), requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)
    w.grad = Tensor(np.array([np.inf, np.nan, 1.0]))
    optimizer.step()
    w.data[...], w.grad = START, Tensor(np.ones(3))
    optimizer.step()
    np.testing.assert_array_equal(w.data, START - 0.1)


def test_a_step_without_any_gradient_is_refused_with_the_order_of_the_calls():
    w = Tensor(np.ones(2), requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)
    (w * w).sum().backward()
    optimizer.zero_grad()
    with pytest.raises(ValueError, match=r"^SGD\.step: no parameter has a gradient; .*loss\.backward\(\)"):
        optimizer.step()


def test_momentum_of_one_is_refused():
    with pytest.raises(ValueError, match=r"momentum must lie in \[0, 1\), got 1\.0"):
        optim.SGD([Tensor(np.ones(2), requires_grad=True)], lr=0.1, momentum=1)


def test_a_learning_rate_of_the_optimizer_itself_is_refused():
    optimizer = optim.SGD([Tensor(np.ones(2), requires_grad=True)], lr=0.1)
    with pytest.raises(AttributeError, match=r"has no lr of its own.*group\['lr'\]"):
        optimizer.lr = 0.01


class TestText:
    def test_of_one_group_is_a_line(self):
        w = Tensor(np.zeros((3, 4)), requires_grad=True)
        assert repr(optim.SGD([w], lr=0.1, momentum=0.9)) == (
            "SGD(lr=0.1, momentum=0.9, weight_decay=0.0)  # 12 parameters in 1 tensor"
        )

    def test_of_several_has_a_line_for_each(self):
        w, b, c = (Tensor(np.zeros(n), requires_grad=True) for n in (1500, 1, 2))
        groups = [{"params": [w]}, {"params": [b, c], "lr": 2e-3, "weight_decay": 0}]
        assert repr(optim.SGD(groups, lr=1e-3, momentum=0.9, weight_decay=5e-4)).splitlines() == [
            "SGD(",
            "  group 0: lr=0.001, momentum=0.9, weight_decay=0.0005  # 1,500 parameters in 1 tensor",
            "  group 1: lr=0.002, momentum=0.9, weight_decay=0       # 3 parameters in 2 tensors",
            ")",
        ]
