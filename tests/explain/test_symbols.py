"""The matrix C written with the names of the weights, and with names at its rows and columns."""

import numpy as np
import pytest

from minifcn.explain.matrices import conv_matrix, pixel_names, show_matrix


def test_the_matrix_that_the_textbooks_print():
    """Dumoulin and Visin's guide to convolution arithmetic, section 4.1: 3x3 weights on 4x4 pixels, first row."""
    names = conv_matrix(np.ones((1, 1, 3, 3)), (1, 4, 4), symbols=True)
    first = ["w00", "w01", "w02", "0", "w10", "w11", "w12", "0", "w20", "w21", "w22", "0", "0", "0", "0", "0"]
    assert names[0].tolist() == first
    assert names.shape == (4, 16)


@pytest.mark.parametrize(
    "settings",
    [{}, {"stride": 2}, {"padding": 1}, {"dilation": 2}, {"stride": 2, "padding": 1}, {"groups": 2}],
    ids=str,
)
def test_names_stand_where_the_values_stand(settings, rng):
    weight = rng.normal(size=(4, 4 // settings.get("groups", 1), 2, 3))
    names = conv_matrix(weight, (4, 5, 6), symbols=True, **settings)
    values = {"0": 0.0}
    for o, c, k, l in np.ndindex(weight.shape):  # noqa: E741
        values[f"w[{o},{c}]{k}{l}"] = weight[o, c, k, l]
    named = np.vectorize(values.__getitem__)(names)
    np.testing.assert_array_equal(named, conv_matrix(weight, (4, 5, 6), **settings))


def test_a_weight_of_zero_keeps_its_name():
    assert conv_matrix(np.zeros((1, 1, 1, 1)), (1, 1, 2), symbols=True).tolist() == [["w00", "0"], ["0", "w00"]]


@pytest.mark.parametrize(
    ("shape", "last"),
    [((1, 2, 3), "x12"), ((3, 2, 3), "x[2]12"), ((1, 10, 10), "x99"), ((1, 11, 2), "x10,1")],
    ids=str,
)
def test_pixels_are_named_row_by_row(shape, last):
    names = pixel_names(shape)
    assert len(names) == len(set(names)) == np.prod(shape)
    assert names[-1] == last


def test_the_columns_of_the_transpose_are_the_stamps():
    """Stride 2, 1x3 weights: column y of Cᵀ is the stamp of pixel y, and the stamps overlap in one pixel, x02."""
    stamps = conv_matrix(np.ones((1, 1, 1, 3)), (1, 1, 5), stride=(1, 2), symbols=True).T
    assert show_matrix(stamps, pixel_names((1, 1, 5)), pixel_names((1, 1, 2), "y")).splitlines() == [
        "     y00  y01",
        "x00  w00    .",
        "x01  w01    .",
        "x02  w02  w00",
        "x03    .  w01",
        "x04    .  w02",
    ]


def test_numbers_are_aligned():
    assert show_matrix(np.array([[1.0, 0.0], [-0.25, 10.0]]), ["a", "b"], ["c", "d"]).splitlines() == [
        "       c   d",
        "a      1   .",
        "b  -0.25  10",
    ]


def test_missing_names_are_an_error():
    with pytest.raises(ValueError, match=r"shape \(2, 3\) needs 2 and 3 names of rows and columns, got 2 and 2"):
        show_matrix(np.ones((2, 3)), ["a", "b"], ["c", "d"])
