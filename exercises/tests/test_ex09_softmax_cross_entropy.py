"""Exercise 9: softmax cross-entropy with ignore_index."""

import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn.marking import Answer, check

answer = Answer("ex09_softmax_cross_entropy")

INF, NAN = np.inf, np.nan

AXIS = "the probabilities of one pixel add up to 1: along which axis of (C, H, W) do its scores lie? See notebook 7.1"
COLUMNS = "here the probabilities along each row of the map add up to 1: which ones belong together? See notebook 7.1"
WHOLE = "each pixel has probabilities of its own, and they add up to 1: over what does the sum run? See notebook 7.1"
LOGARITHM = "these are the probabilities; what does the name of the function promise? See the end of notebook 7.2"
CHANGED = "the scores that were passed have changed: does an operation such as -= write into the array of the caller?"
CHANGED_TOO = "what was passed has changed: the gradient needs an array of its own, and the labels are the caller's"
TRUNCATED = "scores of whole numbers have logarithms that are none: is something written into an array of their dtype?"
TRUNCATED_TOO = "a probability of 1/4 has become 0: is the gradient written into an array of the dtype of the scores?"
EQUAL = (
    "two scores that differ by 1 are taken to be equal: are they cut off, or rounded, as to the 7 digits of a float32?"
)
MEAN_SUBTRACTED = "exp(2500) is too much as well: after which subtraction is no score of a pixel above 0?"
WRAPPED = "the labels are uint8, and the map has 24 pixels: what is 12 * 24 in a uint8? Which type can hold it?"
COPY = (
    "the ones are not subtracted: the numbers of these scores do not lie row by row in memory, and then reshape copies"
)
OVERFLOW = "exp(1000) is more than a float64 can hold: what may be subtracted from all scores of a pixel? See 7.2"
LOG_OF_EXP = "log(sum(exp(s))) overflows although s - log(sum(exp(s))) would not: what can be subtracted first? See 7.2"
LOG_OF_ZERO = (
    "a probability of exp(-1000) is rounded to 0, and its logarithm lost: is the probability needed at all? See 7.2"
)
WHOLE_MAX = (
    "a pixel whose scores are all far below the largest of the map loses everything: the largest of what? See 7.2"
)
IGNORED = "does a pixel with the label ignore_index still have an influence? See notebook 7.5"
ALL_PIXELS = "by how many pixels must the sum be divided, if some do not count? See notebook 7.5"
SUM = "this is the sum over the pixels; the loss is their mean. See notebook 7.4"
EACH_CLASS = "a pixel has one loss, whatever the number of classes: how many numbers has the mean been taken of?"
SIGN_OF_LOSS = "the logarithm of a probability is negative; a loss falls to 0 as the probability rises to 1. See 7.3"
SIGN_OF_GRADIENT = "when the score of the right class rises, does the loss rise or fall? See the bars in notebook 7.6"
NOT_DIVIDED = "the loss is a mean: what does that do to the gradient of each of its terms? See the end of notebook 7.6"
PLANES = "p[labels] is whole maps, of the classes in labels: how does one name the entry [label of (i, j), i, j]?"
ONEHOT = "for the right class the score occurs once more in the loss: which derivative does that add? See notebook 7.6"
NOTHING = "no pixel counts, and a mean of nothing is 0/0: what is it defined as? See notebook 7.5"

# The probabilities of two pixels, one beside the other, for three classes: (C, H, W) = (3, 1, 2).
P = np.array([[[0.5, 0.1]], [[0.25, 0.2]], [[0.25, 0.7]]])


