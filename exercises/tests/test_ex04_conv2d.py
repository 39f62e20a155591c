"""Exercise 4: a convolution."""

import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn.marking import Answer, check

answer = Answer("ex04_conv2d")

PADDED_ONCE = "there is one row of zeros on each side where two were asked for: P is a number, not yes or no"
STRIDE_OF_2 = "the windows begin two pixels apart where three were asked for: S may be any number"
CHANGED = "an input has been changed; work on a copy of it"
TRUNCATED = "x holds whole numbers here, and an array of its dtype does too: what becomes of 0.25 in it?"
TRUNCATED_TOO = "the weight holds whole numbers here; what does an array of its dtype make of 0.5 and 1.5?"


def test_each_weight_meets_the_pixel_under_it():
    x = np.array([[[1.0, 2, 0], [0, 1, 3]]])
    weight = np.array([[[[1.0, 2], [3, 4]]]])
    mistakes = {
        "here the last weight meets the first pixel of the window. That is what mathematics calls a convolution; what "
        'does deep learning do? (Notebook 02, end of "The loops")': [[[4 + 6 + 0 + 1, 8 + 0 + 2 + 3]]],
        "rows and columns of the kernel are exchanged: which index of the weight goes with the row of x?": [
            [[1 + 6 + 0 + 4, 2 + 0 + 2 + 12]]
        ],
        "the numbers are right; the output channel has come last: which axis should it be?": [[[9], [17]]],
        "the numbers are right; each output channel is one row: in which shape are they asked for?": [[9, 17]],
    }
    call = "conv2d([[[1, 2, 0], [0, 1, 3]]], [[[[1, 2], [3, 4]]]])"
    check(call, answer.conv2d(x, weight), [[[1 + 4 + 0 + 4, 2 + 0 + 3 + 12]]], mistakes=mistakes)


def test_each_output_channel_has_its_kernel_and_adds_up_all_input_channels():
    x = np.array([[[1.0]], [[10.0]]])
    weight = np.array([[1.0, 2], [3, 4]]).reshape(2, 2, 1, 1)
    mistakes = {
        "the axes of the weight are (O, C, KH, KW): which of the four numbers belong to the first output?": [
            [[1 + 30]],
            [[2 + 40]],
        ],
        "only the last input channel is left: where do the contributions of the channels come together?": [
            [[20]],
            [[40]],
        ],
        "only the first input channel has been used: over what does the sum in the formula run?": [[[1]], [[3]]],
    }
    call = "conv2d([[[1]], [[10]]], [[[[1]], [[2]]], [[[3]], [[4]]]])"
    check(call, answer.conv2d(x, weight), [[[1 + 20]], [[3 + 40]]], mistakes=mistakes)


def test_with_stride_2_a_wide_kernel_moves_two_pixels_at_a_time():
    x = np.array([[[1.0, 2, 3, 4, 5], [6, 7, 8, 9, 0]]])
    weight = np.array([[[[1.0, 10]]]])
    mistakes = {
        "the size is right; but where on x does the second window begin?": [[[1 + 20, 2 + 30]]],
        "these are all places of the kernel: which of them are left with a stride of 2?": [
            [[21, 32, 43, 54], [76, 87, 98, 9]]
        ],
        "the kernel is not square: how many rows has it, how many columns, and how many has your window?": [
            [[21 + 76, 43 + 98]]
        ],
    }
    call = "conv2d([[[1, 2, 3, 4, 5], [6, 7, 8, 9, 0]]], [[[[1, 10]]]], stride=2)"
    check(call, answer.conv2d(x, weight, stride=2), [[[1 + 20, 3 + 40]]], mistakes=mistakes)


def test_the_padding_is_a_border_of_zeros():
    x = np.array([[[1.0, 2], [3, 4]]])
    weight = np.array([[[[1.0, 10], [100, 1000]]]])
    expected = [[[1000, 2100, 200], [3010, 4321, 402], [30, 43, 4]]]
    mistakes = {
        "this is what comes out without padding; draw x with its border, then count the windows": [[[4321]]],
        "all zeros: has the padding put a border around the rows and columns only? Print the shape of what is padded": (
            np.zeros((1, 3, 3))
        ),
        "x[-1] is not beside the image: which row is it in Python?": [
            [[1234, 2143, 204], [3412, 4321, 402], [34, 43, 4]]
        ],
    }
    call = "conv2d([[[1, 2], [3, 4]]], [[[[1, 10], [100, 1000]]]], padding=1)"
    check(call, answer.conv2d(x, weight, padding=1), expected, mistakes=mistakes)


def test_the_bias_is_added_to_every_pixel_of_its_channel():
    x = np.array([[[1.0, 2]]])
    weight = np.array([1.0, 10]).reshape(2, 1, 1, 1)
    bias = np.array([100.0, 200])
    mistakes = {
        "one of the arguments has had no effect: which?": [[[1, 2]], [[10, 20]]],
        "the bias has gone along the columns. It has a number for each output channel; with which axis does NumPy pair "
        "an array of one axis?": [[[101, 202]], [[110, 220]]],
    }
    call = "conv2d([[[1, 2]]], [[[[1]]], [[[10]]]], [100, 200])"
    check(call, answer.conv2d(x, weight, bias), [[[101, 102]], [[210, 220]]], mistakes=mistakes)


def test_a_random_image_is_convolved_as_by_minifcn():
    rng = np.random.default_rng(4)
    x, weight, bias = rng.normal(size=(6, 8, 3)).transpose(2, 0, 1), rng.normal(size=(4, 3, 3, 2)), rng.normal(size=4)
    bias[2] = 0
    before = x.copy(), weight.copy(), bias.copy()
    hint = "the bias is in each pixel three times, as often as there are input channels: where is it added?"
    for stride, padding in ((2, 1), (3, 2)):
        call = f"conv2d(x, weight, bias, stride={stride}, padding={padding})"
        got = answer.conv2d(x, weight, bias, stride=stride, padding=padding)
        expected = convolved(*before, stride, padding)
        mistakes = {hint: expected + 2 * before[2][:, None, None]}
        if padding == 2:
            mistakes[PADDED_ONCE], mistakes[STRIDE_OF_2] = convolved(*before, 3, 1), convolved(*before, 2, 2)
        check(call, got, expected, mistakes=mistakes, tolerance=1e-10)
        check(f"x after {call}", x, before[0], mistakes={CHANGED: x}, tolerance=0)
        changed = {CHANGED + " (Here, weight or bias.)": (weight, bias)}
        check(f"(weight, bias) after {call}", (weight, bias), before[1:], mistakes=changed, tolerance=0)

    got = answer.conv2d(np.array([[[1, 2]]]), np.array([[[[0.25]]]]))
    call = "for x of whole numbers, conv2d([[[1, 2]]], [[[[0.25]]]])"
    check(call, got, [[[0.25, 0.5]]], mistakes={TRUNCATED: [[[0, 0]]]})
    got = answer.conv2d(np.array([[[0.5, 1.5]]]), np.array([[[[1]]]]))
    call = "for a weight of whole numbers, conv2d([[[0.5, 1.5]]], [[[[1]]]])"
    check(call, got, [[[0.5, 1.5]]], mistakes={TRUNCATED_TOO: [[[0, 1]]]})


def convolved(x, weight, bias, stride, padding):
    return F.conv2d(*map(mf.Tensor, (x[None], weight, bias)), stride=stride, padding=padding).data[0]
