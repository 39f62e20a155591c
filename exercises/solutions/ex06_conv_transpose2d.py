"""Exercise 6: a transposed convolution."""

import numpy as np


def conv_transpose2d(x, weight, stride=1, padding=0):
    channels, height, width = x.shape
    _, outputs, kernel_rows, kernel_columns = weight.shape
    whole = np.zeros((outputs, (height - 1) * stride + kernel_rows, (width - 1) * stride + kernel_columns))
    for c, i, j in np.ndindex(channels, height, width):
        top, left = i * stride, j * stride
        whole[:, top : top + kernel_rows, left : left + kernel_columns] += x[c, i, j] * weight[c]
    _, rows, columns = whole.shape
    return whole[:, padding : rows - padding, padding : columns - padding]
