"""Modules in a row and in a list: found, named, and never passed over in silence."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, nn


@pytest.fixture
def x(rng):
    return Tensor(rng.normal(size=(2, 4, 7, 9)).astype("float32"))


class TestSequential:
    @pytest.mark.parametrize(
        ("parts", "message"),
        [
            ([nn.ReLU], r"module 0 is the class ReLU; make a module of it: ReLU\(...\)"),
            ([nn.ReLU(), F.relu], r"module 1 is the function relu; use the layer .* nn.ReLU\(\) for F.relu"),
            ([[nn.ReLU()]], r"module 0 is a list; pass Sequential\(\*modules\)"),
            ([(nn.ReLU(), nn.ReLU())], r"module 0 is a tuple; pass Sequential\(\*modules\)"),
            ([{"first": nn.ReLU()}], r"module 0 is a dict; pass Sequential\(\*modules\)"),
            ([nn.ReLU() for _ in range(2)] + [None], "module 2 is a NoneType; every part must be a Module"),
            ([Tensor([1.0])], "module 0 is a Tensor; every part must be a Module"),
        ],
        ids=["class", "function", "list", "tuple", "dict", "none", "tensor"],
    )
    def test_refuses_what_is_no_module(self, parts, message):
        with pytest.raises(TypeError, match=f"^Sequential: {message}"):
            nn.Sequential(*parts)

    def test_refuses_a_generator_of_modules(self):
        with pytest.raises(TypeError, match=r"^Sequential: module 0 is a generator; pass Sequential\(\*modules\)"):
            nn.Sequential(nn.ReLU() for _ in range(2))

    def test_of_nothing_passes_on(self, x):
        assert nn.Sequential()(x) is x

    def test_can_be_looked_into(self):
        net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Conv2d(2, 3, 1))
        assert len(net) == 3
        assert [type(layer).__name__ for layer in net] == ["Conv2d", "ReLU", "Conv2d"]
        assert net[-1].weight.shape == (3, 2, 1, 1)
        with pytest.raises(IndexError):
            net[3]

    def test_a_slice_is_a_sequential_of_the_same_layers(self, rng):
        net = nn.Sequential(nn.Conv2d(4, 2, 1, rng=rng), nn.ReLU(), nn.Conv2d(2, 3, 1, rng=rng))
        x = Tensor(rng.normal(size=(1, 4, 3, 3)).astype("float32"))
        np.testing.assert_array_equal(net[2](net[:2](x)).data, net(x).data)
        assert net[:2][0] is net[0]

    def test_runs_what_is_added_under_a_name_and_skips_what_was_taken_away(self, x):
        net = nn.Sequential(nn.MaxPool2d(2), nn.ReLU())
        net.last = nn.MaxPool2d(2)
        setattr(net, "0", None)
        net.append(nn.ReLU())
        assert [name for name, _ in net.named_modules()] == ["", "1", "last", "2"]
        assert net(x).shape == (2, 4, 3, 4)

    def test_twelve_layers_keep_their_order(self):
        net = nn.Sequential(*(nn.LocalResponseNorm(size) for size in range(1, 13)))
        assert [layer.size for layer in net] == list(range(1, 13))


class TestModuleList:
    def test_names_what_it_holds(self):
        layers = nn.ModuleList([nn.Conv2d(1, 2, 1), nn.ReLU()]).append(nn.Conv2d(2, 1, 1))
        names = ["0.weight", "0.bias", "2.weight", "2.bias"]
        assert [name for name, _ in layers.named_parameters()] == names

    def test_can_be_indexed_iterated_cut_and_changed(self):
        first, second, third = nn.ReLU(), nn.ReLU(), nn.ReLU()
        layers = nn.ModuleList([first, second])
        layers.extend([third])
        assert list(layers) == [first, second, third]
        assert (layers[0], layers[-1], len(layers)) == (first, third, 3)
        assert list(layers[1:]) == [second, third]
        layers[-1] = first
        assert layers[2] is first

    def test_adds_nothing_if_a_part_is_no_module(self):
        layers = nn.ModuleList([nn.ReLU()])
        with pytest.raises(TypeError, match=r"^ModuleList: module 2 is the function relu"):
            layers.extend([nn.ReLU(), F.relu])
        assert len(layers) == 1

    @pytest.mark.parametrize("value", [nn.ReLU(), 3, None], ids=["module", "number", "none"])
    def test_is_made_of_a_list(self, value):
        with pytest.raises(TypeError, match=r"^ModuleList: modules must be a list of Modules, got"):
            nn.ModuleList(value)

    def test_says_that_it_cannot_be_called(self):
        with pytest.raises(TypeError, match=r"^ModuleList has no forward\(\); call the modules inside it"):
            nn.ModuleList([nn.ReLU()])(Tensor([1.0]))
