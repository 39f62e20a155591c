"""Gradients that can be changed in place, and weights that must not be changed between forward and backward."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad, nn, optim
from minifcn.autograd import operation


def leaf(values=(1.0, 2.0)):
    return Tensor(np.array(values), requires_grad=True)


SHARING = {
    "both sides of a sum": lambda a, b: a + b,
    "both sides of a difference": lambda a, b: a - (-b),
    "a joined map": lambda a, b: F.concatenate([a, b], axis=0),
    "a reshaped sum": lambda a, b: a.reshape(1, -1) + b.reshape(-1, 1).reshape(1, -1),
    "the same data": lambda a, b: a.astype("float64") + b,
}


@pytest.mark.parametrize("function", SHARING.values(), ids=SHARING)
@pytest.mark.parametrize("create_graph", [False, True])
def test_no_two_leaves_share_the_memory_of_a_gradient(function, create_graph):
    a, b = leaf(), leaf()
    y = function(a, b)
    weights = Tensor(np.full(y.shape, 8.0))
    y.backward(weights, create_graph=create_graph)
    for x in (a, b):
        np.multiply(x.grad.data, 0.5, out=x.grad.data)
    np.testing.assert_array_equal(a.grad.data, [4, 4])
    np.testing.assert_array_equal(b.grad.data, [4, 4])
    assert (weights.data == 8).all(), "the caller's weights were changed"


@pytest.mark.parametrize("reduce", [lambda x: x.sum(), lambda x: x.mean(), lambda x: x.sum(axis=0).sum()])
def test_every_element_of_a_gradient_can_be_changed(reduce):
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    reduce(x).backward()
    before = x.grad.data[0, 0]
    x.grad.data[0, 0] = 5
    assert x.grad.data[1, 2] == before


def test_grad_gives_gradients_of_their_own_too():
    a, b = leaf(), leaf()
    by_a, by_b = grad((a + b).sum(), [a, b])
    by_a.data *= 2
    np.testing.assert_array_equal(by_b.data, [1, 1])


def test_a_gradient_kept_for_a_second_derivative_stays_in_the_graph():
    a, b = leaf(), leaf()
    (a * a + b * b).sum().backward(create_graph=True)
    (second,) = grad(a.grad.sum(), a)
    np.testing.assert_array_equal(second.data, [2, 2])


@pytest.mark.parametrize("weights", [[1, 2], np.array([1, 2])], ids=["list", "integers"])
def test_the_weights_of_the_outputs_take_the_dtype_of_the_output(weights):
    x = leaf()
    (x + 1).backward(weights)
    assert x.grad.dtype == "float64"
    np.testing.assert_array_equal(x.grad.data, [1, 2])


CHANGES = {
    "SGD": lambda w: optim.SGD([w], lr=0.1).step(),
    "Adam": lambda w: optim.Adam([w], lr=0.1).step(),
    "an assignment": lambda w: setattr(w, "data", w.data * 2),
    "a step by hand": lambda w: exec("w.data -= 0.1", {"w": w}),
    "a change that is told": lambda w: w.changed(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_weights_changed_between_forward_and_backward_are_refused(change):
    w = nn.Parameter(np.array([1.0, 2.0]))
    w.grad = Tensor(np.ones(2))
    y = (w * w).sum()
    change(w)
    with pytest.raises(RuntimeError, match=r"an input of multiply, of shape \(2,\), were changed after the forward"):
        y.backward()


def test_weights_loaded_between_forward_and_backward_are_refused():
    layer = nn.Conv2d(1, 1, 3, rng=np.random.default_rng(0))
    y = layer(Tensor(np.ones((1, 1, 3, 3), "float32"), requires_grad=True)).sum()
    layer.load_state_dict(layer.state_dict())
    with pytest.raises(RuntimeError, match=r"of shape \(1, 1, 3, 3\), were changed"):
        y.backward()


def test_weights_of_a_recomputed_function_are_refused_too():
    w = nn.Parameter(np.array([1.0, 2.0]))
    y = F.recompute(lambda x: x * w, leaf()).sum()
    w.data = w.data * 2
    with pytest.raises(RuntimeError, match="were changed after the forward"):
        y.backward()


def test_an_operation_that_keeps_the_array_is_refused_too():
    @operation
    def square(x):
        values = x.data[:]

        def backward(gy):
            return (gy * Tensor(2 * values),)

        return x.data**2, backward

    w = leaf()
    y = square(w).sum()
    w.data -= 1
    with pytest.raises(RuntimeError, match="an input of square"):
        y.backward()


def test_a_gradient_that_does_not_need_the_old_weights_is_given():
    w = nn.Parameter(np.array([1.0, 2.0]))
    y = (w + 3 - w.reshape(2, 1).sum(axis=1)).mean()
    w.data -= 0.1
    y.backward()
    np.testing.assert_array_equal(w.grad.data, [0, 0])


def test_a_step_between_two_whole_passes_is_no_mistake():
    w = nn.Parameter(np.array([1.0, 2.0]))
    optimizer = optim.SGD([w], lr=0.25)
    for expected in ([0.5, 1.0], [0.25, 0.5]):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        np.testing.assert_array_equal(w.data, expected)
