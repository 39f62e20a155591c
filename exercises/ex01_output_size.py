"""Exercise 1: the size of what a window yields.

A window of K pixels slides over n pixels, S at a time, after P pixels have been added at either end. How many times
does it stand? Draw n = 5, K = 3 on paper first; then S = 2; then P = 1.

To read: notebook 02, "Stride and padding"; notebook 05, 5.1 and 5.2. To check: `minifcn exercises 1`.
"""


def conv_output_size(n, kernel_size, stride=1, padding=0):
    """Give the number of places where the whole window fits.

    n : pixels of the input. kernel_size : K. stride : S. padding : P, at either end. All whole numbers.

    Returns an int.
    """
    raise NotImplementedError


def conv_transpose_output_size(n, kernel_size, stride=1, padding=0):
    """Give the pixels of the output of a transposed convolution of n pixels.

    Each input pixel leaves a stamp of K pixels. The stamps begin S apart; then P pixels are cut off at either end.

    Returns an int.
    """
    raise NotImplementedError
