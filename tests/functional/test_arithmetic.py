"""Operators and methods of a Tensor: NumPy's values, and gradients of the shapes that went in."""

import array
import collections

import numpy as np
import pytest
import textbook

import minifcn.functional as F
from minifcn import Tensor, grad


def assert_gradients(function, arrays, rng):
    """Hold the gradients, for random weights of the outputs, against finite differences."""
    leaves = [Tensor(a, requires_grad=True) for a in arrays]
    y = function(*leaves)
    v = rng.normal(size=y.shape)
    expected = textbook.numeric_gradient(lambda *moved: [function(*map(Tensor, moved)).data], arrays, [v])
    for found, numeric in zip(grad(y, leaves, Tensor(v)), expected, strict=True):
        assert found.shape == numeric.shape
        np.testing.assert_allclose(found.data, numeric, rtol=1e-6, atol=1e-8)


SHAPES = [
    *(((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((2, 3), ()), ((), (2, 3))),
    *(((1,), (2, 3)), ((1, 1, 1), (2, 1)), ((4, 1, 3), (2, 1)), ((2, 0), (1, 1))),
]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("symbol", ["+", "-", "*", "/"])
def test_broadcasting(symbol, shapes, rng):
    function = eval("lambda a, b: a " + symbol + " b")
    arrays = [rng.uniform(1, 2, size=shape) for shape in shapes]
    np.testing.assert_array_equal(function(*map(Tensor, arrays)).data, function(*arrays))
    assert_gradients(function, arrays, rng)


MATRICES = [
    *(((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,))),
    *(((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)), ((1, 2, 3), (5, 3, 1))),
    *(((6, 1, 2, 3), (5, 3, 4)), ((3,), (5, 3, 4)), ((5, 2, 3), (3,))),
]


@pytest.mark.parametrize("shapes", MATRICES, ids=str)
def test_matrix_products(shapes, rng):
    arrays = [rng.normal(size=shape) for shape in shapes]
    expected = arrays[0] @ arrays[1]
    y = Tensor(arrays[0]) @ Tensor(arrays[1])
    assert y.shape == expected.shape
    np.testing.assert_allclose(y.data, expected, rtol=1e-12, atol=1e-12)
    assert_gradients(lambda a, b: a @ b, arrays, rng)


INDICES = {
    "a number": 1,
    "a negative number": -1,
    "a slice": slice(1, None),
    "a slice with a step": (slice(None), slice(None, None, 2)),
    "backwards": (slice(None, None, -1), 0),
    "an ellipsis and a new axis": (..., None, 1),
    "an index array": np.array([0, 2]),
    "an index array that repeats": np.array([2, 0, 2, 2]),
    "a list that repeats": [1, 1],
    "two index arrays that repeat a pair": (np.array([0, 0, 1]), np.array([3, 3, 0])),
    "an index array behind a slice": (slice(None), [0, 0, 3]),
    "a mask": np.arange(12).reshape(3, 4) % 3 == 0,
    "a mask of rows": np.array([True, False, True]),
    "a list of truths": [True, False, True],
    "a tuple in a tuple, that repeats": ((1, 1, 0),),
    "lists in lists, that repeat": [[0, 0], [2, 0]],
    "an empty list": [],
    "no index at all": (),
    "one truth": True,
    "an integer of NumPy": np.int64(2),
    "an array of no axes": (np.array(1), slice(None)),
    "arrays that broadcast, and repeat": (np.array([[0], [0]]), np.array([1, 1, 2])),
    "an index array and a new axis": (None, [1, 1], ..., 0),
    "a mask beside an index": (np.array([True, False, True]), [0, 0]),
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES.keys())
def test_indexing(index, rng):
    x = rng.normal(size=(3, 4))
    np.testing.assert_array_equal(Tensor(x)[index].data, x[index])
    assert_gradients(lambda t: t[index], [x], rng)


@pytest.mark.parametrize(
    "index", [np.array([2, 0, 2]), np.array([True, False, True]), np.array(1)], ids=["indices", "mask", "number"]
)
def test_a_tensor_as_index(index, rng):
    x = rng.normal(size=(3, 4))
    np.testing.assert_array_equal(Tensor(x)[Tensor(index)].data, x[index])
    np.testing.assert_array_equal(Tensor(x)[Tensor(index), 1:].data, x[index, 1:])
    assert_gradients(lambda t: t[Tensor(index), 1:], [x], rng)


@pytest.mark.parametrize(
    "wrap", [lambda i: i, lambda i: (slice(None), i), Tensor], ids=["array", "in a tuple", "Tensor"]
)
def test_an_index_array_that_is_changed_later_does_not_change_the_gradient(wrap):
    x, index, expected = Tensor(np.zeros((3, 3)), requires_grad=True), np.array([0, 0, 1]), np.zeros((3, 3))
    np.add.at(expected, (slice(None), index) if isinstance(wrap(index), tuple) else index, 1)
    y = x[wrap(index)].sum()
    index[...] = 2
    y.backward()
    np.testing.assert_array_equal(x.grad.data, expected)


SEQUENCES = {
    "array": array.array("i", [0, 0, 2]),
    "deque": collections.deque([0, 0, 2]),
    "UserList": collections.UserList([0, 0, 2]),
    "memoryview": memoryview(np.array([0, 0, 2])),
    "range": range(3),
}


@pytest.mark.parametrize("index", SEQUENCES.values(), ids=SEQUENCES)
@pytest.mark.parametrize("wrap", [lambda i: i, lambda i: (slice(None), i)], ids=["alone", "behind a slice"])
def test_any_sequence_that_numpy_takes_as_an_index_adds_what_it_repeats(index, wrap):
    x, expected = Tensor(np.arange(9.0).reshape(3, 3), requires_grad=True), np.zeros((3, 3))
    np.add.at(expected, wrap(np.array(index)), 1)
    y = x[wrap(index)]
    np.testing.assert_array_equal(y.data, x.data[wrap(np.array(index))])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, expected)


@pytest.mark.parametrize("index", [5, (0, 0, 0), 1.5, "a", np.array([0.0, 1.0])], ids=str)
def test_an_index_that_numpy_refuses_is_refused(index):
    with pytest.raises(IndexError):
        Tensor(np.zeros((3, 4)))[index]


def test_the_gradient_of_a_repeated_index_is_counted_each_time():
    x = Tensor(np.zeros(3), requires_grad=True)
    x[np.array([1, 1, 1, 2])].sum().backward()
    np.testing.assert_array_equal(x.grad.data, [0, 3, 1])


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (-1, 0), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("name", ["sum", "mean"])
def test_sums_and_means(name, axis, keepdims, rng):
    x = rng.normal(size=(2, 3, 4))
    expected = getattr(x, name)(axis=axis, keepdims=keepdims)
    y = getattr(Tensor(x), name)(axis=axis, keepdims=keepdims)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y.data, expected, rtol=1e-12)
    assert_gradients(lambda t: getattr(t, name)(axis=axis, keepdims=keepdims), [x], rng)


