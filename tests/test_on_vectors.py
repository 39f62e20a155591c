"""Elementwise work reaches a GPU as vectors, whatever layout the maps have, and leaves them laid out as they were."""

import numpy as np
import pytest
import standin
from cases import LAYOUTS

import minifcn.functional as F
from minifcn import Tensor, grad, optim, to_device, to_host
from minifcn.backend import on_vectors


@pytest.fixture
def channels_last(rng, stand_in):
    def draw():
        return to_device(rng.standard_normal((2, 4, 5, 3)).astype("float32").transpose(0, 3, 1, 2), stand_in)

    return draw


OPERATIONS = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "negative": lambda a, b: -a,
    "exp": lambda a, b: F.exp(a),
    "power": lambda a, b: F.exp(a) ** 1.5,
    "a number": lambda a, b: 1 - 2 * a,
    "relu": lambda a, b: F.relu(a),
    "dropout": lambda a, b: F.dropout(a, rng=np.random.default_rng(0)),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_operations_and_their_gradients(operation, channels_last):
    a, b, v = (Tensor(channels_last(), requires_grad=True) for _ in range(3))
    with standin.forbid("strided"):
        y = operation(a, b)
        (gradient,) = grad(y, [a], v.detach())
    assert y.data.strides == gradient.data.strides == a.data.strides
    twins = [Tensor(to_host(x.data), requires_grad=True) for x in (a, b, v)]
    expected = operation(*twins[:2])
    np.testing.assert_array_equal(to_host(y.data), expected.data)
    (expected,) = grad(expected, twins[:1], twins[2].detach())
    np.testing.assert_array_equal(to_host(gradient.data), expected.data)


OF_SLICES = {  # of the channels, which are no vectors; what comes out is one
    "concatenate": lambda x: F.concatenate([x, x]),
    "concatenate images": lambda x: F.concatenate([x, x], 0),
    "groups": lambda x: F.conv2d(x, Tensor(to_device(np.ones((3, 1, 3, 3), "float32"), x.device)), groups=3),
    "local response norm": lambda x: F.local_response_norm(x, 3),
}


@pytest.mark.parametrize("operation", OF_SLICES.values(), ids=OF_SLICES)
def test_what_is_made_of_slices_is_channels_last(operation, channels_last):
    x = Tensor(channels_last(), requires_grad=True)
    y = operation(x)
    (gradient,) = grad(y, [x], y.detach())
    for found in (y, gradient):
        assert found.data.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.CaffeSGD, optim.Adam])
def test_updates(optimizer, channels_last):
    w = Tensor(channels_last(), requires_grad=True)
    w.grad = Tensor(channels_last())
    rule = optimizer([w], lr=0.1, weight_decay=0.5)
    with standin.forbid("strided"), standin.count() as events:
        rule.step()
    assert events["kernel"] == 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_that_lie_differently_are_taken_as_they_are(layout, rng, stand_in):
    a, b = (rng.standard_normal((2, 3, 4, 5)) for _ in range(2))
    found = on_vectors(lambda a, b: a + b, to_device(a, stand_in), to_device(LAYOUTS[layout](b), stand_in))
    np.testing.assert_array_equal(to_host(found), a + b)


def test_a_cropped_map_gives_a_result_that_is_channels_last(channels_last, rng):
    whole, other = channels_last(), channels_last()
    found = on_vectors(lambda a, b: a - b, whole[:, :, :3, :2], other[:, :, :3, :2])
    np.testing.assert_array_equal(to_host(found), (to_host(whole) - to_host(other))[:, :, :3, :2])
    assert found.transpose(0, 2, 3, 1).flags.c_contiguous


def test_shapes_that_broadcast_are_taken_as_they_are(rng, stand_in):
    a, b = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((3, 1, 1))
    found = on_vectors(lambda a, b: a * b, to_device(a, stand_in), to_device(b, stand_in))
    np.testing.assert_array_equal(to_host(found), a * b)
