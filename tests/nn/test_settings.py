"""Wrong settings are refused when a layer is made, by a sentence that names the layer and the argument."""

import re

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, nn


@pytest.fixture
def x(rng):
    return Tensor(rng.normal(size=(2, 4, 7, 9)).astype("float32"))


def first_argument(layer):
    """Make a layer of 4 channels with a 3x3 kernel, or a pool of it."""
    return layer if layer is nn.MaxPool2d else lambda *args, **options: layer(4, 4, *args, **options)


@pytest.mark.parametrize("layer", [nn.Conv2d, nn.ConvTranspose2d])
@pytest.mark.parametrize("argument", ["in_channels", "out_channels"])
@pytest.mark.parametrize(
    ("value", "kind", "rule"),
    [
        (0, ValueError, "must be at least 1, got 0"),
        (-3, ValueError, "must be at least 1, got -3"),
        (3.0, TypeError, "must be a whole number, got 3.0"),
        ("21", TypeError, "must be a whole number, got '21'"),
        (None, TypeError, "must be a whole number, got None"),
        (True, TypeError, "must be a whole number, got True"),
        ([3], TypeError, "must be a whole number, got a list"),
    ],
)
def test_channels(layer, argument, value, kind, rule):
    with pytest.raises(kind, match=f"^{layer.__name__}: {argument} {re.escape(rule)}$"):
        layer(**{"in_channels": 4, "out_channels": 4, "kernel_size": 3, argument: value})


@pytest.mark.parametrize("layer", [nn.Conv2d, nn.ConvTranspose2d])
@pytest.mark.parametrize(("inputs", "outputs", "groups"), [(4, 4, 3), (6, 4, 3), (4, 6, 4), (4, 4, 8)])
def test_groups_that_do_not_divide(layer, inputs, outputs, groups, rng):
    rule = f"groups={groups} must divide in_channels={inputs} and out_channels={outputs}"
    with pytest.raises(ValueError, match=f"^{layer.__name__}: {rule}"):
        layer(inputs, outputs, 3, groups=groups, rng=rng)


@pytest.mark.parametrize("layer", [nn.Conv2d, nn.ConvTranspose2d])
@pytest.mark.parametrize("groups", [0, -1, 2.0, "2", True])
def test_groups_that_are_no_number_of_groups(layer, groups, rng):
    with pytest.raises((TypeError, ValueError), match=f"^{layer.__name__}: groups must be "):
        layer(4, 4, 3, groups=groups, rng=rng)


@pytest.mark.parametrize("layer", [nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d])
@pytest.mark.parametrize("argument", ["kernel_size", "stride", "dilation", "padding"])
@pytest.mark.parametrize("value", [-1, 1.5, "1", (1, 2, 3), (1, "1"), True], ids=str)
def test_windows(layer, argument, value):
    with pytest.raises(ValueError, match=f"^{layer.__name__}: {argument} must be a whole number of at least"):
        first_argument(layer)(**{"kernel_size": 3, argument: value})


@pytest.mark.parametrize("layer", [nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d])
@pytest.mark.parametrize("argument", ["kernel_size", "stride", "dilation"])
def test_windows_of_zero(layer, argument):
    with pytest.raises(ValueError, match=f"^{layer.__name__}: {argument} must be a whole number of at least 1"):
        first_argument(layer)(**{"kernel_size": 3, argument: 0})


@pytest.mark.parametrize("value", [-1, 1.5, "1", True], ids=str)
def test_output_padding_that_is_none(value):
    with pytest.raises(ValueError, match=r"^ConvTranspose2d: output_padding must be a whole number"):
        nn.ConvTranspose2d(4, 4, 3, 2, output_padding=value)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (3, 2), ((2, 3), 1), (1, (3, 1))], ids=str)
