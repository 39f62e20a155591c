"""Exercise 9: softmax cross-entropy with ignore_index.

The loss that trains a segmentation network: minus the logarithm of the probability that each pixel gives to its label,
averaged over the pixels that count. On paper first: one pixel with the scores (2, 1, 0) and the label 1. What are the
probabilities, the loss, and the gradient of the loss with respect to each of the three scores? Then the scores
(1000, 999, 0): what overflows, and which number can be subtracted from all of them without changing a probability?

To read: notebook 07, sections 7.1 to 7.6. To check: `minifcn exercises 9`.
"""


def log_softmax(scores):
    """Give the logarithm of the probability of each class at each pixel.

    scores : array (C, H, W), one score for each class and pixel; any numbers, large ones too.

    Returns an array (C, H, W). `scores` stays as it is.
    """
    raise NotImplementedError


def softmax_cross_entropy(scores, labels, ignore_index=255):
    """Give the mean of -log p[label] over the pixels that count.

    scores : array (C, H, W). labels : integer array (H, W), also uint8, the class of each pixel, 0 to C - 1, or
        `ignore_index`. Both stay as they are.
    ignore_index : label of the pixels that do not count.

    Returns a number; 0 if no pixel counts.
    """
    raise NotImplementedError


def softmax_cross_entropy_backward(scores, labels, ignore_index=255):
    """Give the gradient of `softmax_cross_entropy` with respect to the scores.

    The arguments are those of `softmax_cross_entropy`. Returns an array (C, H, W).
    """
    raise NotImplementedError
