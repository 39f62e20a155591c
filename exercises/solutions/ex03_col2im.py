"""Exercise 3: the columns of a matrix, added back to the image they were gathered from."""

import numpy as np


def col2im(columns, input_shape, kernel_size, stride=1, padding=0):
    channels, height, width = input_shape
    rows = (height + 2 * padding - kernel_size) // stride + 1
    places_in_a_row = (width + 2 * padding - kernel_size) // stride + 1
    padded = np.zeros((channels, height + 2 * padding, width + 2 * padding))
    for i, j in np.ndindex(rows, places_in_a_row):
        top, left = i * stride, j * stride
        window = columns[:, i * places_in_a_row + j].reshape(channels, kernel_size, kernel_size)
        padded[:, top : top + kernel_size, left : left + kernel_size] += window
    return padded[:, padding : padding + height, padding : padding + width]
