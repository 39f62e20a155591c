"""What numbers and arrays become beside a Tensor: NumPy's rule, with the two exceptions of docs/number_types.md."""

import operator

import numpy as np
import pytest

import minifcn as mf
import minifcn.functional as F
from minifcn import Tensor

DTYPES = ["bool", "uint8", "int8", "int32", "int64", "float32", "float64"]
OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "<": operator.lt,
    "==": operator.eq,
}
NUMBERS = [2, 0.5, True, np.int64(3), np.int8(-2), np.uint8(200), np.bool_(True), np.float64(0.5), np.float32(0.5)]
LISTS = [[1, 0, 3], [0.5, 2.0, 1.0], [True, False, True]]


def array(dtype):
    return np.array([1, 2, 3]).astype(dtype)


def by_the_rule(function, a, b):
    """NumPy's result, once a floating-point array has given its dtype to what is beside it."""
    floating = {x.dtype for x in (a, b) if isinstance(x, np.ndarray) and x.dtype.kind == "f"}
    if len(floating) == 1:
        a, b = (np.asarray(x, dtype=min(floating)) for x in (a, b))
    return function(a, b)


def assert_same(compute, expect):
    """Both give the same values of one dtype, or both refuse in the same kind of error."""
    try:
        expected = expect()
    except (TypeError, ValueError, OverflowError) as error:
        with pytest.raises(type(error)):
            compute()
        return
    found = compute()
    assert isinstance(found, Tensor)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.data, expected)


@pytest.mark.filterwarnings("ignore:overflow|divide|invalid:RuntimeWarning")
@pytest.mark.parametrize("symbol", OPERATORS)
class TestAgreesWithNumPy:
    @pytest.mark.parametrize("right", DTYPES)
    @pytest.mark.parametrize("left", DTYPES)
    def test_two_arrays(self, symbol, left, right):
        function, a, b = OPERATORS[symbol], array(left), array(right)
        if {left, right} == {"float32", "float64"} and symbol not in "<==":
            for pair in ((Tensor(a), Tensor(b)), (Tensor(a), b), (a, Tensor(b))):
                with pytest.raises(TypeError, match=f"the operands are {left} and {right}"):
                    function(*pair)
            return
        for pair in ((Tensor(a), Tensor(b)), (Tensor(a), b), (a, Tensor(b))):
            assert_same(lambda pair=pair: function(*pair), lambda: by_the_rule(function, a, b))

    @pytest.mark.parametrize("other", [*NUMBERS, *LISTS], ids=lambda x: f"{type(x).__name__} {x}")
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_a_number_or_a_list_on_either_side(self, symbol, dtype, other):
        function, x = OPERATORS[symbol], array(dtype)
        number = isinstance(other, float | int) and not isinstance(other, np.generic)
        weak = other if number or isinstance(other, np.generic) else np.array(other)
        if x.dtype.kind == "f" and symbol not in "<==":
            weak = np.asarray(other, dtype=dtype)
        assert_same(lambda: function(Tensor(x), other), lambda: function(x, weak))
        assert_same(lambda: function(other, Tensor(x)), lambda: function(weak, x))


@pytest.mark.parametrize("other", [np.int64(3), np.array([1, 2, 3]), [1, 2, 3], Tensor(np.array([1, 2, 3]))], ids=type)
def test_an_integer_operand_leaves_float32_and_its_gradient_alone(other):
    x = Tensor(np.ones(3, "float32"), requires_grad=True)
    y = x * other - other
    y.sum().backward()
    assert (y.dtype, x.grad.dtype) == ("float32", "float32")


def test_subtracting_an_unsigned_array_does_not_wrap_around():
    y = Tensor(np.zeros(3, "float32")) - np.array([0, 1, 2], "uint8")
    np.testing.assert_array_equal(y.data, [0, -1, -2])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [None, 0, (0, 1)])
def test_the_mean_is_the_mean_of_the_values(dtype, axis):
    x = (np.arange(6).reshape(2, 3) % 4).astype(dtype)
    y = Tensor(x).mean(axis=axis)
    assert y.dtype == x.mean(axis=axis).dtype
    np.testing.assert_allclose(y.data, x.mean(axis=axis), rtol=1e-6)


