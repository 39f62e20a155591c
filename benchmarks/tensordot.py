"""The algorithm of DeZero and Chainer as a contestant of `minifcn bench`: im2col and tensordot.

Maps are contiguous (N, C, H, W). im2col copies every window of the batch to (N, C, KH, KW, OH, OW), keeps it for the
gradient of the weight, and `tensordot` multiplies, on BLAS's own threads. It takes the place of the three maps inside
minifcn's networks; all else is minifcn's.

    minifcn bench networks --against benchmarks/tensordot.py
"""

from contextlib import nullcontext

import numpy as np

from minifcn.benchmark import contestants
from minifcn.compute import algorithm, threads

kept = {}  # columns of the forward pass, by the map that they were gathered from


def im2col(x, window):
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = window.kernel, window.stride, window.padding, window.dilation
    oh, ow = window.output_size(x.shape[2:])
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph + sh - 1), (pw, pw + sw - 1)))
    columns = np.empty((*x.shape[:2], kh, kw, oh, ow), x.dtype)
    for i in range(kh):
        for j in range(kw):
            columns[:, :, i, j] = padded[:, :, i * dh : i * dh + sh * oh : sh, j * dw : j * dw + sw * ow : sw]
    return columns


def col2im(columns, window, size):
    (sh, sw), (ph, pw), (dh, dw) = window.stride, window.padding, window.dilation
    n, c, kh, kw, oh, ow = columns.shape
    x = np.zeros((n, c, size[0] + 2 * ph + sh - 1, size[1] + 2 * pw + sw - 1), columns.dtype)
    for i in range(kh):
        for j in range(kw):
            x[:, :, i * dh : i * dh + sh * oh : sh, j * dw : j * dw + sw * ow : sw] += columns[:, :, i, j]
    return x[:, :, ph : ph + size[0], pw : pw + size[1]]


def convolve(x, weight, window, groups=1, finish=None):
    columns = im2col(x, window)
    if training:
        kept[id(x)] = x, columns
    y = np.tensordot(columns, weight, ((1, 2, 3), (1, 2, 3)))
    if finish:
        y += finish.bias
        if finish.relu:
            y = np.maximum(y, 0)
    return np.rollaxis(y, 3, 1)


def convolve_transposed(y, weight, window, size, groups=1):
    return col2im(np.rollaxis(np.tensordot(weight, y, (0, 1)), 3), window, size)


def convolve_weight(x, y, window, groups=1):
    _, columns = kept.pop(id(x), None) or (x, im2col(x, window))
    return np.tensordot(y, columns, ((0, 2, 3), (0, 4, 5)))


def prepare(work):
    global training
    training = work.way == "step"
    algorithm.convolve, algorithm.convolve_transposed, algorithm.convolve_weight = (
        convolve,
        convolve_transposed,
        convolve_weight,
    )
    threads._limit = nullcontext  # BLAS keeps its threads, as those libraries have it
    return contestants.prepare(work)


training = False
CONTESTANTS = {"tensordot": prepare}
