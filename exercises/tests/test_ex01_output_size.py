"""Exercise 1: the size of what a window yields."""

import itertools

from minifcn.marking import Answer, check

answer = Answer("ex01_output_size")


def test_a_window_of_3_fits_into_5_pixels_three_times():
    mistakes = {"n - K is how far the window can move; it also stands at the start": 2}
    check("conv_output_size(5, 3)", answer.conv_output_size(5, 3), 3, mistakes=mistakes)


def test_with_stride_2_every_second_place_counts():
    mistakes = {
        "the last step may not fit whole: can a window stand at half a place?": 3.5,
        "where does the last of these windows end? All of it must lie within the n pixels": 4,
        "that is every place: which of them remain with steps of S?": 6,
        "Python divides before it subtracts: is a pair of brackets missing?": 8,
    }
    check(
        "conv_output_size(8, 3, stride=2)", answer.conv_output_size(8, 3, stride=2), 3, mistakes=mistakes, kind="whole"
    )


def test_padding_is_added_at_both_ends():
    mistakes = {
        "P pixels are added at either end: how many in all?": 5,
        "where does the padding come in? It makes the n pixels more": 3,
    }
    check(
        "conv_output_size(5, 3, padding=2)",
        answer.conv_output_size(5, 3, padding=2),
        7,
        mistakes=mistakes,
        kind="whole",
    )


def test_stamps_begin_a_stride_apart_and_the_last_one_is_whole():
    mistakes = {
        "n * s would be right if each stamp were S wide; the last one is K wide: where does it begin?": 6,
        "the first stamp begins at pixel 0; where does the third begin?": 12,
        "where do the second and the third stamp begin? S pixels apart, not 1": 8,
        "there the last stamp begins; how many pixels does it cover?": 4,
        "Python multiplies before it subtracts: is a pair of brackets missing?": 7,
        "this leaves S - 1 pixels behind the last stamp: is there anything in them?": 11,
    }
    got = answer.conv_transpose_output_size(3, 6, stride=2)
    check("conv_transpose_output_size(3, 6, stride=2)", got, 10, mistakes=mistakes, kind="whole")


def test_padding_crops_both_ends():
    mistakes = {
        "in a transposed convolution padding cuts off; it adds nothing (notebook 05, 5.2)": 23,
        "P pixels are cut off at either end: how many go in all?": 20,
        "this is the size before anything is cut off; what does padding do here?": 21,
    }
    got = answer.conv_transpose_output_size(3, 9, stride=6, padding=1)
    check("conv_transpose_output_size(3, 9, stride=6, padding=1)", got, 19, mistakes=mistakes, kind="whole")


def test_both_agree_with_counting_for_many_sizes():
    for n, kernel_size, stride, padding in itertools.product((6, 9), (1, 2, 5), (1, 2, 3, 7), (0, 1, 2, 5)):
        first, last = -padding, n + padding - kernel_size
        places = len(range(first, last + 1, stride))
        hint = "count the steps of S after the first place: how many places is that?"
        mistakes = {hint: places - 1} if padding == 0 else {}
        call = f"conv_output_size({n}, {kernel_size}, {stride}, {padding})"
        check(call, answer.conv_output_size(n, kernel_size, stride, padding), places, mistakes=mistakes, kind="whole")

        end = max(begin + kernel_size for begin in range(0, n * stride, stride))
        call = f"conv_transpose_output_size({n}, {kernel_size}, {stride}, {padding})"
        got = answer.conv_transpose_output_size(n, kernel_size, stride, padding)
        check(call, got, end - 2 * padding, kind="whole")
