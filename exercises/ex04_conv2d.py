"""Exercise 4: a convolution.

The kernel is laid on the image, each weight is multiplied by the pixel under it, and everything is added up: that is
one pixel of the output. Compute the two output pixels of x = [[1, 2, 0], [0, 1, 3]] and w = [[1, 2], [3, 4]] on paper
first. Then write the formula below as loops, or gather the windows into a matrix and multiply once.

To read: notebook 02, from "One output pixel is one weighted sum" to "Gathering the windows: im2col", and "Several
channels". To check: `minifcn exercises 4`.
"""


def conv2d(x, weight, bias=None, stride=1, padding=0):
    """Convolve one image.

    y[o, i, j] = bias[o] + sum over c, k, l of weight[o, c, k, l] * x[c, S i + k - P, S j + l - P]

    x : array (C, H, W), one image; outside it there are zeros.
    weight : array (O, C, KH, KW), a kernel for each output channel; KH and KW may differ.
    bias : array (O,), a number for each output channel, or None. Leave the three arrays as they are.
    stride : S. padding : P zeros on every side.

    Returns an array (O, OH, OW), with OH = (H + 2 P - KH) // S + 1, and OW alike.
    """
    raise NotImplementedError
