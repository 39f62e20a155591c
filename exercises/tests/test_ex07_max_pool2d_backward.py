"""Exercise 7: the gradient of max-pooling."""

import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn.marking import Answer, check

answer = Answer("ex07_max_pool2d_backward")


def test_the_winner_of_a_window_gets_its_gradient():
    g, x = np.array([[[10.0, 20]]]), np.array([[[1.0, 3, 2, 0], [4, 2, 1, 5]]])
    mistakes = {
        "every pixel has got its share, as in pooling by the mean: on how many pixels of a window does a maximum "
        "depend?": [[[2.5, 2.5, 5, 5], [2.5, 2.5, 5, 5]]],
        "20 stands in the right place of the wrong window: from where is the place of a winner counted, and where does "
        "its window begin?": [[[0, 0, 0, 0], [10, 20, 0, 0]]],
        "the winners are found; but what do they get: the value of y, or the gradient?": [[[0, 0, 0, 0], [4, 0, 0, 5]]],
    }
    call = "max_pool2d_backward([[[10, 20]]], [[[1, 3, 2, 0], [4, 2, 1, 5]]], 2, 2)"
    check(call, answer.max_pool2d_backward(g, x, 2, 2), [[[0, 0, 0, 0], [10, 0, 0, 20]]], mistakes=mistakes)


def test_of_equal_pixels_the_first_one_wins():
    g, x = np.array([[[12.0]]]), np.array([[[1.0, 5], [5, 5]]])
    mistakes = {
        "each of the equal pixels has got the whole g. If all of them grow by a step together, by how much does y "
        "grow, and what should their gradients add up to?": [[[0, 12], [12, 12]]],
        "g has been shared out. That is a possible convention, but not the one of this exercise: see the end of its "
        "docstring": [[[0, 4], [4, 4]]],
        "the last of the equal pixels has won: does the search go on after an equal value?": [[[0, 0], [0, 12]]],
        "one pixel has won; but is it the first in the order of reading?": [[[0, 0], [12, 0]]],
    }
    call = "max_pool2d_backward([[[12]]], [[[1, 5], [5, 5]]], 2, 2)"
    check(call, answer.max_pool2d_backward(g, x, 2, 2), [[[0, 12], [0, 0]]], mistakes=mistakes)
    nearly = {
        "two pixels that differ by little are not equal: are they rounded, or compared with a tolerance?": (
            [[[0, 12], [0, 0]]]
        )
    }
    call = "max_pool2d_backward([[[12]]], [[[1, 5], [5 + 1e-12, 5]]], 2, 2)"
    got = answer.max_pool2d_backward(g, x + np.array([[0, 0], [1e-12, 0]]), 2, 2)
    check(call, got, [[[0, 0], [12, 0]]], mistakes=nearly)


def test_a_pixel_that_wins_two_windows_gets_both_gradients():
    g, x = np.array([[[1.0, 10]]]), np.array([[[1.0, 9, 2], [3, 4, 5]]])
    mistakes = {
        "the 9 wins two windows, and has got only the gradient of the last one. (With arrays as indices, += counts "
        "each place once, however often it occurs; see numpy.add.at)": [[[0, 10, 0], [0, 0, 0]]],
        "the 9 wins two windows, and has got only the gradient of the first one": [[[0, 1, 0], [0, 0, 0]]],
        "where does the second window begin, if the stride is 1 and the kernel size 2?": [[[0, 1, 0], [0, 0, 10]]],
    }
    call = "max_pool2d_backward([[[1, 10]]], [[[1, 9, 2], [3, 4, 5]]], 2, 1)"
    check(call, answer.max_pool2d_backward(g, x, 2, 1), [[[0, 1 + 10, 0], [0, 0, 0]]], mistakes=mistakes)


