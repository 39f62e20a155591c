"""Convolutions that finish their outputs while these are in the cache: a bias is added, negative numbers become 0.

2x2 pixels may become their maximum too: then the map before the pool is not kept, and where nothing is recorded it is
never in memory.

A map is read and written once, where one operation after the other would do so three times. Values and gradients are
those of the operations of convolution.py and `relu`, one after the other; where the definition computes (`with
minifcn.algorithm("im2col")`, and in float64), those are what runs.
"""

from __future__ import annotations

from minifcn.autograd import operation
from minifcn.backend import array_module, product
from minifcn.compute import algorithm
from minifcn.compute.algorithm import Finish, finish_map
from minifcn.compute.im2col import pixels
from minifcn.compute.window import HALVES
from minifcn.functional.activation import where_positive
from minifcn.functional.arithmetic import broadcast_to
from minifcn.functional.convolution import gradients_of_convolution, gradients_of_transposed
from minifcn.functional.pooling import to_winner
from minifcn.recording import recording


@operation
def finished_convolution(x, weight, bias, *, window, groups=1, relu=False):
    """y = W A x + b, or max(y, 0)."""
    y = algorithm.convolve(x.data, weight.data, window, groups, Finish(bias.data, relu, keep=not recording.get()))

    def backward(gy):
        if relu:
            gy = where_positive(gy, y=y)
        by_x, by_weight = gradients_of_convolution(x, weight, gy, window=window, groups=groups)
        return by_x, by_weight, lambda: sum_pixels(gy)

    return y, backward


@operation
def pooled_convolution(x, weight, bias, *, window, groups=1, relu=False):
    """The maximum of each 2x2 pixels of `finished_convolution`, and of those that there are at the edges.

    What is kept for the backward pass is the maxima and which pixels they were, not the map: to all others goes 0, and
    where a maximum is positive its pixel was.
    """
    recorded = recording.get() and any(tensor.requires_grad for tensor in (x, weight, bias))
    finish, size = Finish(bias.data, relu, keep=not recording.get(), pool=not recorded), window.output_size(x.shape[2:])
    y = algorithm.convolve(x.data, weight.data, window, groups, finish)
    pooled_size = HALVES.output_size(size, ceil_mode=True)
    y, winner = algorithm.max_pool(y, HALVES, pooled_size) if recorded else (y, None)

    def backward(gy):
        if relu:
            gy = where_positive(gy, y=y)
        gy = to_winner(gy, winner=winner, window=HALVES, size=size)
        by_x, by_weight = gradients_of_convolution(x, weight, gy, window=window, groups=groups)
        return by_x, by_weight, lambda: sum_pixels(gy)

    return y, backward


@operation
def finished_transposed_convolution(y, weight, bias, *, window, size, groups=1):
    """x = Aᵀ Wᵀ y + b."""
    x = algorithm.convolve_transposed(y.data, weight.data, window, size, groups)
    finish_map(x, Finish(bias.data))

    def backward(gx):
        by_y, by_weight = gradients_of_transposed(y, weight, gx, window=window, groups=groups)
        return by_y, by_weight, lambda: sum_pixels(gx)

    return x, backward


@operation
def sum_pixels(x):
    """Sum over the batch and all pixels of each channel, as a product with ones: twice as fast as a sum."""
    shape = x.shape

    def backward(gy):
        return (broadcast_to(gy.reshape(1, -1, 1, 1), shape=shape),)

    rows = pixels(x.data)
    return product(array_module(rows).ones(rows.shape[0], rows.dtype), rows), backward
