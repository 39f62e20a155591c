"""Exercise 5: the gradient of a convolution."""

import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn.marking import Answer, NotYet, check
from minifcn.marking.check import parts

answer = Answer("ex05_conv2d_backward")

NAMES = "dx", "dweight", "dbias"
STRIDE = "how far apart do the windows begin, if the stride is 2?"
TRUNCATED = "x and weight hold whole numbers here, and an array of their dtype does too: what becomes of 0.5 in it?"
X, WEIGHT, G = np.array([[[1.0, 2, 3], [4, 5, 6]]]), np.array([[[[1.0, 2], [3, 4]]]]), np.array([[[1.0, 10]]])


def test_a_bias_gets_the_sum_of_the_gradients_of_its_channel():
    x, weight, g = np.zeros((2, 2, 3)), np.zeros((2, 2, 1, 1)), np.array([[[1.0, 2, 3], [4, 5, 6]]])
    g = np.concatenate([g, 10 * g])
    mistakes = {
        "g has the axes (O, OH, OW): which one is left, if there is a bias for each output channel?": g.sum(axis=0),
        "there are as many biases as output channels. To which pixels of y is one of them added?": g.sum(axis=1),
        "to which pixels of y is one bias added? Here, those of one row have been counted": g.sum(axis=2),
        "this is the sum of all of g: do the channels share one bias?": g.sum(),
        "this is a mean: if y grows by 1 at six pixels, by how much does L grow?": g.mean(axis=(1, 2)),
    }
    call = "for g = [[[1, 2, 3], [4, 5, 6]], [[10, 20, 30], [40, 50, 60]]]: dbias"
    check(call, _part("dbias", g, x, weight), [21, 210], mistakes=mistakes)


def test_a_weight_gets_g_times_each_pixel_that_it_met():
    mistakes = {
        "these are the right numbers at the opposite ends of the kernel: which pixel does weight[0, 0] meet in the "
        "first window?": [[[[65, 54], [32, 21]]]],
        "this is the contribution of the last window only: in how many windows is a weight used?": [
            [[[20, 30], [50, 60]]]
        ],
    }
    expected = [[[[1 + 20, 2 + 30], [4 + 50, 5 + 60]]]]
    call = "for g = [[[1, 10]]], x = [[[1, 2, 3], [4, 5, 6]]], K = 2: dweight"
    check(call, _part("dweight", G, X, WEIGHT), expected, mistakes=mistakes)


def test_a_pixel_gets_g_times_each_weight_that_it_met():
    mistakes = {
        "each pixel has met the weight opposite to the right one. If g is 1 at a single place, what should dx look "
        "like, and what does it look like in your code? (Notebook 05, 5.4)": [[[4, 3 + 40, 30], [2, 1 + 20, 10]]],
        "the pixels in the middle lie in two windows; one of them has got lost": [[[1, 10, 20], [3, 30, 40]]],
    }
    expected = [[[1, 2 + 10, 20], [3, 4 + 30, 40]]]
    call = "for g = [[[1, 10]]], weight = [[[[1, 2], [3, 4]]]]: dx"
    check(call, _part("dx", G, X, WEIGHT), expected, mistakes=mistakes)


def test_an_input_channel_gets_something_from_every_output_channel():
    x, g = np.array([[[5.0]], [[7.0]]]), np.array([[[1.0]], [[10.0]]])
    weight = np.array([[1.0, 2], [3, 4]]).reshape(2, 2, 1, 1)
    transposed = {
        "forward, the weight takes C channels to O. What has to become of its matrix on the way back, from O to C?": [
            [[1 + 20]],
            [[3 + 40]],
        ]
    }
    call = "for g = [[[1]], [[10]]], weight = [[[[1]], [[2]]], [[[3]], [[4]]]]: dx"
    check(call, _part("dx", g, x, weight), [[[1 + 30]], [[2 + 40]]], mistakes=transposed)
    swapped = {"dweight has the axes (O, C, KH, KW), as weight has": np.reshape([5.0, 50, 7, 70], (2, 2, 1, 1))}
    expected = np.reshape([5.0, 7, 50, 70], (2, 2, 1, 1))
    call = "for g = [[[1]], [[10]]], x = [[[5]], [[7]]], K = 1: dweight"
    check(call, _part("dweight", g, x, weight), expected, mistakes=swapped)


