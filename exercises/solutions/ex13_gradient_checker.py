"""Exercise 13: a gradient checker."""

import numpy as np

STEP = 1e-5


def numeric_gradient(f, x):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        right, left = x.copy(), x.copy()
        right[index] += STEP
        left[index] -= STEP
        gradient[index] = (f(right) - f(left)) / (2 * STEP)  # (f(x + h) - f(x - h)) / 2h
    return gradient


def relative_error(analytic, numeric):
    scale = max(np.abs(analytic).max(), np.abs(numeric).max())
    if scale == 0:
        return 0.0
    return np.abs(analytic - numeric).max() / scale


def gradient_checker(forward, backward, x, rng):
    gy = rng.normal(size=forward(x).shape)  # equal weights would hide some mistakes
    numeric = numeric_gradient(lambda values: (gy * forward(values)).sum(), x)
    return relative_error(backward(gy, x), numeric)