@pytest.mark.parametrize(
    "function",
    [lambda x: x.reshape(4, 6), lambda x: x.reshape((3, -1)), lambda x: x.reshape(-1)],
    ids=["numbers", "tuple", "one"],
)
def test_reshape(function, rng):
    x = rng.normal(size=(2, 3, 4))
    np.testing.assert_array_equal(function(Tensor(x)).data, function(x))
    assert_gradients(function, [x], rng)


@pytest.mark.parametrize("axes", [(), (2, 0, 1), ((1, 2, 0),), (-1, 0, 1)], ids=str)
def test_transpose(axes, rng):
    x = rng.normal(size=(2, 3, 4))
    np.testing.assert_array_equal(Tensor(x).transpose(*axes).data, x.transpose(*axes))
    assert_gradients(lambda t: t.transpose(*axes), [x], rng)


@pytest.mark.parametrize("exponent", [2, 3, -1, 0.5, -0.75, 1, 0])
def test_powers(exponent, rng):
    x = rng.uniform(0.5, 2, size=5)
    np.testing.assert_allclose((Tensor(x) ** exponent).data, x**exponent, rtol=1e-14)
    assert_gradients(lambda t: t**exponent, [x], rng)


def derivatives(function, at, count):
    x = Tensor(np.array(at), requires_grad=True)
    y, found = function(x), []
    for _ in range(count):
        (y,) = grad(y, x, create_graph=True)
        found.append(y.item())
    return found


@pytest.mark.parametrize(
    ("exponent", "expected"), [(0, [0, 0, 0]), (1, [1, 0, 0]), (2, [0, 2, 0, 0]), (3, [0, 0, 6, 0]), (2.0, [0, 2, 0])]
)
@pytest.mark.parametrize("wrap", [lambda n: n, np.array], ids=["number", "array"])
def test_derivatives_of_powers_at_zero(wrap, exponent, expected):
    assert derivatives(lambda x: x ** wrap(exponent), 0.0, len(expected)) == expected


def test_derivatives_of_a_bell_at_its_top():
    assert derivatives(lambda x: F.exp(-(x**2)), 0.0, 4) == [0, -2, 0, 12]