def test_with_stride_and_padding_dx_has_the_shape_of_x():
    x, g = np.array([[[1.0, 2], [3, 4]]]), np.array([[[1.0, 10], [100, 1000]]])
    padded = np.array([[[1, 2, 10, 20], [3, 4, 30, 40], [100, 200, 1000, 2000], [300, 400, 3000, 4000]]])
    mistakes = {
        "this is the gradient of the padded image: which part of it is the gradient of x?": padded,
        "of the right size; but where in the padded image does x begin?": padded[:, :2, :2],
        "each pixel has met the weight opposite to the right one (notebook 05, 5.4)": [[[1, 20], [300, 4000]]],
        "dx[-1] is not beside the image: which row is it in Python?": [[[4, 30 + 3], [200 + 2, 1000 + 100 + 10 + 1]]],
        STRIDE: [[[1234, 2040], [3400, 4000]]],
    }
    call = "for g = [[[1, 10], [100, 1000]]], weight = [[[[1, 2], [3, 4]]]], S = 2, P = 1: dx"
    check(call, _part("dx", g, x, WEIGHT, stride=2, padding=1), [[[4, 30], [200, 1000]]], mistakes=mistakes)
    call = "for g = [[[1, 10], [100, 1000]]], x = [[[1, 2], [3, 4]]], K = 2, S = 2, P = 1: dweight"
    mistakes = {STRIDE: [[[[1000, 2100], [3010, 4321]]]]}
    check(call, _part("dweight", g, x, WEIGHT, stride=2, padding=1), [[[[4000, 300], [20, 1]]]], mistakes=mistakes)


def test_random_gradients_are_those_of_minifcn():
    rng = np.random.default_rng(5)
    x, weight = rng.normal(size=(6, 7, 3)).transpose(2, 0, 1), rng.normal(size=(2, 3, 3, 2))
    for stride, padding in ((2, 1), (3, 2)):
        g = rng.normal(size=(2, 3, 4))
        before = g.copy(), x.copy(), weight.copy()
        setting = {"stride": stride, "padding": padding}
        call = f"conv2d_backward(g, x, weight, stride={stride}, padding={padding})"
        got = {name: _part(name, g, x, weight, **setting) for name in NAMES}
        for name, expected in zip(NAMES, gradients(*before, **setting), strict=True):
            check(f"for {call}: {name}", got[name], expected, tolerance=1e-10)
        answer.conv2d_backward(g, x, weight, **setting)
        changed = {"an input has been changed; work on a copy of it": (g, x, weight)}
        check(f"(g, x, weight) after {call}", (g, x, weight), before, mistakes=changed, tolerance=0)

    x, weight, g = np.array([[[1, 2]]]), np.array([[[[3]]]]), np.array([[[0.5, 0.25]]])
    call = "for x and weight of whole numbers and g = [[[0.5, 0.25]]]: "
    check(f"{call}dx", _part("dx", g, x, weight), [[[1.5, 0.75]]], mistakes={TRUNCATED: [[[1, 0]]]})
    check(f"{call}dweight", _part("dweight", g, x, weight), [[[[1]]]], mistakes={TRUNCATED: [[[[0]]]]})


def gradients(g, x, weight, stride, padding):
    tensors = [mf.Tensor(array, requires_grad=True) for array in (x[None], weight, np.zeros(len(weight)))]
    F.conv2d(*tensors, stride=stride, padding=padding).backward(mf.Tensor(g[None]))
    dx, dweight, dbias = (tensor.grad.data for tensor in tensors)
    return dx[0], dweight, dbias


def _part(name, *arguments, **setting):
    """Call the student's function, and give one of the three arrays."""
    result = parts(answer.conv2d_backward(*map(np.copy, arguments), **setting), 3)
    if result is None:
        hint = "does the function end with `return dx, dweight, dbias`?"
        raise NotYet("conv2d_backward(g, x, weight) should return three arrays", hint)
    part = result[NAMES.index(name)]
    if part is None:
        raise NotYet(f"{name} is still None")
    if np.ndim(result[0]) == 4 and np.ndim(result[1]) == 3:  # the axes of weight, and those of x
        raise NotYet("dx has the axes of weight, and dweight those of x", "in which order are the three returned?")
    return part
