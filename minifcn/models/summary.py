"""What a network consists of: a table of its layers for an image of a given size."""

from __future__ import annotations

from dataclasses import dataclass

from minifcn.compute.window import Pair
from minifcn.models.geometry import Geometry, trace
from minifcn.nn import ConvTranspose2d, Module

COLUMNS = ("layer", "output", "parameters", "multiply-adds", "memory", "stride", "field", "offset")


@dataclass(frozen=True)
class Row:
    """One layer: its name, and what it turns its input into."""

    name: str
    layer: Module
    before: Geometry
    behind: Geometry

    @property
    def multiply_adds(self) -> int:
        """Every number of a weight meets every pixel of the output; in a transposed convolution, of the input."""
        if not hasattr(self.layer, "weight"):
            return 0
        at = self.before if isinstance(self.layer, ConvTranspose2d) else self.behind
        return self.layer.weight.data.size * at.shape[2] * at.shape[3]

    @property
    def memory(self) -> int:
        """Bytes of the output in float32."""
        _, channels, height, width = self.behind.shape
        return 4 * channels * height * width

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of COLUMNS."""
        coordinates = self.behind.coordinates
        return (
            self.name,
            "x".join(map(str, self.behind.shape[1:])),
            f"{count_parameters(self.layer)[0]:,}",
            f"{self.multiply_adds:,}",
            in_bytes(self.memory),
            str(1 / coordinates.scale),
            str(self.behind.receptive_field),
            f"{float(coordinates.shift):.4f}".rstrip("0").rstrip("."),
        )


def rows(model: Module, size: Pair) -> list[Row]:
    """List every convolution, pool and transposed convolution that an image of (height, width) passes."""
    names = {id(module): name for name, module in model.named_modules()}
    return [Row(names[id(layer)], layer, before, behind) for layer, before, behind in trace(model, size).layers]


def table(model: Module, size: Pair) -> str:
    """Make a table of a network's layers.

    Parameters
    ----------
    model : Module
    size : (height, width) of one image, in pixels

    Returns
    -------
    str
        For each layer its output (channels x height x width), learned parameters, multiply-adds, memory of its output
        in float32, stride, receptive field (rows of the image behind one pixel), and offset: the row of its output
        on which row 0 of the image is centred. Below, the totals.

    Examples
    --------
    >>> from minifcn import models
    >>> print("\\n".join(table(models.FCN32s(2, width=1 / 64), (64, 64)).splitlines()[:3]))
    layer      output  parameters  multiply-adds    memory  stride  field   offset
    conv1_1   1x64x64          28        110,592  16.0 KiB       1      3        0
    conv1_2   1x64x64          10         36,864  16.0 KiB       1      5        0
    """
    layers = rows(model, size)
    lines = [COLUMNS, *(row.cells() for row in layers)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    learned, fixed = count_parameters(model)
    offsets = trace(model, size).crop_offsets
    totals = (
        f"learned parameters  {learned:,}" + (f" (and {fixed:,} fixed)" if fixed else ""),
        f"multiply-adds       {sum(row.multiply_adds for row in layers):,}",
        f"activation memory   {in_bytes(sum(row.memory for row in layers))}",
        f"crop offsets        {', '.join(f'{name} {offset}' for name, offset in offsets.items())}",
    )
    return "\n".join([*(aligned(line, widths) for line in lines), "", *totals])


def aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    """Join cells to a line, the first one flush left and the others flush right."""
    first, *others = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join([first.strip().ljust(widths[0]), *others])


def count_parameters(model: Module) -> tuple[int, int]:
    """Count the numbers that are learned, and those that are fixed.

    >>> from minifcn import models
    >>> count_parameters(models.FCN32s(21, variant="paper", width=1 / 64))[1]  # the bilinear kernel, 21x21x64x64
    1806336
    """
    parameters = list(model.parameters())
    learned = sum(p.data.size for p in parameters if p.requires_grad)
    return learned, sum(p.data.size for p in parameters) - learned


def in_bytes(count: float) -> str:
    """Write a number of bytes with its unit.

    >>> in_bytes(24_576)
    '24.0 KiB'
    """
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.2f} GiB"
