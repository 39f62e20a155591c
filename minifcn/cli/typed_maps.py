"""Maps and kernels as they are typed on the command line."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from minifcn.errors import UserError
from minifcn.explain import bilinear_steps


def typed_map(text: str, option: str) -> np.ndarray:
    """Read "1 2; 3 4": rows end with a semicolon, channels with a bar; 1/3 and 0.5 are numbers.

    >>> typed_map("1 2; 3 1/2", "--input").tolist()
    [[[1.0, 2.0], [3.0, 0.5]]]
    >>> typed_map("1; 2 | 3; 4", "--input").shape
    (2, 2, 1)
    """
    channels = [
        [[_number(word, option) for word in row.split()] for row in part.split(";")] for part in text.split("|")
    ]
    sizes = {(len(rows), len(row)) for rows in channels for row in rows}
    if len(sizes) != 1 or min(sizes)[1] == 0:
        raise UserError(f'{option} must be rows of equally many numbers, as in "1 2; 3 4", got {text!r}')
    return np.array(channels)


def kernel(text: str | None, size: int, channels: int, first: int) -> np.ndarray:
    """Give kernels of two axes of channels: typed ones, or made by a name: "bilinear", "ones", and else digits.

    first : int
        Which of the two axes has the channels of x: 0 for a transposed convolution.

    >>> kernel(None, 3, 1, 0)[0, 0].tolist()
    [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]
    >>> kernel("bilinear", 2, 2, 0)[:, :, 0, 0].tolist()
    [[0.25, 0.0], [0.0, 0.25]]
    """
    if text is None:
        return np.arange(1.0, channels**2 * size**2 + 1).reshape(channels, channels, size, size)
    if text == "ones":
        return np.ones((channels, channels, size, size))
    if text == "bilinear":
        return np.eye(channels)[:, :, None, None] * bilinear_steps(size).kernel
    kernels = typed_map(text, "--weight")
    if len(kernels) % channels:
        raise UserError(
            f"--weight must have kernels for {channels} channels, a multiple of {channels}, got {len(kernels)}"
        )
    others = len(kernels) // channels
    shape = (channels, others) if first == 0 else (others, channels)
    return kernels.reshape(*shape, *kernels.shape[1:])


def _number(word: str, option: str) -> float:
    try:
        return float(Fraction(word))
    except (ValueError, ZeroDivisionError, OverflowError):
        raise UserError(
            f'{option}: {word} is no number; write numbers as 2, -0.5 or 1/3, rows as in "1 2; 3 4"'
        ) from None
