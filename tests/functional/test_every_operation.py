"""What holds for every operation: its gradients, of first and second order; any layout; inputs left alone; the dtype.

The operations are those that `minifcn gradcheck` checks; the finite differences here are the tests' own.
"""

import numpy as np
import pytest
import textbook
from cases import LAYOUTS, read_only

import minifcn.functional as F
from minifcn import Tensor, grad
from minifcn.gradcheck.operations import CASES

every_operation = pytest.mark.parametrize(
    ("function", "shapes"), [case[1:] for case in CASES], ids=[case[0].replace("[ ]", "index") for case in CASES]
)


def gradients(function, arrays, v, create_graph=False):
    """The gradients of <v, function>, as a function of Tensors."""
    leaves = [a if isinstance(a, Tensor) else Tensor(a, requires_grad=True) for a in arrays]
    return grad(function(*leaves), leaves, v if isinstance(v, Tensor) else Tensor(v), create_graph)


def test_every_operation_is_among_the_cases():
    for name in F.__all__:
        assert any(case[0].startswith(name) for case in CASES), name


FUNCTIONS = [case for case in CASES if case[0].startswith(tuple(F.__all__)) and " * " not in case[0]]


@pytest.mark.parametrize(("function", "shapes"), [case[1:] for case in FUNCTIONS], ids=[case[0] for case in FUNCTIONS])
@pytest.mark.parametrize("convert", [lambda a: a, lambda a: a.tolist()], ids=["arrays", "lists"])
def test_arrays_and_lists_are_taken_as_tensors(function, shapes, convert, rng):
    arrays = [rng.normal(size=shape) for shape in shapes]
    y = function(*map(convert, arrays))
    assert isinstance(y, Tensor)
    np.testing.assert_array_equal(y.data, function(*map(Tensor, arrays)).data)


@every_operation
def test_the_gradient_is_that_of_finite_differences(function, shapes, rng):
    arrays = [rng.normal(size=shape) for shape in shapes]
    v = rng.normal(size=function(*map(Tensor, arrays)).shape)
    expected = textbook.numeric_gradient(lambda *moved: [function(*map(Tensor, moved)).data], arrays, [v])
    for found, numeric in zip(gradients(function, arrays, v), expected, strict=True):
        np.testing.assert_allclose(found.data, numeric, rtol=1e-6, atol=1e-7)


@every_operation
def test_the_gradient_of_the_gradient_too(function, shapes, rng):
    """With respect to the inputs, and to the weights v, in which a gradient is linear."""
    arrays = [rng.normal(size=shape) for shape in shapes]
    arrays.append(rng.normal(size=function(*map(Tensor, arrays)).shape))
    u = [rng.normal(size=shape) for shape in shapes]

    leaves = [Tensor(a, requires_grad=True) for a in arrays]
    first = gradients(function, leaves[:-1], leaves[-1], create_graph=True)
    recorded = [(g, Tensor(weight)) for g, weight in zip(first, u, strict=True) if g.requires_grad]
    outputs, weights = map(list, zip(*recorded, strict=True))
    second = grad(outputs, leaves, weights)

    def numeric_first(*moved):
        return [g.data for g in gradients(function, moved[:-1], moved[-1])]

    for found, numeric in zip(second, textbook.numeric_gradient(numeric_first, arrays, u), strict=True):
        np.testing.assert_allclose(found.data, numeric, rtol=1e-6, atol=2e-7)


@pytest.mark.parametrize("layout", LAYOUTS)
@every_operation
def test_any_layout_gives_the_same_and_is_not_written_to(function, shapes, layout, rng):
    arrays = [rng.normal(size=shape) for shape in shapes]
    expected = function(*map(Tensor, arrays)).data
    v = rng.normal(size=expected.shape)
    protected = [read_only(LAYOUTS[layout](a)) for a in arrays]
    np.testing.assert_allclose(function(*map(Tensor, protected)).data, expected, rtol=1e-12, atol=1e-14)
    found = gradients(function, protected, read_only(LAYOUTS[layout](v)))
    for one, other in zip(found, gradients(function, arrays, v), strict=True):
        np.testing.assert_allclose(one.data, other.data, rtol=1e-12, atol=1e-14)


@every_operation
def test_the_dtype_is_kept_forward_and_backward(function, shapes, rng, dtype):
    arrays = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    y = function(*map(Tensor, arrays))
    assert y.dtype == dtype
    assert {g.dtype for g in gradients(function, arrays, np.ones(y.shape, dtype))} == {dtype}


@every_operation
def test_float32_agrees_with_float64(function, shapes, rng):
    arrays = [rng.normal(size=shape) for shape in shapes]
    v = rng.normal(size=function(*map(Tensor, arrays)).shape)
    exact = gradients(function, arrays, v)
    rounded = gradients(function, [a.astype("float32") for a in arrays], v.astype("float32"))
    for one, other in zip(rounded, exact, strict=True):
        np.testing.assert_allclose(one.data, other.data, rtol=0, atol=1e-5 * (1 + abs(other.data).max()))
