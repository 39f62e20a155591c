"""Classes that are still at 0 are named, with what helps them."""

import numpy as np
import pytest

from minifcn.explain import diagnose_classes
from minifcn.metrics import ConfusionMatrix


def evaluated(truth, right=(0,)):
    """A matrix of classes with so many pixels, of which those of some are right and the others said to be class 0."""
    matrix = ConfusionMatrix(len(truth))
    for number, pixels in enumerate(truth):
        matrix.matrix[number, number if number in right else 0] = pixels
    return matrix


def said(truth, right=(0,), images=10, findings=()):
    names = [f"c{number}" for number in range(len(truth))]
    occurs = np.tile(np.array(truth) > 0, (images, 1))
    return diagnose_classes(evaluated(truth, right), names, occurs, findings)


@pytest.mark.parametrize("truth", [[900, 100], [1000, 0]], ids=["both found", "one is in no label"])
def test_nothing_is_said_if_no_class_is_missed(truth):
    assert said(truth, right=(0, 1)) == ""


def test_missed_classes_are_named_the_largest_first():
    assert said([10**6, 10**4, 10**5]).startswith("c2 (9% of the pixels), c1 (0.9%) are still at IoU 0; ")


def test_a_long_list_is_cut():
    assert "c6 (7.7%) and 6 more are still at IoU 0" in said([100] * 13)


RARE, SMALL, LONGER = "(--class-weights balanced)", "(--size)", "train longer"
ADVICE = {
    "common and large": ([10**6, 10**5], {LONGER}),
    "rare and large": ([10**8, 10**5], {RARE, LONGER}),
    "common and small": ([10**4, 10**3], {SMALL, LONGER}),
    "rare and small": ([10**6, 10**3], {RARE, SMALL, LONGER}),
}


@pytest.mark.parametrize(("truth", "advice"), ADVICE.values(), ids=ADVICE)
def test_the_advice_fits(truth, advice):
    text = said(truth)
    assert {part for part in (RARE, SMALL, LONGER) if part in text} == advice


def test_weights_are_not_advised_where_there_are_some():
    matrix, occurs = evaluated([10**6, 10**3]), np.ones((10, 2), bool)
    assert RARE in diagnose_classes(matrix, ("a", "b"), occurs)
    assert RARE not in diagnose_classes(matrix, ("a", "b"), occurs, weighted=True)


def test_weights_are_not_advised_where_the_commonest_class_is_missed():
    assert RARE in said([10**8, 10**5, 10**5], right=(0,))
    assert RARE not in said([10**5, 10**8, 10**5])


def test_a_class_that_is_left_out_of_what_occurs_is_not_named():
    matrix, occurs = evaluated([10**6, 10**5, 10**5]), np.array([[True, True, False]])
    assert diagnose_classes(matrix, ("a", "b", "c"), occurs).startswith("b (8.3% of the pixels) is still at IoU 0")


def test_what_the_log_says_comes_before_general_advice():
    text = said([10**6, 10**3], findings=["In epoch 2 the training diverges.", "And more."])
    assert text == "c1 (0.1% of the pixels) is still at IoU 0. In epoch 2 the training diverges."