@pytest.mark.parametrize("algorithm", ["im2col", "strips"])
def test_gradients_of_half_precision_are_sums_of_many_pixels(algorithm):
    """Added one after the other in half precision, ones would stop at 2048."""
    maps = np.ones((1, 60, 70, 2), "float16").transpose(0, 3, 1, 2)
    bias, numbers = (Tensor(np.zeros((2, *ones), "float16"), requires_grad=True) for ones in [(), (1, 1)])
    with mf.algorithm(algorithm):
        y = F.conv2d(Tensor(maps), Tensor(np.ones((2, 2, 1, 1), "float16")), bias) + numbers
        y.backward(Tensor(maps))
    assert bias.grad.dtype == numbers.grad.dtype == "float16"
    assert bias.grad.data.tolist() == numbers.grad.data.ravel().tolist() == [4200, 4200]


@pytest.mark.parametrize("size", [3, 100_000])
@pytest.mark.parametrize("value", [1, 1000, 60_000])
def test_the_mean_of_half_precision_is_not_that_of_an_overflown_sum(size, value):
    x = Tensor(np.full((2, size), value, "float16"), requires_grad=True)
    for y in (x.mean(), x.mean(axis=1), x.mean(axis=(0, 1), keepdims=True)):
        assert y.dtype == "float16"
        np.testing.assert_array_equal(y.data, np.full(y.shape, np.float16(value)))
    x.mean(axis=1).backward([1, 1])
    np.testing.assert_array_equal(x.grad.data, np.full(x.shape, np.float16(1 / size)))


def test_the_mean_of_nothing_is_nan_and_its_gradient_empty():
    x = Tensor(np.zeros((0, 3)), requires_grad=True)
    y = x.mean()
    y.backward()
    assert np.isnan(y.item())
    assert x.grad.shape == (0, 3)
    assert np.isnan(x.mean(axis=0).data).all()
    assert x.mean(axis=1).shape == (0,)


def test_minus_a_boolean_is_refused_and_one_minus_it_is_not():
    x = Tensor(np.array([True, False]))
    with pytest.raises(TypeError, match=r"x is boolean.*write ~x"):
        _ = -x
    np.testing.assert_array_equal((1 - x).data, [0, 1])
    np.testing.assert_array_equal((~x).data, [False, True])


def test_masks_combine():
    x = Tensor(np.arange(5.0))
    np.testing.assert_array_equal(((x > 1) & (x < 4)).data, [False, False, True, True, False])
    np.testing.assert_array_equal(((x < 1) | (x == 4)).data, [True, False, False, False, True])


@pytest.mark.parametrize(
    ("data", "found"),
    [(1j, "complex128"), (None, "NoneType"), ("1", "<U1"), ([[1], [2, 3]], "no array"), ({}, "dict")],
    ids=["complex", "None", "text", "ragged", "dict"],
)
def test_what_holds_no_real_numbers_is_refused(data, found):
    with pytest.raises(TypeError, match=f"Tensor: .*{found}"):
        Tensor(data)
    with pytest.raises(TypeError, match=f"add: .*{found}"):
        Tensor(1.0) + data


def test_a_masked_array_is_refused_because_its_mask_would_be_lost():
    with pytest.raises(TypeError, match=r"masked array.*filled"):
        Tensor(np.ma.array([1.0, 2.0], mask=[False, True]))


def test_a_list_of_tensors_that_are_learned_is_refused_because_their_gradients_would_be_lost():
    with pytest.raises(TypeError, match=r"list of Tensors would lose their gradients"):
        Tensor([Tensor(1.0, requires_grad=True), Tensor(2.0)])
    np.testing.assert_array_equal(Tensor([Tensor(1.0), Tensor(2.0)]).data, [1, 2])


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_matrix_of_numpy_multiplies_like_an_array():
    x = Tensor(np.matrix([[1.0, 2.0]]))
    np.testing.assert_array_equal((x * np.array([[3.0, 4.0]])).data, [[3, 8]])


def test_a_numpy_scalar_becomes_an_array_that_can_be_changed_in_place():
    x = Tensor(np.float64(3.0))
    x.data[...] = 2
    assert x.item() == 2


@pytest.mark.parametrize("name", ["big-endian", "float16"])
def test_other_floating_point_types(name):
    x = Tensor(np.ones(2, ">f4" if name == "big-endian" else "float16"), requires_grad=True)
    y = x * 2 + np.array([1, 2])
    y.sum().backward()
    np.testing.assert_array_equal(y.data, [3, 4])
    np.testing.assert_array_equal(x.grad.data, [2, 2])


def test_integers_get_no_gradient():
    x = Tensor(np.array([1.5, 2.5]), requires_grad=True)
    assert not x.astype("int64").requires_grad
