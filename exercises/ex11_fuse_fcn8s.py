"""Exercise 11: how FCN-8s puts its three streams together.

Scores of fc7 are coarse and know what there is; scores of pool4 and pool3 are finer and know where. FCN-8s brings them
to one size by upsampling, cuts off what lies outside, and adds. On paper first: boxes for the three maps of scores and
for what becomes of them, each with its number of rows; for an image of 64 rows score_fr has 3, score_pool4 17 and
score_pool3 33. Which two can be added first? Write the three offsets 5, 9 and 31 where they belong.

To read: notebook 09, "A skip by hand", and notebook 10, "FCN-8s". To check: `minifcn exercises 11`.
"""

import minifcn.functional as F
from minifcn import Tensor, nn


def upsample(x, stride):
    """Given: upsample scores (C, H, W) by S, bilinearly, with K = 2S and no padding, to (C, S·(H + 1), S·(W + 1))."""
    weight = nn.init.bilinear(len(x), len(x), 2 * stride, "float64")
    return F.conv_transpose2d(Tensor(x[None]), Tensor(weight), stride=stride).data[0]


def crop(x, offset, size):
    """Given: cut the rectangle of `size` (height, width) that begins at row and column `offset` out of (C, H, W)."""
    return F.crop(Tensor(x[None]), (offset, offset), size).data[0]


def fuse(skip, coarse, offset):
    """Add the scores of a skip to coarser ones that have been upsampled.

    skip : array (C, H, W). coarse : array (C, h, w), with h <= H and w <= W.
    offset : row and column of the skip over which row and column 0 of `coarse` lie.

    Returns an array (C, h, w). `skip` and `coarse` stay as they are.
    """
    raise NotImplementedError


def fuse_fcn8s(score_fr, score_pool4, score_pool3, image_size):
    """Turn the scores of the three streams into scores of the image, as FCN-8s does.

    score_fr, score_pool4, score_pool3 : arrays (C, H, W) of three sizes, whose pixels are 32, 16 and 8 image pixels
        apart, which stay as they are. image_size : (height, width) of the image.

    Whatever is added or returned is cropped first: score_pool4 at 5, score_pool3 at 9, the result at 31.

    Returns an array (C, height, width).
    """
    raise NotImplementedError
