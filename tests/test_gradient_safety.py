"""Gradients that can be changed in place, and weights that must not be changed between forward and backward."""

import copy
import functools

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad, nn, optim
from minifcn.autograd import operation

ONE = np.ones((1, 1, 1, 1), "float32")


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


def test_grad_gives_each_its_own_where_an_input_is_named_twice():
    a = leaf()
    first, second = grad((a * a).sum(), [a, a])
    first.data *= 5
    np.testing.assert_array_equal(second.data, [2, 4])


CONSTANT = np.array([3.0, 4.0])
CONSTANT_TENSOR = Tensor(CONSTANT.copy())


def read_only(array):
    array.flags.writeable = False
    return Tensor(array)


WRITTEN_BY_A_USER = {
    "an array that the operation keeps": lambda x, gy: Tensor(CONSTANT),
    "a view of one": lambda x, gy: Tensor(CONSTANT[:]),
    "a Tensor that it keeps": lambda x, gy: CONSTANT_TENSOR,
    "a read-only array": lambda x, gy: read_only(np.array([3.0, 4.0])),
    "the input": lambda x, gy: x,
}


@pytest.mark.parametrize("gradient", WRITTEN_BY_A_USER.values(), ids=WRITTEN_BY_A_USER)
def test_what_an_operation_of_a_user_gives_is_not_changed_through_a_gradient(gradient):
    @operation
    def constant_slope(x):
        def backward(gy):
            return (gradient(x, gy),)

        return (x.data * CONSTANT).sum(), backward

    a, b = leaf((3.0, 4.0)), leaf((3.0, 4.0))
    for x in (a, b):
        constant_slope(x).backward()
        assert not x.grad.requires_grad
    np.multiply(a.grad.data, 0.5, out=a.grad.data)
    np.testing.assert_array_equal(b.grad.data, [3, 4])
    np.testing.assert_array_equal(a.data, [3, 4])
    assert CONSTANT.tolist() == CONSTANT_TENSOR.data.tolist() == [3, 4]


def test_a_gradient_whose_elements_overlap_in_memory_is_copied():
    @operation
    def total(x):
        def backward(gy):
            return (Tensor(np.lib.stride_tricks.as_strided(np.ones(3), (2, 2), (8, 8))),)

        return x.data.sum(), backward

    x = leaf(((1.0, 2.0), (3.0, 4.0)))
    total(x).backward()
    x.grad.data[0, 1] = 5
    np.testing.assert_array_equal(x.grad.data, [[1, 5], [1, 1]])


@pytest.mark.parametrize(
    ("gradients", "message"),
    [
        (lambda gy: gy, "a Tensor; it must return a tuple"),
        (lambda gy: (gy, gy), "2 gradients for 1 inputs"),
        (lambda gy: (None,), "a NoneType for input 0, which requires a gradient; it must be a Tensor"),
        (lambda gy: (gy.data,), "a ndarray for input 0"),
        (lambda gy: (gy.sum(),), r"a gradient of float64 \(\) for input 0, which is float64 \(2,\); they must agree"),
        (lambda gy: (gy.astype("float32"),), r"a gradient of float32 \(2,\) for input 0, which is float64"),
        (lambda gy: (gy.astype("int64"),), "a gradient of int64"),
    ],
    ids=["no tuple", "too many", "None", "an array", "another shape", "another precision", "integers"],
)
def test_what_cannot_be_the_gradients_of_an_operation_is_refused(gradients, message):
    @operation
    def twice(x):
        return 2 * x.data, gradients

    with pytest.raises((TypeError, ValueError), match=f"^the backward of twice .*{message}"):
        twice(leaf()).backward(np.ones(2))


@pytest.mark.parametrize(
    "result", [np.ones(2), (np.ones(2),), (np.ones(2), None), None], ids=["value", "one", "no function", "nothing"]
)
def test_an_operation_without_a_backward_is_refused(result):
    @operation
    def forgetful(x):
        return result

    with pytest.raises(
        TypeError, match=r"^forgetful: an operation must return two things, its value .* and a function"
    ):
        forgetful(leaf())


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
    "CaffeSGD": lambda w: optim.CaffeSGD([w], lr=0.1).step(),
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


@pytest.mark.parametrize("function", [F.relu, lambda x: F.conv2d(x, ONE, np.zeros(1, "float32"), relu=True)])
def test_a_changed_result_is_refused_where_the_gradient_depends_on_it(function):
    """ReLU passes a gradient where its result is positive."""
    y = function(Tensor(np.ones((1, 1, 2, 2), "float32"), requires_grad=True))
    y.data *= -1
    with pytest.raises(RuntimeError, match=r"of the result of \w+, of shape \(1, 1, 2, 2\), were changed after"):
        y.sum().backward()


@pytest.mark.parametrize("function", [F.exp, lambda x: x * x, lambda x: x + 1, lambda x: x.reshape(1, 2)])
def test_a_changed_result_is_no_mistake_elsewhere(function):
    x = leaf()
    expected = grad(function(x).sum(), x)[0]
    y = function(x)
    y.data = y.data * 5
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, expected.data)


