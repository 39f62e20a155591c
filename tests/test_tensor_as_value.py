"""A Tensor as a Python value: `if`, numbers, formats, membership and iteration see the values, as those of an array."""

import math

import numpy as np
import pytest

from minifcn import Tensor


@pytest.mark.parametrize("value", [0.0, 1.0, -2, True, False, math.nan])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)], ids=str)
def test_the_truth_is_that_of_the_value(value, shape):
    assert bool(Tensor(np.full(shape, value))) is bool(value)


def test_a_comparison_decides_an_if():
    loss = Tensor(0.5, requires_grad=True)
    assert loss < 1
    assert not loss > 1


def test_the_truth_of_several_values_is_refused():
    with pytest.raises(ValueError, match=r"ambiguous.*\.any\(\)"):
        bool(Tensor([1.0, 2.0]) == Tensor([3.0, 4.0]))
    with pytest.raises(ValueError, match="ambiguous"):
        bool(Tensor(np.zeros((0, 2))))


def test_membership_compares_values():
    tensors = [Tensor([2.0]), Tensor([3.0])]
    assert Tensor([1.0]) not in tensors
    assert tensors.index(Tensor([3.0])) == 1
    assert 3.0 in Tensor([2.0, 3.0])
    assert 4.0 not in Tensor([2.0, 3.0])


def test_the_largest_and_the_sorted_are_those_of_the_values():
    assert max(Tensor([1.0, 3.0, 2.0])).item() == 3
    assert [x.item() for x in sorted([Tensor([3.0]), Tensor([1.0])])] == [1, 3]


def test_a_single_value_is_a_number():
    x = Tensor(np.array([[2.75]]))
    assert float(x) == 2.75
    assert int(x) == 2
    assert f"{x:.1f}" == "2.8"
    assert round(x, 1) == 2.8
    assert math.sqrt(Tensor(4.0)) == 2


@pytest.mark.parametrize("convert", [float, int, round, lambda x: f"{x:.3f}"], ids=["float", "int", "round", "format"])
@pytest.mark.parametrize("shape", [(2,), (0,), (2, 2)], ids=str)
def test_several_values_are_no_number(convert, shape):
    with pytest.raises(TypeError, match=r"only a Tensor of one element is a number, and this one has shape"):
        convert(Tensor(np.ones(shape)))


def test_without_a_format_it_is_its_text():
    x = Tensor([1.0, 2.0])
    assert f"{x}" == str(x) == "Tensor([1., 2.])"


def test_a_single_integer_is_an_index():
    assert ["a", "b"][Tensor(1)] == "b"
    assert list(range(Tensor(2))) == [0, 1]
    for other in (Tensor(1.0), Tensor([1]), Tensor(True)):
        with pytest.raises(TypeError, match="only a single integer can be an index"):
            ["a", "b"][other]


def test_iteration_gives_tensors_of_the_graph():
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = x
    (first * second).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [[3, 4], [1, 2]])
    assert sum(Tensor([1.0, 2.0])).item() == 3


@pytest.mark.parametrize("use", [list, len], ids=["list", "len"])
def test_a_number_has_no_elements(use):
    with pytest.raises(TypeError, match="no axes is a single number"):
        use(Tensor(3.0))


def test_numpy_makes_an_array_of_it():
    x = Tensor(np.ones((2, 3), "float32"), requires_grad=True)
    assert np.asarray(x) is x.data
    assert np.asarray(x, dtype="float64").dtype == "float64"
    assert np.array(x) is not x.data
    assert np.mean(x).item() == 1
    assert np.sum(x, axis=1).shape == (2,)
    with pytest.raises(ValueError, match="copy"):
        np.asarray(x, dtype="float64", copy=False)


def test_a_tensor_on_a_device_is_not_copied_to_the_host_unasked(device):
    x = Tensor([1.0, 2.0]).to(device)
    if device == "cpu":
        np.testing.assert_array_equal(np.asarray(x), [1, 2])
    else:
        with pytest.raises(TypeError, match=rf"on {device}.*\.numpy\(\)"):
            np.asarray(x)


def test_a_function_of_numpy_is_refused_because_the_graph_would_not_know():
    with pytest.raises(TypeError, match="does not support ufuncs"):
        np.exp(Tensor([1.0]))


def test_an_array_is_not_changed_in_place_by_a_tensor():
    x = np.ones(2)
    with pytest.raises(TypeError, match="does not support ufuncs"):
        x -= Tensor([1.0, 2.0])
    assert x.tolist() == [1, 1]


@pytest.mark.parametrize("sign", ["+=", "-=", "*=", "/=", "**=", "@="])
def test_what_is_learned_is_not_replaced_in_place(sign):
    w = Tensor(np.eye(2), requires_grad=True)
    with pytest.raises(TypeError, match=r"change its array, as in x\.data"):
        exec(f"w {sign} w", {"w": w})


def test_a_result_may_be_added_to():
    w = Tensor([1.0, 2.0], requires_grad=True)
    total = w * 1
    total += w
    total *= 2
    total.sum().backward()
    assert w.grad.data.tolist() == [4, 4]


@pytest.mark.parametrize("flag", ["float32", 1, None])
def test_a_number_type_in_the_place_of_requires_grad_is_refused(flag):
    with pytest.raises(TypeError, match="requires_grad must be True or False, got"):
        Tensor([1.0], flag)


def test_it_can_be_plotted():
    plt = pytest.importorskip("matplotlib.pyplot")
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    figure, axes = plt.subplots()
    (line,) = axes.plot(x, x * 2)
    axes.imshow(Tensor(np.ones((2, 2))))
    figure.canvas.draw()
    np.testing.assert_array_equal(line.get_ydata(), [2, 4, 6])
    plt.close(figure)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x.sum(dim=0), r"Tensor\.sum: no argument is called 'dim'; it is called axis here"),
        (lambda x: x.mean(keepdim=True), r"Tensor\.mean: no argument is called 'keepdim'; it is called keepdims here"),
        (lambda x: x.sum(where=[True]), r"no argument is called 'where'; there are axis and keepdims"),
    ],
)
def test_an_argument_of_another_name_is_refused_with_the_name_it_has_here(call, message):
    with pytest.raises(TypeError, match=message):
        call(Tensor([1.0]))


def test_an_axis_may_be_an_integer_of_numpy():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    x.sum(axis=np.int64(1)).sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.ones((2, 3)))


@pytest.mark.parametrize("call", [lambda x: x.transpose(0, 5), lambda x: x.sum(axis=2)], ids=["transpose", "sum"])
def test_an_axis_that_does_not_exist_is_refused(call):
    with pytest.raises(np.exceptions.AxisError, match="out of bounds"):
        call(Tensor(np.ones((2, 3))))


def test_an_element_cannot_be_assigned():
    x = Tensor([1.0, 2.0])
    with pytest.raises(TypeError, match=r"write x\.data\[\.\.\.\] = value"):
        x[0] = 5
