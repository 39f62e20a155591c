"""Where the crop offsets come from: the coordinates of the image's pixels, layer by layer through a network.

Every layer moves pixels: u becomes scale·u + shift. Where two maps meet, to be added or compared with the labels, they
have the same scale, and the difference of their shifts is what has to be cut off the larger one.
"""

from __future__ import annotations

from dataclasses import dataclass

from minifcn.compute.window import Pair
from minifcn.models.coordinates import IDENTITY, CoordinateMap
from minifcn.models.geometry import Trace, trace
from minifcn.nn import Module
from minifcn.text import in_columns


@dataclass(frozen=True)
class MovedRow:
    """A layer that moves pixels.

    Parameters
    ----------
    name : str
        Of the layer.
    step : CoordinateMap
        From the layer's input to its output.
    total : CoordinateMap
        From the image to the layer's output.
    aligned : bool
        Whether the pixel u is at one place; it is not behind the sum of maps that lie beside each other.
    """

    name: str
    step: CoordinateMap
    total: CoordinateMap
    aligned: bool = True

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        return (self.name, written(self.step), written(self.total) if self.aligned else "?")


@dataclass(frozen=True)
class CropRow:
    """A map that is cut so that it lies over another one.

    Parameters
    ----------
    name : str
        Of the layer whose scores are cut, or "score" for the last crop, to the size of the image.
    larger, smaller : CoordinateMap
        From the image to the map that is cut, and to the one that it has to fit.
    """

    name: str
    larger: CoordinateMap
    smaller: CoordinateMap

    @property
    def offset(self) -> int:
        """Rows and columns to cut off: the difference of the shifts."""
        return self.smaller.compose(self.larger.inverse()).crop_offset

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        large, small = self.larger.shift, self.smaller.shift
        difference = f"{large} - {small if small >= 0 else f'({small})'} = {self.offset}"
        return (f"crop {self.name}", difference, written(self.smaller))


@dataclass(frozen=True)
class AlignmentTable:
    """How the crop offsets of a network come about.

    Parameters
    ----------
    rows : tuple of MovedRow and CropRow
        In the order in which an image passes them, along the axis that was asked for.
    other_axis : bool
        Whether the other axis has another table.
    """

    rows: tuple[MovedRow | CropRow, ...]
    other_axis: bool = False

    @property
    def crop_offsets(self) -> dict[str, int]:
        """Offset of every crop, by the name of the score layer; "score" is the crop to the image at the end."""
        return {row.name: row.offset for row in self.rows if isinstance(row, CropRow)}

    def __str__(self) -> str:
        moving = [row for row in self.rows if isinstance(row, CropRow) or row.step != IDENTITY]
        lines = [("layer", "moves u to, or cuts", "image's pixel u is at"), *(row.cells() for row in moving)]
        still = len(self.rows) - len(moving)
        last = f"{still} more layers move nothing."
        if self.other_axis:
            last += " Rows (axis=0) and columns (axis=1) move differently; this is one of them."
        return f"{in_columns(lines)}\n{last}"


def alignment_table(model: Module, size: Pair = (224, 224), axis: int = 0) -> AlignmentTable:
    """Derive the crop offsets of a network layer by layer.

    Nothing is computed but coordinates: the network's own `forward` is run on them.

    Parameters
    ----------
    model : FCN32s, FCN16s or FCN8s
        Or any network that `minifcn.models.geometry` can trace.
    size : (height, width) of the image, in pixels
        The table does not depend on it, but it has to be large enough for the network.
    axis : 0 | 1
        Whether u counts rows or columns. Where all windows are square the tables are the same.

    Returns
    -------
    AlignmentTable
        Its str() is a table: what each layer does to coordinates, where the pixel u of the image lies behind it, and
        for each crop the difference of two shifts.

    Notes
    -----
    `minifcn.models.coordinates` has the formulas.

    Examples
    --------
    >>> from minifcn import models
    >>> print(alignment_table(models.FCN32s(2, variant="paper", width=1 / 64)))
    layer       moves u to, or cuts  image's pixel u is at
    conv1_1                  u + 99                 u + 99
    pool1                 u/2 - 1/4            u/2 + 197/4
    pool2                 u/2 - 1/4            u/4 + 195/8
    pool3                 u/2 - 1/4           u/8 + 191/16
    pool4                 u/2 - 1/4          u/16 + 183/32
    pool5                 u/2 - 1/4          u/32 + 167/64
    fc6                       u - 3           u/32 - 25/64
    upscore              32u + 63/2                 u + 19
    crop score          19 - 0 = 19                      u
    14 more layers move nothing.
    """
    if axis not in (0, 1):
        raise ValueError(f"alignment_table: axis must be 0, for rows, or 1, for columns, got {axis!r}")
    seen = trace(model, size)
    of_rows, of_columns = _along(seen, 0), _along(seen, 1)
    return AlignmentTable((of_rows, of_columns)[axis], of_rows != of_columns)


def _along(seen: Trace, axis: int) -> tuple[MovedRow | CropRow, ...]:
    rows: list[MovedRow | CropRow] = []
    for layer, before, behind in seen.layers:
        step = behind.moved[axis].compose(before.moved[axis].inverse())
        rows.append(MovedRow(seen.name_of(layer), step, behind.moved[axis], behind.aligned))
    for crop in reversed(seen.crops):
        rows.insert(crop.place, CropRow(crop.name, crop.larger.moved[axis], crop.smaller.moved[axis]))
    return tuple(rows)


def written(coordinates: CoordinateMap) -> str:
    """Write a coordinate map as a formula.

    >>> from fractions import Fraction
    >>> written(CoordinateMap(Fraction(1, 2), Fraction(-1, 4))), written(CoordinateMap(Fraction(32), Fraction(16)))
    ('u/2 - 1/4', '32u + 16')
    """
    return str(coordinates)
