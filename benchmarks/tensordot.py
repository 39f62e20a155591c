"""The textbook way with NumPy as a contestant: im2col of the whole map, then `np.tensordot`.

It is the algorithm of DeZero and, on a CPU, of Chainer: arrays are NCHW, columns (N, C, KH, KW, OH, OW), BLAS has all
its threads, everything else has one. As in Chainer's first versions the columns are kept for the weight gradient, which
takes memory and saves time. Max-pooling goes through im2col too. The rest of the network, autograd, loss and SGD are
minifcn's. Example:

    minifcn bench networks --against benchmarks/tensordot.py
"""

from unittest.mock import patch

import numpy as np

import minifcn.functional as F
from minifcn.autograd import Tensor, operation
from minifcn.backend import blas, threads
from minifcn.benchmark import contestants
from minifcn.benchmark.work import WINDOW
from minifcn.compute.window import Window
from minifcn.nn import containers


def im2col(x, window, size, value=0):
    """Gather the windows of x (N, C, H, W) for `size` outputs."""
    (n, c), (kh, kw), (sh, sw), (ph, pw), (oh, ow) = x.shape[:2], window.kernel, window.stride, window.padding, size
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph + sh - 1), (pw, pw + sw - 1)), constant_values=value)
    columns = np.empty((n, c, kh, kw, oh, ow), x.dtype)
    for i in range(kh):
        for j in range(kw):
            columns[:, :, i, j] = x[:, :, i : i + sh * oh : sh, j : j + sw * ow : sw]
    return columns


def col2im(columns, window, size):
    """Add windows up to a map of `size`."""
    (n, c, kh, kw, oh, ow), (sh, sw), (ph, pw), (h, w) = columns.shape, window.stride, window.padding, size
    x = np.zeros((n, c, h + 2 * ph + sh - 1, w + 2 * pw + sw - 1), columns.dtype)
    for i in range(kh):
        for j in range(kw):
            x[:, :, i : i + sh * oh : sh, j : j + sw * ow : sw] += columns[:, :, i, j]
    return x[:, :, ph : ph + h, pw : pw + w]


def multiply(columns, weight):
    """W A x."""
    return np.rollaxis(np.tensordot(columns, weight, ((1, 2, 3), (1, 2, 3))), 3, 1)


def multiply_transposed(y, weight, window, size):
    """Aᵀ Wᵀ y."""
    return col2im(np.rollaxis(np.tensordot(weight, y, (0, 1)), 3), window, size)


def multiply_weight(y, columns):
    """y (A x)ᵀ."""
    return np.tensordot(y, columns, ((0, 2, 3), (0, 4, 5)))


@operation
def convolution(x, weight, bias, *, window):
    columns = im2col(x.data, window, window.output_size(x.shape[2:]))
    y = multiply(columns, weight.data)
    y += bias.data[:, None, None]

    def backward(gy):
        return (
            Tensor(multiply_transposed(gy.data, weight.data, window, x.shape[2:])) if x.requires_grad else None,
            Tensor(multiply_weight(gy.data, columns)),
            Tensor(gy.data.sum(axis=(0, 2, 3))),
        )

    return y, backward


@operation
def transposed_convolution(x, weight, *, window):
    size = window.transposed_size(x.shape[2:])

    def backward(gy):
        columns = im2col(gy.data, window, x.shape[2:])
        return Tensor(multiply(columns, weight.data)), Tensor(multiply_weight(x.data, columns))

    return multiply_transposed(x.data, weight.data, window, size), backward


@operation
def window_maximum(x, *, window, size):
    columns = im2col(x.data, window, size, value=-np.inf)
    shape, columns = columns.shape, columns.reshape(*x.shape[:2], -1, *size)
    winner = columns.argmax(axis=2, keepdims=True)

    def backward(gy):
        columns = np.zeros((*x.shape[:2], shape[2] * shape[3], *size), x.dtype)
        np.put_along_axis(columns, winner, gy.data[:, :, None], axis=2)
        return (Tensor(col2im(columns.reshape(shape), window, x.shape[2:])),)

    return columns.max(axis=2), backward


def conv2d(x, weight, bias, stride, padding, dilation, groups, *, relu):
    y = convolution(x, weight, bias, window=Window.of(weight.shape[2:], stride, padding))
    return F.relu(y) if relu else y


def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    return transposed_convolution(x, weight, window=Window.of(weight.shape[2:], stride, padding))


def max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode):
    window = Window.of(kernel_size, stride, padding)
    return window_maximum(x, window=window, size=window.output_size(x.shape[2:], ceil_mode))


def layer(kind, x, weight, gy):
    """Give one of the three maps; the columns of the weight gradient are there already."""
    size = x.shape[2:]
    columns = im2col(x, WINDOW, size) if kind == "weight gradient" else None
    return {
        "forward map": lambda: multiply(im2col(x, WINDOW, size), weight),
        "input gradient": lambda: multiply_transposed(gy, weight, WINDOW, size),
        "weight gradient": lambda: multiply_weight(gy, columns),
    }[kind]


def prepare(work):
    """Give the function to be timed: minifcn's networks, with these operations in the place of its own."""
    if work.device != "cpu":
        raise ValueError("tensordot.py computes on the CPU only")
    if not work.is_network:
        return layer(work.kind, *map(np.ascontiguousarray, work.arrays()))
    model, images, labels = work.network()
    for parameter in model.parameters():
        parameter.data = np.ascontiguousarray(parameter.data)
    run = contestants.network(work, model, np.ascontiguousarray(images), labels)

    def timed():
        operations = patch.multiple(F, conv2d=conv2d, conv_transpose2d=conv_transpose2d, max_pool2d=max_pool2d)
        one_by_one = patch.object(containers, "takes_pool", lambda *_: False)
        with (
            operations,
            one_by_one,
            patch.object(blas, "blas_libraries", list),
            patch.object(threads, "thread_count", lambda: 1),
        ):
            return run()

    return timed


CONTESTANTS = {"tensordot im2col": prepare}
