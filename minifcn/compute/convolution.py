"""Convolution, transposed convolution and weight gradient: one form, seen from three sides.

With A the 0/1 matrix that gathers the windows of x (im2col) and W the weights as a matrix,

    convolution              y  = W A x
    transposed convolution   x  = Aᵀ Wᵀ y        Aᵀ scatters windows back and adds them up (col2im)
    weight gradient          W' = y (A x)ᵀ

All three belong to one number, <y, W A x>, which is linear in each of y, W and x. The derivative of any of them
is therefore one of the other two: nothing else is ever needed, to any order.

Pixels are the rows of a matrix here (see im2col.py), so the code reads each line transposed: yᵀ = (A x)ᵀ Wᵀ.
"""

from __future__ import annotations

from collections.abc import Callable

from minifcn.backend import array_module, product
from minifcn.compute.im2col import col2im, im2col, maps, pixels
from minifcn.compute.window import Pair, Window


def matrix(weight):
    """Read a weight (O, C, KH, KW) as the matrix W (O, KH·KW·C); a view if it is channels-last in memory."""
    outputs, channels, kh, kw = weight.shape
    return weight.transpose(0, 2, 3, 1).reshape(outputs, kh * kw * channels)


def convolve(x, weight, window: Window):
    """W A x: (N, C, H, W), (O, C, KH, KW) -> (N, O, OH, OW)."""
    y = product(im2col(x, window), matrix(weight).T)
    return maps(y, x.shape[0], window.output_size(x.shape[2:]))


def convolve_transposed(y, weight, window: Window, size: Pair):
    """Aᵀ Wᵀ y: (N, O, OH, OW), (O, C, KH, KW) -> `(N, C, *size)`."""
    return col2im(product(pixels(y), matrix(weight)), window, size)


def convolve_weight(x, y, window: Window):
    """y (A x)ᵀ, summed over the batch: (N, C, H, W), (N, O, OH, OW) -> (O, C, KH, KW)."""
    products = product(pixels(y).T, im2col(x, window))
    return products.reshape(y.shape[1], *window.kernel, x.shape[1]).transpose(0, 3, 1, 2)


def by_groups(function: Callable, a: tuple, b: tuple, groups: int, axis: int, *settings):
    """Apply one of the three maps to each of `groups` slices of the channels: AlexNet has two.

    a, b : an array, and the axis that is cut: the channels of a map, the outputs of a weight (O, C/groups, KH, KW).
    axis : along which the results are put together, 0 or 1
    """
    xp = array_module(a[0])
    parts = zip(*(xp.split(array, groups, cut) for array, cut in (a, b)), strict=True)
    in_memory = [function(*part, *settings).transpose(0, 2, 3, 1) for part in parts]  # CuPy joins in C order
    return xp.concatenate(in_memory, -axis).transpose(0, 3, 1, 2)
