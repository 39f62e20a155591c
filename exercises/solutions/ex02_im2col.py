"""Exercise 2: the windows of an image as the columns of a matrix."""

import numpy as np


def im2col(x, kernel_size, stride=1, padding=0):
    channels, height, width = x.shape
    rows = (height + 2 * padding - kernel_size) // stride + 1
    columns = (width + 2 * padding - kernel_size) // stride + 1
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    matrix = np.zeros((channels * kernel_size**2, rows * columns))
    for i, j in np.ndindex(rows, columns):
        top, left = i * stride, j * stride
        window = padded[:, top : top + kernel_size, left : left + kernel_size]
        matrix[:, i * columns + j] = window.ravel()
    return matrix
