"""Exercise 8: the bilinear kernel."""

import numpy as np

import minifcn.functional as F
from minifcn import Tensor, nn
from minifcn.marking import Answer, NotYet, check

answer = Answer("ex08_bilinear_kernel")

CENTRE = "number the pixels of the stamp from 0 to K - 1: where is the middle, if K is even? See notebook 6.2"
REACH = "at which distance from its centre must a hat be 0, so that it ends where the next pixel sits? See notebook 6.2"
ENDS = "the outermost pixels have got nothing, as if the hat ended on them: how far away are they? See notebook 6.2"
NARROW = "this hat ends one output pixel from its centre: in which pixels is its distance measured? See notebook 6.2"
HALF = "the hat reaches S output pixels to either side: what is S for K = 5, by the docstring?"
NEAREST = "here each output pixel belongs to one input pixel only; what does one that lies between two get? See 6.1"
TOTAL = "one input pixel has to fill S x S output pixels, so what must the shares sum to? See notebook 6.3"
ONE_ROW = "this is the hat in one direction; a stamp has rows and columns. See notebook 6.3"
SUM = "a pixel half way in both directions gets a quarter of the share: by which operation on 1/2 and 1/2? See 6.3"
CONE = "cut a bilinear stamp along any row: is each cut a hat, reaching as far as the others? See notebook 6.3"
PAIRS = "which kernel leads from channel 0 to channel 1, and which from 0 to 0? There are C x C pairs. See notebook 6.5"
SIZE = "this is the weight for K = 4, which another test asked for; where does the kernel get its size from?"
CHANNELS = "this is the weight for three channels, which another test asked for; where does C come in?"
MIXED = "what would a class get from the scores of the other classes? Which of the C x C kernels connect it to them?"


def upsample(x, kernel, stride):
    """Stamp one map (H, W) with the kernel; leave out the border, where stamps are missing."""
    if kernel is None:
        return None
    size, kernel = 2 * stride, np.asarray(kernel, float)
    if kernel.shape != (size, size):
        raise NotYet(f"bilinear_kernel({size}) should have shape ({size}, {size}), but has {kernel.shape}")
    padding = (len(kernel) - stride) // 2
    y = F.conv_transpose2d(Tensor(x[None, None]), Tensor(kernel[None, None]), stride=stride, padding=padding).data[0, 0]
    return y[padding:-padding, padding:-padding]


def test_a_stamp_of_4_pixels_is_a_hat_times_a_hat():
    hat = np.array([1, 3, 3, 1]) / 4
    distance = np.array([-3, -1, 1, 3]) / 4
    mistakes = {
        CENTRE: np.outer([0, 1, 2, 1], [0, 1, 2, 1]) / 4,
        REACH: np.outer([5, 7, 7, 5], [5, 7, 7, 5]) / 64,
        ENDS: np.outer([0, 2, 2, 0], [0, 2, 2, 0]) / 9,
        NARROW: np.outer([0, 1, 1, 0], [0, 1, 1, 0]) / 4,
        NEAREST: np.outer([0, 1, 1, 0], [0, 1, 1, 0]),
        TOTAL: np.outer(hat, hat) / 4,
        ONE_ROW: hat,
        SUM: hat[:, None] + hat,
        SUM + " (A mean is no product.)": (hat[:, None] + hat) / 2,
        CONE: np.maximum(0, 1 - np.hypot(distance[:, None], distance)),
    }
    check("bilinear_kernel(4)", answer.bilinear_kernel(4), np.outer(hat, hat), mistakes=mistakes)


def test_a_stamp_of_5_pixels_has_one_in_the_middle():
    hat = np.array([1, 2, 3, 2, 1]) / 3
    mistakes = {
        HALF: np.outer([1, 3, 5, 3, 1], [1, 3, 5, 3, 1]) / 25,
        REACH: np.outer([3, 4, 5, 4, 3], [3, 4, 5, 4, 3]) / 25,
        TOTAL: np.outer(hat, hat) / 9,
    }
    check("bilinear_kernel(5)", answer.bilinear_kernel(5), np.outer(hat, hat), mistakes=mistakes, tolerance=1e-10)


def test_a_flat_map_stays_flat_inside():
    flat = upsample(np.ones((3, 4)), answer.bilinear_kernel(8), stride=4)
    mistakes = {TOTAL: np.full((8, 12), 1 / 16)}
    check("ones (3, 4), upsampled by 4, inside: y", flat, np.ones((8, 12)), mistakes=mistakes)


def test_a_slope_becomes_a_straight_line_and_keeps_its_place():
    slope = np.repeat([[0.0, 1, 2, 3, 4]], 3, axis=0)
    place = (np.arange(20) + 0.5) / 4 - 0.5  # of the centres of the output pixels, in pixels of the input
    line = np.repeat(place[None, 2:-2], 8, axis=0)
    mistakes = {
        CENTRE: line - 1 / 8,
        NEAREST: np.repeat(np.repeat(slope, 4, axis=0), 4, axis=1)[2:-2, 2:-2],
        TOTAL: line / 16,
    }
    got = upsample(slope, answer.bilinear_kernel(8), stride=4)
    check("the slope 0, 1, 2, 3, 4, upsampled by 4, inside: y", got, line, mistakes=mistakes)


def test_each_channel_is_interpolated_by_itself():
    expected = nn.init.bilinear(3, 3, 4, "float64")
    everywhere = np.broadcast_to(nn.init.bilinear_kernel(4), (3, 3, 4, 4))
    mistakes = {
        MIXED: everywhere,
        TOTAL: expected / 4,
        PAIRS: everywhere[0],
        PAIRS + " (One axis is still too short.)": everywhere[:, :1],
    }
    check("bilinear_weight(3, 4)", answer.bilinear_weight(3, 4), expected, mistakes=mistakes)
    for channels, size in ((2, 7), (5, 4), (1, 1)):
        fixed = {
            SIZE: nn.init.bilinear(channels, channels, 4, "float64"),
            CHANNELS: nn.init.bilinear(3, 3, size, "float64"),
        }
        expected = nn.init.bilinear(channels, channels, size, "float64")
        call = f"bilinear_weight({channels}, {size})"
        check(call, answer.bilinear_weight(channels, size), expected, mistakes=fixed, tolerance=1e-10)


def test_kernels_of_any_size():
    for size in (1, 2, 3, 6, 7, 9, 16, 64):
        expected = nn.init.bilinear_kernel(size)
        mistakes = {TOTAL: expected / expected.sum()} if size > 2 else {}  # the sum of the smaller ones is 1
        check(f"bilinear_kernel({size})", answer.bilinear_kernel(size), expected, mistakes=mistakes, tolerance=1e-10)