@pytest.mark.parametrize("shapes", [((3,), (3,)), ((2, 3), (3,)), ((), (2,)), ((2, 1), (1, 3))], ids=str)
def test_powers_with_a_learned_exponent(shapes, rng):
    arrays = [rng.uniform(0.5, 2, size=shape) for shape in shapes]
    np.testing.assert_array_equal((Tensor(arrays[0]) ** Tensor(arrays[1])).data, arrays[0] ** arrays[1])
    assert_gradients(lambda a, b: a**b, arrays, rng)
    assert_gradients(lambda a: 2**a + a ** [2.0], arrays[:1], rng)


def test_powers_of_negative_numbers_take_no_logarithm_that_is_not_needed():
    x = Tensor(np.array([-2.0, 3.0, -1.0]), requires_grad=True)
    (x ** np.array([2, 3, 0])).sum().backward()  # a warning would be an error here
    np.testing.assert_array_equal(x.grad.data, [-4, 27, 0])


def test_the_gradient_of_a_power_of_zero_by_its_exponent_is_zero():
    n = Tensor(np.array([2.0, 1.0, 0.0]), requires_grad=True)
    (Tensor(np.zeros(3)) ** n).sum().backward()
    np.testing.assert_array_equal(n.grad.data, [0, 0, 0])


# The result is a number of the range, and so is the gradient: what lies in between has to be one too.
EXTREMES = [
    ("a / b", 1e20, 1e20, 1, (1e-20, -1e-20)),
    ("a / b", 1e-25, 1e-25, 1, (1e25, -1e25)),
    ("a / b", 1e30, 1e30, 1e30, (1, -1)),
    ("a / b", 1e-30, 1e-30, 1e-30, (1, -1)),
    ("a / b", 0, 1e-25, 1, (1e25, 0)),
    ("a / b", 1e-30, 1e-30, 0, (0, 0)),
    ("a ** -1 + 0 * b", 1e-20, 1, 1e-10, (-1e30, 0)),
    ("a ** -1 + 0 * b", 1e30, 1, 1e30, (-1e-30, 0)),
    ("a ** 0.5 + 0 * b", 1e-30, 1, 1, (0.5e15, 0)),
    ("a ** 0.5 + 0 * b", 1e30, 1, 1, (0.5e-15, 0)),
    ("a ** 2 + 0 * b", 1e-30, 1, 1, (2e-30, 0)),
    ("a * b", 1e30, 1e-30, 1e-30, (1e-60, 1)),
]


@pytest.mark.parametrize(("formula", "a", "b", "gy", "expected"), EXTREMES)
def test_gradients_at_the_ends_of_the_range_of_float32(formula, a, b, gy, expected):
    leaves = [Tensor(np.array(v, "float32"), requires_grad=True) for v in (a, b)]
    eval(formula, dict(zip("ab", leaves, strict=True))).backward(Tensor(np.array(gy, "float32")))
    for x, g in zip(leaves, expected, strict=True):
        np.testing.assert_allclose(x.grad.item(), g, rtol=1e-5, atol=1e-44)


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")  # of derivatives that nobody asked for
@pytest.mark.parametrize(
    ("a", "b", "expected"), [(0.0, 1e-30, 0.0), (1e-30, 1e-20, 2e30), (1e-38, 1e-20, 2e22), (1e30, 1e20, 2e-30)]
)
def test_the_second_derivative_of_a_quotient_at_the_ends_of_the_range_of_float32(a, b, expected):
    a, b = (Tensor(np.array(v, "float32"), requires_grad=True) for v in (a, b))
    (first,) = grad(a / b, b, create_graph=True)
    (second,) = grad(first, b)
    np.testing.assert_allclose(second.item(), expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["exp", "log"])
def test_elementary_functions(name, rng):
    x = rng.uniform(0.5, 2, size=5)
    np.testing.assert_array_equal(getattr(F, name)(Tensor(x)).data, getattr(np, name)(x))
    assert_gradients(getattr(F, name), [x], rng)


def test_astype_converts_the_value_one_way_and_the_gradient_back():
    x = Tensor(np.array([1.0, 2.0], "float32"), requires_grad=True)
    y = x.astype("float64")
    (y * y).sum().backward()
    assert (y.dtype, x.grad.dtype) == ("float64", "float32")
    np.testing.assert_array_equal(x.grad.data, [2, 4])


def test_to_a_device_and_back(device):
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    y = x.to(device)
    assert y.device == device
    (y * y).sum().backward()
    assert x.grad.device == "cpu"
    np.testing.assert_array_equal(x.grad.data, [2, 4])
