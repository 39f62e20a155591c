"""Coordinate maps: where a pixel of the image lies on the map behind a layer, and so where to crop.

A convolution or pooling layer with kernel K, stride S and padding P puts the image's pixel u at

    u / S + (P - (K - 1) / 2) / S        (centre on centre)

and a transposed convolution at S u + (K - 1) / 2 - P. Composed along two paths through a network, such maps say how
far their ends are shifted against each other: that is the crop offset, the famous 19; 5, 27; 5, 9, 31 of the paper's
nets, which nobody has to know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from minifcn.compute.window import Pair, Window


@dataclass(frozen=True)
class CoordinateMap:
    """u -> scale·u + shift, in exact fractions.

    Parameters
    ----------
    scale, shift : Fraction, or a number that is one exactly
        scale above 0

    Notes
    -----
    ``python/caffe/coord_map.py`` of Caffe.

    Examples
    --------
    FCN-32s in five lines: five stages with a pool each, fc6, and the upsampling by 32.

    >>> conv3, pool = CoordinateMap.of(Window.of(3, padding=1)), CoordinateMap.of(Window.of(2, stride=2))
    >>> path = [CoordinateMap.of(Window.of(3, padding=100))] + [conv3] * 12 + [pool] * 5
    >>> upscore = CoordinateMap()
    >>> for layer in [*path, CoordinateMap.of(Window.of(7)), CoordinateMap.of(Window.of(64, 32), transposed=True)]:
    ...     upscore = layer.compose(upscore)
    >>> CoordinateMap().compose(upscore.inverse()).crop_offset
    19
    """

    scale: Fraction = Fraction(1)
    shift: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        for name in ("scale", "shift"):
            if not isinstance(value := getattr(self, name), Fraction):
                object.__setattr__(self, name, Fraction(value))
        if self.scale <= 0:
            raise ValueError(f"CoordinateMap: scale must be above 0, got {self.scale}; no layer mirrors an image")

    @classmethod
    def of(cls, window: Window, transposed: bool = False, axis: int = 0) -> CoordinateMap:
        """Make the map of a convolution or pool, or of a transposed convolution, for the rows (0) or columns (1)."""
        kernel, stride, padding, dilation = window.along(axis)
        half = Fraction(dilation * (kernel - 1), 2)
        if transposed:
            return cls(Fraction(stride), half - padding)
        return cls(Fraction(1, stride), (padding - half) / stride)

    def __str__(self) -> str:
        scale, shift = self.scale, self.shift
        times = "" if scale.numerator == 1 else str(scale.numerator)
        over = "" if scale.denominator == 1 else f"/{scale.denominator}"
        plus = f" {'-' if shift < 0 else '+'} {abs(shift)}" if shift else ""
        return f"{times}u{over}{plus}"

    def compose(self, other: CoordinateMap) -> CoordinateMap:
        """First `other`, then this map."""
        return CoordinateMap(self.scale * other.scale, self.scale * other.shift + self.shift)

    def inverse(self) -> CoordinateMap:
        """Give the map that leads back."""
        return CoordinateMap(1 / self.scale, -self.shift / self.scale)

    @property
    def crop_offset(self) -> int:
        """Rows and columns to cut off the first of two maps, for the map that leads from it to the second."""
        if self.scale != 1 or self.shift.denominator != 1 or self.shift > 0:
            raise ValueError(
                f"no crop aligns these two maps: u -> {self}, but the scale must be 1 and the shift a whole number of "
                "pixels, at most 0; change a kernel size, stride or padding: where kernel = stride + 2·padding, a map "
                "lies over the one before it"
            )
        return int(-self.shift)


IDENTITY = CoordinateMap()
Moved = tuple[CoordinateMap, CoordinateMap]  # of rows and of columns


def bilinear_between(stride: int, coarse: Moved, fine: Moved) -> tuple[int, Pair]:
    """Choose the kernel size of a bilinear upsampling, and say how far its result begins before the finer map.

    A kernel of 2·stride has its centre between two pixels and one of 2·stride - 1 on a pixel, and only one of the two
    brings the maps over each other without half a pixel between them. 2x2 pools leave the centre of the first window
    between pixels, so VGG16 needs 64; 3x3 pools leave it on a pixel, so AlexNet and GoogLeNet need 63.

    Parameters
    ----------
    stride : int
    coarse, fine : (rows, columns) of CoordinateMap
        Where the image's pixel lies on the map to be upsampled, and on the one it shall lie over.

    Returns
    -------
    kernel_size : int
    begin : (rows, columns)
        Negative if the result begins inside the finer map. What is left of a pixel with either kernel is rounded down.

    Examples
    --------
    >>> pools = [CoordinateMap.of(Window.of(kernel, stride=2)) for kernel in (2, 3)]
    >>> [bilinear_between(2, (pool, pool), (IDENTITY, IDENTITY)) for pool in pools]
    [(4, (1, 1)), (3, (0, 0))]
    """
    tried = []
    for kernel_size in (2 * stride - stride % 2, 2 * stride - 1 + stride % 2):
        up = CoordinateMap.of(Window.of(kernel_size, stride), transposed=True)
        rows, columns = (up.compose(a).shift - b.shift for a, b in zip(coarse, fine, strict=True))
        tried.append((kernel_size, (math.floor(rows), math.floor(columns))))
        if rows.denominator == columns.denominator == 1:
            return tried[-1]
    return tried[0]


def at_both(moved: Moved) -> str:
    """Write where pixel u lies on a map, once if rows and columns agree."""
    return ", ".join(dict.fromkeys(map(str, moved)))
