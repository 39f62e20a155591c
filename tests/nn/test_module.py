"""Modules: names, states that go out and come back, and the switch between training and evaluation."""

import threading
from concurrent.futures import ThreadPoolExecutor

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
            (
                lambda state: state.update({"body.0.weight": np.zeros((4, 3))}),
                r"body.0.weight has shape \(4, 3\) in the state, but \(4, 3, 1, 1\) here",
            ),
        ],
        ids=["missing", "unknown", "another shape"],
    )
    def test_that_does_not_fit_is_refused_and_changes_nothing(self, block, change, message):
        self.refused_without_a_change(block, change, ValueError, message)

    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (np.full((4, 3, 1, 1), "1.0"), "must hold numbers, but is <U3 in the state"),
            (np.full((4, 3, 1, 1), None), "must hold numbers, but is object in the state"),
            (np.ones((4, 3, 1, 1), complex), "must hold numbers, but is complex128 in the state"),
            (np.ones((4, 3, 1, 1), "datetime64[s]"), "must hold numbers, but is datetime64"),
            (np.full((4, 3, 1, 1), 1e300), "has numbers in float64 that float32 cannot hold"),
            (None, r"has shape \(\) in the state"),
            (np.ones((4, 1, 1, 1)), r"has shape \(4, 1, 1, 1\) in the state"),
        ],
        ids=["text", "objects", "complex", "dates", "too large", "none", "would broadcast"],
    )
    def test_that_cannot_be_read_is_refused_and_changes_nothing(self, block, array, message):
        """It is the last one of the parameters, so that the others would have been copied before it."""
        change = {"body.0.weight": array}
        self.refused_without_a_change(block, lambda state: state.update(change), ValueError, f"body.0.weight {message}")

    @staticmethod
    def refused_without_a_change(block, change, kind, message):
        before, state = block.state_dict(), {name: array + 1 for name, array in block.state_dict().items()}
        change(state)
        with pytest.raises(kind, match=message):
            block.load_state_dict(state)
        for name, array in block.state_dict().items():
            np.testing.assert_array_equal(array, before[name], err_msg=name)

    def test_without_strict_only_what_both_have_is_loaded(self, block):
        bias = block.conv.bias.data.copy()
        block.load_state_dict({"conv.weight": np.ones((3, 2, 3, 3)), "unknown": np.zeros(1)}, strict=False)
        np.testing.assert_array_equal(block.conv.weight.data, 1)
        np.testing.assert_array_equal(block.conv.bias.data, bias)

    def test_with_nan_inf_and_integers_can_be_read(self, block):
        state = {name: np.full(array.shape, np.nan, "float32") for name, array in block.state_dict().items()}
        state["scale"], state["conv.bias"] = np.array([7]), np.full(3, np.inf)
        assert block.load_state_dict(state) == ([], [])
        assert np.isnan(block.conv.weight.data).all()
        assert np.isinf(block.conv.bias.data).all()
        assert block.scale.item() == 7

    def test_of_tensors_can_be_read(self, block):
        other = Block(np.random.default_rng(1))
        block.load_state_dict(dict(other.named_parameters()))
        np.testing.assert_array_equal(block.conv.weight.data, other.conv.weight.data)

    def test_that_is_ragged_is_refused_by_name(self, block):
        state = block.state_dict() | {"scale": [[1], [2, 3]]}
        with pytest.raises(ValueError, match=r"^load_state_dict: scale is no array in the state"):
            block.load_state_dict(state)

    def test_does_not_go_into_a_read_only_array(self, block):
        block.body[0].weight = Parameter(np.broadcast_to(np.ones(1, "float32"), (4, 3, 1, 1)))
        message = "body.0.weight holds a read-only array here; give it a copy"
        self.refused_without_a_change(block, lambda state: None, ValueError, message)

    @pytest.mark.parametrize("state", [[1], None, "weights.npz"], ids=["list", "none", "path"])
    def test_is_a_mapping(self, block, state):
        with pytest.raises(TypeError, match=r"load_state_dict: state must be a mapping of names to arrays"):
            block.load_state_dict(state)

    def test_says_what_was_missing_and_what_was_unexpected(self, block):
        found = block.load_state_dict({"conv.weight": np.ones((3, 2, 3, 3)), "fc8": np.ones(1), 3: 4}, strict=False)
        assert found.missing_keys == ["scale", "conv.bias", "body.0.weight"]
        assert found.unexpected_keys == ["fc8", 3]

    def test_says_that_nothing_was_missing(self, block):
        assert block.load_state_dict(block.state_dict()) == nn.IncompatibleKeys([], [])

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


def test_a_module_inside_may_have_a_rule_of_its_own_for_its_mode():
    class AlwaysEvaluated(Dropout):
        def train(self, mode=True):
            return super().train(False)

    net = Sequential(Dropout(0.5), Sequential(AlwaysEvaluated(0.5), ReLU()))
    assert modes(net.train()) == [True, True, True, False, True]
    assert modes(net.eval()) == [False] * 5


def test_a_forward_may_take_several_inputs_and_settings():
    class Fuse(Module):
        def __init__(self):
            self.conv = Conv2d(3, 2, 1)

        def forward(self, x, skip, scale=1.0, *, shift=0.0):
            return self.conv(x) + skip * scale + shift

    x, skip = (Tensor(np.ones((1, channels, 4, 5), "float32")) for channels in (3, 2))
    np.testing.assert_array_equal(Fuse()(x, skip, 2.0, shift=0.5).data, 2.5 * skip.data)


