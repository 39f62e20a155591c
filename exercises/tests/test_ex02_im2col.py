"""Exercise 2: the windows of an image as the columns of a matrix."""

import numpy as np

from minifcn import explain
from minifcn.marking import Answer, check

answer = Answer("ex02_im2col")

PADDED_ONCE = "there is one row of zeros on each side where two were asked for: P is a number, not yes or no"
STRIDE_OF_2 = "the windows begin two pixels apart where three were asked for: S may be any number"
MEMORY = "the rows of x need not lie one after the other in memory: where do your strides come from? See x.strides"

# Each pixel tells where it is: 213 stands in row 1, column 3 of the second channel.
PLACES = 100.0 * np.arange(1, 4)[:, None, None] + 10.0 * np.arange(5)[:, None] + np.arange(7.0)


def test_each_window_is_a_column():
    x = np.array([[[1.0, 2, 3, 4], [5, 6, 7, 8]]])
    expected = np.array([[1, 2, 3], [2, 3, 4], [5, 6, 7], [6, 7, 8]])
    mistakes = {
        "each window has become a row: a matrix of three windows as columns has how many rows, how many columns?": (
            expected.T
        ),
        "is a window read row by row? Write the first one down with its numbers, then look at the first column": [
            [1, 2, 3],
            [5, 6, 7],
            [2, 3, 4],
            [6, 7, 8],
        ],
        "the windows fill the rows one after the other. reshape never changes the order of the numbers: which axis "
        "has to come first before it?": expected.T.reshape(4, 3),
    }
    check("im2col([[[1, 2, 3, 4], [5, 6, 7, 8]]], 2)", answer.im2col(x, 2), expected, mistakes=mistakes)


def test_the_windows_are_counted_row_by_row():
    x = PLACES[:1, :3, :4].copy()
    expected = [
        [100, 101, 102, 110, 111, 112],
        [101, 102, 103, 111, 112, 113],
        [110, 111, 112, 120, 121, 122],
        [111, 112, 113, 121, 122, 123],
    ]
    downwards = np.array(expected)[:, [0, 3, 1, 4, 2, 5]]
    overwritten = np.array(expected)[:, [0, 1, 3, 4, 5, 5]] * [1, 1, 1, 1, 1, 0]
    mistakes = {
        "the windows are right, their order is not: which column belongs to the second window of the first row? "
        "(Notebook 02, the picture of im2col)": downwards,
        "one column is written twice, and the last one never: how many windows stand side by side?": overwritten,
    }
    check(f"im2col({_whole(x)}, 2)", answer.im2col(x, 2), expected, mistakes=mistakes)


def test_with_stride_2_the_windows_begin_two_pixels_apart():
    x = PLACES[:1, :3, :5].copy()
    expected = [[100, 102], [101, 103], [110, 112], [111, 113]]
    mistakes = {
        "as many windows as there should be; but look where the second one begins": [
            [100, 101],
            [101, 102],
            [110, 111],
            [111, 112],
        ]
    }
    check(f"im2col({_whole(x)}, 2, stride=2)", answer.im2col(x, 2, stride=2), expected, mistakes=mistakes)


def test_a_window_holds_its_first_channel_and_then_its_second():
    x = PLACES[:2, :2, :2].copy()
    expected = [[100], [101], [110], [111], [200], [201], [210], [211]]
    mistakes = {
        "the channels alternate: the weight (O, C, KH, KW) becomes a matrix by reshape(O, -1), and its numbers have to "
        "meet the right pixels. In which order does reshape read the axes?": [
            [100],
            [200],
            [101],
            [201],
            [110],
            [210],
            [111],
            [211],
        ],
        "only the first channel is there: on how many channels does a window lie?": [[100], [101], [110], [111]],
        "the channels stand side by side: how many columns does one window make, whatever the number of channels?": [
            [100, 200],
            [101, 201],
            [110, 210],
            [111, 211],
        ],
    }
    check(f"im2col({_whole(x)}, 2)", answer.im2col(x, 2), expected, mistakes=mistakes)


def test_the_padding_is_a_border_of_zeros():
    x = np.array([[[1.0, 2], [3, 4]]])
    expected = [[0, 0, 0, 4], [0, 0, 3, 0], [0, 2, 0, 0], [1, 0, 0, 0]]
    mistakes = {
        "this is what im2col gives without padding; draw the image with its border of zeros first": [
            [1],
            [2],
            [3],
            [4],
        ],
        "the rows of zeros come from channels that the image does not have: which axes did the padding make longer?": (
            np.pad(expected, ((4, 4), (0, 0)))
        ),
        "only the first window is left: are there zeros on every side, and is the last place of the window counted?": [
            [0],
            [0],
            [0],
            [1],
        ],
        "the windows are two pixels apart in one direction, and one in the other: which of the two?": [
            [0, 0, 0, 2],
            [0, 0, 1, 0],
            [0, 2, 0, 4],
            [1, 0, 3, 0],
        ],
    }
    call = "im2col([[[1, 2], [3, 4]]], 2, stride=2, padding=1)"
    check(call, answer.im2col(x, 2, stride=2, padding=1), expected, mistakes=mistakes)


def test_a_random_image_is_gathered_as_by_the_matrix_A_of_notebook_02():
    whole = np.random.default_rng(2).normal(size=(3, 7, 16))
    x = whole[:, :, ::2]  # (3, 7, 8), not one after the other in memory
    before = x.copy()
    for kernel_size, stride, padding in ((3, 2, 1), (4, 3, 2), (2, 1, 0)):
        mistakes = {MEMORY: gathered(whole.ravel()[: x.size].reshape(x.shape), kernel_size, stride, padding)}
        if padding == 2:
            mistakes[PADDED_ONCE] = gathered(before, kernel_size, stride, 1)
            mistakes[STRIDE_OF_2] = gathered(before, kernel_size, 2, padding)
        call = f"im2col(x, {kernel_size}, stride={stride}, padding={padding})"
        got = answer.im2col(x, kernel_size, stride=stride, padding=padding)
        check(call, got, gathered(before, kernel_size, stride, padding), mistakes=mistakes, tolerance=1e-10)
        changed = {"the image has been changed; work on a copy of it": x}
        check(f"x after {call}", x, before, mistakes=changed, tolerance=0)


def gathered(x, kernel_size, stride, padding):
    """The matrix of windows, by the matrix A."""
    windows = explain.im2col_matrix(x.shape, kernel_size, stride=stride, padding=padding) @ x.ravel()
    return windows.reshape(len(x) * kernel_size**2, -1)


def _whole(x):
    return x.astype(int).tolist()
