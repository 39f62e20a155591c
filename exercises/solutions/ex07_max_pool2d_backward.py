"""Exercise 7: the gradient of max-pooling."""

import numpy as np


def max_pool2d_backward(g, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    for c, i, j in np.ndindex(g.shape):
        top, left = i * stride, j * stride
        window = x[c, top : top + kernel_size, left : left + kernel_size]
        row, column = np.unravel_index(window.argmax(), window.shape)  # argmax gives the first of equal values
        dx[c, top + row, left + column] += g[c, i, j]
    return dx
