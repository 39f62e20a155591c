"""The matrices behind convolution, written out: A gathers windows, C convolves, Cᵀ convolves transposed.

Nobody computes with them, since they are almost entirely zeros; but everything about convolution that sounds
mysterious is plain in them. One image (C, H, W) is a vector here, read row by row, channel by channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minifcn.check import whole_argument
from minifcn.compute.window import Pair, Window
from minifcn.explain.check import image_shape, real

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
    input_shape = channels, *size = image_shape(input_shape, "im2col_matrix: input_shape")
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
    *,
    symbols: bool = False,
) -> np.ndarray:
    """Write out C: with one image x, C x is its convolution, and Cᵀ y the transposed convolution of a map y.

    Parameters
    ----------
    weight : Tensor or array (O, C/groups, KH, KW)
    input_shape : (C, H, W)
    stride, padding, dilation : int or (rows, columns)
    groups : int
    symbols : bool
        Write the names of the weights instead of their values: "w01" for row 0, column 1 of the kernel, or
        "w[o,c]01" where there are several kernels.

    Returns
    -------
    array (O·OH·OW, C·H·W), float64; of str with `symbols`
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

    A stride of 2 moves the kernel two pixels from row to row:

    >>> conv_matrix(np.ones((1, 1, 1, 2)), (1, 1, 5), stride=(1, 2), symbols=True)
    array([['w00', 'w01', '0', '0', '0'],
           ['0', '0', 'w00', 'w01', '0']], dtype='<U3')
    """
    weight = real(weight, "conv_matrix: weight")
    if weight.ndim != 4 or not weight.size:
        raise ValueError(f"conv_matrix: weight must have the shape (O, C/groups, KH, KW), got {weight.shape}")
    input_shape = channels, *size = image_shape(input_shape, "conv_matrix: input_shape")
    groups, outputs = whole_argument(groups, "conv_matrix: groups", 1), weight.shape[0]
    if channels != weight.shape[1] * groups or outputs % groups:
        raise ValueError(
            f"conv_matrix: weight {weight.shape} with groups={groups} takes {weight.shape[1] * groups} channels and "
            f"gives a multiple of groups, but input_shape {tuple(input_shape)} has {channels}"
        )
    window = Window.of(weight.shape[2:], stride, padding, dilation)
    position = np.arange(1, channels * size[0] * size[1] + 1).reshape(input_shape)
    places = _gather(position, window, window.output_size((size[0], size[1])))  # (C, KH, KW, OH, OW)
    entries = _names("w", weight.shape) if symbols else weight
    matrix = _zeros("conv_matrix", outputs * places[0, 0, 0].size, position.size, entries.dtype)
    rows = matrix.reshape(outputs, *places.shape[3:], -1)
    share = channels // groups
    for o in range(outputs):
        first = o // (outputs // groups) * share
        for c, k, l, i, j in np.ndindex(share, *places.shape[1:]):  # noqa: E741 (the letters of conv2d's formula)
            place = places[first + c, k, l, i, j]
            if place:
                rows[o, i, j, place - 1] = entries[o, c, k, l]
    return matrix


def pixel_names(shape: tuple[int, int, int], letter: str = "x") -> list[str]:
    """Name the pixels of one image in the order in which the matrices count them.

    Parameters
    ----------
    shape : (C, H, W)
    letter : str

    Returns
    -------
    list of C·H·W str
        "x01" for row 0, column 1, or "x[c]01" where there are several channels; "x0,10" from ten rows or columns on.

    Examples
    --------
    >>> pixel_names((1, 2, 2))
    ['x00', 'x01', 'x10', 'x11']
    >>> pixel_names((2, 1, 2), "y")
    ['y[0]00', 'y[0]01', 'y[1]00', 'y[1]01']
    """
    return _names(letter, image_shape(shape, "pixel_names: shape")).ravel().tolist()


def show_matrix(matrix: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> str:
    """Set a matrix as text, with a name at every row and column and a dot for every 0.

    Parameters
    ----------
    matrix : array (R, C) of numbers or of str
    rows, columns : R and C names

    Returns
    -------
    str

    Examples
    --------
    >>> C = conv_matrix(np.ones((1, 1, 1, 2)), (1, 1, 4), symbols=True)
    >>> print(show_matrix(C, pixel_names((1, 1, 3), "y"), pixel_names((1, 1, 4))))
         x00  x01  x02  x03
    y00  w00  w01    .    .
    y01    .  w00  w01    .
    y02    .    .  w00  w01
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2:
        raise ValueError(f"show_matrix: matrix must have two axes, got shape {matrix.shape}")
    if matrix.shape != (len(rows), len(columns)):
        raise ValueError(
            f"show_matrix: a matrix of shape {matrix.shape} needs {' and '.join(map(str, matrix.shape))} names of rows "
            f"and columns, got {len(rows)} and {len(columns)}; pixel_names makes them from the shape of an image"
        )
    cells = [[_cell(entry) for entry in row] for row in matrix.tolist()]
    lines = [["", *columns], *([name, *line] for name, line in zip(rows, cells, strict=True))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.rjust, line, widths)) for line in lines)


def _gather(image: np.ndarray, window: Window, size: Pair) -> np.ndarray:
    """Windows of one image (C, H, W) as (C, KH, KW, OH, OW), by indexing alone."""
    (ph, pw), (sh, sw), (dh, dw) = window.padding, window.stride, window.dilation
    padded = np.pad(image, ((0, 0), (ph, ph), (pw, pw)))
    rows = dh * np.arange(window.kernel[0])[:, None] + sh * np.arange(size[0])
    columns = dw * np.arange(window.kernel[1])[:, None] + sw * np.arange(size[1])
    return padded[:, rows[:, None, :, None], columns[None, :, None, :]]


def _names(letter: str, shape: tuple[int, ...]) -> np.ndarray:
    """Name every place of an array (..., rows, columns), like x01 or w[2,0]01."""
    comma = "," if max(shape[-2:]) > 10 else ""
    single = max(shape[:-2]) == 1
    names = []
    for *channels, row, column in np.ndindex(shape):
        names.append(letter + ("" if single else f"[{','.join(map(str, channels))}]") + f"{row}{comma}{column}")
    return np.array(names).reshape(shape)


def _cell(entry: str | float) -> str:
    return "." if entry in (0, "0") else entry if isinstance(entry, str) else f"{entry:g}"


def _zeros(name: str, rows: int, columns: int, dtype: Any = np.float64) -> np.ndarray:
    if rows * columns > LARGEST:
        raise ValueError(f"{name}: the matrix would be {rows} x {columns}; take a smaller image or fewer channels")
    return np.full((rows, columns), 0, dtype)  # among str: "0"
