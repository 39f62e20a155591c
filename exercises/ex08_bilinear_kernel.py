"""Exercise 8: the bilinear kernel.

A transposed convolution with the right kernel interpolates: the stamps of neighbouring pixels overlap and add up to
straight lines. Draw the hats of three neighbouring pixels on paper first, S = 2 pixels of the output apart; mark the
centres of the four output pixels that one hat reaches, and read off its height there. Then S = 3, with five.

To read: notebook 06, sections 6.1 to 6.5. To check: `minifcn exercises 8`.
"""


def bilinear_kernel(kernel_size):
    """Give the kernel that interpolates linearly along the rows and along the columns.

    kernel_size : K, a whole number, at least 1. It is meant for upsampling by S = (K + 1) // 2: K = 2S lies between two
        output pixels, K = 2S - 1 on one of them.

    Returns an array (K, K): the share of a pixel in each of the output pixels that its stamp covers.
    """
    raise NotImplementedError


def bilinear_weight(channels, kernel_size):
    """Give the weight of a transposed convolution that interpolates each channel by itself.

    channels : C, as many come out as go in. kernel_size : K.

    Returns an array (C, C, K, K): axis 0 is the channel that goes in, axis 1 the channel that comes out.
    """
    raise NotImplementedError
