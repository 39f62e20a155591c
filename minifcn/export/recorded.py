"""Records what a network does to an image: its own forward, run on a map that has a geometry and writes down each call.

Nothing about the network is written down a second time, so any network can be recorded that is made of operations whose
geometry is known; another one is refused by its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import minifcn.functional as F
from minifcn.compute.window import Pair
from minifcn.functional.convolution import add_bias
from minifcn.functional.operators import METHODS
from minifcn.models.geometry import Geometry, trace
from minifcn.models.record import GeometryError, Trace
from minifcn.nn import Module, evaluating

_BASE = 224  # pixels: an image that is large enough for any network
_GONE = (0, 0)  # the size of a map that is not written: a convolution and its bias are one call


@dataclass(frozen=True, eq=False)
class Call:
    """One operation of a forward.

    Parameters
    ----------
    operation : callable
        Of `minifcn.functional`, or `crop_to` or `take` below.
    inputs : tuple
        Names of maps (str), Tensors, arrays and numbers.
    settings : dict
    output : str
        Name of the map that it makes.
    before, behind : shape of the first map among the inputs, and of the output
    stride : int
        Of the output, rows and columns together: its sizes repeat themselves after so many pixels of the image.
    sizes : dict of str to (height, width)
        Of the maps that there are before the call.
    """

    operation: Callable
    inputs: tuple[Any, ...]
    settings: dict[str, Any]
    output: str
    before: tuple[int, ...]
    behind: tuple[int, ...]
    stride: int
    sizes: dict[str, Pair]


def crop_to(x, like, *, offset):
    """Cut x at (top, left) to the size of `like`: what a network's `crop_to` does once the offset is known."""
    return F.crop(x, offset, like.shape[2:])


def take(x, *, index):
    """Give x[index]."""
    return x[index]


@dataclass(frozen=True, eq=False)
class Recorded(Geometry):
    """A map of features without its values, and the calls that made it.

    Parameters
    ----------
    shape, trace, moved, endless, bounded, aligned, concatenated
        As of a Geometry.
    name : str
    calls : list of Call
        Of the whole run, in order.
    sizes : dict of str to (height, width)
        Of the maps so far.
    """

    name: str = "image"
    calls: list[Call] = field(default_factory=list)
    sizes: dict[str, Pair] = field(default_factory=dict)

    def operate(self, operation: Callable, inputs: Sequence[Any], settings: dict[str, Any]) -> Recorded:
        """Pass an operation, and write it down."""
        output = super().operate(operation, inputs, settings)
        last = self.calls[-1] if self.calls else None
        if operation is add_bias and last and last.output == self.name and len(last.inputs) == 2:
            self.sizes[self.calls.pop().output] = _GONE
            return self._recorded(output, last.operation, (*last.inputs, inputs[1]), last.settings, last.before)
        return self._recorded(output, operation, inputs, settings)

    def crop_to(self, like: Geometry, name: str) -> Recorded:
        """Cut this map to the size of another one, where both show the same part of the image."""
        output = super().crop_to(like, name)
        return self._recorded(output, crop_to, (self, like), {"offset": self.offset_to(like)})

    def __getitem__(self, index: Any) -> Recorded:
        return self._recorded(super().__getitem__(index), take, (self,), {"index": index})

    # A geometry need not know which sign it meets.
    __add__, __radd__, __sub__, __rsub__ = (METHODS[f"__{name}__"] for name in ("add", "radd", "sub", "rsub"))
    __mul__, __rmul__, __neg__ = (METHODS[f"__{name}__"] for name in ("mul", "rmul", "neg"))
    __truediv__, __rtruediv__ = METHODS["__truediv__"], METHODS["__rtruediv__"]
    __pow__, __rpow__ = METHODS["__pow__"], METHODS["__rpow__"]

    def _recorded(
        self,
        output: Geometry,
        operation: Callable,
        inputs: Sequence[Any],
        settings: dict[str, Any],
        before: tuple[int, ...] = (),
    ) -> Recorded:
        """Write a call down; one that got its bias has the name of its layer, and its first shape is `before`."""
        place, number = self.trace.name_of(self.trace.running[-1]), 1
        name = place = place if before else f"{place}/{operation.__name__}"
        while name in self.sizes:
            number += 1
            name = f"{place}_{number}"
        named = tuple(x.name if isinstance(x, Recorded) else x for x in inputs)
        shapes = before or self.shape, output.shape
        stride = math.lcm(*((1 / axis.scale).numerator for axis in output.moved))
        self.calls.append(Call(operation, named, settings, name, *shapes, stride, dict(self.sizes)))
        self.sizes[name] = output.shape[2:]
        seen = {field.name: getattr(output, field.name) for field in fields(Geometry)}
        return Recorded(**seen, name=name, calls=self.calls, sizes=self.sizes)