def test_the_largest_of_negative_values_wins_and_a_row_left_over_gets_nothing():
    g, x = np.array([[[10.0, 20]]]), -np.array([[[4.0, 3, 7, 8], [2, 1, 6, 5], [1, 1, 1, 1]]])
    mistakes = {
        "all pixels are negative here, and none has beaten the value that the search for the largest began with": [
            [[10, 0, 20, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
        ],
        "all pixels are negative here, and none has won: with what are they compared?": np.zeros((1, 3, 4)),
        "-1 is larger than -4: is the sign of x used?": [[[10, 0, 0, 20], [0, 0, 0, 0], [0, 0, 0, 0]]],
    }
    call = "max_pool2d_backward([[[10, 20]]], [[[-4, -3, -7, -8], [-2, -1, -6, -5], [-1, -1, -1, -1]]], 2, 2)"
    expected = [[[0, 0, 0, 0], [0, 10, 0, 20], [0, 0, 0, 0]]]
    check(call, answer.max_pool2d_backward(g, x, 2, 2), expected, mistakes=mistakes)
    unbeaten = {
        "x may hold numbers of any size, and here all are smaller than the one that the search began with: is there a "
        "number that is smaller than all others, or a pixel to begin with?": [[[10, 0], [0, 0]]],
        "all pixels are far below 0 here, and none has won: with what are they compared?": np.zeros((1, 2, 2)),
    }
    call = "max_pool2d_backward([[[10]]], [[[-4e300, -3e300], [-2e300, -1e300]]], 2, 2)"
    got = answer.max_pool2d_backward(g[:, :, :1], 1e300 * np.array([[[-4, -3], [-2, -1]]]), 2, 2)
    check(call, got, [[[0, 0], [0, 10]]], mistakes=unbeaten)


def test_each_channel_has_its_own_winners():
    g, x = np.array([[[10.0]], [[20.0]]]), np.array([[[4.0, 1], [2, 3]], [[5, 6], [8, 7]]])
    mistakes = {
        "the second channel has got its gradient where the first one has its winner": [
            [[10, 0], [0, 0]],
            [[20, 0], [0, 0]],
        ],
        "one channel has got nothing: does every channel have windows of its own?": [
            [[0, 0], [0, 0]],
            [[0, 0], [20, 0]],
        ],
    }
    call = "max_pool2d_backward([[[10]], [[20]]], [[[4, 1], [2, 3]], [[5, 6], [8, 7]]], 2, 2)"
    expected = [[[10, 0], [0, 0]], [[0, 0], [20, 0]]]
    check(call, answer.max_pool2d_backward(g, x, 2, 2), expected, mistakes=mistakes)


def test_a_random_map_after_a_relu_gets_the_gradient_of_minifcn():
    rng = np.random.default_rng(7)
    x = np.maximum(rng.normal(size=(10, 8, 3)), 0).round().transpose(2, 0, 1)  # full of equal values
    for kernel_size, stride in ((3, 2), (4, 1), (2, 3)):
        g = rng.normal(size=(3, (10 - kernel_size) // stride + 1, (8 - kernel_size) // stride + 1))
        before = g.copy(), x.copy()
        call = f"max_pool2d_backward(g, x, {kernel_size}, {stride})"
        got = answer.max_pool2d_backward(g, x, kernel_size, stride)
        image = mf.Tensor(before[1][None], requires_grad=True)
        F.max_pool2d(image, kernel_size, stride=stride).backward(mf.Tensor(before[0][None]))
        lost = {
            "all zeros: the numbers of this x do not lie row by row in memory, nor do those of zeros_like(x). Is "
            "something written into a reshape, which is a copy then?": np.zeros(x.shape)
        }
        check(call, got, image.grad.data[0], mistakes=lost, tolerance=1e-10)
        changed = {"an input has been changed; work on a copy of it": (g, x)}
        check(f"(g, x) after {call}", (g, x), before, mistakes=changed, tolerance=0)

    truncated = {
        "x holds whole numbers here, and zeros_like(x) does too: what becomes of 0.5 and 1.5 in it?": [[[0, 1]]]
    }
    got = answer.max_pool2d_backward(np.array([[[0.5, 1.5]]]), np.array([[[3, 4]]]), 1, 1)
    call = "for x of whole numbers, max_pool2d_backward([[[0.5, 1.5]]], [[[3, 4]]], 1, 1)"
    check(call, got, [[[0.5, 1.5]]], mistakes=truncated)
