"""The matrices behind convolution, written out: A gathers windows, C convolves, Cᵀ convolves transposed.

Nobody computes with them, since they are almost entirely zeros; but everything about convolution that sounds
mysterious is plain in them. One image (C, H, W) is a vector here, read row by row, channel by channel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.autograd import Tensor
from minifcn.backend import to_host
from minifcn.compute.window import Pair, Window

LARGEST = 50_000_000  # entries: 400 MB


def im2col_matrix(
    input_shape: tuple[int, int, int],
    kernel_size: int | Pair,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
) -> np.ndarray:
    """Write out A: with one image x, A x are its windows, the columns of im2col.

    Parameters
    ----------
    input_shape : (C, H, W)
    kernel_size, stride, padding, dilation : int or (rows, columns)

    Returns
    -------
    array (C·KH·KW·OH·OW, C·H·W) of 0 and 1, float64
        ``(A @ x.ravel()).reshape(C * KH * KW, OH * OW)`` has a column for each window. A row for a place in the
        padding is all zeros.

    Examples
    --------
    >>> A = im2col_matrix((1, 1, 4), (1, 2), stride=(1, 2))
    >>> A
    array([[1., 0., 0., 0.],
           [0., 0., 1., 0.],
           [0., 1., 0., 0.],
           [0., 0., 0., 1.]])
    """
    channels, *size = input_shape
    window = Window.of(kernel_size, stride, padding, dilation)
    position = np.arange(1, channels * size[0] * size[1] + 1).reshape(input_shape)  # 0 stands for the padding
    gathered = _gather(position, window, window.output_size((size[0], size[1])))
    matrix = _zeros("im2col_matrix", gathered.size, position.size)
    inside = np.flatnonzero(gathered)
    matrix[inside, gathered.ravel()[inside] - 1] = 1
    return matrix


def conv_matrix(
    weight: Any,
    input_shape: tuple[int, int, int],
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> np.ndarray:
    """Write out C: with one image x, C x is its convolution, and Cᵀ y the transposed convolution of a map y.

    Parameters
    ----------
    weight : Tensor or array (O, C/groups, KH, KW)
    input_shape : (C, H, W)
    stride, padding, dilation : int or (rows, columns)
    groups : int

    Returns
    -------
    array (O·OH·OW, C·H·W), float64
        Row (o, i, j) holds the kernel o at the place of window (i, j); column (c, k, l) all weights that pixel
        (c, k, l) meets, which is the stamp it leaves in the transposed convolution.

    Examples
    --------
    >>> C = conv_matrix(np.array([[[[1.0, 2.0]]]]), (1, 1, 4))
    >>> C
    array([[1., 2., 0., 0.],
           [0., 1., 2., 0.],
           [0., 0., 1., 2.]])
    >>> C.T @ [1.0, 10.0, 100.0]  # each pixel stamps (1, 2)
    array([  1.,  12., 120., 200.])
    """
    weight = np.asarray(to_host(weight.data if isinstance(weight, Tensor) else weight), np.float64)
    if weight.ndim != 4:
        raise ValueError(f"conv_matrix: weight must have the shape (O, C/groups, KH, KW), got {weight.shape}")
    (channels, *size), outputs = input_shape, weight.shape[0]
    if groups < 1 or channels != weight.shape[1] * groups or outputs % groups:
        raise ValueError(
            f"conv_matrix: weight {weight.shape} with groups={groups} takes {weight.shape[1] * groups} channels and "
            f"gives a multiple of groups, but input_shape {tuple(input_shape)} has {channels}"
        )
    window = Window.of(weight.shape[2:], stride, padding, dilation)
    position = np.arange(1, channels * size[0] * size[1] + 1).reshape(input_shape)
    places = _gather(position, window, window.output_size((size[0], size[1])))  # (C, KH, KW, OH, OW)
    matrix = _zeros("conv_matrix", outputs * places[0, 0, 0].size, position.size)
    rows = matrix.reshape(outputs, *places.shape[3:], -1)
    share = channels // groups
    for o in range(outputs):
        first = o // (outputs // groups) * share
        for c, k, l, i, j in np.ndindex(share, *places.shape[1:]):  # noqa: E741 (the letters of conv2d's formula)
            place = places[first + c, k, l, i, j]
            if place:
                rows[o, i, j, place - 1] = weight[o, c, k, l]
    return matrix


def _gather(image: np.ndarray, window: Window, size: Pair) -> np.ndarray:
    """Windows of one image (C, H, W) as (C, KH, KW, OH, OW), by indexing alone."""
    (ph, pw), (sh, sw), (dh, dw) = window.padding, window.stride, window.dilation
    padded = np.pad(image, ((0, 0), (ph, ph), (pw, pw)))
    rows = dh * np.arange(window.kernel[0])[:, None] + sh * np.arange(size[0])
    columns = dw * np.arange(window.kernel[1])[:, None] + sw * np.arange(size[1])
    return padded[:, rows[:, None, :, None], columns[None, :, None, :]]


def _zeros(name: str, rows: int, columns: int) -> np.ndarray:
    if rows * columns > LARGEST:
        raise ValueError(f"{name}: the matrix would be {rows} x {columns}; take a smaller image or fewer channels")
    return np.zeros((rows, columns))
