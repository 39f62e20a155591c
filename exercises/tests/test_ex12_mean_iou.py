"""Exercise 12: mean IoU."""

import numpy as np

from minifcn import metrics
from minifcn.marking import Answer, check

answer = Answer("ex12_mean_iou")

NAN = np.nan

TRANSPOSED = "what is in row 0: the pixels that are of class 0, or those that were called it? Read the docstring again"
SHARED = "all rows are equal: are they one and the same list? [row] * 3 is three times the same row"
ONLY_ONCE = "the same pair of classes occurs in several pixels: is each of them added? See numpy.add.at"
IGNORED = "is a pixel with the label ignore_index counted, and should it be? See notebook 11, 'Counting what is right'"
BY_PREDICTION = "which pixels are left out is up to the labels; what does a prediction of that number mean?"
NOT_PASSED = "does mean_iou tell the function that counts which label it was told to ignore?"
TOO_MANY = "more than 255 pixels are right in class 0: with which dtype are they counted?"
MILLIONS = "an image has more pixels than 32767, or 65535, and a data set millions: with which dtype are they counted?"
MEMORY = "the labels lie column by column in memory here: are both arrays flattened in one order?"
CHANGED = "what was passed has changed: labels and predictions are the caller's, and are still needed"
OVERFLOW = "the arrays are uint8: what is 20 * 21 in a uint8? Which type can hold it?"
TWICE = "draw two circles that overlap: how often is what they share counted in the sum of both? See notebook 00"
DICE = "this is the Dice coefficient (F1), another overlap: what does it divide by, and what is the union?"
RECALL = "this is the share of the labels that was found; which pixels are missing from the union?"
PRECISION = "this is the share of the predictions that is right; which pixels are missing from the union?"
ABSENT = "a class that occurs nowhere is neither right nor wrong, 0/0: may it change the mean? See numpy.nanmean"
ABSENT_NAN = "one class is 0/0, and a mean with a NaN in it is NaN: which classes belong to the mean?"
ABSENT_RIGHT = "a class that occurs nowhere: is that a success? Then more classes would raise the mean"
INVENTED = "a class that no label has was predicted: is that as if it occurred nowhere? What is its union?"
ACCURACY = (
    "this is the share of the pixels that are right; which class decides it? See notebook 00, 'Why accuracy misleads'"
)
BY_SIZE = "should a class with many pixels have more say? See notebook 11, 'Why not simply pixel accuracy?'"
ONE_POT = "all classes were put into one union; take each class by itself first, and the mean then"


def test_rows_are_the_truth_and_columns_the_predictions():
    labels, predictions = np.array([[0, 0, 0, 1], [1, 2, 2, 2]]), np.array([[0, 0, 1, 1], [2, 2, 2, 0]])
    expected = np.array([[2, 1, 0], [0, 1, 1], [1, 0, 2]])
    mistakes = {
        TRANSPOSED: expected.T,
        ONLY_ONCE: np.minimum(expected, 1),
        SHARED: np.broadcast_to(expected.sum(axis=0), (3, 3)),
    }
    call = f"confusion_matrix({labels.tolist()}, {predictions.tolist()}, 3)"
    check(call, answer.confusion_matrix(labels, predictions, 3), expected, mistakes=mistakes, kind="whole")


def test_pixels_with_the_label_ignore_index_do_not_count():
    labels, predictions = np.array([[0, 0, 1], [2, 2, 1]]), np.array([[0, 1, 1], [2, 0, 0]])
    expected = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 1]])
    mistakes = {
        IGNORED: [[1, 1, 0], [1, 1, 0], [1, 0, 1]],
        BY_PREDICTION: [[1, 0, 0], [1, 0, 0], [1, 0, 1]],
        BY_PREDICTION + " (Leave out nothing but the label.)": [[1, 0, 0], [0, 0, 0], [1, 0, 1]],
        TRANSPOSED: expected.T,
    }
    call = f"confusion_matrix({labels.tolist()}, {predictions.tolist()}, 3, ignore_index=1)"
    check(call, answer.confusion_matrix(labels, predictions, 3, ignore_index=1), expected, mistakes=mistakes)


def test_iou_is_the_intersection_over_the_union():
    matrix = np.array([[4, 1, 0], [2, 3, 0], [1, 0, 5]])
    mistakes = {
        TWICE: [4 / 12, 3 / 9, 5 / 11],
        DICE: [8 / 12, 6 / 9, 10 / 11],
        RECALL: [4 / 5, 3 / 5, 5 / 6],
        PRECISION: [4 / 7, 3 / 4, 5 / 5],
    }
    before = matrix.copy()
    check(f"iou({matrix.tolist()})", answer.iou(matrix), [4 / 8, 3 / 6, 5 / 6], mistakes=mistakes)
    check("after iou(matrix), matrix", matrix, before)


