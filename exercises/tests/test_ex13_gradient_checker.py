"""Exercise 13: a gradient checker."""

import numpy as np

import minifcn.functional as F
from minifcn import Tensor
from minifcn.marking import Answer, NotYet, check

answer = Answer("ex13_gradient_checker")

NOT_MOVED = "f gets x itself each time: do two names hold the same array, or is the step lost in rounding?"
ONE_SIDED = "f is asked on one side of x only: what bends the difference then, and what cancels it? See notebook 8.1"
TOO_SMALL = "f(x + h) and f(x - h) are rounded to 16 digits: how many are left in their difference? See notebook 8.2"
TOO_LARGE = "the curve bends between x - h and x + h: how does that error shrink with h? See notebook 8.2"
TWO_STEPS = "all numbers are twice too large: how far apart are the two points? See the formula in notebook 8.1"
BRACKETS = "the gradient is nearly 0. Python goes from left to right: what is the difference divided by in a / 2 * h?"
STEPS_STAY = "only the first number is right: what has become of the first step, when the second number is moved?"
EVERY_ENTRY = "how many numbers of x are moved at once? Each needs two calls of f of its own; see numpy.ndindex"
RAVEL = "all zeros: np.copy and zeros_like keep the order in memory. Is something written into a ravel, a copy then?"
PART = "is all of the gradient compared? A mistake may be in a single number of it"
GENERATOR = "two calls with equal generators have drawn different numbers: what is the argument rng for?"
CHECKED = "x is not what it was: has the checker moved it?"
CHANGED = (
    "x is not what it was: moving back leaves rounding, not moving back leaves a step. Where could one move instead?"
)
ABSOLUTE = "is an error of 1 large? That depends on how large the gradients are"
EACH_BY_ITSELF = (
    "a tiny entry is mostly rounding: what happens if each error is divided by its own entry? By what else?"
)
WITHOUT_SIGN = "differences and gradients can be negative: is the largest number then the one that matters?"
OF_BOTH = "this is half of it, or nearly: has it been divided by the larger of two numbers, or by their sum?"
NORM = "a norm adds up all differences; which number does the docstring ask for?"
ZERO_BY_ZERO = "both gradients are zero, so they agree: what does 0/0 give, and what should be returned?"
NAN = "a gradient that is NaN somewhere is wrong: is a NaN left out, or compared so that it is never the larger one?"
ONE_OF_TWO = "one of the two gradients may be zero everywhere by mistake: which of them may one divide by?"
ARGUMENTS = "gy has a number for each one of y. In which order does backward take its arguments?"
WEIGHTS = "this backward is right only if all numbers in gy are equal: which gy does the checker try? See notebook 8.4"


class Recorded:
    """A function that remembers how far from x it was asked."""

    def __init__(self, function, x):
        self.function, self.x, self.offsets = function, x.copy(), []

    def __call__(self, values):
        self.offsets.append(np.asarray(values) - self.x)
        return self.function(values)


def test_f_is_asked_on_both_sides():
    f = Recorded(lambda x: (x**3).sum(), np.array([3.0]))
    answer.numeric_gradient(f, np.array([3.0]))
    offsets = np.array([np.min(f.offsets, initial=0), np.max(f.offsets, initial=0)])  # those in between are free
    if np.abs(offsets).max(initial=0) < 1e-14:  # there and back again leaves no more than rounding
        raise NotYet("numeric_gradient never asks f beside x", NOT_MOVED if f.offsets else "")
    check(
        "for numeric_gradient(f, x), which asks f left (-1) and right (1) of x: side",
        offsets / np.abs(offsets).max(),
        [-1, 1],
        mistakes={ONE_SIDED: [0, 1], ONE_SIDED + " (Nor the left side only.)": [-1, 0]},
        tolerance=0.3,  # a tiny step is rounded
    )


def test_the_step_leaves_7_right_digits():
    x = np.array([1.0, 1.5, 2.0])
    f = Recorded(lambda x: np.exp(x).sum(), x)
    got, offsets = answer.numeric_gradient(f, x.copy()), np.array(f.offsets)
    error = None if got is None else got / np.exp(x) - 1
    mistakes = {
        TWO_STEPS: np.ones(3),
        STEPS_STAY: np.cumsum(np.exp(x)) / np.exp(x) - 1,
        EVERY_ENTRY + " (Here, all of them.)": np.exp(x).sum() / np.exp(x) - 1,
    }
    if np.abs(offsets).max(initial=0) > 1e-14:  # so it is not the same array twice
        mistakes[BRACKETS] = -np.ones(3)
    if error is not None and np.abs(error).max() < 0.5:  # nearly right, so it is the step
        both_sides = offsets.min() < 0 < offsets.max()
        mistakes[ONE_SIDED if not both_sides else TOO_SMALL if offsets.max() < 1e-5 else TOO_LARGE] = error
    call = "for numeric_gradient(lambda x: np.exp(x).sum(), x): error"
    check(call, error, np.zeros(3), mistakes=mistakes, tolerance=1e-7)


