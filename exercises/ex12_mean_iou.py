"""Exercise 12: mean IoU.

The number by which segmentation networks are compared. Of each class: how many pixels are it and were called it
(intersection), out of those that are it or were called it (union)? Then the mean over the classes. On paper first: a
label and a prediction of 3x4 pixels with three classes; count the 3x3 table of what was taken for what, and find in it
the intersection and the union of each class.

To read: notebook 00, "Intersection over union" and "One table for all: the confusion matrix"; notebook 11, "Counting
what is right". To check: `minifcn exercises 12`.
"""


def confusion_matrix(labels, predictions, num_classes, ignore_index=255):
    """Count what was taken for what.

    labels, predictions : integer arrays, also uint8, both of the same shape, which may be any: (H, W), (N, H, W), or
        (number of pixels,). A label is a class, 0 to num_classes - 1, or `ignore_index`.
    num_classes : C. ignore_index : label of the pixels that do not count. Both arrays stay as they are.

    Returns an integer array (C, C): in row i and column j the pixels of class i that were predicted as class j.
    """
    raise NotImplementedError


def iou(matrix):
    """Give intersection over union of each class.

    matrix : confusion matrix (C, C).

    Returns an array (C,), NaN (or masked) for a class that is neither in the labels nor in the predictions.
    """
    raise NotImplementedError


def mean_iou(labels, predictions, num_classes, ignore_index=255):
    """Give the mean of `iou` over the classes that are in the labels or in the predictions.

    The arguments are those of `confusion_matrix`. Returns a number.
    """
    raise NotImplementedError
