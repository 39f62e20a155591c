"""Exercise 5: the gradient of a convolution."""

import numpy as np


def conv2d_backward(g, x, weight, stride=1, padding=0):
    _, height, width = x.shape
    _, _, kernel_rows, kernel_columns = weight.shape
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    dpadded, dweight = np.zeros(padded.shape), np.zeros(weight.shape)
    for o, i, j in np.ndindex(g.shape):
        top, left = i * stride, j * stride
        rows, columns = slice(top, top + kernel_rows), slice(left, left + kernel_columns)
        dpadded[:, rows, columns] += g[o, i, j] * weight[o]
        dweight[o] += g[o, i, j] * padded[:, rows, columns]
    dx = dpadded[:, padding : padding + height, padding : padding + width]
    dbias = g.sum(axis=(1, 2))
    return dx, dweight, dbias
