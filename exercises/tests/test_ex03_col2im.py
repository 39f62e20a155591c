"""Exercise 3: the columns of a matrix, added back to the image they were gathered from."""

import numpy as np

from minifcn import explain
from minifcn.marking import Answer, check

answer = Answer("ex03_col2im")

MEMORY = "these columns lie one after the other in memory: where are they read in that order, not in that of the axes?"
CUT_ONCE = "one row of the border is cut off on each side where two were asked for: P is a number, not yes or no"


def test_where_windows_overlap_their_numbers_add_up():
    columns = np.array([[1.0, 10], [2, 20], [3, 30], [4, 40]])
    mistakes = {
        "in the middle only one of the two windows is left: what does `=` do to what was there before? "
        '(Notebook 02, "two add up")': [[[1, 10, 20], [3, 30, 40]]],
        "in the middle only the last number is left. With arrays as indices, += counts each place once, however often "
        "it occurs; see numpy.add.at": [[[1, 2, 20], [3, 4, 40]]],
        "in the middle stands a mean. That undoes im2col; its transpose is another thing. What does A transposed do "
        "with the two numbers of one pixel?": [[[1, 6, 20], [3, 17, 40]]],
        "is a window read row by row? Write the first column back into its 2x2 window on paper": [
            [[1, 13, 30], [2, 24, 40]]
        ],
    }
    got = answer.col2im(columns, (1, 2, 3), 2)
    expected = [[[1, 2 + 10, 20], [3, 4 + 30, 40]]]
    check("col2im([[1, 10], [2, 20], [3, 30], [4, 40]], (1, 2, 3), 2)", got, expected, mistakes=mistakes)


def test_with_stride_2_a_pixel_that_no_window_reaches_is_zero():
    columns = np.array([[1.0, 5], [2, 6], [3, 7], [4, 8]])
    mistakes = {"where does the second window begin, if the stride is 2?": [[[1, 7, 6, 0, 0], [3, 11, 8, 0, 0]]]}
    got = answer.col2im(columns, (1, 2, 5), 2, stride=2)
    expected = [[[1, 2, 5, 6, 0], [3, 4, 7, 8, 0]]]
    check("col2im([[1, 5], [2, 6], [3, 7], [4, 8]], (1, 2, 5), 2, stride=2)", got, expected, mistakes=mistakes)


def test_each_window_goes_to_its_place():
    columns = np.array([[1.0, 2, 3, 4, 5, 6]])
    mistakes = {
        "which column belongs to the second window of the first row?": [[[1, 3, 5], [2, 4, 6]]],
        "one number has been used twice, and the last one never: how many windows stand side by side?": [
            [[1, 2, 3], [3, 4, 5]]
        ],
    }
    got = answer.col2im(columns, (1, 2, 3), 1)
    check("col2im([[1, 2, 3, 4, 5, 6]], (1, 2, 3), 1)", got, [[[1, 2, 3], [4, 5, 6]]], mistakes=mistakes)


def test_what_lands_on_the_padding_is_cut_off():
    columns = np.array([[1.0, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15], [4, 8, 12, 16]])
    padded = np.array([[[1, 2, 5, 6], [3, 4, 7, 8], [9, 10, 13, 14], [11, 12, 15, 16]]])
    mistakes = {
        "this is the image with its border: who gets what lies on the padding?": padded,
        "of the right size; but is the first pixel of the image also the first one of the image with its border?": (
            padded[:, :2, :2]
        ),
    }
    call = "col2im([[1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15], [4, 8, 12, 16]], (1, 2, 2), 2, stride=2, padding=1)"
    got = answer.col2im(columns, (1, 2, 2), 2, stride=2, padding=1)
    check(call, got, [[[4, 7], [10, 13]]], mistakes=mistakes)


def test_a_column_holds_its_first_channel_and_then_its_second():
    columns = np.array([[1.0], [2], [3], [4], [5], [6], [7], [8]])
    mistakes = {
        "the numbers are dealt out to the channels in turn: in which order of axes (C, K, K) does a column stand?": [
            [[1, 3], [5, 7]],
            [[2, 4], [6, 8]],
        ]
    }
    call = "col2im([[1], [2], [3], [4], [5], [6], [7], [8]], (2, 2, 2), 2)"
    check(call, answer.col2im(columns, (2, 2, 2), 2), [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], mistakes=mistakes)


def test_random_columns_are_added_up_as_by_the_transpose_of_A():
    rng = np.random.default_rng(3)
    for shape, kernel_size, stride, padding in (((3, 6, 7), 3, 2, 1), ((3, 5, 8), 4, 3, 2)):
        transposed = explain.im2col_matrix(shape, kernel_size, stride=stride, padding=padding).T
        columns = rng.normal(size=(3 * kernel_size**2, transposed.shape[1] // (3 * kernel_size**2)))
        columns = np.asfortranarray(columns)
        before = columns.copy()
        in_memory = columns.ravel("K").reshape(columns.shape)
        call = f"col2im(columns, {shape}, {kernel_size}, stride={stride}, padding={padding})"
        got = answer.col2im(columns, shape, kernel_size, stride=stride, padding=padding)
        cut_once = explain.im2col_matrix(shape, kernel_size, stride=stride, padding=1).T
        mistakes = {
            CUT_ONCE: (cut_once @ before.ravel()).reshape(shape),  # it has as many windows
            MEMORY: (transposed @ in_memory.ravel()).reshape(shape),
        }
        expected = (transposed @ before.ravel()).reshape(shape)
        check(call, got, expected, mistakes=mistakes, tolerance=1e-10)
        changed = {"the columns have been changed; work on a copy of them": columns}
        check(f"columns after {call}", columns, before, mistakes=changed, tolerance=0)
