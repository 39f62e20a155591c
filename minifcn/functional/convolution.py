"""Convolution and transposed convolution of maps (N, C, H, W), each the derivative of the other.

The three operations below are the three sides of one form <y, W A x> (compute/convolution.py): whichever two of
x, W and y are given, the derivative with respect to one of them is the operation that leaves it out.

What a user calls, `conv2d` and `conv_transpose2d`, is in conv.py; the same in one sweep, for speed, in fused.py.
"""

from __future__ import annotations

from minifcn.autograd import operation
from minifcn.compute import algorithm
from minifcn.functional.arithmetic import sum_over


@operation
def convolution(x, weight, *, window, groups=1):
    """y = W A x."""

    def backward(gy):
        return gradients_of_convolution(x, weight, gy, window=window, groups=groups)

    return algorithm.convolve(x.data, weight.data, window, groups), backward


def gradients_of_convolution(x, weight, gy, *, window, groups):
    """Give what computes the gradients of <gy, W A x> by x and by W."""
    size = x.shape[2:]
    return (
        lambda: transposed_convolution(gy, weight, window=window, size=size, groups=groups),
        lambda: weight_gradient(x, gy, window=window, groups=groups),
    )


@operation
def transposed_convolution(y, weight, *, window, size, groups=1):
    """x = Aᵀ Wᵀ y."""

    def backward(gx):
        return gradients_of_transposed(y, weight, gx, window=window, groups=groups)

    return algorithm.convolve_transposed(y.data, weight.data, window, size, groups), backward


def gradients_of_transposed(y, weight, gx, *, window, groups):
    """Give what computes the gradients of <y, W A gx> by y and by W."""
    return (
        lambda: convolution(gx, weight, window=window, groups=groups),
        lambda: weight_gradient(gx, y, window=window, groups=groups),
    )


@operation
def weight_gradient(x, y, *, window, groups=1):
    """W' = y (A x)ᵀ."""

    def backward(gw):
        size = x.shape[2:]
        return (
            lambda: transposed_convolution(y, gw, window=window, size=size, groups=groups),
            lambda: convolution(x, gw, window=window, groups=groups),
        )

    return algorithm.convolve_weight(x.data, y.data, window, groups), backward


@operation
def add_bias(y, bias):
    """y[n, o, i, j] + b[o]."""

    def backward(gy):
        return gy, lambda: sum_over(gy, axis=(0, 2, 3))

    return y.data + bias.data[:, None, None], backward
