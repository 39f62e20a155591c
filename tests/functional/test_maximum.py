"""The largest element along axes and where it is: NumPy's values, and gradients that go to the first of equals."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad, metrics

AXES = [None, 0, 2, -1, (0, 2), (2, 0), (1,), (0, 1, 2), ()]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "uint8", "bool"])
def test_max_is_numpys(axis, keepdims, dtype, rng):
    x = rng.integers(-2, 3, (3, 4, 2)).astype(dtype)
    y = Tensor(x).max(axis=axis, keepdims=keepdims)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.data, x.max(axis=axis, keepdims=keepdims), strict=True)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 2, -2, (1,)], ids=str)
def test_argmax_is_numpys(axis, keepdims, rng):
    x = rng.integers(-2, 3, (3, 4, 2)).astype("float32")
    y = Tensor(x, requires_grad=True).argmax(axis=axis, keepdims=keepdims)
    one = axis[0] if isinstance(axis, tuple) else axis
    np.testing.assert_array_equal(y.data, x.argmax(axis=one, keepdims=keepdims), strict=True)
    assert (y.dtype, y.requires_grad) == ("int64", False)


def test_the_gradient_goes_to_the_first_of_equals_as_in_max_pooling(rng):
    x = Tensor(rng.integers(0, 2, (2, 3, 4, 4)).astype("float64"), requires_grad=True)
    weights = Tensor(rng.normal(size=(2, 3, 1, 1)))
    (x.max(axis=(2, 3), keepdims=True) * weights).sum().backward()
    found, x.grad = x.grad, None
    (F.max_pool2d(x, 4) * weights).sum().backward()
    np.testing.assert_array_equal(found.data, x.grad.data)


@pytest.mark.parametrize("axis", [None, (0, 1), (1, 0)], ids=str)
def test_the_first_of_equals_is_the_first_in_the_order_of_the_rows(axis):
    x = Tensor([[0.0, 1.0], [1.0, 0.0]], requires_grad=True)
    x.max(axis=axis).backward()
    np.testing.assert_array_equal(x.grad.data, [[0, 1], [0, 0]])


def test_an_infinite_gradient_reaches_no_other_element():
    x = Tensor([3.0, 1.0], requires_grad=True)
    x.max().backward(Tensor(np.inf))
    np.testing.assert_array_equal(x.grad.data, [np.inf, 0])


def test_nan_is_the_largest():
    x = Tensor([1.0, np.nan, 2.0, np.nan], requires_grad=True)
    x.max().backward()
    assert np.isnan(x.max().item())
    assert x.argmax().item() == 1
    np.testing.assert_array_equal(x.grad.data, [0, 1, 0, 0])


@pytest.mark.parametrize("name", ["max", "argmax"])
class TestRefuses:
    def test_the_largest_of_nothing(self, name):
        with pytest.raises(ValueError, match=rf"^{name}: x of shape \(2, 0\) has no element along axis 1"):
            getattr(Tensor(np.zeros((2, 0))), name)(axis=1)

    def test_an_axis_that_is_not_there(self, name):
        with pytest.raises(np.exceptions.AxisError, match="axis 2 is out of bounds for array of dimension 2"):
            getattr(Tensor(np.zeros((2, 3))), name)(axis=2)

    def test_pytorchs_names_by_numpys(self, name):
        with pytest.raises(TypeError, match=f"^Tensor.{name}: no argument is called 'dim'; it is called axis here"):
            getattr(Tensor(np.zeros((2, 3))), name)(dim=1)


def test_of_no_lines_there_are_no_largest_elements():
    assert Tensor(np.zeros((0, 3))).max(axis=1).shape == Tensor(np.zeros((0, 3))).argmax(axis=1).shape == (0,)


def test_argmax_takes_one_axis():
    with pytest.raises(ValueError, match=r"^argmax: axis must be one axis, or None for all, got \(0, 1\)"):
        Tensor(np.zeros((2, 3))).argmax(axis=(0, 1))


def test_numpys_functions_find_the_methods(rng):
    x = rng.normal(size=(3, 4))
    assert isinstance(np.max(Tensor(x)), Tensor)
    np.testing.assert_array_equal(np.argmax(Tensor(x), axis=1).data, x.argmax(axis=1))


def test_the_argmax_of_scores_is_counted_as_it_is(rng):
    scores = Tensor(rng.normal(size=(2, 3, 4, 5)))
    labels = rng.integers(0, 3, (2, 4, 5))
    matrix, same = metrics.ConfusionMatrix(3), metrics.ConfusionMatrix(3)
    matrix.update(labels, scores.argmax(axis=1))
    same.update(labels, scores.data.argmax(axis=1))
    np.testing.assert_array_equal(matrix.matrix, same.matrix)


@pytest.mark.parametrize("name", ["max", "sum", "mean"])
@pytest.mark.parametrize(
    ("axis", "message"),
    [
        (True, "axis must be a whole number, a tuple of them, or None for all, got True"),
        (1.5, "axis must be a whole number, .* got 1.5"),
        ((0, -2), r"axis: \(0, -2\) names an axis twice"),
    ],
    ids=["keepdims in the place of the axis", "a fraction", "one axis twice"],
)
def test_what_is_no_axis_is_said(name, axis, message):
    with pytest.raises((TypeError, ValueError), match=message):
        getattr(Tensor([[1.0, 2.0]]), name)(axis)


def test_float_is_float32_with_its_gradient():
    x = Tensor([1.5, 2.5], requires_grad=True)
    y = x.float()
    y.sum().backward()
    assert (y.dtype, x.grad.dtype) == ("float32", "float64")
    assert Tensor([True, False]).float().dtype == "float32"


def test_it_is_the_same_on_every_device(device, rng):
    values = rng.integers(-2, 3, (2, 3, 4)).astype("float32")
    here, there = (Tensor(values, requires_grad=True).to(place) for place in ("cpu", device))
    for axis in (None, 1, (0, 2)):
        np.testing.assert_array_equal(there.max(axis=axis).numpy(), here.max(axis=axis).data)
    np.testing.assert_array_equal(there.argmax(axis=1).numpy(), here.argmax(axis=1).data)
    (g,), (h,) = (grad((x.max(axis=1) ** 2).sum(), [x]) for x in (there, here))
    np.testing.assert_array_equal(g.numpy(), h.data)
