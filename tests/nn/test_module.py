"""Modules: names, states that go out and come back, and the switch between training and evaluation."""

import numpy as np
import pytest
from cases import channels_last

from minifcn import Tensor, nn
from minifcn.nn import Conv2d, Dropout, Module, Parameter, ReLU, Sequential


class Block(Module):
    def __init__(self, rng):
        self.conv = Conv2d(2, 3, 3, rng=rng)
        self.relu = ReLU()
        self.body = Sequential(Conv2d(3, 4, 1, bias=False, rng=rng), Dropout(0.5, rng=rng))
        self.scale = Parameter(np.ones(1, "float32"), requires_grad=False)
        self.size = 7

    def forward(self, x):
        return self.body(self.relu(self.conv(x))) * self.scale


@pytest.fixture
def block(rng):
    return Block(rng)


class TestNames:
    def test_are_those_of_the_attributes_a_modules_own_before_those_inside(self, block):
        names = [name for name, _ in block.named_parameters()]
        assert names == ["scale", "conv.weight", "conv.bias", "body.0.weight"]

    def test_of_modules_begin_with_the_module_itself(self, block):
        assert [name for name, _ in block.named_modules()] == ["", "conv", "relu", "body", "body.0", "body.1"]

    def test_parameters_are_the_named_ones(self, block):
        assert list(map(id, block.parameters())) == [id(parameter) for _, parameter in block.named_parameters()]


class TestState:
    def test_is_a_copy_in_numpy(self, block):
        state = block.state_dict()
        state["conv.weight"][...] = 0
        assert block.conv.weight.data.any()
        assert all(isinstance(array, np.ndarray) for array in state.values())

    def test_goes_round_trip(self, block):
        other = Block(np.random.default_rng(1))
        other.load_state_dict(block.state_dict())
        for name, array in other.state_dict().items():
            np.testing.assert_array_equal(array, block.state_dict()[name], err_msg=name)

    def test_stays_channels_last_in_memory_whatever_the_state_was(self, block):
        state = {name: np.ascontiguousarray(array) for name, array in block.state_dict().items()}
        strides = block.conv.weight.data.strides
        assert block.state_dict()["conv.weight"].strides == strides
        block.load_state_dict(state)
        assert block.conv.weight.data.strides == strides == channels_last(state["conv.weight"]).strides

    def test_keeps_the_arrays_that_an_optimiser_knows(self, block):
        before = block.conv.weight.data
        block.load_state_dict(Block(np.random.default_rng(1)).state_dict())
        assert block.conv.weight.data is before

    def test_is_converted_to_the_precision_of_the_module(self, block):
        block.astype("float64").load_state_dict(Block(np.random.default_rng(1)).state_dict())
        assert {parameter.dtype for parameter in block.parameters()} == {np.dtype("float64")}

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda state: state.pop("conv.bias"), r"missing \['conv.bias'\], unknown nothing; build the network"),
            (lambda state: state.update(fc=np.zeros(1)), r"missing nothing, unknown \['fc'\]; build the network"),
            (lambda state: state.update({"body.0.weight": np.zeros((4, 3))}),
             r"body.0.weight has shape \(4, 3\) in the state, but \(4, 3, 1, 1\) here"),
        ],
        ids=["missing", "unknown", "another shape"],
    )  # fmt: skip
    def test_that_does_not_fit_is_refused_and_changes_nothing(self, block, change, message):
        before, state = block.state_dict(), {name: array + 1 for name, array in block.state_dict().items()}
        change(state)
        with pytest.raises(ValueError, match=message):
            block.load_state_dict(state)
        for name, array in block.state_dict().items():
            np.testing.assert_array_equal(array, before[name], err_msg=name)

    def test_without_strict_only_what_both_have_is_loaded(self, block):
        bias = block.conv.bias.data.copy()
        block.load_state_dict({"conv.weight": np.ones((3, 2, 3, 3)), "unknown": np.zeros(1)}, strict=False)
        np.testing.assert_array_equal(block.conv.weight.data, 1)
        np.testing.assert_array_equal(block.conv.bias.data, bias)

    def test_without_strict_shapes_must_fit_all_the_same(self, block):
        with pytest.raises(ValueError, match=r"conv.weight has shape"):
            block.load_state_dict({"conv.weight": np.ones((3, 2, 1, 1))}, strict=False)


class TestSwitches:
    def test_train_and_eval_reach_all_modules_inside(self, block):
        assert block.eval() is block
        assert not any(module.training for _, module in block.named_modules())
        assert block.train() is block
        assert all(module.training for _, module in block.named_modules())

    def test_eval_switches_dropout_off(self, block):
        x = Tensor(np.ones((1, 2, 5, 5), "float32"))
        training = [block.train()(x).data for _ in range(2)]
        evaluation = [block.eval()(x).data for _ in range(2)]
        assert not np.array_equal(*training)
        np.testing.assert_array_equal(*evaluation)

    def test_astype_converts_every_parameter_and_forgets_the_gradients(self, block):
        block(Tensor(np.ones((1, 2, 5, 5), "float32"))).sum().backward()
        assert block.conv.weight.grad is not None
        assert block.astype("float64") is block
        assert {parameter.dtype for parameter in block.parameters()} == {np.dtype("float64")}
        assert block.conv.weight.grad is None

    def test_to_moves_every_parameter(self, block, device):
        assert {parameter.device for parameter in block.to(device).parameters()} == {device}


def test_a_fixed_parameter_gets_no_gradient(block):
    block(Tensor(np.ones((1, 2, 5, 5), "float32"))).sum().backward()
    assert block.scale.grad is None
    assert block.conv.bias.grad is not None


def test_a_module_with_two_names_counts_once():
    net = nn.Module()
    net.first = net.second = nn.Conv2d(1, 1, 1)
    assert [name for name, _ in net.named_parameters()] == ["first.weight", "first.bias"]


def test_a_module_without_forward_says_so():
    with pytest.raises(TypeError, match=r"Nothing has no forward\(\)"):
        type("Nothing", (Module,), {})()(1)


def test_every_public_name_exists():
    assert all(hasattr(nn, name) for name in nn.__all__)