def test_every_number_of_x_is_moved_by_itself_and_x_stays():
    v, x = np.arange(1.0, 7).reshape(2, 1, 3), np.array([[[0.5, -1, 2]], [[0, 3, -0.5]]])
    before = x.copy()
    right = 2 * v * x
    mistakes = {
        TWO_STEPS: 2 * right,
        EVERY_ENTRY: np.broadcast_to(right.sum(axis=(1, 2), keepdims=True), x.shape),
        EVERY_ENTRY + " (Not all of them.)": np.full(x.shape, right.sum()),
    }
    got = answer.numeric_gradient(lambda x: (v * x**2).sum(), x)
    check("numeric_gradient(lambda x: (v * x**2).sum(), x)", got, right, mistakes=mistakes, tolerance=1e-4)
    left, same = x - before, np.zeros(x.shape)
    check("x after numeric_gradient(f, x) - x before", left, same, mistakes={CHANGED: left}, tolerance=0)
    x = np.asfortranarray(x)
    got = answer.numeric_gradient(lambda x: (v * x**2).sum(), x)
    call = "for an x that lies column by column in memory, numeric_gradient(f, x)"
    mistakes = {RAVEL: np.zeros(x.shape)}
    check(call, got, right, mistakes=mistakes, tolerance=1e-4)


def test_the_error_is_relative_to_the_largest_gradient():
    analytic, numeric = np.array([1000, 0.001, 800.5]), np.array([1001, 0.002, 800])
    mistakes = {
        ABSOLUTE: 1,
        EACH_BY_ITSELF: 0.5,
        EACH_BY_ITSELF + " (By which?)": 1 / 3,
        WITHOUT_SIGN: 0.5 / 1001,
        ONE_OF_TWO: 1 / 1000,
        OF_BOTH: 1 / 2001,
        NORM: np.linalg.norm(analytic - numeric) / np.linalg.norm(numeric),
    }
    call = "relative_error([1000, 0.001, 800.5], [1001, 0.002, 800])"
    check(call, answer.relative_error(analytic, numeric), 1 / 1001, mistakes=mistakes, tolerance=1e-8)
    zeros, others = np.zeros(2), np.array([1.0, -2])
    got = answer.relative_error(zeros, others)
    check("relative_error([0, 0], [1, -2])", got, 1, mistakes={ONE_OF_TWO: np.inf, WITHOUT_SIGN: 2})
    got = answer.relative_error(others, zeros)
    check("relative_error([1, -2], [0, 0])", got, 1, mistakes={ONE_OF_TWO: np.inf, WITHOUT_SIGN: 0.5})
    check("relative_error([0, 0], [0, 0])", answer.relative_error(zeros, zeros), 0, mistakes={ZERO_BY_ZERO: np.nan})
    for pair in ((np.array([np.nan, 1]), others), (others, np.array([1, np.nan]))):
        got = answer.relative_error(*pair)
        if got is not None and np.ndim(got) == 0 and got < 0.01:
            raise NotYet(f"relative_error({pair[0].tolist()}, {pair[1].tolist()}) is {got:g}, so all is well", NAN)


def convolution():
    """A convolution with stride and padding, of one image (2, 5, 6), tiny: forward, backward and x."""
    rng = np.random.default_rng(0)
    weight = Tensor(1e-6 * rng.normal(size=(3, 2, 3, 3)))

    def forward(x):
        return F.conv2d(Tensor(x[None]), weight, stride=2, padding=1).data[0]

    def backward(gy, x):
        if np.shape(gy) != (3, 3, 3):
            found = f"gradient_checker passes a gy of shape {np.shape(gy)} to backward; y has shape (3, 3, 3)"
            raise NotYet(found, ARGUMENTS)
        leaf = Tensor(x[None], requires_grad=True)
        F.conv2d(leaf, weight, stride=2, padding=1).backward(Tensor(gy[None]))
        return leaf.grad.data[0]

    return forward, backward, rng.normal(size=(2, 5, 6))


def test_a_right_gradient_passes_and_one_twice_too_large_does_not():
    forward, backward, x = convolution()
    got = answer.gradient_checker(forward, backward, x, np.random.default_rng(1))
    check("gradient_checker(conv2d, its gradient, x, rng)", got, 0)
    got = answer.gradient_checker(forward, lambda gy, x: 2 * backward(gy, x), x, np.random.default_rng(2))
    check("gradient_checker(conv2d, 2 * its gradient, x, rng)", got, 0.5)
    last_is_wrong = np.ones(x.shape)
    last_is_wrong[-1, -1, -1] = 2
    got = answer.gradient_checker(forward, lambda gy, x: last_is_wrong * backward(gy, x), x, np.random.default_rng(2))
    if got is not None and np.ndim(got) == 0 and got < 0.001:
        raise NotYet(f"gradient_checker is {got:.1g} for a gradient whose last number is twice too large", PART)
    before, drawn = x.copy(), []
    for _ in range(2):
        answer.gradient_checker(forward, lambda gy, x: drawn.append(gy) or backward(gy, x), x, np.random.default_rng(3))
    check("x after gradient_checker(forward, backward, x, rng)", x, before, mistakes={CHECKED: x}, tolerance=0)
    first, *_, last = drawn
    check("gy of a second call with the same rng", last, first, mistakes={GENERATOR: last}, tolerance=0)


def test_a_gradient_that_is_right_only_for_equal_weights_does_not_pass():
    x = np.array([1.0, 2, 3])
    got = answer.gradient_checker(lambda x: 2 * x, lambda gy, x: 2 * np.full(3, gy.mean()), x, np.random.default_rng(3))
    call = "gradient_checker(lambda x: 2 * x, lambda gy, x: 2 * np.full(3, gy.mean()), x, rng)"
    if got is None or np.ndim(got):
        check(call, got, 1)
    elif not got > 0.01:
        raise NotYet(f"{call} should be larger than 0.01, but is {got:.1g}", WEIGHTS)
