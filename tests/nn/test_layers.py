"""Layers are operations with their parameters: the same numbers as the functions, and the right first weights."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, nn


@pytest.fixture
def x(rng):
    return Tensor(rng.normal(size=(2, 4, 7, 9)).astype("float32"))


def test_conv2d(x, rng):
    layer = nn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), dilation=(1, 2), groups=2, rng=rng)
    assert layer.weight.shape == (6, 2, 3, 2)
    expected = F.conv2d(x, layer.weight, layer.bias, 2, (1, 0), (1, 2), 2)
    np.testing.assert_array_equal(layer(x).data, expected.data)


def test_conv_transpose2d(x, rng):
    layer = nn.ConvTranspose2d(4, 6, (3, 2), 2, (1, 0), 1, 2, True, (1, 2), rng=rng)
    assert layer.weight.shape == (4, 3, 3, 2)
    assert layer.bias.shape == (6,)
    expected = F.conv_transpose2d(x, layer.weight, layer.bias, 2, (1, 0), 1, 2, (1, 2))
    np.testing.assert_array_equal(layer(x).data, expected.data)


def test_max_pool2d(x):
    layer = nn.MaxPool2d(3, 2, 1, 1, ceil_mode=True)
    np.testing.assert_array_equal(layer(x).data, F.max_pool2d(x, 3, 2, 1, 1, ceil_mode=True).data)
    assert nn.MaxPool2d(3)(x).shape == (2, 4, 2, 3)


def test_relu(x):
    np.testing.assert_array_equal(nn.ReLU()(x).data, F.relu(x).data)


def test_local_response_norm(x):
    np.testing.assert_array_equal(
        nn.LocalResponseNorm(3, 0.1, 0.5, 2.0)(x).data, F.local_response_norm(x, 3, 0.1, 0.5, 2.0).data
    )


@pytest.mark.parametrize(("layer", "function"), [(nn.Dropout, F.dropout), (nn.Dropout2d, F.dropout2d)])
def test_dropout_draws_from_its_own_generator(layer, function, x):
    module = layer(0.3, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(module(x).data, function(x, 0.3, rng=np.random.default_rng(5)).data)
    assert module.eval()(x) is x


def test_sequential_passes_on_in_order(x):
    net = nn.Sequential(nn.MaxPool2d(2), nn.ReLU(), nn.MaxPool2d(2))
    assert net(x).shape == (2, 4, 1, 2)


def test_a_convolution_without_generator_starts_at_zero_as_the_score_layers_of_the_paper():
    layer = nn.Conv2d(3, 4, 1)
    assert not layer.weight.data.any()
    assert not layer.bias.data.any()


def test_a_convolution_without_bias_has_none():
    assert [name for name, _ in nn.Conv2d(3, 4, 1, bias=False).named_parameters()] == ["weight"]


class TestUpsampling:
    @pytest.mark.parametrize("stride", [2, 8, 16, 32])
    def test_starts_bilinear(self, stride):
        layer = nn.ConvTranspose2d(3, 3, 2 * stride, stride, stride // 2)
        np.testing.assert_array_equal(layer.weight.data, nn.init.bilinear(3, 3, 2 * stride))
        assert layer.bias is None

    @pytest.mark.parametrize("stride", [2, 8, 16, 32])
    def test_of_a_constant_is_that_constant_inside(self, stride):
        layer = nn.ConvTranspose2d(2, 2, 2 * stride, stride, stride // 2)
        x = np.full((1, 2, 3, 4), 5.0, "float32")
        x[:, 1] = -1
        y, half = layer(Tensor(x)).data, stride // 2
        assert y.shape == (1, 2, 3 * stride, 4 * stride)
        np.testing.assert_allclose(y[:, 0, half:-half, half:-half], 5, rtol=1e-6)
        np.testing.assert_allclose(y[:, 1, half:-half, half:-half], -1, rtol=1e-6)

    @pytest.mark.parametrize("stride", [2, 8])
    def test_of_a_ramp_is_the_ramp_at_the_centres_of_the_new_pixels(self, stride):
        """Linear interpolation is exact for linear functions; pixel i of the fine map lies at (i + ½)/S - ½."""
        row, column = np.mgrid[0:5, 0:6].astype("float32")
        layer = nn.ConvTranspose2d(1, 1, 2 * stride, stride, stride // 2)
        y, half = layer(Tensor((3 * row - column)[None, None])).data[0, 0], stride // 2
        fine = (np.arange(6 * stride) + 0.5) / stride - 0.5
        expected = 3 * fine[: 5 * stride, None] - fine
        inside = (slice(half, -half),) * 2
        np.testing.assert_allclose(y[inside], expected[inside], atol=1e-4)

    def test_fixed_gets_no_gradient_but_passes_it_on(self, x):
        layer = nn.ConvTranspose2d(4, 4, 4, 2, fixed=True)
        leaf = Tensor(x.data, requires_grad=True)
        layer(leaf).sum().backward()
        assert layer.weight.grad is None
        np.testing.assert_allclose(leaf.grad.data, 4, rtol=1e-6)  # each pixel stamps a kernel whose sum is 4

    @pytest.mark.parametrize(("kernel", "groups"), [((3, 4), 1), (4, 4)], ids=["not square", "groups"])
    def test_what_cannot_start_bilinear_asks_for_a_generator(self, kernel, groups, rng):
        with pytest.raises(ValueError, match="only a square kernel with groups=1 can start bilinear; pass rng="):
            nn.ConvTranspose2d(4, 4, kernel, 2, groups=groups)
        assert nn.ConvTranspose2d(4, 4, kernel, 2, groups=groups, rng=rng).weight.data.any()
