"""The bilinear kernel, step by step: a hat, sampled at the places of the kernel, over the rows times over the columns.

Upsampling by S interpolates between pixels that end up S apart. A hat of half-width S around each of them says how
much it counts for the places in between; all hats at one place add up to 1, so a flat map stays flat. At the border
the neighbours outside are missing, and it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from minifcn.check import whole_argument
from minifcn.compute.window import Pair, pair


def hat(distance: Any) -> np.ndarray:
    """Say how much a pixel counts at a distance from it: `max(0, 1 - |t|)`, linear from 1 at it to 0 at its neighbour.

    Parameters
    ----------
    distance : array of float
        In units of the distance between neighbouring pixels.

    Examples
    --------
    >>> hat([-1.5, -1, -0.25, 0, 0.5, 1])
    array([0.  , 0.  , 0.75, 1.  , 0.5 , 0.  ])

    Between two pixels, their hats add up to 1:

    >>> hat(0.3) + hat(0.3 - 1)
    np.float64(1.0)
    """
    return np.maximum(0.0, 1.0 - np.abs(distance))


@dataclass(frozen=True)
class BilinearSteps:
    """How a bilinear kernel comes about.

    Parameters
    ----------
    half_width : int
        Pixels of the result from the centre of a hat to its end, which is the stride.
    centre : float
        Place of the pixel in its stamp; halfway between two places if the kernel size is even.
    distances : array (K,)
        From the centre to each place, in units of `half_width`.
    profile : array (K,)
        The hat at these distances.
    kernel : array (K, K)
        The profile over the rows times the profile over the columns.
    """

    half_width: int
    centre: float
    distances: np.ndarray
    profile: np.ndarray
    kernel: np.ndarray

    def __str__(self) -> str:
        return "\n".join(
            [
                f"half-width f = ceil(K / 2) = {self.half_width}",
                f"centre c = (K - 1) / 2 = {self.centre:g}",
                f"distances (k - c) / f = {_listed(self.distances)}",
                f"profile hat(distance) = {_listed(self.profile)}",
                f"kernel = profile x profile, sum {self.kernel.sum():g}",
            ]
        )


def bilinear_steps(kernel_size: int) -> BilinearSteps:
    """Build the bilinear kernel of nn.init.bilinear_kernel, and keep the steps.

    Parameters
    ----------
    kernel_size : int
        2·stride, or 2·stride - 1.

    Returns
    -------
    BilinearSteps

    Notes
    -----
    Paper section 3.3.

    Examples
    --------
    >>> print(bilinear_steps(4))
    half-width f = ceil(K / 2) = 2
    centre c = (K - 1) / 2 = 1.5
    distances (k - c) / f = -0.75 -0.25 0.25 0.75
    profile hat(distance) = 0.25 0.75 0.75 0.25
    kernel = profile x profile, sum 4
    """
    kernel_size = whole_argument(kernel_size, "kernel_size", 1)
    half_width = (kernel_size + 1) // 2
    centre = (kernel_size - 1) / 2
    distances = (np.arange(kernel_size) - centre) / half_width
    profile = hat(distances)
    return BilinearSteps(half_width, centre, distances, profile, np.outer(profile, profile))


def partition_of_unity(kernel_size: int, stride: int, padding: int, size: int | Pair) -> np.ndarray:
    """Upsample a map of ones with the bilinear kernel: 1 wherever the stamps are a fair average.

    Parameters
    ----------
    kernel_size, stride, padding : int
    size : int or (rows, columns) of the map of ones

    Returns
    -------
    array (OH, OW), float64

    Examples
    --------
    FCN-32s on an image of 224x224, whose scores are 7x7: in the corners the scores keep a quarter of their value.

    >>> ones = partition_of_unity(64, 32, 16, 7)
    >>> ones.shape, float(ones[0, 0].round(3)), float(ones[0, 112].round(3)), float(ones[112, 112])
    ((224, 224), 0.266, 0.516, 1.0)
    >>> f"{(ones < 1).mean():.1%} of the pixels"
    '26.5% of the pixels'
    """
    profile = bilinear_steps(kernel_size).profile
    stride, padding = whole_argument(stride, "stride", 1), whole_argument(padding, "padding", 0)
    rows, columns = (sum_of_stamps(profile, stride, padding, pixels) for pixels in pair(size, "size", 1))
    return np.outer(rows, columns)


def sum_of_stamps(profile: np.ndarray, stride: int, padding: int, pixels: int) -> np.ndarray:
    """Add up the stamps of a row of ones: the transposed convolution in one dimension.

    >>> sum_of_stamps(np.array([0.25, 0.75, 0.75, 0.25]), 2, 0, 3)
    array([0.25, 0.75, 1.  , 1.  , 1.  , 1.  , 0.75, 0.25])
    """
    length = (pixels - 1) * stride + len(profile) - 2 * padding
    if length < 1:
        raise ValueError(
            f"padding {padding} crops the whole result away; it must be less than {length / 2 + padding:g}"
        )
    line = np.zeros(length + 2 * padding)
    for i in range(pixels):
        line[i * stride : i * stride + len(profile)] += profile
    return line[padding : padding + length]


def _listed(values: np.ndarray) -> str:
    return " ".join(f"{value:g}" for value in values)