def test_the_probabilities_of_a_pixel_add_up_to_1():
    scores = np.log(P) + [[[2, -1]]]  # adding the same to all scores of a pixel changes nothing
    before = scores.copy()
    mistakes = {
        AXIS: scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)),
        COLUMNS: scores - np.log(np.exp(scores).sum(axis=2, keepdims=True)),
        WHOLE: scores - np.log(np.exp(scores).sum()),
        LOGARITHM: P,
    }
    check("log_softmax(scores)", answer.log_softmax(scores), np.log(P), mistakes=mistakes)
    check("after log_softmax(scores), scores", scores, before, mistakes={CHANGED: scores}, tolerance=0)
    whole = np.array([[[2, 0]], [[1, 0]], [[0, 3]]])
    expected = whole - np.log(np.exp(whole).sum(axis=0))
    call = f"for whole numbers, log_softmax({whole.tolist()})"
    check(call, answer.log_softmax(whole), expected, mistakes={TRUNCATED: np.trunc(expected)})


def test_large_scores_do_not_overflow():
    scores = np.array([[[1000.0, 0, 0]], [[999, -1, 1000]]])
    a, b = -np.log(1 + np.exp(-1)), -np.log(1 + np.exp(1))  # log p for a difference of 1
    mistakes = {
        OVERFLOW: [[[NAN, a, -INF]], [[NAN, b, NAN]]],
        LOG_OF_EXP: [[[-INF, a, -INF]], [[-INF, b, -INF]]],
        LOG_OF_ZERO: [[[a, a, -INF]], [[b, b, 0]]],
        WHOLE_MAX: [[[a, INF, -1000]], [[b, INF, 0]]],
        WHOLE_MAX + " (And is the probability itself needed?)": [[[a, NAN, -INF]], [[b, NAN, 0]]],
    }
    expected = [[[a, a, -1000]], [[b, b, 0]]]
    check(f"log_softmax({scores.tolist()})", answer.log_softmax(scores), expected, mistakes=mistakes)
    scores = np.array([[[5000.0]], [[0]]])
    got = answer.log_softmax(scores)
    check(
        "log_softmax([[[5000]], [[0]]])", got, [[[0]], [[-5000]]], mistakes={MEAN_SUBTRACTED: np.full((2, 1, 1), -INF)}
    )
    scores = np.array([[[100000001.0]], [[100000000]]])
    call = "log_softmax([[[100000001]], [[100000000]]])"
    check(call, answer.log_softmax(scores), [[[a]], [[b]]], mistakes={EQUAL: np.log([[[0.5]], [[0.5]]])})


def test_the_loss_is_the_mean_over_the_pixels_that_count():
    p = np.concatenate([P, [[[0.6]], [[0.3]], [[0.1]]]], axis=2)  # a third pixel
    labels = np.array([[0, 2, 1]])
    call = f"softmax_cross_entropy(log p, {labels.tolist()}, ignore_index=1)"
    total = -np.log(0.5) - np.log(0.7)  # of the two pixels that count
    mistakes = {
        IGNORED: (total - np.log(0.3)) / 3,
        IGNORED + " (The number that it is divided by is right.)": (total - np.log(0.3)) / 2,
        IGNORED + " (It is not of class 0 either.)": (total - np.log(0.6)) / 3,
        ALL_PIXELS: total / 3,
        SUM: total,
        EACH_CLASS: total / 2 / 3,
        SIGN_OF_LOSS: -total / 2,
    }
    got = answer.softmax_cross_entropy(np.log(p), labels, ignore_index=1)
    check(call, got, total / 2, mistakes=mistakes)


def test_the_gradient_is_the_softmax_minus_one_at_the_label():
    labels = np.array([[0, 2], [1, 2]])
    p = np.stack([P[:, 0], P[:, 0, ::-1]], axis=1)  # two rows: (3, 2, 2)
    call = f"softmax_cross_entropy_backward(log p, {labels.tolist()}, ignore_index=1)"
    counted = labels != 1
    difference = p - (np.arange(3)[:, None, None] == labels)
    right = np.where(counted, difference, 0)
    mistakes = {
        IGNORED: difference / 4,
        IGNORED + " (The number that it is divided by is right.)": difference / 3,
        IGNORED + " (Its probabilities are still there.)": np.where(counted, difference, p) / 3,
        ALL_PIXELS: right / 4,
        NOT_DIVIDED: right,
        SIGN_OF_GRADIENT: -right / 3,
        ONEHOT: p * counted / 3,
        PLANES: p - 1,  # for all three classes occur
        PLANES + " (Is every pixel counted?)": (p - 1) / 3,
        PLANES + " (The rest is right.)": (p - 1) * counted / 3,
    }
    got = answer.softmax_cross_entropy_backward(np.log(p), labels, ignore_index=1)
    check(call, got, right / 3, mistakes=mistakes)


