"""The layers that a classifier ends with: average pool, Flatten, Linear."""

import numpy as np
import pytest

import minifcn as mf
import minifcn.functional as F
from minifcn import Tensor, nn
from minifcn.models.geometry import GeometryError, trace


class TestLinear:
    @pytest.mark.parametrize("relu", [False, True])
    def test_it_is_the_function_of_its_weight(self, relu, rng):
        layer, x = nn.Linear(7, 4, relu=relu, rng=rng), Tensor(rng.normal(size=(3, 7)).astype("float32"))
        layer.bias.data[...] = rng.normal(size=4)
        y = x.data @ layer.weight.data.T + layer.bias.data
        np.testing.assert_allclose(layer(x).data, y.clip(0) if relu else y, atol=1e-6)

    def test_its_gradients(self, rng):
        layer = nn.Linear(5, 3, relu=True, rng=rng).astype("float64")
        assert mf.gradcheck(layer, [rng.normal(size=(2, 5))]).ok

    def test_it_is_drawn_by_hes_rule_or_zero(self):
        weight = nn.Linear(1000, 50, rng=np.random.default_rng(0)).weight.data
        assert abs(weight.std() - (2 / 1000) ** 0.5) < 1e-3
        assert not nn.Linear(1000, 50).weight.data.any()

    def test_its_text(self):
        assert repr(nn.Linear(5, 3, bias=False, relu=True)).startswith("Linear(5, 3, bias=False, relu=True)")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [((0, 3), "Linear: in_features must be at least 1"), ((3, -1), "Linear: out_features must be at least 1")],
    )
    def test_sizes_that_cannot_be(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            nn.Linear(*arguments)

    def test_it_refuses_vectors_of_another_length(self):
        with pytest.raises(ValueError, match="x has 6 features"):
            nn.Linear(5, 3)(Tensor(np.zeros((1, 6), "float32")))


class TestOthers:
    def test_flatten_reads_channel_by_channel(self, rng):
        x = rng.normal(size=(2, 4, 5, 3)).transpose(0, 3, 1, 2)
        np.testing.assert_array_equal(nn.Flatten()(Tensor(x)).data, np.ascontiguousarray(x).reshape(2, 60))

    def test_the_average_pool_is_the_function(self, rng):
        x = Tensor(rng.normal(size=(1, 2, 7, 9)))
        layer = nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False)
        assert repr(layer) == "AvgPool2d(kernel_size=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)"
        np.testing.assert_array_equal(layer(x).data, F.avg_pool2d(x, 3, 2, 1, True, False).data)


class TestOnGeometry:
    def test_a_fully_connected_layer_sees_the_whole_map(self, rng):
        net = nn.Sequential(nn.Conv2d(1, 2, 5, rng=rng), nn.Flatten(), nn.Linear(2 * 6 * 8, 3), nn.Linear(3, 2))
        seen = trace(net, (10, 12))
        assert seen.output.shape == (1, 2, 1, 1)
        assert [size[1] for size in seen.output.field_sizes] == [10, 12]

    def test_of_one_size_only(self, rng):
        net = nn.Sequential(nn.Conv2d(1, 2, 5, rng=rng), nn.Flatten(), nn.Linear(2 * 6 * 8, 3))
        with pytest.raises(
            GeometryError, match=r"2 \(Linear\): Linear: in_features is 96, but a map of 2 channels and "
        ):
            trace(net, (12, 12))
