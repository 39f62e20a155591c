"""Exercise 11: how FCN-8s puts its three streams together."""

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
    return crop(skip, offset, coarse.shape[1:]) + coarse


def fuse_fcn8s(score_fr, score_pool4, score_pool3, image_size):
    score = fuse(score_pool4, upsample(score_fr, 2), offset=5)  # 16 image pixels apart
    score = fuse(score_pool3, upsample(score, 2), offset=9)  # 8 image pixels apart
    return crop(upsample(score, 8), 31, image_size)