def test_scores_of_whole_numbers_have_a_gradient_of_fractions():
    scores = np.array([[[0]], [[0]], [[0]], [[0]]])
    call = "for whole numbers, softmax_cross_entropy_backward([[[0]], [[0]], [[0]], [[0]]], [[1]])"
    got = answer.softmax_cross_entropy_backward(scores, np.array([[1]]))
    check(f"scores after {call}", scores, np.zeros((4, 1, 1)), mistakes={CHANGED_TOO: scores}, tolerance=0)
    expected = np.array([0.25, -0.75, 0.25, 0.25]).reshape(4, 1, 1)
    check(call, got, expected, mistakes={TRUNCATED_TOO: np.array([0.0, -1, 0, 0]).reshape(4, 1, 1)})


def test_where_no_pixel_counts_loss_and_gradient_are_zero():
    scores, labels = np.arange(12.0).reshape(3, 2, 2), np.full((2, 2), 255)
    loss = answer.softmax_cross_entropy(scores, labels)
    check("with all labels 255, softmax_cross_entropy(scores, labels)", loss, 0, mistakes={NOTHING: NAN})
    gradient = answer.softmax_cross_entropy_backward(scores, labels)
    call = "with all labels 255, softmax_cross_entropy_backward(scores, labels)"
    check(call, gradient, np.zeros((3, 2, 2)), mistakes={NOTHING: np.full((3, 2, 2), NAN)})


def test_a_random_image_gives_what_minifcn_gives():
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 3, (6, 4, 20)).T  # (20, 4, 6)
    for ignored in (255, 3):
        labels = rng.choice(np.delete(np.arange(20), 3), (4, 6)).astype(np.uint8)
        if ignored == 255:  # else no pixel has the label that is ignored
            labels[rng.random((4, 6)) < 0.2] = 255
        before = scores.copy(), labels.copy()
        x = mf.Tensor(before[0][None], requires_grad=True)
        loss = F.softmax_cross_entropy(x, before[1][None].astype(int), ignore_index=ignored)
        loss.backward()
        log_p, counted = np.log(F.softmax(mf.Tensor(before[0][None])).data[0]), before[1] != ignored
        flat = (before[1] * np.uint8(24))[counted] + np.flatnonzero(counted)  # as label * 24 + pixel wraps around
        p = np.exp(log_p) * counted
        wrapped = p.flatten()
        np.subtract.at(wrapped, flat, 1)
        wrapped = wrapped.reshape(p.shape) / counted.sum()
        wrong = {WRAPPED: -log_p.ravel()[flat].mean()}, {WRAPPED: wrapped, COPY: p / counted.sum()}

        names = "softmax_cross_entropy", "softmax_cross_entropy_backward"
        changes = CHANGED, CHANGED_TOO
        for name, expected, mistakes, hint in zip(names, (loss.item(), x.grad.data[0]), wrong, changes, strict=True):
            call = f"{name}(scores, labels{'' if ignored == 255 else ', ignore_index=3'})"
            got = getattr(answer, name)(scores, labels, ignored)
            check(call, got, expected, mistakes=mistakes, tolerance=1e-10)
            changed = {hint: (scores, labels)}
            check(f"(scores, labels) after {call}", (scores, labels), before, mistakes=changed, tolerance=0)
