"""Forty wrong backward functions and forty right but hard ones: what the checker must find, and must let pass.

Each is (name, forward, backward, inputs): functions of arrays, and the inputs drawn by a generator. Where backward is
None, forward is a function of Tensors, and its gradient is that of autograd.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import minifcn.functional as F
from minifcn import Tensor
from minifcn.autograd import operation


class Case(NamedTuple):
    name: str
    forward: Callable
    backward: Callable | None
    inputs: Callable
    order: int = 1


def normal(*shapes):
    return lambda rng: [rng.normal(size=shape) for shape in shapes]


def positive(*shapes):
    return lambda rng: [rng.uniform(0.5, 2.0, size=shape) for shape in shapes]


def at(*values):
    """The same numbers for every seed."""
    return lambda rng: [np.array(value, dtype=np.float64) for value in values]


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(g, x):
    p = softmax(x)
    return p * (g - (g * p).sum(axis=-1, keepdims=True))


def pool(x):
    """Largest of each pair."""
    return x.reshape(-1, 2).max(axis=1)


def neighbours(x):
    return np.array([x[i : i + 3].sum() for i in range(len(x) - 2)])


def stamped(g, x, overwrite=False):
    gx = np.zeros_like(x)
    for i, gi in enumerate(g):
        gx[i : i + 3] = gi if overwrite else gx[i : i + 3] + gi
    return gx


def correlate(x, w):
    """One image, one channel: x (H, W), w (3, 3)."""
    return sum(w[k, m] * x[k : k + x.shape[0] - 2, m : m + x.shape[1] - 2] for k, m in np.ndindex(3, 3))


def correlate_backward(g, x, w, flip=False, offset=0, step=1):
    gx, gw = np.zeros_like(x), np.zeros_like(w)
    h, width = g.shape
    for k, m in np.ndindex(3, 3):
        window = x[k : k + h, m : m + width]
        gx[k : k + h, m : m + width] += (w[2 - k, 2 - m] if flip else w[k, m]) * g
        gw[k, m] = (g[::step] * window[::step]).sum()
    return np.roll(gx, offset, axis=0), gw


LABELS = np.array([2, 0, 1, 9, 9])  # 9 is ignored
COUNTED = LABELS != 9
CLASS_WEIGHTS = np.array([0.5, 2.0, 1.0])


def cross_entropy(x):
    """Weighted mean over the counted rows."""
    rows, labels = x[COUNTED], LABELS[COUNTED]
    w = CLASS_WEIGHTS[labels]
    return -(w * np.log(softmax(rows)[np.arange(len(rows)), labels])).sum() / w.sum()


def cross_entropy_backward(g, x, ignored=0.0, divide_by=None, plain=False):
    gx = np.full_like(x, ignored) * g
    rows, labels = x[COUNTED], LABELS[COUNTED]
    w = np.ones(len(labels)) if plain else CLASS_WEIGHTS[labels]
    one_hot = np.eye(3)[labels]
    gx[COUNTED] = g * w[:, None] * (softmax(rows) - one_hot) / (divide_by or w.sum())
    return gx


def normalise(x):
    return (x - x.mean()) / x.std()


def normalise_backward(g, x):
    y = normalise(x)
    return (g - g.mean() - y * (g * y).mean()) / x.std()


@operation
def cube_with_a_constant_slope(x):
    """Right at first order; x² in its backward has lost its history."""
    return x.data**3, lambda g: (g * 3.0 * Tensor(x.data) ** 2,)


def one_wrong(g, x):
    gx = 2 * x * g
    gx.ravel()[x.size // 2] *= 1.01
    return gx


def into_input(g, x):
    x *= 2 * g
    return x


def square(x):
    return x * x


def scaled_square(scale):
    return lambda x: x * x * scale


WRONG = [
    Case("the wrong sign", square, lambda g, x: -2 * x * g, normal((3, 4))),
    Case("a missing factor", square, lambda g, x: x * g, normal((3, 4))),
    Case("zeros", softmax, lambda g, x: 0 * g, normal((2, 5))),
    Case("a relative error of 1e-3", square, lambda g, x: 2.002 * x * g, normal((3, 4))),
    Case("one number of a thousand", square, one_wrong, normal((1000,))),
    Case("grad_output unused", square, lambda g, x: 2 * x, normal((3, 4))),
    Case("a constant added", square, lambda g, x: 2 * x * g + 0.1, normal((3, 4))),
    Case("abs(g), a scalar output", lambda x: (x * x).sum(), lambda g, x: 2 * x * abs(g), normal((3, 4))),
    Case("max(g, 0), a scalar output", lambda x: (x * x).sum(), lambda g, x: 2 * x * max(g, 0), normal((3, 4))),
    Case("min(g, 0), a scalar output", lambda x: (x * x).sum(), lambda g, x: 2 * x * min(g, 0), normal((3, 4))),
    Case("g clipped to 10", lambda x: (x * x).sum(), lambda g, x: 2 * x * np.clip(g, -10, 10), normal((4,))),
    Case("a small g dropped", lambda x: (x * x).sum(), lambda g, x: 2 * x * g * (abs(g) > 1e-4), normal((4,))),
    Case("transposed weight", lambda x, w: x @ w, lambda g, x, w: (g @ w, x.T @ g), normal((2, 3), (3, 3))),
    Case("transposed gradient", lambda w: np.eye(3, 4).T @ w, lambda g, w: (np.eye(3, 4) @ g).T, normal((3, 3))),
    Case("gradients in the wrong order", lambda a, b: a * b, lambda g, a, b: (g * a, g * b), normal((3,), (3,))),
    Case("no sum over what was broadcast", lambda x, b: x + b, lambda g, x, b: (g, g), normal((5, 2), (2,))),
    Case("a mean for that sum", lambda x, b: x + b, lambda g, x, b: (g, g.mean(axis=0)), normal((5, 2), (2,))),
    Case("not divided by the count", lambda x: x.mean(), lambda g, x: g * np.ones_like(x), normal((6,))),
    Case("overlapping windows overwrite", neighbours, lambda g, x: stamped(g, x, overwrite=True), normal((6,))),
    Case(
        "the kernel turned", correlate, lambda g, x, w: correlate_backward(g, x, w, flip=True), normal((5, 6), (3, 3))
    ),
    Case("a crop off by one", correlate, lambda g, x, w: correlate_backward(g, x, w, offset=1), normal((5, 6), (3, 3))),
    Case("a wrong stride", correlate, lambda g, x, w: correlate_backward(g, x, w, step=2), normal((5, 6), (3, 3))),
    Case("every second number, side by side", lambda x: x[::2], lambda g, x: np.pad(g, (0, 4)), normal((8,))),
    Case("the last window only", neighbours, lambda g, x: stamped(g * (np.arange(4) == 3), x), normal((6,))),
    Case("the last channel forgotten", square, lambda g, x: 2 * x * g * [1, 1, 0], normal((4, 3))),
    Case("the first image only", square, lambda g, x: 2 * x * g * [[1], [0]], normal((2, 3))),
    Case(
        "every tie gets all",
        pool,
        lambda g, x: np.repeat(g, 2) * (x == np.repeat(pool(x), 2)) * 1.5,
        at([1.0, 1.0, 3.0, 2.0, 0.0, 5.0]),
    ),
    Case(
        "every tie gets all of one winner",
        pool,
        lambda g, x: np.repeat(g, 2) * (x == np.repeat(pool(x), 2)),
        at([1.0, 1.0, 3.0, 2.0, 0.0, 5.0]),
    ),
    Case(
        "ties get nothing",
        pool,
        lambda g, x: np.repeat(g, 2) * (x > np.ravel(x.reshape(-1, 2)[:, ::-1])),
        at([1.0, 1.0, 3.0, 2.0, 0.0, 5.0]),
    ),
    Case(
        "relu on the wrong side of its kink, 1e-10 beside it",
        lambda x: np.maximum(x, 0),
        lambda g, x: g * (x > -1e-6),
        at([-1e-10, 1.0, -1.0]),
    ),
    Case("masked numbers", lambda x: 3 * x, lambda g, x: np.ma.masked_greater(3 * g, 0), normal((6,))),
    Case("relu lets negatives pass", lambda x: np.maximum(x, 0), lambda g, x: g, normal((3, 4))),
    Case(
        "relu with a slope of 2 at 0",
        lambda x: np.maximum(x, 0),
        lambda g, x: g * np.where(x == 0, 2, x > 0),
        at([-1.0, 0.0, 2.0]),
    ),
    Case("softmax without its sum", softmax, lambda g, x: softmax(x) * (1 - softmax(x)) * g, normal((2, 4))),
    Case(
        "ignored pixels get a gradient", cross_entropy, lambda g, x: cross_entropy_backward(g, x, 1e-3), normal((5, 3))
    ),
    Case("divided by all pixels", cross_entropy, lambda g, x: cross_entropy_backward(g, x, 0, 5), normal((5, 3))),
    Case(
        "class weights forgotten", cross_entropy, lambda g, x: cross_entropy_backward(g, x, plain=True), normal((5, 3))
    ),
    Case("mean and deviation taken for constants", normalise, lambda g, x: g / x.std(), normal((6,))),
    Case(
        "float32 digits in float64", square, lambda g, x: (2 * x * g).astype("float32").astype("float64"), normal((5,))
    ),
    Case("backward overwrites its input", square, into_input, normal((3,))),
    Case("a detached path", lambda x: x * x.detach(), None, normal((3,))),
    Case("a constant slope, second order", cube_with_a_constant_slope, None, normal((3,)), 2),
    Case("log, wrong for the large one only", np.log, lambda g, x: g / x * [1, 2], at([1e-8, 1e8])),
    Case(
        "a tiny output beside a huge one",
        lambda x: (1e9 * x, 1e-9 * np.sin(x)),
        lambda g, x: 1e9 * g[0] - 1e-9 * g[1] * np.cos(x),
        normal((4,)),
    ),
    Case("beside a huge constant output", lambda x: (np.full(2, 1e20), x * x), lambda g, x: x * g[1], normal((4,))),
    Case("1/x at 1e-12", lambda x: 1 / x, lambda g, x: -1.001 * g / x**2, at([1e-12, -3e-12])),
    Case("sin(1e8 x) at 1e-8", lambda x: np.sin(1e8 * x), lambda g, x: 1.001e8 * g * np.cos(1e8 * x), at([1e-8, 2e-8])),
    Case("sqrt at 1e-9", np.sqrt, lambda g, x: g * 0.501 / np.sqrt(x), at([1e-9, 1.0])),
    Case("x**3 at 0", lambda x: x**3, lambda g, x: 3 * x**2 * g + 1e-6 * g, at([0.0, 1.0])),
    Case(
        "the mean of the slopes beside a kink",
        abs,
        lambda g, x: g * np.where(abs(x) < 1e-6, 0.5, np.sign(x)),
        at([1e-9, 1.0]),
    ),
]


def several_shapes(x, y):
    return x.sum(), x * 2.0, np.outer(x, y)


def several_shapes_backward(g, x, y):
    return g[0] + 2.0 * g[1] + g[2] @ y, x @ g[2]


def piecewise(x):
    return np.where(x < -1, -x, np.where(x < 1, x * x, 2 * x - 1))


def log_sum_exp(x):
    return x.max() + np.log(np.exp(x - x.max()).sum())


def hilbert(n):
    i = np.arange(n)
    return 1.0 / (i[:, None] + i + 1)


BUFFER, GRADIENT_BUFFER = np.empty(3), np.empty(3)


def square_into_buffer(x):
    return np.multiply(x, x, out=BUFFER)


def backward_into_buffer(g, x):
    return np.multiply(g, 2 * x, out=GRADIENT_BUFFER)


LARGE_LABELS = np.array([[[0, 1], [2, 255]]])

RIGHT = [
    Case("log at 1e-8 and at 1e8", np.log, lambda g, x: g / x, at([1e-8, 1e8])),
    Case("log at 1e-30", np.log, lambda g, x: g / x, at([1e-30, 1.0])),
    Case("sqrt at 1e-9", np.sqrt, lambda g, x: g / 2 / np.sqrt(x), at([1e-9, 1.0])),
    Case("1/x at 1e-12", lambda x: 1 / x, lambda g, x: -g / x**2, at([1e-12, -2e-12, 1.0])),
    Case("a/b at 1e-12", lambda a, b: a / b, lambda g, a, b: (g / b, -g * a / b**2), at([1.0, 2.0], [1e-12, -1e-12])),
    Case("sin(1e8 x) at 1e-8", lambda x: np.sin(1e8 * x), lambda g, x: 1e8 * g * np.cos(1e8 * x), at([1e-8, 2e-8])),
    Case("sin(1e4 x) at 1", lambda x: np.sin(1e4 * x), lambda g, x: 1e4 * g * np.cos(1e4 * x), normal((4,))),
    Case("outputs of 1e-8", scaled_square(1e-8), lambda g, x: 2e-8 * x * g, normal((3,))),
    Case("outputs of 1e8", scaled_square(1e8), lambda g, x: 2e8 * x * g, normal((3,))),
    Case("outputs of 1e300", lambda x: 1e300 * x * x, lambda g, x: 2e300 * x * g, at([0.3, -1.0, 2.0])),
    Case("inputs of 1e8", lambda x: (x / 1e8) ** 2, lambda g, x: 2e-16 * x * g, lambda rng: [1e8 * rng.normal(size=4)]),
    Case("scales from 1e-8 to 1e8 in one input", lambda x: x**3, lambda g, x: 3 * x**2 * g, at([1e-8, 1e-3, 1.0, 1e8])),
    Case("a sum of squares of 1e-4 and 1e4", lambda x: (x * x).sum(), lambda g, x: 2 * x * g, at([1e-4, 1.0, 1e4])),
    Case("x + 1e8 - 1e8", lambda x: (x * x + 1e8) - 1e8, lambda g, x: 2 * x * g, normal((3,))),
    Case("a small slope beside a constant", lambda x: 1e-6 * x * x + 1, lambda g, x: 2e-6 * x * g, normal((3, 4))),
    Case("1 - cos(x) at 1e-4", lambda x: 1 - np.cos(x), lambda g, x: g * np.sin(x), at([1e-4, 1.0])),
    Case(
        "a tiny output beside a huge one",
        lambda x: (1e9 * x, 1e-9 * np.sin(x)),
        lambda g, x: 1e9 * g[0] + 1e-9 * g[1] * np.cos(x),
        normal((4,)),
    ),
    Case("beside a huge constant output", lambda x: (np.full(2, 1e20), x * x), lambda g, x: 2 * x * g[1], normal((4,))),
    Case("relu 1e-7 beside its kink", lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0), at([1e-7, -1e-7, 1.0])),
    Case("relu 1e-12 beside its kink", lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0), at([1e-12, -1e-12, 1.0])),
    Case("relu at its kink", lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0), at([0.0, 1.0, -1.0])),
    Case("abs at its kink", abs, lambda g, x: g * np.sign(x), at([0.0, 1.0, -1.0])),
    Case(
        "a tie goes to the first",
        pool,
        lambda g, x: np.ravel([g * (x[::2] >= x[1::2]), g * (x[::2] < x[1::2])], "F"),
        at([1.0, 1.0, 3.0, 2.0, 0.0, 5.0]),
    ),
    Case(
        "a tie is split",
        pool,
        lambda g, x: (
            np.repeat(g / (x.reshape(-1, 2) == pool(x)[:, None]).sum(axis=1), 2) * (x == np.repeat(pool(x), 2))
        ),
        at([1.0, 1.0, 3.0, 2.0, 0.0, 5.0]),
    ),
    Case(
        "ties in overlapping windows", lambda x: F.max_pool2d(x, 2, 1), None, at([[[[1, 1, 2], [1, 1, 0], [3, 3, 5]]]])
    ),
    Case(
        "a view that is not contiguous",
        lambda x: np.tanh(x).T,
        lambda g, x: g.T / np.cosh(x) ** 2,
        lambda rng: [rng.normal(size=(8, 6))[::2, ::-1].T],
    ),
    Case("a gradient of zeros", lambda a, b: a * a + 0 * b, lambda g, a, b: (2 * a * g, 0 * b), normal((3,), (3,))),
    Case("x**3 at 0", lambda x: x**3, lambda g, x: 3 * x**2 * g, at([0.0, 1.0])),
    Case("a parabola at its bottom", square, lambda g, x: 2 * x * g, at([0.0, 0.0, 1.0])),
    Case(
        "a solution of an ill-conditioned system",
        lambda b: np.linalg.solve(hilbert(6), b),
        lambda g, b: np.linalg.solve(hilbert(6).T, g),
        normal((6,)),
    ),
    Case(
        "an inverse",
        lambda a: np.linalg.inv(a + 4 * np.eye(4)),
        lambda g, a: -np.linalg.inv(a + 4 * np.eye(4)).T @ g @ np.linalg.inv(a + 4 * np.eye(4)).T,
        normal((4, 4)),
    ),
    Case("log-sum-exp at 1e3", log_sum_exp, lambda g, x: g * softmax(x), lambda rng: [1e3 + rng.normal(size=5)]),
    Case("softmax, saturated", softmax, softmax_backward, at([[0.0, 20.0, -5.0], [1.0, 30.0, 2.0]])),
    Case("softmax that gives exactly 0 and 1", softmax, softmax_backward, at([[0.0, 800.0], [1.0, 2.0]])),
    Case("log-softmax, saturated", lambda x: F.log_softmax(x), None, at([[0.0, 30.0, -5.0], [1.0, 3.0, 2.0]])),
    Case("the sum of a softmax", lambda x: softmax(x).sum(), lambda g, x: softmax_backward(g, x), normal((5,))),
    Case(
        "a scalar for a map", lambda x, s: x * s, lambda g, x, s: (g * s, np.array((g * x).sum())), normal((4, 5), ())
    ),
    Case(
        "a sum of 20,000 numbers",
        lambda x: np.tile(np.sin(x), 5000).sum(),
        lambda g, x: 5000 * g * np.cos(x),
        normal((4,)),
    ),
    Case(
        "three pieces",
        piecewise,
        lambda g, x: g * np.where(x < -1, -1, np.where(x < 1, 2 * x, 2)),
        at([-3.0, -0.999, 0.0, 0.999999, 1.0, 4.0]),
    ),
    Case("outputs of three shapes", several_shapes, several_shapes_backward, normal((3,), (4,))),
    Case("integers beside", lambda x: (x * x, x.argsort(), x > 0), lambda g, x: 2 * x * g[0], normal((5,))),
    Case("labels beside", lambda x: F.softmax_cross_entropy(x, LARGE_LABELS), None, normal((1, 3, 2, 2)), 2),
    Case("ignored pixels and class weights", cross_entropy, cross_entropy_backward, normal((5, 3))),
    Case("a normalised map", normalise, normalise_backward, normal((8,))),
    Case(
        "exp(-1/x²) beside 0",
        lambda x: np.exp(-1 / x**2),
        lambda g, x: g * 2 / x**3 * np.exp(-1 / x**2),
        at([0.2, 0.05, -1.0]),
    ),
    Case(
        "tanh(1e5 x) at 1e-6",
        lambda x: np.tanh(1e5 * x),
        lambda g, x: 1e5 * g / np.cosh(1e5 * x) ** 2,
        at([1e-6, -2e-5, 0.0]),
    ),
    Case("the input itself", lambda x: x, lambda g, x: g, normal((3,))),
    Case("a buffer that is used again", square_into_buffer, backward_into_buffer, normal((3,))),
    Case("x**4, second order", lambda x: x * x * x * x, None, normal((3,)), 2),
    Case("a determinant", np.linalg.det, lambda g, a: g * np.linalg.det(a) * np.linalg.inv(a).T, normal((5, 5))),
]
