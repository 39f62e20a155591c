"""Exercise 2: the windows of an image as the columns of a matrix.

Once all windows stand side by side in a matrix, a convolution is one matrix product. Draw an image of 3x3 pixels with
the numbers 1 to 9 first, and write its four 2x2 windows as columns. Then do the same with 2 channels: a window covers
all of them, so how long is a column now?

To read: notebook 02, "Gathering the windows: im2col" and "Several channels". To check: `minifcn exercises 2`.
"""


def im2col(x, kernel_size, stride=1, padding=0):
    """Give the windows of one image as the columns of a matrix.

    x : array (C, H, W), one image. Leave it as it is.
    kernel_size : K; a window has K x K pixels of every channel. stride : S. padding : P zeros on every side.

    Returns an array (C * K * K, OH * OW), where OH x OW is the number of windows (exercise 1). Column i * OW + j is
    the window that stands at place (i, j): its first channel row by row, then its second channel, and so on.
    """
    raise NotImplementedError