def record(model: Module, size: Pair | None = None) -> list[tuple[Recorded, Recorded]]:
    """Run a network in evaluation mode on the geometry of images: of one size, or of as many as can make a difference.

    Sizes are divided by the strides of a network and rounded, so that what it does repeats itself with a period: the
    least common multiple of the strides of its maps. All remainders occur, of rows and of columns, and one of them
    twice, which shows what grows with the size. Left out are those that the network refuses, which must be all whose
    sides are no multiples of one number.

    Parameters
    ----------
    model : Module
    size : (height, width) in pixels, optional

    Returns
    -------
    list of (image, output)
        Pairs of Recorded; `output.calls` lead from the one to the other.

    Raises
    ------
    UserError
        Naming the layer that does not fit, or whose operation is not known; or if the network takes some sizes only.

    Examples
    --------
    >>> from minifcn import nn
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, relu=True))
    >>> [(image, output)] = record(net, (5, 7))
    >>> [(call.output, call.behind) for call in output.calls]
    [('0', (1, 8, 5, 7)), ('0/relu', (1, 8, 5, 7))]
    """
    layers = trace(model, size or (_least(model),) * 2).layers
    channels = layers[0][1].shape[1] if layers else 3
    if hasattr(model, "trunk"):  # whose first layer may see some of them only
        channels = vars(model).get("in_channels", channels)
    with evaluating(model):
        if size:
            return [_run(model, channels, size)]
        least = _least(model)
        _, output = _run(model, channels, (least, least))
        period = math.lcm(*(call.stride for call in output.calls))
        runs, refused = [], []
        for k in range(period + 1):
            size = least + k, least + period - k
            try:
                runs.append(_run(model, channels, size))
            except GeometryError:
                refused.append(size)
    if len(runs) < 2:
        raise GeometryError(
            f"{type(model).__name__}: takes too few sizes of images to see what depends on them; give one"
        )
    divisor = sides_divisor(runs)
    if any(height % divisor == width % divisor == 0 for height, width in refused):
        height, width = refused[0]
        raise GeometryError(
            f"{type(model).__name__}: refuses some sizes of images, such as {height}x{width}, and they are not those "
            "whose sides are no multiples of a number; give one size that it takes"
        )
    return runs


def sides_divisor(runs: Sequence[tuple[Recorded, Recorded]]) -> int:
    """Give the number of which the sides of all images that a network takes are multiples: 1, if it takes all.

    >>> from minifcn import models
    >>> sides_divisor(record(models.FCN8s(2, variant="lecture", width=1 / 64)))
    32
    """
    return math.gcd(*(side for image, _ in runs for side in image.shape[2:])) if len(runs) > 1 else 1


def _least(model: Module) -> int:
    """Give the side of images that are large enough for a network."""
    grid = getattr(model, "grid", None)  # the fully convolutional form of a classifier takes no less than a crop
    return max(_BASE, *grid.crop_size) if grid else _BASE


def _run(model: Module, channels: int, size: Pair) -> tuple[Recorded, Recorded]:
    names = {id(module): name for name, module in model.named_modules()}
    # What a pixel sees is not asked: half of the time.
    image = Recorded((1, channels, *size), Trace(names), endless=(), sizes={"image": size})
    output = model(image)
    if not isinstance(output, Recorded):
        raise GeometryError(f"{type(model).__name__}: gives {type(output).__name__}, but a network gives one map")
    if not output.calls:
        raise GeometryError(f"{type(model).__name__}: does nothing to an image; there is nothing to export")
    used = {output.name} | {x for call in output.calls for x in call.inputs if isinstance(x, str)}
    if gone := sorted(name for name in used if output.sizes[name] == _GONE):
        raise GeometryError(f"{gone[0]}: a bias is added to this map, but it is used without the bias too")
    return image, output