def test_a_class_that_occurs_nowhere_is_left_out_but_not_one_that_was_invented():
    labels, predictions = np.array([0, 0, 0, 0, 1, 1, 1]), np.array([0, 0, 0, 1, 1, 1, 3])  # nobody has class 2
    mistakes = {
        ABSENT: (3 / 4 + 1 / 2 + 0 + 0) / 4,
        ABSENT_NAN: NAN,
        ABSENT_RIGHT: (3 / 4 + 1 / 2 + 1 + 0) / 4,
        INVENTED: (3 / 4 + 1 / 2) / 2,
        ACCURACY: 5 / 7,
        BY_SIZE: (4 * 3 / 4 + 3 * 1 / 2) / 7,
        TWICE: (3 / 7 + 2 / 6 + 0) / 3,
    }
    call = f"mean_iou({labels.tolist()}, {predictions.tolist()}, 4)"
    check(call, answer.mean_iou(labels, predictions, 4), (3 / 4 + 1 / 2 + 0) / 3, mistakes=mistakes)
    got = answer.iou(np.array([[2, 0], [0, 0]]))
    check("iou([[2, 0], [0, 0]])", got, [1, NAN], mistakes={ABSENT: [1, 0], ABSENT_RIGHT: [1, 1]})


def test_a_small_class_counts_as_much_as_a_large_one():
    labels = np.repeat([0, 1, 2], [900, 80, 20]).reshape(40, 25)
    predictions = np.repeat([0, 1, 0], [900, 40, 60]).reshape(40, 25)
    values = np.array([900 / 960, 40 / 80, 0])
    few = 900 % 256
    mistakes = {
        ACCURACY: 940 / 1000,
        BY_SIZE: (900 * values[0] + 80 * values[1]) / 1000,
        ONE_POT: 940 / (2000 - 940),
        TWICE: (900 / 1860 + 40 / 120 + 0) / 3,
        TOO_MANY: (few / (few + 60) + 40 / 80 + 0) / 3,
    }
    call = "mean_iou(labels, predictions, 3), for the matrix [[900, 0, 0], [40, 40, 0], [20, 0, 0]],"
    check(call, answer.mean_iou(labels, predictions, 3), values.mean(), mistakes=mistakes)
    pixels = np.zeros(70000, np.uint8)
    got = answer.confusion_matrix(pixels, pixels, 1)
    call = "for 70000 pixels of class 0, confusion_matrix(labels, labels, 1)"
    check(call, got, [[70000]], mistakes={MILLIONS: [[70000 % 2**16]]}, kind="whole")


def test_a_random_batch_gives_what_minifcn_gives():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 21, (2, 9, 14)).astype(np.uint8)
    predictions = np.where(rng.random(labels.shape) < 0.6, labels, rng.integers(0, 21, labels.shape)).astype(np.uint8)
    labels[rng.random(labels.shape) < 0.1] = 255
    labels = np.asfortranarray(labels)
    before = labels.copy(), predictions.copy()
    counted = labels != 255
    confusion = metrics.ConfusionMatrix(21)
    confusion.update(labels, predictions)
    wrapped = np.bincount(labels[counted] * np.uint8(21) + predictions[counted], minlength=441).reshape(21, 21)
    call = "for uint8 arrays (2, 9, 14), confusion_matrix(labels, predictions, 21)"
    got = answer.confusion_matrix(labels, predictions, 21)
    by_memory = metrics.ConfusionMatrix(21)
    by_memory.update(labels.ravel("K"), predictions.ravel("K"))
    mistakes = {OVERFLOW: wrapped, MEMORY: by_memory.matrix}
    check(call, got, confusion.matrix, mistakes=mistakes, kind="whole")
    changed = {CHANGED: (labels, predictions)}
    check("(labels, predictions) after confusion_matrix", (labels, predictions), before, mistakes=changed)
    got = answer.mean_iou(labels, predictions, 21)
    check("mean_iou(labels, predictions, 21)", got, confusion.mean_iou, tolerance=1e-10)

    labels[~counted] = 3  # now this label does not count
    confusion, with_class_3 = metrics.ConfusionMatrix(21, ignore_index=3), metrics.ConfusionMatrix(21)
    confusion.update(labels, predictions)
    with_class_3.update(labels, predictions)
    got = answer.mean_iou(labels, predictions, 21, ignore_index=3)
    mistakes = {NOT_PASSED: with_class_3.mean_iou}
    check("mean_iou(labels, predictions, 21, ignore_index=3)", got, confusion.mean_iou, mistakes=mistakes)