def test_a_fixed_parameter_gets_no_gradient(block):
    block(Tensor(np.ones((1, 2, 5, 5), "float32"))).sum().backward()
    assert block.scale.grad is None
    assert block.conv.bias.grad is not None


def test_a_module_with_two_names_counts_once():
    net = nn.Module()
    net.first = net.second = nn.Conv2d(1, 1, 1)
    assert [name for name, _ in net.named_parameters()] == ["first.weight", "first.bias"]


class TestEvaluating:
    @pytest.fixture
    def mixed(self):
        net = Sequential(Dropout(0.5), Sequential(Dropout(0.5).eval(), ReLU()))
        assert modes(net) == [True, True, True, False, True]
        return net

    def test_switches_all_modules_and_gives_each_its_own_mode_back(self, mixed):
        with nn.evaluating(mixed) as net:
            assert net is mixed
            assert modes(mixed) == [False] * 5
        assert modes(mixed) == [True, True, True, False, True]

    def test_gives_them_back_after_an_exception(self, mixed):
        with pytest.raises(KeyboardInterrupt), nn.evaluating(mixed):
            raise KeyboardInterrupt
        assert modes(mixed) == [True, True, True, False, True]

    def test_can_be_nested(self, mixed):
        with nn.evaluating(mixed):
            with nn.evaluating(mixed):
                pass
            assert modes(mixed) == [False] * 5
        assert modes(mixed) == [True, True, True, False, True]

    def test_lasts_until_the_last_of_several_threads_is_done(self, mixed):
        """The first one leaves while the second is inside: dropout must not wake up under it."""
        second_is_inside, first_has_left = threading.Event(), threading.Event()

        def second():
            with nn.evaluating(mixed):
                second_is_inside.set()
                assert first_has_left.wait(10)
                return modes(mixed)

        with ThreadPoolExecutor(1) as pool:
            with nn.evaluating(mixed):
                seen = pool.submit(second)
                assert second_is_inside.wait(10)
            first_has_left.set()
            assert seen.result() == [False] * 5
        assert modes(mixed) == [True, True, True, False, True]

    def test_lasts_for_a_module_that_two_models_share(self, mixed):
        """The larger model comes back while a part of it is still evaluated by another thread."""
        part_is_inside, whole_has_left = threading.Event(), threading.Event()

        def part():
            with nn.evaluating(mixed[1]):
                part_is_inside.set()
                assert whole_has_left.wait(10)
                return modes(mixed)

        with ThreadPoolExecutor(1) as pool:
            with nn.evaluating(mixed):
                seen = pool.submit(part)
                assert part_is_inside.wait(10)
            whole_has_left.set()
            assert seen.result() == [True, True, False, False, False]
        assert modes(mixed) == [True, True, True, False, True]

    def test_gives_them_back_where_a_module_refuses_the_mode(self, mixed):
        class Stubborn(Module):
            def train(self, mode=True):
                raise RuntimeError("no")

        mixed[1].extra = Stubborn()
        with pytest.raises(RuntimeError, match="no"), nn.evaluating(mixed):
            pass
        assert modes(mixed) == [True, True, True, False, True, True]

    def test_that_cannot_begin_leaves_nothing_behind(self, mixed):
        mixed.parts = [ReLU()]
        with pytest.raises(TypeError, match=r"use nn.ModuleList"), nn.evaluating(mixed):
            pass
        del mixed.parts
        with nn.evaluating(mixed):
            assert modes(mixed) == [False] * 5
        assert modes(mixed) == [True, True, True, False, True]

    def test_takes_modules_only(self):
        with pytest.raises(TypeError, match=r"the model must be a Module, got the class ReLU"), nn.evaluating(ReLU):
            pass


def modes(module):
    return [part.training for _, part in module.named_modules()]


@pytest.mark.parametrize("mode", ["no", None, 1], ids=str)
def test_train_takes_a_switch(block, mode):
    with pytest.raises(TypeError, match=r"^Block.train: mode must be True or False"):
        block.train(mode)


@pytest.mark.parametrize("dtype", ["int32", "complex64", bool], ids=str)
def test_astype_takes_floating_point_only(block, dtype):
    with pytest.raises(TypeError, match=r"^Block.astype: dtype must be floating-point, such as 'float32' or 'float64'"):
        block.astype(dtype)


def test_a_module_without_forward_says_so():
    with pytest.raises(TypeError, match=r"Nothing has no forward\(\)"):
        type("Nothing", (Module,), {})()(1)


def test_every_public_name_exists():
    assert all(hasattr(nn, name) for name in nn.__all__)


def test_a_checkpoint_in_the_place_of_a_state_is_told_as_one():
    layer = Conv2d(1, 1, 3, rng=np.random.default_rng(0))
    state = {f"model/{name}": array for name, array in layer.state_dict().items()}
    with pytest.raises(ValueError, match=r"checkpoint of a training: .*training\.checkpoint\.load\(path\)"):
        layer.load_state_dict(state)


def test_of_many_names_three_are_shown():
    layer = Conv2d(1, 1, 3, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"unknown \['a0', 'a1', 'a2'\] and 6 more; build"):
        layer.load_state_dict(layer.state_dict() | {f"a{i}": np.zeros(1) for i in range(9)})