VIEWS = {
    "reshaped": lambda w: w.reshape(2, 1).reshape(-1),
    "transposed": lambda w: w.reshape(1, 2).transpose(),
    "a slice": lambda w: w[:1],
    "moved to where it is": lambda w: w.to("cpu"),
    "cropped": lambda w: F.crop(w.reshape(1, 1, 1, 2), (0, 1), (1, 1)),
    "detached": lambda w: w.detach(),
    "a shallow copy": copy.copy,
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_view_of_weights_changes_with_them(view):
    w, x = nn.Parameter(np.array([1.0, 2.0])), leaf((3.0,))
    y = (view(w) * x * x).sum()
    w.grad = Tensor(np.ones(2))
    optim.SGD([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match="were changed after the forward"):
        y.backward()


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_view_of_weights_keeps_the_old_ones_where_an_array_takes_their_place(view):
    w, x = nn.Parameter(np.array([1.0, 2.0])), leaf((3.0,))
    v = view(w)
    y = (v * x).sum()
    total = v.data.sum()
    w.data = w.data * 0.9
    y.backward()
    assert x.grad.item() == total


def test_the_weights_of_a_linear_layer_are_refused_too():
    w, x = nn.Parameter(np.array([[1.0, 2.0]])), leaf(((3.0, 4.0),))
    y = F.linear(x, w).sum()
    w.data -= 0.1
    with pytest.raises(RuntimeError, match="were changed after the forward"):
        y.backward()


def test_weights_that_were_converted_to_another_precision_need_not_be_the_old_ones():
    w = nn.Parameter(np.array([1.0, 2.0], "float32"))
    y = (w.astype("float64") * 3).sum()
    w.data -= 1
    y.backward()
    assert w.grad.dtype == "float32"
    np.testing.assert_array_equal(w.grad.data, [3, 3])


class Kept:
    def __init__(self, values):
        self.values = values

    def backward(self, gy):
        return (gy * Tensor(2 * self.values),)


def in_a_dict(x):
    kept = {"x": x.data}
    return lambda gy: (gy * Tensor(2 * kept["x"]),)


def in_an_object(x):
    kept = Kept(x.data)
    return lambda gy: kept.backward(gy)


WHERE_VALUES_ARE_KEPT = {
    "a dict": in_a_dict,
    "an object": in_an_object,
    "a default": lambda x: lambda gy, values=x.data: (gy * Tensor(2 * values),),
    "a named default": lambda x: lambda gy, *, values=x.data: (gy * Tensor(2 * values),),
    "a method": lambda x: Kept(x.data).backward,
    "a partial function": lambda x: functools.partial(lambda values, gy: (gy * Tensor(2 * values),), x.data),
}


@pytest.mark.parametrize("keep", WHERE_VALUES_ARE_KEPT.values(), ids=WHERE_VALUES_ARE_KEPT)
def test_wherever_an_operation_keeps_the_array(keep):
    @operation
    def square(x):
        return x.data**2, keep(x)

    w = leaf()
    square(w).sum().backward()
    np.testing.assert_array_equal(w.grad.data, [2, 4])
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


LINEAR_IN_W = {
    "times a constant": lambda w: w * 3,
    "a constant times it": lambda w: Tensor([3.0, 3.0]) * w,
    "by a constant": lambda w: w / (1 / 3),
    "a matrix product with a constant": lambda w: w @ (3 * np.eye(2)),
    "dropout": lambda w: F.dropout(w, 0.0, rng=np.random.default_rng(0)) * 3,
    "the bias of a convolution": lambda w: F.conv2d(
        Tensor(np.ones((3, 1, 1, 1))), Tensor(np.ones((2, 1, 1, 1)), True), w
    ),
}


@pytest.mark.parametrize("function", LINEAR_IN_W.values(), ids=LINEAR_IN_W)
def test_a_change_of_what_the_gradient_does_not_depend_on_is_no_mistake(function):
    w = leaf()
    y = function(w).sum()
    w.data -= 0.1
    y.backward()
    np.testing.assert_allclose(w.grad.data, [3, 3])


def test_an_object_that_holds_settings_is_no_reason_to_refuse():
    class Settings:
        def __init__(self):
            self.slope, self.names, self.itself = 3.0, {"a": [1]}, self

    @operation
    def scaled(x):
        settings = Settings()

        def backward(gy):
            return (gy * settings.slope,)

        return 3.0 * x.data, backward

    w = leaf()
    y = scaled(w).sum()
    w.data -= 0.1
    y.backward()
    np.testing.assert_array_equal(w.grad.data, [3, 3])


def test_moving_a_network_to_where_it_is_changes_nothing():
    layer = nn.Conv2d(1, 1, 1, rng=np.random.default_rng(0))
    x = Tensor(np.ones((1, 1, 1, 1), "float32"), requires_grad=True)
    y = layer(x).sum()
    layer(x).sum().backward()
    before = layer.weight.grad.item()
    layer.to("cpu")
    y.backward()
    assert layer.weight.grad.item() == 2 * before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda x: (x * 2, x.data), "grad: inputs must be Tensors, got a "),
        (lambda x: ([x * 2, 3.0], x), "grad: outputs must be Tensors, got a float"),
        (lambda x: (x * 2, x, [1, 2]), r"grad: grad_outputs holds 2 things for 1 outputs; .* \[weights\] for one"),
        (lambda x: ([x * 2, x], x, [np.ones(2)]), "grad: grad_outputs holds 1 things for 2 outputs"),
    ],
    ids=["inputs", "outputs", "too many weights", "too few"],
)
def test_what_cannot_be_differentiated_is_refused(arguments, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        grad(*arguments(leaf()))


def test_a_step_between_two_whole_passes_is_no_mistake():
    w = nn.Parameter(np.array([1.0, 2.0]))
    optimizer = optim.SGD([w], lr=0.25)
    for expected in ([0.5, 1.0], [0.25, 0.5]):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        np.testing.assert_array_equal(w.data, expected)
