"""Parameters: shared ones count once, and none vanishes from a module without a word."""

from collections import deque

import numpy as np
import pytest

from minifcn import Tensor, nn, optim
from minifcn.nn import Conv2d, Dropout, Module, Parameter, ReLU, Sequential


class Net(Module):
    def __init__(self, rng):
        self.conv = Conv2d(2, 3, 3, rng=rng)
        self.relu = ReLU()
        self.scale = Parameter(np.ones(1, "float32"))

    def forward(self, x):
        return self.relu(self.conv(x)) * self.scale


@pytest.fixture
def net(rng):
    return Net(rng)


class TestSharedParameters:
    @pytest.fixture
    def tied(self, rng):
        net = Sequential(Conv2d(2, 2, 1, bias=False, rng=rng), ReLU(), Conv2d(2, 2, 1, bias=False, rng=rng))
        net[2].weight = net[0].weight
        return net

    def test_count_once(self, tied):
        assert [name for name, _ in tied.named_parameters()] == ["0.weight"]
        assert list(tied.parameters()) == [tied[0].weight]

    def test_are_saved_once_and_loaded_into_both(self, tied):
        state = tied.state_dict()
        assert list(state) == ["0.weight"]
        assert tied.load_state_dict({"0.weight": state["0.weight"] + 1}) == ([], [])
        np.testing.assert_array_equal(tied[2].weight.data, state["0.weight"] + 1)

    def test_take_one_step_of_the_sum_of_their_gradients(self, tied):
        before, x = tied[0].weight.data.copy(), Tensor(np.ones((1, 2, 1, 1), "float32"))
        optimizer = optim.SGD(tied.parameters(), lr=1.0)
        tied(x).sum().backward()
        optimizer.step()
        np.testing.assert_allclose(tied[2].weight.data, before - tied[0].weight.grad.data, rtol=1e-6)

    def test_move_once(self, tied):
        tied.astype("float64")
        assert tied[0].weight is tied[2].weight
        assert tied[2].weight.dtype == "float64"


