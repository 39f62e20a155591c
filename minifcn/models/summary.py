"""What a network consists of: a table of its layers for an image of a given size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from minifcn.compute.window import Pair
from minifcn.models.geometry import Geometry, Trace, trace
from minifcn.nn import ConvTranspose2d, Module
from minifcn.text import in_bytes, in_columns

COLUMNS = ("layer", "output", "parameters", "multiply-adds", "memory", "stride", "field", "offset")


@dataclass(frozen=True)
class LayerRow:
    """A layer in the table: its name, and what it turns its input into.

    Parameters
    ----------
    name : str
        Dotted, as in `Module.named_modules`.
    layer : Module
    before, behind : Geometry
        Its input and its output.
    """

    name: str
    layer: Module
    before: Geometry
    behind: Geometry

    @property
    def multiply_adds(self) -> int:
        """Every number of a weight meets every pixel of the output; in a transposed convolution, of the input."""
        if not hasattr(self.layer, "weight"):
            return 0
        transposed = isinstance(self.layer, ConvTranspose2d) or getattr(self.layer, "transposed", False)
        at = self.before if transposed else self.behind
        return self.layer.weight.data.size * at.shape[2] * at.shape[3]

    @property
    def memory(self) -> int:
        """Bytes of the output in float32."""
        _, channels, height, width = self.behind.shape
        return 4 * channels * height * width

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of COLUMNS."""
        moved = self.behind.moved
        strides = (str(1 / axis.scale) for axis in moved)
        fields = (f"{least}" if least == most else f"{least}-{most}" for least, most in self.behind.field_sizes)
        offsets = (f"{float(axis.shift):.4f}".rstrip("0").rstrip(".") for axis in moved)
        return (
            self.name,
            "x".join(map(str, self.behind.shape[1:])),
            f"{count_parameters(self.layer)[0]:,}",
            f"{self.multiply_adds:,}",
            in_bytes(self.memory),
            of_both(strides, "x"),
            of_both(fields, "x"),
            of_both(offsets, ",") if self.behind.aligned else "?",
        )


def rows(model: Module, size: Pair, channels: int | None = None) -> list[LayerRow]:
    """List every convolution, pool and transposed convolution that an image of (height, width) passes.

    Functions that a forward calls itself are listed too, under the names of its module and the function. The image has
    as many channels as the first layer takes, unless given. A layer that does not fit, or whose geometry is not known,
    is refused by its name.
    """
    return rows_of(trace(model, size, channels))


def rows_of(seen: Trace) -> list[LayerRow]:
    """List the layers of a run on geometry."""
    return [LayerRow(seen.name_of(layer), layer, before, behind) for layer, before, behind in seen.layers]


def table(model: Module, size: Pair, channels: int | None = None) -> str:
    """Make a table of a network's layers.

    Parameters
    ----------
    model : Module
    size : (height, width) of one image, in pixels
    channels : int, optional
        Of the image; as many as the first layer takes, unless given.

    Returns
    -------
    str
        For each layer its output (channels x height x width), learned parameters, multiply-adds, memory of its output
        in float32, stride, receptive field, and offset: the row of its output on which row 0 of the image is centred.
        The field is the rows of the image from the first to the last that one pixel sees: "244-276" means that some
        see 244 and others up to 276, as behind an upsampling, where it depends on the pixel's phase. Where columns
        differ from rows, both are written, rows first: "3x5". Behind a sum of maps that do not lie over each other
        there is no offset but "?". Below, the totals; and if the trunk leaves out a pool of its classifier, what that
        one sees.

    Examples
    --------
    >>> from minifcn import models
    >>> print("\\n".join(table(models.FCN32s(2, width=1 / 64), (64, 64)).splitlines()[:3]))
    layer      output  parameters  multiply-adds    memory  stride  field   offset
    conv1_1   1x64x64          28        110,592  16.0 KiB       1      3        0
    conv1_2   1x64x64          10         36,864  16.0 KiB       1      5        0
    """
    seen = trace(model, size, channels)
    layers = rows_of(seen)
    lines = [COLUMNS, *(row.cells() for row in layers)]
    learned, fixed = count_parameters(model)
    totals = (
        f"learned parameters  {learned:,}" + (f" (and {fixed:,} fixed)" if fixed else ""),
        f"multiply-adds       {sum(row.multiply_adds for row in layers):,}",
        f"activation memory   {in_bytes(sum(row.memory for row in layers))}",
        f"crop offsets        {', '.join(f'{name} {offset}' for name, offset in seen.crop_offsets.items()) or 'none'}",
    )
    return "\n".join([in_columns(lines), "", *totals, *left_out(model, layers)])


def left_out(model: Any, layers: list[LayerRow]) -> list[str]:
    """Say how much more of an image the classifier sees through pools that the trunk of a network leaves out."""
    trunk, lines = getattr(model, "trunk", None), []
    for name, kernel_size in getattr(trunk, "left_out", {}).items():
        scored = next(row.before for row in layers if row.layer is model.score_fr)
        field, stride = scored.receptive_field, int(1 / scored.coordinates.scale)
        more = (kernel_size - 1) * stride
        lines.append(
            f"receptive field     {field} of the scored map; the classifier's {field + more} = "
            f"{field} + {kernel_size - 1}·{stride} with {name}, an average pool that is left out here"
        )
    return lines


def of_both(rows_and_columns: Iterable[str], between: str) -> str:
    """Write what holds for rows and for columns, once if it is the same.

    >>> of_both(["3", "3"], "x"), of_both(["3", "5"], "x")
    ('3', '3x5')
    """
    return between.join(dict.fromkeys(rows_and_columns))


def count_parameters(model: Module) -> tuple[int, int]:
    """Count the numbers that are learned, and those that are fixed.

    >>> from minifcn import models
    >>> count_parameters(models.FCN32s(21, variant="paper", width=1 / 64))[1]  # the bilinear kernel, 21x21x64x64
    1806336
    """
    parameters = list(model.parameters())
    learned = sum(p.data.size for p in parameters if p.requires_grad)
    return learned, sum(p.data.size for p in parameters) - learned
