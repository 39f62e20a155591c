"""Where the crop offsets come from: the coordinates of the image's pixels, layer by layer through a network.

Every layer moves pixels: u becomes scale·u + shift. Where two maps meet, to be added or compared with the labels, they
have the same scale, and the difference of their shifts is what has to be cut off the larger one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from minifcn.models.coordinates import IDENTITY, CoordinateMap
from minifcn.models.geometry import Geometry, Trace
from minifcn.models.summary import aligned
from minifcn.nn import Module


@dataclass(frozen=True)
class Moved:
    """A layer that moves pixels.

    step : from the layer's input to its output
    total : from the image to the layer's output
    """

    name: str
    step: CoordinateMap
    total: CoordinateMap

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        return (self.name, written(self.step), written(self.total))


@dataclass(frozen=True)
class Crop:
    """A map that is cut so that it lies over another one.

    larger, smaller : from the image to the map that is cut, and to the one that it has to fit
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

    rows : layers and crops, in the order in which an image passes them
    """

    rows: tuple[Moved | Crop, ...]

    @property
    def crop_offsets(self) -> dict[str, int]:
        """Offset of every crop, by the name of the score layer; "score" is the crop to the image at the end."""
        return {row.name: row.offset for row in self.rows if isinstance(row, Crop)}

    def __str__(self) -> str:
        moving = [row for row in self.rows if isinstance(row, Crop) or row.step != IDENTITY]
        lines = [("layer", "moves u to, or cuts", "image's pixel u is at"), *(row.cells() for row in moving)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        still = len(self.rows) - len(moving)
        return "\n".join([*(aligned(line, widths) for line in lines), f"{still} more layers move nothing."])


def alignment_table(model: Module) -> AlignmentTable:
    """Derive the crop offsets of a network layer by layer.

    Nothing is computed but coordinates: the network's own `forward` is run on them.

    Parameters
    ----------
    model : FCN32s, FCN16s or FCN8s

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
    record = _Record()
    model(_Observed((1, 3, 224, 224), record))
    names = {id(module): name for name, module in model.named_modules()}
    rows: list[Moved | Crop] = []
    for layer, before, behind in record.layers:
        step = behind.coordinates.compose(before.coordinates.inverse())
        rows.append(Moved(names[id(layer)], step, behind.coordinates))
    for place, crop in reversed(record.crops):
        rows.insert(place, crop)
    return AlignmentTable(tuple(rows))


def written(coordinates: CoordinateMap) -> str:
    """Write a coordinate map as a formula.

    >>> written(CoordinateMap(Fraction(1, 2), Fraction(-1, 4))), written(CoordinateMap(Fraction(32), Fraction(16)))
    ('u/2 - 1/4', '32u + 16')
    """
    scale, shift = Fraction(coordinates.scale), Fraction(coordinates.shift)
    times = "" if scale.numerator == 1 else str(scale.numerator)
    over = "" if scale.denominator == 1 else f"/{scale.denominator}"
    plus = f" {'-' if shift < 0 else '+'} {abs(shift)}" if shift else ""
    return f"{times}u{over}{plus}"


@dataclass
class _Record(Trace):
    """A trace that keeps the crops as well, each with the number of layers before it."""

    crops: list[tuple[int, Crop]] = field(default_factory=list)


class _Observed(Geometry):
    """A geometry that says so when it is cropped."""

    trace: _Record

    def through(self, module: Module) -> Geometry:
        return _Observed(**vars(super().through(module)))

    def crop_to(self, like: Geometry, name: str) -> Geometry:
        self.trace.crops.append((len(self.trace.layers), Crop(name, self.coordinates, like.coordinates)))
        return super().crop_to(like, name)
