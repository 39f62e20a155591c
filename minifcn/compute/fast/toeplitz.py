"""Few channels: t neighbouring outputs in one product, with a weight that holds the kernel t times.

Between 8 channels, a product of windows (pixels x 72) and weights (72 x 8) is too narrow to fill the vectors, and
copying the windows takes as long again. Four outputs in a row look at a window of 3x6 instead of four of 3x3, which is
half as much to copy. The weight becomes four times as wide and has the kernel at four places, a block Toeplitz matrix:

    k0 k1 k2  0  0  0
     0 k0 k1 k2  0  0
     0  0 k0 k1 k2  0
     0  0  0 k0 k1 k2

Multiplying by its zeros costs less than what is saved: the first layer of a narrow net takes half the time. So the
outputs of a convolution with stride t and t·O channels are, read as (..., W/t, t·O), those of the one that is meant.
"""

from __future__ import annotations

from minifcn.backend import array_module
from minifcn.compute.fast import strips
from minifcn.compute.fast.elementwise import Finish
from minifcn.compute.window import Pair, Window


def applies(window: Window) -> bool:
    """Whether neighbouring outputs look at neighbouring pixels, and share some."""
    return window.stride[1] == window.dilation[1] == 1 and window.kernel[1] > 1


def neighbours(window: Window, size: Pair, channels: int, outputs: int) -> int:
    """Choose t: 4 up to 8 channels, 2 up to 16, as long as there are no more than 64 outputs; 1 if it does not apply.

    Measured on layers of a VGG16 with an eighth of its channels, where t = 8 was no better.
    """
    t = (4 if channels <= 8 else 2 if channels <= 16 else 1) if applies(window) else 1
    while t > 1 and (t * outputs > 64 or size[1] % t):
        t //= 2
    return t


def convolve(x, weight, window: Window, finish: Finish | None = None):
    """W A x, as in convolution.py."""
    size, (outputs, channels, kh, kw) = window.output_size(x.shape[2:]), weight.shape
    t = neighbours(window, size, channels, outputs)
    if t == 1:
        return strips.convolve(x, weight, window, finish)
    repeated = array_module(x).zeros((t, outputs, kh, kw + t - 1, channels), x.dtype)
    for i, kernel in enumerate(repeated):
        kernel[:, :, i : i + kw] = weight.transpose(0, 2, 3, 1)
    repeated = repeated.reshape(t * outputs, kh, kw + t - 1, channels).transpose(0, 3, 1, 2)
    y = strips.convolve(x, repeated, widened(window, t), finish and finish.repeated(t))
    return y.transpose(0, 2, 3, 1).reshape(x.shape[0], *size, outputs).transpose(0, 3, 1, 2)


def convolve_transposed(y, weight, window: Window, size: Pair):
    """Aᵀ Wᵀ y, as in convolution.py: by the turned kernel, as in strips.py."""
    return strips.convolve_transposed(y, weight, window, size, convolve)


def convolve_weight(x, y, window: Window):
    """y (A x)ᵀ, as in convolution.py: the sum over the t places of the kernel."""
    (n, outputs), size, channels, (kh, kw) = y.shape[:2], y.shape[2:], x.shape[1], window.kernel
    t = neighbours(window, size, channels, outputs)
    if t == 1:
        return strips.convolve_weight(x, y, window)
    grouped = y.transpose(0, 2, 3, 1).reshape(n, size[0], size[1] // t, t * outputs).transpose(0, 3, 1, 2)
    products = strips.convolve_weight(x, grouped, widened(window, t))
    products = products.transpose(0, 2, 3, 1).reshape(t, outputs, kh, kw + t - 1, channels)
    return sum(product[:, :, i : i + kw] for i, product in enumerate(products)).transpose(0, 3, 1, 2)


def widened(window: Window, t: int) -> Window:
    """Give the window of t neighbouring outputs."""
    (kh, kw), (sh, _) = window.kernel, window.stride
    return Window((kh, kw + t - 1), (sh, t), window.padding, window.dilation)
