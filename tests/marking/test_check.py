"""What a student is told about a number, an array or a tuple that is not right."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from minifcn import Tensor
from minifcn.marking import NotYet, check
from minifcn.marking.hints import DIGITS, EMPTY, EXACT, TENSOR, WHOLE


def told(got, expected, **settings):
    with pytest.raises(NotYet) as caught:
        check("f(x)", got, expected, **settings)
    return str(caught.value)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (3, 3),
        (3.0, 3),
        (np.float32(0.1), 0.1),
        (np.array([[1.0, np.nan]]), [[1, np.nan]]),
        (np.ones((4, 3)).T, np.ones((3, 4))),
        (True, True),
        ((1, np.ones(2)), (1, np.ones(2))),
        ([1, np.ones(2)], (1, np.ones(2))),
        (np.array([1, 2]), (1, 2)),
        (np.array([Fraction(1, 3), 2]), (Fraction(1, 3), 2)),
        ((n for n in (1, 2)), (1, 2)),
        (np.ma.masked_invalid([0.5, np.nan]), [0.5, np.nan]),
        (np.ma.array([1, 7], mask=[False, True]), [1, np.nan]),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 2), 0.5),
    ],
    ids=str,
)
def test_what_is_right_passes(got, expected):
    check("f(x)", got, expected)


@pytest.mark.parametrize(
    ("got", "expected", "message"),
    [
        (None, 3, "f(x) returned None\nHint: does the function end with `return`?"),
        (4, 3, "f(x) should be 3, but is 4"),
        ("3", 3, "f(x) should be 3 (int), but is '3' (str)"),
        ([[1, 2]], [1, 2], "f(x) should have shape (2,), but has (1, 2)"),
        ([1, 5], [1, 2], "f(x)[1] should be 2, but is 5 (1 of 2 numbers are off)\nshould be\n[1. 2.]\nbut is\n[1. 5.]"),
        ([[1], [2, 3]], 3, "f(x) should be 3 (int), but is [[1], [2, 3]] (list)"),
        ([[1], [2, 3]], [[1, 2]], "f(x) should be an array of shape (1, 2), but is [[1], [2, 3]] (list)"),
        (1, (1, 2), "f(x) should return 2 values, but returned 1 (int)"),
        ([np.ones((9, 9))], (1, 2), "f(x) should return 2 values, but returned a list"),
        ((1, 3), (1, 2), "f(x)[1] should be 2, but is 3"),
        ((1, None), (1, 2), "f(x)[1] is None"),
        (2 / 3, 1 / 3, "f(x) should be 0.333333, but is 0.666667"),
        (np.zeros((0, 2)), np.zeros((2, 2)), f"f(x) should have shape (2, 2), but has (0, 2)\nHint: {EMPTY}"),
        (Tensor([3.0]), [3.0], f"f(x) should be an array of shape (1,), but is Tensor([3.]) (Tensor)\nHint: {TENSOR}"),
        (3 + 1j, 3, "f(x) should be 3 (int), but is (3+1j) (complex)"),
        ([1, None], [1, np.nan], "f(x) should be an array of shape (2,), but is [1, None] (list)"),
        (
            np.array(["1"], object),
            [1],
            "f(x) should be an array of shape (1,), but is an array of shape (1,) and dtype object",
        ),
        ({1, 2}, (1, 2), "f(x) should return 2 values, but returned {1, 2} (set)"),
        (
            np.ones((2, 3)),
            (1, 2),
            "f(x) should return 2 values, but returned an array of shape (2, 3) and dtype float64",
        ),
    ],
    ids=[
        "nothing",
        "number",
        "text",
        "shape",
        "entry",
        "kind",
        "ragged",
        "no tuple",
        "short",
        "part of a tuple",
        "part missing",
        "digits",
        "empty",
        "tensor",
        "complex",
        "None for NaN",
        "text in an array",
        "set for a tuple",
        "matrix for a tuple",
    ],
)
def test_what_is_wrong_is_told(got, expected, message):
    assert told(got, expected) == message


def test_a_known_mistake_gets_its_hint_and_an_unknown_one_none():
    mistakes = {"too few": 2, "too many": 4}
    assert told(4, 3, mistakes=mistakes).endswith("Hint: too many")
    assert "Hint" not in told(5, 3, mistakes=mistakes)


def test_a_mistake_in_one_part_of_a_tuple_has_none_for_the_others():
    assert told((1, 4), (1, 2), mistakes={"doubled": (None, 4)}).endswith(
        "f(x)[1] should be 2, but is 4\nHint: doubled"
    )


def test_two_numbers_that_differ_in_a_late_digit_are_told_apart():
    assert "[0] should be 2.71828, but is 2.71828182" in told([2.718281828], [2.71828], tolerance=1e-9)


def test_two_numbers_that_differ_in_the_last_digit_are_told_apart():
    assert "should be 0.10000000000000001, but is 0.10000000000000002" in told(0.1 + 1e-17 * 2, 0.1, tolerance=0)


def test_a_number_too_large_for_a_float_is_told():
    assert told(10**400, 3) == "f(x) should be 3 (int), but is an int"


def test_large_numbers_are_written_out():
    assert "[   1. 1000.]" in told([1, 2], [1, 1000])


def test_a_long_array_is_not_shown_whole():
    assert "\n" not in told(np.zeros(41), np.ones(41))


@pytest.mark.parametrize("got", [3, np.int16(3), np.array(3)], ids=repr)
def test_a_whole_number_may_be_of_any_size(got):
    check("f(x)", got, 3, kind="whole")


@pytest.mark.parametrize(
    ("got", "kind", "name", "hint"),
    [
        (3.0, "whole", "float", WHOLE),
        (np.float64(3), "whole", "float64", WHOLE),
        (Fraction(3), "whole", "Fraction", WHOLE),
        ([1, 2.0], "whole", "float", WHOLE),
        (np.ones((2, 2)), "whole", "float", WHOLE),
        (True, "whole", "bool", WHOLE),
        ((1, 0.5), "exact", "float", EXACT),
    ],
    ids=repr,
)
def test_a_right_number_of_another_type_is_refused_where_the_type_counts(got, kind, name, hint):
    expected = tuple(got) if isinstance(got, tuple) else np.array(got, float)
    message = told(got, expected, kind=kind)
    assert message.endswith(f"has the right value, but of the type {name}\nHint: {hint}")


@pytest.mark.parametrize("got", [(1, Fraction(1, 3)), np.array([1, Fraction(1, 3)])], ids=["tuple", "array"])
def test_fractions_and_whole_numbers_are_exact(got):
    check("f(x)", got, (1, Fraction(1, 3)), kind="exact")


def test_digits_that_float32_has_lost_are_noticed():
    right = np.array([1 / 3, 1000.0])
    assert told(right.astype(np.float32), right, tolerance=1e-10).endswith(f"Hint: {DIGITS}")
    assert "Hint" not in told(right + 1, right, tolerance=1e-10)
    assert "Hint" not in told(1e-6, 0, tolerance=1e-10)