@pytest.mark.parametrize("output_padding", [0, 1, 2, (1, 2)], ids=str)
def test_output_padding_as_the_operation_refuses_it(stride, dilation, output_padding, rng):
    weight, x = Tensor(rng.normal(size=(1, 1, 3, 3))), Tensor(rng.normal(size=(1, 1, 8, 8)))

    def refuses(make):
        try:
            make()
        except ValueError as error:
            return "must be less than stride" in str(error)
        return False

    operation = refuses(lambda: F.conv_transpose2d(x, weight, None, stride, 0, output_padding, 1, dilation))
    layer = refuses(lambda: nn.ConvTranspose2d(1, 1, 3, stride, 0, output_padding, dilation=dilation))
    assert layer == operation


@pytest.mark.parametrize(("kernel", "padding"), [(2, 2), (3, 2), ((4, 2), 2), (1, 1)], ids=str)
def test_padding_of_a_pool_beyond_half_its_kernel(kernel, padding, x):
    with pytest.raises(ValueError, match=r"^MaxPool2d: padding .* must be at most half the kernel size"):
        nn.MaxPool2d(kernel, padding=padding)
    with pytest.raises(ValueError, match=r"padding .* must be at most half the kernel size"):
        F.max_pool2d(x, kernel, padding=padding)


@pytest.mark.parametrize("layer", [nn.Dropout, nn.Dropout2d])
@pytest.mark.parametrize("p", [-0.1, 1, 1.5, float("nan"), "0.5", None, True, 1j], ids=str)
def test_probabilities(layer, p):
    with pytest.raises((TypeError, ValueError), match=rf"^{layer.__name__}: p must be a probability in \[0, 1\)"):
        layer(p)


@pytest.mark.parametrize("layer", [nn.Dropout, nn.Conv2d, nn.ConvTranspose2d])
@pytest.mark.parametrize("rng", [0, "seed", np.random.RandomState(0)], ids=["seed", "text", "RandomState"])
def test_generators(layer, rng):
    make = nn.Dropout if layer is nn.Dropout else lambda **options: layer(4, 4, 3, **options)
    with pytest.raises(TypeError, match=rf"^{layer.__name__}: rng must be a numpy.random.Generator, such as"):
        make(rng=rng)


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda value: nn.Conv2d(1, 1, 1, bias=value), "Conv2d: bias"),
        (lambda value: nn.Conv2d(1, 1, 1, relu=value), "Conv2d: relu"),
        (lambda value: nn.ConvTranspose2d(1, 1, 1, bias=value), "ConvTranspose2d: bias"),
        (lambda value: nn.ConvTranspose2d(1, 1, 1, fixed=value), "ConvTranspose2d: fixed"),
        (lambda value: nn.MaxPool2d(1, ceil_mode=value), "MaxPool2d: ceil_mode"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("value", [1, "no", None, np.zeros(2)], ids=["number", "text", "none", "array"])
def test_switches(make, argument, value):
    with pytest.raises(TypeError, match=f"^{argument} must be True or False, got"):
        make(value)


@pytest.mark.parametrize("size", [0, 2.0, "3", True])
def test_sizes_of_a_normalisation(size):
    with pytest.raises((TypeError, ValueError), match=r"^LocalResponseNorm: size must be"):
        nn.LocalResponseNorm(size)


@pytest.mark.parametrize("argument", ["alpha", "beta", "k"])
@pytest.mark.parametrize("value", ["1", 1j, float("nan"), float("inf"), None], ids=str)
def test_numbers_of_a_normalisation(argument, value):
    with pytest.raises((TypeError, ValueError), match=f"^LocalResponseNorm: {argument} must be"):
        nn.LocalResponseNorm(3, **{argument: value})


def test_upsampling_to_other_channels_asks_for_a_generator():
    with pytest.raises(ValueError, match=r"^ConvTranspose2d: in_channels=3 and out_channels=2 must be equal"):
        nn.ConvTranspose2d(3, 2, 4, 2)


def test_numbers_of_numpy_are_numbers(x):
    layer = nn.Conv2d(np.int64(4), np.uint8(6), np.int32(3), padding=(np.int64(1), 1), groups=np.int16(2))
    assert layer(x).shape == (2, 6, 7, 9)
    assert nn.Dropout(np.float32(0.25)).p == 0.25
