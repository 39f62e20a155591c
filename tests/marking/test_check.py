"""What a student is told about a number, an array or a tuple that is not right."""

import numpy as np
import pytest

from minifcn import Tensor
from minifcn.marking import NotYet, check
from minifcn.marking.hints import EMPTY, TENSOR


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


def test_large_numbers_are_written_out():
    assert "[   1. 1000.]" in told([1, 2], [1, 1000])


def test_a_long_array_is_not_shown_whole():
    assert "\n" not in told(np.zeros(41), np.ones(41))
