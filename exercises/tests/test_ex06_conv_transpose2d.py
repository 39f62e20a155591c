"""Exercise 6: a transposed convolution."""

import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn.marking import Answer, check

answer = Answer("ex06_conv_transpose2d")

CUT_ONCE = "one row is cut off on each side where two were asked for: P is a number, not yes or no"
CHANGED = "an input has been changed; work on a copy of it"
TRUNCATED = "one of the two arrays holds whole numbers here, and an array of its dtype does too: what becomes of 0.5?"
N_TIMES_S = (
    "a result of n * S pixels has no room for the whole of the last stamp: where does that stamp begin, and how long "
    "is it? (Exercise 1)"
)


def test_a_pixel_stamps_the_kernel_times_its_value():
    weight = np.array([[[[1.0, 2], [3, 4]]]])
    mistakes = {
        "the stamp has come out turned by 180 degrees. If the kernel slides over zeros and one pixel, with which of "
        "its ends does it meet the pixel first? (Notebook 05, 5.4)": [[[40, 30], [20, 10]]],
        "the stamp is turned along one axis and not along the other: how many axes has a kernel? (Notebook 05, 5.4)": [
            [[20, 10], [40, 30]]
        ],
        N_TIMES_S: [[[10]]],
    }
    got = answer.conv_transpose2d(np.array([[[10.0]]]), weight)
    check("conv_transpose2d([[[10]]], [[[[1, 2], [3, 4]]]])", got, [[[10, 20], [30, 40]]], mistakes=mistakes)


def test_stamps_begin_a_stride_apart_and_add_up_where_they_overlap():
    x, weight = np.array([[[1.0, 10]]]), np.array([[[[1.0, 2, 3]]]])
    mistakes = {
        "one pixel is covered by both stamps, and only one of them is left there (notebook 05, 5.1)": [
            [[1, 2, 10, 20, 30]]
        ],
        N_TIMES_S: [[[1, 2, 13, 20], [0, 0, 0, 0]]],
        "how far apart do the two stamps begin?": [[[1, 2 + 10, 3 + 20, 30]]],
        "how far apart do the two stamps begin? (The size is right.)": [[[1, 2 + 10, 3 + 20, 30, 0]]],
        "the kernel is not square: how many rows has it, how many columns, and how many has your stamp?": [
            [[1, 2, 3 + 10, 20, 30]] * 3
        ],
        "zeros go between the pixels: what have they to do behind the last one?": [[[1, 2, 13, 20, 30, 0], [0] * 6]],
    }
    got = answer.conv_transpose2d(x, weight, stride=2)
    expected = [[[1, 2, 3 + 10, 20, 30]]]
    check("conv_transpose2d([[[1, 10]]], [[[[1, 2, 3]]]], stride=2)", got, expected, mistakes=mistakes)


def test_a_pixel_between_two_stamps_is_zero():
    x, weight = np.array([[[1.0, 10]]]), np.array([[[[1.0, 2]]]])
    got = answer.conv_transpose2d(x, weight, stride=3)
    check("conv_transpose2d([[[1, 10]]], [[[[1, 2]]]], stride=3)", got, [[[1, 2, 0, 10, 20]]])


def test_an_output_channel_gets_stamps_from_every_input_channel():
    x = np.array([[[1.0]], [[10.0]]])
    weight = np.array([[1.0, 2], [3, 4]]).reshape(2, 2, 1, 1)
    mistakes = {
        "the weight has the axes (C, O, KH, KW) here, not (O, C, KH, KW): which of the four numbers belong to the "
        "first input channel?": [[[1 + 20]], [[3 + 40]]],
        "only the last input channel is left: do its stamps replace those of the others?": [[[30]], [[40]]],
        "only the first input channel has left stamps: what happens to the other one?": [[[1]], [[2]]],
    }
    got = answer.conv_transpose2d(x, weight)
    call = "conv_transpose2d([[[1]], [[10]]], [[[[1]], [[2]]], [[[3]], [[4]]]])"
    check(call, got, [[[1 + 30]], [[2 + 40]]], mistakes=mistakes)


def test_padding_cuts_off_rows_and_columns_on_every_side():
    x, weight = np.array([[[1.0, 10]]]), np.array([[[[1.0, 2, 3, 0], [4, 5, 6, 7], [8, 9, 0, 1]]]])
    whole = np.array([[[1, 2, 3, 10, 20, 30, 0], [4, 5, 6, 47, 50, 60, 70], [8, 9, 0, 81, 90, 0, 10]]])
    mistakes = {
        "these are all the stamps; what has become of padding=1? (Notebook 05, 5.2)": whole,
        "a border has been added. Is that what the padding of a transposed convolution does? (Notebook 05, 5.2)": (
            np.pad(whole, ((0, 0), (1, 1), (1, 1)))
        ),
        "zeros have been put around x, as for a convolution. What does padding do here? (Notebook 05, 5.2)": (
            np.pad(whole, ((0, 0), (3, 3), (3, 3)))
        ),
        "of the right size; but from which sides has it been cut?": whole[:, :1, :5],
        "one row and one column are gone; how many sides has the map?": whole[:, :-1, :-1],
        "one row and one column are gone, at the top and the left; how many sides has the map?": whole[:, 1:, 1:],
    }
    got = answer.conv_transpose2d(x, weight, stride=3, padding=1)
    call = "conv_transpose2d([[[1, 10]]], [[[[1, 2, 3, 0], [4, 5, 6, 7], [8, 9, 0, 1]]]], stride=3, padding=1)"
    check(call, got, [[[5, 6, 7 + 40, 50, 60]]], mistakes=mistakes)


def test_a_random_map_is_upsampled_as_by_minifcn():
    rng = np.random.default_rng(6)
    x, weight = rng.normal(size=(4, 5, 3)).transpose(2, 0, 1), rng.normal(size=(3, 2, 5, 4))
    before = x.copy(), weight.copy()
    for stride, padding in ((2, 1), (4, 2), (7, 0)):
        call = f"conv_transpose2d(x, weight, stride={stride}, padding={padding})"
        got = answer.conv_transpose2d(x, weight, stride=stride, padding=padding)
        mistakes = {CUT_ONCE: upsampled(*before, stride, 1)} if padding == 2 else {}
        check(call, got, upsampled(*before, stride, padding), mistakes=mistakes, tolerance=1e-10)
        check(f"x after {call}", x, before[0], mistakes={CHANGED: x}, tolerance=0)
        check(f"weight after {call}", weight, before[1], mistakes={CHANGED + " (Here, weight.)": weight}, tolerance=0)

    whole, half = np.array([[[1, 2]]]), np.array([[[[0.5]]]])
    for x, weight in ((whole, half), (half[0], whole[None])):
        call = f"conv_transpose2d({x.tolist()}, {weight.tolist()})"
        got, expected = answer.conv_transpose2d(x, weight), [[[0.5, 1]]]
        check(call, got, expected, mistakes={TRUNCATED: [[[0, 1]]]})


def upsampled(x, weight, stride, padding):
    return F.conv_transpose2d(mf.Tensor(x[None]), mf.Tensor(weight), stride=stride, padding=padding).data[0]
