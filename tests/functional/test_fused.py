"""A convolution, the addition of the bias and the ReLU: in one sweep where it is quick, elsewhere step by step."""

import numpy as np
import pytest
from cases import operations

import minifcn as mf
import minifcn.functional as F
from minifcn import Tensor, grad
from minifcn.compute import algorithm
from minifcn.compute.algorithm import Finish
from minifcn.compute.window import Window
from minifcn.functional import convolution, fused


def inputs(rng, dtype):
    return [Tensor(rng.normal(size=s).astype(dtype), requires_grad=True) for s in [(2, 4, 7, 8), (4, 4, 3, 3), (4,)]]


def convolved(x, weight, bias):
    return F.conv2d(x, weight, bias, padding=1, relu=True)


STEPS = {"conv2d": ["relu", "add_bias", "convolution"], "transposed": ["add_bias", "transposed_convolution"]}
FUNCTIONS = {"conv2d": convolved, "transposed": F.conv_transpose2d}
every_function = pytest.mark.parametrize("name", STEPS)


@every_function
def test_by_definition_the_steps_are_operations_of_their_own(name, rng):
    with mf.algorithm("im2col"):
        assert list(operations(FUNCTIONS[name](*inputs(rng, "float32")))) == STEPS[name]
    assert list(operations(FUNCTIONS[name](*inputs(rng, "float64")))) == STEPS[name]
    whole = FUNCTIONS[name](*(Tensor(np.ones(s, "int16")) for s in [(2, 4, 7, 8), (4, 4, 3, 3), (4,)]))
    assert whole.dtype == "int64"


@every_function
def test_float32_takes_one_sweep(name, rng):
    (only,) = operations(FUNCTIONS[name](*inputs(rng, "float32")))
    assert only.startswith("finished_")


@every_function
def test_values_and_gradients_are_those_of_the_steps(name, rng):
    leaves = inputs(rng, "float32")

    def value_and_gradients():
        y = FUNCTIONS[name](*leaves)
        return [y, *grad((y * y).sum(), leaves)]

    with mf.algorithm("strips"):
        found = value_and_gradients()
    with mf.algorithm("im2col"):
        expected = value_and_gradients()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.data, other.data, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("groups", [1, 2])
def test_the_door_finishes_what_the_definition_computes_too(groups, rng):
    x, weight, bias = (rng.normal(size=shape) for shape in [(2, 4, 7, 8), (6, 4 // groups, 3, 3), (6,)])
    y = F.conv2d(Tensor(x), Tensor(weight), Tensor(bias), padding=1, groups=groups, relu=True)
    window, finish = Window.of(3, padding=1), Finish(bias, relu=True)
    np.testing.assert_array_equal(algorithm.convolve(x, weight, window, groups, finish), y.data)
    pooled = algorithm.convolve(x, weight, window, groups, finish._replace(pool=True))
    np.testing.assert_array_equal(pooled, F.max_pool2d(y, 2, ceil_mode=True).data)


@every_function
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("learned", "computed"), [(0, {"by x"}), (1, {"weight_gradient"}), (2, {"sum"})], ids=["x", "weight", "bias"]
)
def test_only_the_gradients_that_are_needed_are_computed(name, dtype, learned, computed, rng, monkeypatch):
    tensors = inputs(rng, dtype)
    for i, tensor in enumerate(tensors):
        tensor.requires_grad = i == learned
    loss, ran = FUNCTIONS[name](*tensors).sum(), set()

    def note(room, operation, meaning):
        run = getattr(room, operation)
        monkeypatch.setattr(room, operation, lambda *args, **settings: ran.add(meaning) or run(*args, **settings))

    note(convolution, "convolution", "by x")
    note(convolution, "transposed_convolution", "by x")
    note(convolution, "weight_gradient", "weight_gradient")
    note(convolution, "sum_over", "sum")
    note(fused, "sum_pixels", "sum")
    loss.backward()
    assert ran == computed
