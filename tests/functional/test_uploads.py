"""On a GPU no operation uploads anything, forwards or backwards, and each gives what the CPU gives."""

import numpy as np
import pytest
import standin

from minifcn import Tensor, grad, to_device, to_host
from minifcn.gradcheck.operations import CASES

# These cases bring arrays of the host along: indices, labels, weights.
BRING_ARRAYS = ("reshape, transpose, [ ]", "max_unpool2d", "softmax_cross_entropy")
CASES = [case for case in CASES if not case[0].startswith(BRING_ARRAYS)]


def both_orders(function, leaves):
    """The gradients of 2 |function|², and those of the square of these."""
    first = grad((function(*leaves) ** 2 * 2.0).sum(), leaves, create_graph=True)
    return first + grad(sum((g * g).sum() for g in first), leaves)


@pytest.mark.parametrize(("function", "shapes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_operation_and_its_gradients_upload_nothing_and_wait_for_nothing(function, shapes, rng, stand_in):
    arrays = [rng.normal(size=shape) for shape in shapes]
    leaves = [Tensor(to_device(a, stand_in), requires_grad=True) for a in arrays]
    with standin.forbid("h2d", "d2h", "sync", "atomic"):
        found = both_orders(function, leaves)
    expected = both_orders(function, [Tensor(a, requires_grad=True) for a in arrays])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(to_host(one.data), other.data, rtol=1e-9, atol=1e-12)


NUMBERS = {
    "times": lambda x: x * 0.5,
    "a number times": lambda x: 3 * x,
    "plus": lambda x: x + True,
    "a number minus": lambda x: 1 - x,
    "over": lambda x: x / np.float64(2),
    "a number over": lambda x: 1 / x,
    "to the power": lambda x: x**1.5,
    "a number to the power": lambda x: 2.0**x,
}


@pytest.mark.parametrize("expression", NUMBERS.values(), ids=NUMBERS)
def test_a_number_travels_with_the_kernel(expression, dtype, stand_in):
    x = np.array([1.0, 2.0, 3.0], dtype)
    leaf = Tensor(to_device(x, stand_in), requires_grad=True)
    with standin.forbid("h2d"), standin.count() as events:
        y = expression(leaf)
    assert events["kernel"] == 1
    twin = Tensor(x, requires_grad=True)
    (found,), (expected,) = grad(y.sum(), [leaf]), grad(expression(twin).sum(), [twin])
    assert y.dtype == dtype
    np.testing.assert_array_equal(to_host(y.data), expression(twin).data)
    np.testing.assert_array_equal(to_host(found.data), expected.data)
