"""Slow twins of the operations, written as their definitions read: loops over pixels, and nothing else.

They are oracles. The fast code may be clever as long as it gives the same numbers as these.
"""

from itertools import product

import numpy as np


def kernel_meets_map(x_shape, weight_shape, window, groups=1):
    """Yield every place (y index, weight index, x index) where a kernel entry lies on a pixel of the map.

    All three maps of a convolution are sums over these places.
    """
    n, _, h, w = x_shape
    outputs, channels, kh, kw = weight_shape
    (sh, sw), (ph, pw), (dh, dw) = window.stride, window.padding, window.dilation
    oh, ow = (count_windows(*axis) for axis in zip((h, w), *_axes(window), strict=True))
    for image, output, i, j, k, m in np.ndindex(n, outputs, oh, ow, kh, kw):
        row, column = i * sh - ph + k * dh, j * sw - pw + m * dw
        if 0 <= row < h and 0 <= column < w:
            first = output // (outputs // groups) * channels
            group = slice(first, first + channels)
            yield (image, output, i, j), (output, slice(None), k, m), (image, group, row, column)


def _axes(window):
    return window.kernel, window.stride, window.padding, window.dilation


def count_windows(n, k, s=1, p=0, d=1, ceil_mode=False):
    """Count along one axis: put windows down one by one, S apart, from the start of the padding."""
    end, extent = n + 2 * p, d * (k - 1) + 1
    count, start = 0, 0
    while start + extent <= end or (ceil_mode and start - s + extent < end and start < n + p):
        count, start = count + 1, start + s
    return count


def convolve(x, weight, window, groups=1):
    """y[o, i, j] = Σ w[o, c, k, m] x[c, S i - P + D k, S j - P + D m]."""
    size = (count_windows(*axis) for axis in zip(x.shape[2:], *_axes(window), strict=True))
    y = np.zeros((x.shape[0], weight.shape[0], *size))
    for at_y, at_w, at_x in kernel_meets_map(x.shape, weight.shape, window, groups):
        y[at_y] += weight[at_w] @ x[at_x]
    return y


def convolve_transposed(y, weight, window, size, groups=1):
    """Every pixel of y stamps the kernel, times its value, on the map."""
    x = np.zeros((y.shape[0], weight.shape[1] * groups, *size))
    for at_y, at_w, at_x in kernel_meets_map(x.shape, weight.shape, window, groups):
        x[at_x] += weight[at_w] * y[at_y]
    return x


def convolve_weight(x, y, window, groups=1):
    """Every entry of the kernel collects the pixels that it meets, times y."""
    weight = np.zeros((y.shape[1], x.shape[1] // groups, *window.kernel))
    for at_y, at_w, at_x in kernel_meets_map(x.shape, weight.shape, window, groups):
        weight[at_w] += x[at_x] * y[at_y]
    return weight


def windows_of_pixels(x_shape, window, ceil_mode=False):
    """Yield for each window its output index (i, j) and the list of the map's pixels (row, column) inside it."""
    h, w = x_shape[2:]
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = _axes(window)
    oh, ow = (count_windows(*axis, ceil_mode) for axis in zip((h, w), *_axes(window), strict=True))
    for i, j in np.ndindex(oh, ow):
        places = [(i * sh - ph + k * dh, j * sw - pw + m * dw) for k, m in product(range(kh), range(kw))]
        yield (i, j), [(row, column) for row, column in places if 0 <= row < h and 0 <= column < w]


def max_pool2d(x, window, ceil_mode=False):
    """Maxima, and their flat positions in the plane; of equal values the first in reading order."""
    pools = list(windows_of_pixels(x.shape, window, ceil_mode))
    size = [last + 1 for last in pools[-1][0]]
    y = np.empty((*x.shape[:2], *size), x.dtype)
    indices = np.empty(y.shape, "int64")
    for n, c in np.ndindex(x.shape[:2]):
        for (i, j), pixels in pools:
            row, column = max(pixels, key=lambda pixel: x[n, c, pixel[0], pixel[1]])  # max() keeps the first
            y[n, c, i, j], indices[n, c, i, j] = x[n, c, row, column], row * x.shape[3] + column
    return y, indices


def max_pool2d_gradient(gy, indices, x_shape):
    """Add every gradient to the pixel that won."""
    gx = np.zeros((*x_shape[:2], x_shape[2] * x_shape[3]))
    for n, c, i, j in np.ndindex(gy.shape):
        gx[n, c, indices[n, c, i, j]] += gy[n, c, i, j]
    return gx.reshape(x_shape)


def local_response_norm(x, size, alpha, beta, k):
    """Caffe's LRN layer: x / (k + alpha/size Σ x²)^beta, over the channels c - size//2 .. c + size//2."""
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        nearby = [x[:, other] ** 2 for other in range(x.shape[1]) if abs(other - c) <= size // 2]
        y[:, c] = x[:, c] / (k + alpha / size * sum(nearby)) ** beta
    return y


def softmax_cross_entropy(scores, labels, weight=None, ignore_index=255):
    """Map of losses, and the sum of the weights of the pixels that count."""
    losses, total = np.zeros(labels.shape), 0.0
    for place in np.ndindex(labels.shape):
        label = int(labels[place])
        if label != ignore_index:
            exponentials = np.exp(scores[(place[0], slice(None), *place[1:])])
            w = 1.0 if weight is None else weight[label]
            losses[place] = -w * np.log(exponentials[label] / exponentials.sum())
            total += w
    return losses, total


def numeric_gradient(function, arrays, cotangents, step=1e-6):
    """Move every number of every array by ± step: the gradients of Σ <cotangent, output>, in float64.

    ``function(*arrays)`` gives a list of arrays, one for each cotangent.
    """

    def total(moved):
        return sum(float((v * y).sum()) for v, y in zip(cotangents, function(*moved), strict=True))

    gradients = [np.empty(array.shape) for array in arrays]
    for which, array in enumerate(arrays):
        for place in np.ndindex(array.shape):
            ahead, behind = ([a.copy() for a in arrays] for _ in range(2))
            ahead[which][place] += step
            behind[which][place] -= step
            gradients[which][place] = (total(ahead) - total(behind)) / (2 * step)
    return gradients
