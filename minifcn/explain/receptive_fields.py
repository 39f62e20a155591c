"""What a pixel of a map sees of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from minifcn.compute.window import Pair, pair
from minifcn.explain.figure import new_figure
from minifcn.models.geometry import trace
from minifcn.models.reach import Paths, boxes
from minifcn.models.summary import rows_of
from minifcn.nn import Module

COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#D55E00", "#F0E442")  # Okabe and Ito's


@dataclass(frozen=True)
class ReceptiveField:
    """A rectangle of the image that one pixel of a layer's output depends on; parts of it may lie outside the image.

    Parameters
    ----------
    layer : str
    pixel : (row, column)
        Of the layer's output.
    top, left : int
        First row and column of the image.
    height, width : int
        Rows and columns; 0 and 0 where the pixel sees nothing, as between the stamps of a small kernel.
    inside : (rows, columns), slices
        What there is to see: the gradient of the pixel on this image lies in ``image[field.inside]`` and reaches its
        edges, if no weight is 0 and no maximum hides a pixel. Padding inside the network can make it smaller than the
        part of the rectangle on the image.
    """

    layer: str
    pixel: Pair
    top: int
    left: int
    height: int
    width: int
    inside: tuple[slice, slice]

    @property
    def side(self) -> int:
        """Rows and columns of a square field."""
        if self.height != self.width:
            raise ValueError(f"{self.layer} has no side: it sees {self.height}x{self.width} pixels; use height, width")
        return self.height

    def __str__(self) -> str:
        i, j = self.pixel
        if not self.height:
            return f"{self.layer}[{i}, {j}] sees nothing of the image"
        return (
            f"{self.layer}[{i}, {j}] sees {self.height}x{self.width} pixels: rows {self.top} to "
            f"{self.top + self.height - 1}, columns {self.left} to {self.left + self.width - 1}"
        )


def receptive_fields(
    model: Module, size: Pair, pixel: Pair | None = None, channels: int | None = None
) -> list[ReceptiveField]:
    """List for every layer what its output nearest to a pixel of the image sees.

    Parameters
    ----------
    model : Module
    size : (H, W) of the image
    pixel : (row, column), optional
        Of the image; its middle unless given.
    channels : int, optional
        Of the image; as many as the first layer takes, unless given.

    Returns
    -------
    list of ReceptiveField
        In the order of the layers. Behind an upsampling the size of a field depends on the pixel: this is the field of
        this one; the table of `minifcn summary` has the smallest and the largest.

    Examples
    --------
    >>> from minifcn import models
    >>> print(*receptive_fields(models.FCN32s(2, width=1 / 64), (224, 224))[:4], sep="\\n")
    conv1_1[112, 112] sees 3x3 pixels: rows 111 to 113, columns 111 to 113
    conv1_2[112, 112] sees 5x5 pixels: rows 110 to 114, columns 110 to 114
    pool1[56, 56] sees 6x6 pixels: rows 110 to 115, columns 110 to 115
    conv2_1[56, 56] sees 10x10 pixels: rows 108 to 117, columns 108 to 117
    """
    size = pair(size, "receptive_fields: size", 1)
    place = (size[0] // 2, size[1] // 2) if pixel is None else pair(pixel, "receptive_fields: pixel")
    if not all(0 <= at < length for at, length in zip(place, size, strict=True)):
        raise ValueError(f"receptive_fields: pixel {place} is not on an image of {size[0]}x{size[1]}")
    found: list[ReceptiveField] = []
    for row in rows_of(trace(model, size, channels, bounded=True)):
        i, j = (
            min(max(0, _rounded(moved.scale * u + moved.shift)), length - 1)
            for u, moved, length in zip(place, row.behind.moved, row.behind.shape[2:], strict=True)
        )
        top, bottom, left, right = _box(row.behind.endless, i, j)
        first, last, start, end = _box(row.behind.bounded, i, j)
        inside = slice(first, last + 1), slice(start, end + 1)
        found.append(ReceptiveField(row.name, (i, j), top, left, bottom - top + 1, right - left + 1, inside))
    return found


def _box(paths: Paths, row: int, column: int) -> list[int]:
    """First and last row, first and last column of the image that a pixel sees; 0 to -1 if none."""
    top, bottom, left, right = boxes(paths, np.array([row]), np.array([column]))[0, 0].tolist()
    return [top, bottom, left, right] if top <= bottom else [0, -1, 0, -1]


def draw_receptive_fields(
    image: np.ndarray, model: Module, layers: Sequence[str] = ("pool3", "pool4", "pool5"), pixel: Pair | None = None
) -> Any:
    """Draw on an image what single outputs of some layers see.

    Parameters
    ----------
    image : array (H, W, 3) of uint8
    model : Module
    layers : sequence of str
        At most six.
    pixel : (row, column), optional
        Of the image, which the outputs are nearest to; its middle unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Grey is outside the image, where padding is seen.

    Examples
    --------
    >>> from minifcn import models
    >>> figure = draw_receptive_fields(np.zeros((64, 64, 3), np.uint8), models.FCN8s(2, width=1 / 64), ["pool3"])
    >>> figure.legends[0].texts[0].get_text()
    'pool3: 44x44'
    """
    from matplotlib.patches import Rectangle

    height, width = image.shape[:2]
    fields = {field.layer: field for field in receptive_fields(model, (height, width), pixel)}
    unknown = [name for name in layers if name not in fields]
    if unknown or len(layers) > len(COLOURS):
        raise ValueError(
            f"draw_receptive_fields: layers must be at most {len(COLOURS)} of {', '.join(fields)}, got {list(layers)}"
        )
    chosen = [fields[name] for name in layers]
    figure = new_figure(figsize=(6.5, 6.5), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.imshow(image)
    axes.set_facecolor("0.85")
    for field, colour in zip(chosen, COLOURS, strict=False):
        corner, sides = (field.left - 0.5, field.top - 0.5), (field.width, field.height)
        axes.add_patch(Rectangle(corner, *sides, fill=False, edgecolor="black", linewidth=4.5))
        label = f"{field.layer}: {field.height}x{field.width}"
        axes.add_patch(Rectangle(corner, *sides, fill=False, edgecolor=colour, linewidth=2.5, label=label))
    first = [min([0, *starts]) - 2 for starts in ([f.left for f in chosen], [f.top for f in chosen])]
    right = max([width, *(f.left + f.width for f in chosen)]) + 2
    bottom = max([height, *(f.top + f.height for f in chosen)]) + 2
    axes.set_xlim(first[0], right)
    axes.set_ylim(bottom, first[1])
    axes.set_xlabel("column", fontsize=12)
    axes.set_ylabel("row", fontsize=12)
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=12)
    return figure


def _rounded(position: Fraction) -> int:
    """Nearest whole number; a half goes down."""
    return -int((Fraction(1, 2) - position) // 1)