class TestNothingVanishes:
    """What a module cannot save, move and learn, it does not take."""

    @pytest.mark.parametrize(
        "value",
        [Tensor(np.zeros(1, "float32")), np.zeros(1, "float32"), 0.5, [0.5], ReLU()],
        ids=["tensor", "array", "number", "list", "module"],
    )
    def test_nothing_but_a_parameter_takes_the_place_of_one(self, net, value):
        before = net.scale
        with pytest.raises(TypeError, match=r"^Net.scale is a Parameter, and an? .* scale.data\[...\] = values"):
            net.scale = value
        assert net.scale is before

    def test_another_parameter_does(self, net):
        net.scale = Parameter(np.ones(2, "float32"))
        assert dict(net.named_parameters())["scale"].shape == (2,)

    def test_a_bias_may_be_taken_away(self, net):
        net.conv.bias = None
        assert "conv.bias" not in net.state_dict()
        assert net(Tensor(np.ones((1, 2, 5, 5), "float32"))).shape == (1, 3, 3, 3)

    @pytest.mark.parametrize("operator", ["+=", "-=", "*=", "/=", "**="])
    def test_a_parameter_is_not_replaced_by_an_operator(self, net, operator):
        before, values = net.conv.weight, net.conv.weight.data.copy()
        with pytest.raises(TypeError, match=r"change its array, as in weight.data -= 0.1, or write weight = weight - "):
            exec(f"net.conv.weight {operator} 2", {"net": net})
        assert net.conv.weight is before
        np.testing.assert_array_equal(before.data, values)

    def test_nor_in_a_loop_over_the_parameters(self, net):
        parameter = next(net.parameters())
        with pytest.raises(TypeError, match=r"weight.data -= 0.1"):
            parameter -= 0.1

    def test_its_array_is_changed_in_place(self, net):
        before = net.conv.bias.data.copy()
        net.conv.bias.data -= 0.5
        np.testing.assert_array_equal(net.state_dict()["conv.bias"], before - 0.5)

    @pytest.mark.parametrize("value", [np.ones(1), abs, ReLU, Parameter(np.ones(1))], ids=str)
    def test_nothing_but_a_module_takes_the_place_of_one(self, net, value):
        with pytest.raises(TypeError, match=r"^Net.relu is a Module, and what takes its place must be one too, got"):
            net.relu = value
        net.relu = Dropout(0.5)
        assert isinstance(net.relu, Dropout)

    @pytest.mark.parametrize(
        ("hidden", "message"),
        [
            (lambda: [ReLU()], "Net.parts is a list that holds a ReLU, .*; use nn.ModuleList"),
            (lambda: (ReLU(), ReLU()), "Net.parts is a tuple that holds a ReLU, .*; use nn.ModuleList"),
            (lambda: {"a": ReLU()}, "Net.parts is a dict that holds a ReLU, .*; use nn.ModuleList"),
            (lambda: [1, {"a": [ReLU()]}], "Net.parts is a list that holds a ReLU, .*; use nn.ModuleList"),
            (lambda: [Parameter([1.0])], "Net.parts is a list that holds a Parameter, .*; use an attribute for each"),
            (lambda: {Parameter([1.0])}, "Net.parts is a set that holds a Parameter, .*; use an attribute for each"),
            (lambda: deque([ReLU()]), "Net.parts is a deque that holds a ReLU, .*; use nn.ModuleList"),
            (lambda: np.array([ReLU()], object), "Net.parts is a ndarray that holds a ReLU, .*; use nn.ModuleList"),
        ],
        ids=["list", "tuple", "dict", "nested", "list of parameters", "set of parameters", "deque", "array"],
    )
    @pytest.mark.parametrize(
        "ask",
        [
            lambda net: list(net.parameters()),
            lambda net: net.state_dict(),
            lambda net: net.load_state_dict({}, strict=False),
            lambda net: net.eval(),
            lambda net: net.astype("float64"),
            lambda net: optim.SGD(net.parameters(), lr=0.1),
        ],
        ids=["parameters", "state_dict", "load_state_dict", "eval", "astype", "optimiser"],
    )
    def test_modules_and_parameters_in_a_python_container_are_refused(self, net, hidden, message, ask):
        net.parts = []
        net.parts = hidden()
        with pytest.raises(TypeError, match=message):
            ask(net)

    def test_those_in_a_module_list_are_found(self, net):
        net.parts = nn.ModuleList([Conv2d(1, 1, 1), ReLU()])
        assert [name for name, _ in net.named_parameters()][-2:] == ["parts.0.weight", "parts.0.bias"]

    def test_a_list_of_what_is_an_attribute_too_hides_nothing(self, net):
        net.parts = Sequential(Conv2d(1, 1, 1))
        names = [name for name, _ in net.named_parameters()]
        net.in_order, net.decayed = [net.conv, net.parts[0], {"last": net.relu}], (net.conv.weight, net.scale)
        assert [name for name, _ in net.named_parameters()] == names
        net.in_order.append(Conv2d(1, 1, 1))
        with pytest.raises(TypeError, match=r"Net.in_order is a list that holds a Conv2d, .*; use nn.ModuleList"):
            list(net.parameters())

    def test_a_list_that_holds_itself_is_looked_through_once(self, net):
        net.parts = [1]
        net.parts.append(net.parts)
        assert len(list(net.parameters())) == 3

    def test_containers_of_other_things_are_the_users(self, net):
        net.sizes, net.names = [(1, 2), (3, 4)], {"a": ["b"], "c": np.zeros(3)}
        assert len(list(net.parameters())) == 3

    @pytest.mark.parametrize("value", [ReLU(), Parameter(np.zeros(1))], ids=["module", "parameter"])
    def test_what_belongs_to_a_class_is_refused(self, value):
        kind = type("Net", (Module,), {"part": value})
        with pytest.raises(TypeError, match=r"^Net.part is a .* of the class, .*; make it in __init__: self.part ="):
            list(kind().parameters())

    @pytest.mark.parametrize("name", ["forward", "parameters", "training", "a.b"])
    def test_names_of_methods_and_with_dots_are_refused(self, net, name):
        with pytest.raises(TypeError, match=f"^Net.{name}: a ReLU cannot have this name"):
            setattr(net, name, ReLU())


class TestParameter:
    @pytest.mark.parametrize("value", [np.float64(3.0), np.float32(3.0), np.arange(3.0, 6)[0], 3.0, np.array(3.0)])
    def test_of_one_number_is_learned_and_loaded(self, value):
        module = Module()
        module.factor = Parameter(value)
        (module.factor * module.factor).backward()
        optim.SGD(module.parameters(), lr=0.1).step()
        assert module.factor.item() == pytest.approx(2.4)
        module.load_state_dict({"factor": np.array(5.0)})
        assert module.factor.item() == 5

    @pytest.mark.parametrize("data", [3, [1, 2], np.arange(3), np.array([True]), np.ones(2, complex), "one", [None]])
    @pytest.mark.parametrize("learned", [True, False])
    def test_is_floating_point(self, data, learned):
        with pytest.raises(TypeError, match=r"(floating-point|real numbers).* got (int|bool|complex|<U|NoneType|list)"):
            Parameter(data, requires_grad=learned)

    def test_is_no_tensor_in_a_tensor(self):
        with pytest.raises(TypeError, match=r"^Parameter: data is a Tensor; pass its array: Parameter\(tensor.data\)"):
            Parameter(Tensor([1.0]))

    def test_is_fixed_by_a_switch(self):
        with pytest.raises(TypeError, match=r"^Parameter: requires_grad must be True or False, got 'no'"):
            Parameter([1.0], "no")

    def test_may_have_no_elements(self):
        module = Module()
        module.empty = Parameter(np.zeros((0, 3), "float32"))
        assert module.load_state_dict(module.state_dict()) == ([], [])
