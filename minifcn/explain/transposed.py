"""The transposed convolution four times over: by stamps, by gathering, by inserting zeros, and by the matrix Cᵀ.

Each is its definition in a few lines of NumPy in float64, for one image; they agree to the last digits. And the test
that makes it a transposed convolution at all: <C x, y> = <x, Cᵀ y> for any x and y.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import minifcn.functional as F
from minifcn.autograd import Tensor
from minifcn.compute.window import Pair, Window, pair
from minifcn.explain.check import image_shape, real
from minifcn.explain.matrices import conv_matrix
from minifcn.text import in_columns


def by_stamps(
    x: Any, weight: Any, stride: int | Pair = 1, padding: int | Pair = 0, output_padding: int | Pair = 0
) -> np.ndarray:
    """Convolve transposed: every pixel stamps the kernel, times its value, S pixels from the stamp of its neighbour.

    Parameters
    ----------
    x : Tensor or array (C, H, W)
    weight : Tensor or array (C, O, KH, KW)
    stride : int or (rows, columns)
        Distance S between the stamps of neighbouring pixels.
    padding : int or (rows, columns)
        What is cut off on every side. It pads the convolution that this one transposes.
    output_padding : int or (rows, columns)
        How much less is cut off at the bottom and at the right, less than S: computed pixels, not zeros.

    Returns
    -------
    array (O, OH, OW), float64
        OH = (H - 1)S - 2P + KH + output_padding, and OW alike.

    Examples
    --------
    >>> by_stamps([[[1.0, 10.0]]], [[[[1.0, 2.0, 3.0]]]], stride=2)
    array([[[ 1.,  2., 13., 20., 30.]]])
    """
    x, weight, window, (height, width) = _prepare(x, weight, stride, padding, output_padding)
    (kh, kw), (sh, sw), (ph, pw) = window.kernel, window.stride, window.padding
    canvas = np.zeros((weight.shape[1], height + 2 * ph, width + 2 * pw))
    for c, i, j in np.ndindex(x.shape):
        canvas[:, sh * i : sh * i + kh, sw * j : sw * j + kw] += x[c, i, j] * weight[c]
    return canvas[:, ph : ph + height, pw : pw + width]


def by_gather(
    x: Any, weight: Any, stride: int | Pair = 1, padding: int | Pair = 0, output_padding: int | Pair = 0
) -> np.ndarray:
    """Convolve transposed: every pixel of the result collects what lands on it; parameters as in `by_stamps`.

    Pixel a lies under place k of the stamp of pixel i where S i + k - P = a.

    Examples
    --------
    >>> by_gather([[[1.0, 10.0]]], [[[[1.0, 2.0, 3.0]]]], stride=2)
    array([[[ 1.,  2., 13., 20., 30.]]])
    """
    x, weight, window, size = _prepare(x, weight, stride, padding, output_padding)
    (sh, sw), (ph, pw) = window.stride, window.padding
    result = np.zeros((weight.shape[1], *size))
    for a, b, k, l in np.ndindex(*size, *window.kernel):  # noqa: E741 (the letters of conv2d's formula)
        i, row_between = divmod(a + ph - k, sh)
        j, column_between = divmod(b + pw - l, sw)
        if not (row_between or column_between) and 0 <= i < x.shape[1] and 0 <= j < x.shape[2]:
            result[:, a, b] += x[:, i, j] @ weight[:, :, k, l]
    return result


def by_zero_insertion(
    x: Any, weight: Any, stride: int | Pair = 1, padding: int | Pair = 0, output_padding: int | Pair = 0
) -> np.ndarray:
    """Convolve transposed: move the pixels S apart, and convolve with the kernel turned by 180 degrees.

    Parameters as in `by_stamps`. Between the pixels are S - 1 zeros, around them K - 1 - P. The kernel has to be
    turned: where the stamp of a pixel begins, with w00, the window over the spread pixels ends with that pixel.

    Examples
    --------
    >>> by_zero_insertion([[[1.0, 10.0]]], [[[[1.0, 2.0, 3.0]]]], stride=2)
    array([[[ 1.,  2., 13., 20., 30.]]])
    """
    x, weight, window, (height, width) = _prepare(x, weight, stride, padding, output_padding)
    (kh, kw), (sh, sw), (ph, pw) = window.kernel, window.stride, window.padding
    spread = np.zeros((len(x), height + 2 * ph + kh - 1, width + 2 * pw + kw - 1))
    spread[:, kh - 1 :: sh, kw - 1 :: sw][:, : x.shape[1], : x.shape[2]] = x
    spread = spread[:, ph:, pw:]
    turned = weight[:, :, ::-1, ::-1]
    result = np.zeros((weight.shape[1], height, width))
    for o, a, b in np.ndindex(result.shape):
        result[o, a, b] = (spread[:, a : a + kh, b : b + kw] * turned[:, o]).sum()
    return result


def by_matrix(
    x: Any, weight: Any, stride: int | Pair = 1, padding: int | Pair = 0, output_padding: int | Pair = 0
) -> np.ndarray:
    """Convolve transposed: Cᵀ x, with the matrix C of the convolution that has the same weight and window.

    Parameters as in `by_stamps`. The weight needs no reordering: C turns O channels into C, Cᵀ turns C into O.

    Examples
    --------
    >>> by_matrix([[[1.0, 10.0]]], [[[[1.0, 2.0, 3.0]]]], stride=2)
    array([[[ 1.,  2., 13., 20., 30.]]])
    """
    x, weight, window, size = _prepare(x, weight, stride, padding, output_padding)
    shape = (weight.shape[1], *size)
    matrix = conv_matrix(weight, shape, window.stride, window.padding)
    return (matrix.T @ x.ravel()).reshape(shape)


@dataclass(frozen=True)
class Comparison:
    """The implementations side by side.

    Parameters
    ----------
    multiplications : dict of int
        Of each implementation, by name.
    differences : dict of float
        The largest absolute difference of each to F.conv_transpose2d.
    """

    multiplications: dict[str, int]
    differences: dict[str, float]

    def __str__(self) -> str:
        lines = [("", "multiplications", "difference")]
        for name, count in self.multiplications.items():
            lines.append((name, f"{count:,}", f"{self.differences[name]:.1e}"))
        return in_columns(lines)


def compare_implementations(
    x: Any, weight: Any, stride: int | Pair = 1, padding: int | Pair = 0, output_padding: int | Pair = 0
) -> Comparison:
    """Compute one transposed convolution in all four ways, and compare them with F.conv_transpose2d.

    Parameters as in `by_stamps`.

    Returns
    -------
    Comparison
        Its str() is a table: of each implementation, how many multiplications it needs, those with inserted zeros
        included, and its largest difference to F.conv_transpose2d.

    Examples
    --------
    >>> print(compare_implementations(np.ones((1, 4, 4)), np.ones((1, 1, 4, 4)), stride=2, padding=1))
                    multiplications  difference
    stamps                      256     0.0e+00
    gather                      196     0.0e+00
    zero insertion            1,024     0.0e+00
    matrix                    1,024     0.0e+00
    """
    implementations: dict[str, Callable[..., np.ndarray]] = {
        "stamps": by_stamps,
        "gather": by_gather,
        "zero insertion": by_zero_insertion,
        "matrix": by_matrix,
    }
    results = {name: compute(x, weight, stride, padding, output_padding) for name, compute in implementations.items()}
    x, weight, window, size = _prepare(x, weight, stride, padding, output_padding)
    expected = F.conv_transpose2d(
        Tensor(x[None]), Tensor(weight), None, window.stride, window.padding, pair(output_padding, "output_padding")
    ).data[0]
    pixels, stamp, outputs = x.size, weight[0].size, weight.shape[1] * size[0] * size[1]
    meetings = conv_matrix(np.ones_like(weight), (weight.shape[1], *size), window.stride, window.padding)
    multiplications = {
        "stamps": pixels * stamp,
        "gather": np.count_nonzero(meetings),  # the stamps without what the padding cuts off
        "zero insertion": outputs * weight[:, 0].size,
        "matrix": outputs * pixels,
    }
    return Comparison(multiplications, {name: float(abs(y - expected).max()) for name, y in results.items()})


@dataclass(frozen=True)
class AdjointTest:
    """<C x, y> and <x, Cᵀ y> for some x and y.

    Parameters
    ----------
    left, right : float
        The two inner products.
    residual : float
        Their difference, as a share of the largest that <C x, y> could be, `|C x| |y|`.
    """

    left: float
    right: float
    residual: float

    def __str__(self) -> str:
        return f"<C x, y> = {self.left:.12g}, <x, Cᵀ y> = {self.right:.12g}, residual {self.residual:.1e}"


def adjoint_test(
    weight: Any,
    input_shape: tuple[int, int, int],
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    rng: np.random.Generator | None = None,
) -> AdjointTest:
    """Test with random x and y that F.conv_transpose2d is the transpose of F.conv2d.

    Parameters
    ----------
    weight : Tensor or array (O, C, KH, KW)
        The same array for both: output channels of one are input channels of the other.
    input_shape : (C, H, W) of x
    stride, padding, dilation : int or (rows, columns)
    rng : numpy.random.Generator, optional
        Draws x and y; ``numpy.random.default_rng(0)`` unless given.

    Returns
    -------
    AdjointTest
        A residual of about 1e-16 is a pass; a kernel that is turned, or a crop forgotten, gives about 0.1 to 1.

    Examples
    --------
    >>> adjoint_test(np.ones((2, 3, 4, 4)), (3, 9, 9), stride=2, padding=1).residual < 1e-14
    True
    """
    rng = np.random.default_rng(0) if rng is None else rng
    weight = Tensor(real(weight, "adjoint_test: weight"))
    if weight.ndim != 4:
        raise ValueError(f"adjoint_test: weight must have the shape (O, C, KH, KW), got {weight.shape}")
    input_shape = image_shape(input_shape, "adjoint_test: input_shape")
    window = Window.of(weight.shape[2:], stride, padding, dilation)
    x = rng.standard_normal((1, *input_shape))
    cx = F.conv2d(Tensor(x), weight, None, window.stride, window.padding, window.dilation).data
    y = rng.standard_normal(cx.shape)
    least = window.transposed_size(cx.shape[2:])
    rest = (input_shape[1] - least[0], input_shape[2] - least[1])  # rows and columns that no whole window was left for
    cty = F.conv_transpose2d(
        Tensor(y), weight, None, window.stride, window.padding, rest, dilation=window.dilation
    ).data
    left, right = float((cx * y).sum()), float((x * cty).sum())
    largest = float(np.linalg.norm(cx) * np.linalg.norm(y)) or 1.0  # 1: for a weight of zeros
    return AdjointTest(left, right, abs(left - right) / largest)


def _prepare(x, weight, stride, padding, output_padding) -> tuple[np.ndarray, np.ndarray, Window, Pair]:
    """Check the arguments of a transposed convolution, and give the size of its result."""
    x, weight = real(x, "transposed convolution: x"), real(weight, "transposed convolution: weight")
    if x.ndim != 3 or weight.ndim != 4 or len(x) != len(weight):
        raise ValueError(
            f"transposed convolution of one image: x must be (C, H, W) and weight (C, O, KH, KW) with the same C, got "
            f"{x.shape} and {weight.shape}; the weight of a convolution serves as it is, (out, in, KH, KW)"
        )
    if not (x.size and weight.size):
        raise ValueError(f"transposed convolution: x {x.shape} and weight {weight.shape} must not be empty")
    window, extra = Window.of(weight.shape[2:], stride, padding), pair(output_padding, "output_padding")
    if any(more >= step for more, step in zip(extra, window.stride, strict=True)):
        raise ValueError(
            f"output_padding {extra} must be less than the stride {window.stride}: it picks one of as many sizes as "
            "the stride says"
        )
    return x, weight, window, window.transposed_size(x.shape[1:], extra)
