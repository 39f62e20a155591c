"""Exercise 1: the size of what a window yields."""


def conv_output_size(n, kernel_size, stride=1, padding=0):
    return (n + 2 * padding - kernel_size) // stride + 1


def conv_transpose_output_size(n, kernel_size, stride=1, padding=0):
    return (n - 1) * stride + kernel_size - 2 * padding
