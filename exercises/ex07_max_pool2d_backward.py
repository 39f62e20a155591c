"""Exercise 7: the gradient of max-pooling.

Max-pooling keeps the largest pixel of each window. Only this pixel, the winner, has any effect on y, so it alone gets
the g of its window. Take the 4x4 map of notebook 03 on paper first, frame the winners, and write the numbers of g
under them. Then think of two cases: which pixel gets g if two are equally large, and what does a pixel get that wins
two windows?

To read: notebook 03, "The gradient goes to the winners", "Windows that overlap" and "Equal values: the first one wins".
To check: `minifcn exercises 7`.
"""


def max_pool2d_backward(g, x, kernel_size, stride):
    """Give the gradient of a loss with respect to x, where y = max_pool2d(x, kernel_size, stride).

    g : array (C, OH, OW), the gradient of the loss with respect to y. OH = (H - K) // S + 1, and OW alike.
    x : array (C, H, W), one map, of any values. Leave both arrays as they are.
    kernel_size : K, a window has K x K pixels of one channel. stride : S.

    Returns an array (C, H, W). If several pixels of a window are equally large, the winner is the first one in the
    order of reading: rows from the top, each from the left.
    """
    raise NotImplementedError
