"""Runs a network on geometry alone: sizes, coordinate maps and receptive fields instead of values.

The network's own `forward` is the only description of its shape: handed a `Geometry` in place of an image, it calls
its layers and functions as ever, and every operation they are made of says where it takes the pixels. Nothing is
multiplied. An operation whose geometry is not known here is refused by its name, never taken for one that moves
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minifcn.autograd import Tensor
from minifcn.compute.window import Pair, Window, pair
from minifcn.functional.convolution import add_bias, transposed_convolution
from minifcn.functional.shape import join, surround
from minifcn.models.coordinates import IDENTITY, CoordinateMap, at_both
from minifcn.models.passing import MARGINS, OVER_CHANNELS, POINTWISE, WINDOWS
from minifcn.models.reach import Paths, Reach, field_sizes, joined
from minifcn.models.record import Crop, GeometryError, Trace
from minifcn.models.unknown import NO_VALUES, AnyChannels, FirstLayer, NoValues
from minifcn.nn import AvgPool2d, Conv2d, ConvTranspose2d, Linear, MaxPool2d, Module

Operation = Callable[..., Tensor]
LAYERS = (Conv2d, ConvTranspose2d, MaxPool2d, AvgPool2d, Linear)  # a row each in a table of layers


@dataclass(frozen=True, eq=False)
class Geometry:
    """A map of features without its values.

    Parameters
    ----------
    shape : (N, C, H, W)
    trace : Trace
    moved : pair of CoordinateMap
        Where the image's pixel u lies on this map, for rows and for columns.
    endless, bounded : paths
        What each pixel sees of the image; see `reach`. Empty where nobody asked.
    aligned : bool
        Whether maps that were fused into this one lay over each other; if not, `moved` holds for one of them.
    concatenated : bool
        Whether channels may see different parts of the image, of which `endless` and `bounded` are the union.
    """

    shape: tuple[int, int, int, int]
    trace: Trace
    moved: tuple[CoordinateMap, CoordinateMap] = (IDENTITY, IDENTITY)
    endless: Paths = ((Reach.endless(), Reach.endless()),)
    bounded: Paths = ()
    aligned: bool = True
    concatenated: bool = False

    __array_ufunc__ = None  # so that `array + geometry` asks the geometry
    ndim, dtype, device, requires_grad = 4, np.dtype("float32"), "cpu", False

    @property
    def coordinates(self) -> CoordinateMap:
        """Where the image's row u lies on this map."""
        return self.moved[0]

    @property
    def field_sizes(self) -> tuple[Pair, Pair]:
        """Smallest and largest number of rows, and of columns, that one pixel sees of an endless image.

        Behind an upsampling they depend on the pixel: some lie between two pixels of the coarse map, some on one.
        """
        return field_sizes(self.endless)

    @property
    def receptive_field(self) -> int:
        """Rows of the image that one pixel of this map sees: the most, where it depends on the pixel."""
        return self.field_sizes[0][1]

    def through(self, module: Module, *inputs: Any, **settings: Any) -> Geometry:
        """Pass a layer, or a network: run its forward on this geometry, which is one of the inputs."""
        self.trace.running.append(module)
        try:
            output = module.forward(*inputs, **settings)
        except GeometryError:
            raise
        except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
            raise self._refusal(str(error)) from error
        finally:
            self.trace.running.pop()
        if isinstance(module, LAYERS):
            self.trace.layers.append((module, self, output))
        return output

    def operate(self, operation: Operation, inputs: Sequence[Any], settings: dict[str, Any]) -> Geometry:
        """Pass an operation of `minifcn.functional`; `autograd.operation` asks for it in place of the values."""
        if operation in POINTWISE:
            return self._pointwise(inputs)
        if operation is add_bias or (operation in OVER_CHANNELS and settings.get("axis", 1) in (1, -3)):
            return self  # each pixel for itself
        if operation is join and settings["axis"] in (1, -3):
            return self._joined(inputs)
        if operation in WINDOWS:
            output = self._windowed(operation, inputs, settings)
        elif operation in MARGINS:
            sign, (n, c, height, width) = 1 if operation is surround else -1, self.shape
            left, right, top, bottom = (sign * side for side in settings["margin"])
            shape = n, c, top + height + bottom, left + width + right
            output = self._moved(shape, Window((1, 1), padding=(top, left)))
        else:
            raise self._unknown(operation.__name__)
        if not any(isinstance(module, LAYERS) for module in self.trace.running):  # those are listed as the layer
            called, transposed = (WINDOWS | MARGINS)[operation], operation is transposed_convolution
            self.trace.note_call(called, transposed, inputs[1:2], self, output)
        return output

    def crop_to(self, like: Geometry, name: str) -> Geometry:
        """Cut this map to the size of another one, where both show the same part of the image."""
        if not (self.aligned and like.aligned):
            raise self._refusal(
                f"{name}: no crop aligns the sum of maps that do not lie over each other; "
                "change a kernel size, stride or padding"
            )
        self.trace.crops.append(Crop(name, len(self.trace.layers), self, like))
        offset = self.offset_to(like)
        if any(o + small > large for o, small, large in zip(offset, like.shape[2:], self.shape[2:], strict=True)):
            raise self._refusal(
                f"{name}: a crop of {like.shape[2:]} at {offset} does not fit on a map of {self.shape[2:]}"
            )
        return self._moved((*self.shape[:2], *like.shape[2:]), Window((1, 1), padding=(-offset[0], -offset[1])))

    def offset_to(self, like: Geometry) -> Pair:
        """Give the first row and column of this map that lie on another one."""
        rows, columns = (b.compose(a.inverse()).crop_offset for a, b in zip(self.moved, like.moved, strict=True))
        return rows, columns

    def __getitem__(self, index: Any) -> Geometry:
        slices = index if isinstance(index, tuple) else (index,)
        rest = (slice(None),) * (4 - sum(i is not Ellipsis for i in slices))
        at = next((place for place, i in enumerate(slices) if i is Ellipsis), len(slices))
        slices = slices[:at] + rest + slices[at + 1 :]
        if len(slices) != 4 or not all(isinstance(i, slice) and (i.step or 1) > 0 for i in slices):
            raise self._refusal(f"x[{index}] is no map; what a pixel sees is known behind slices with a positive step")
        n, c, rows, columns = (range(*i.indices(size)) for i, size in zip(slices, self.shape, strict=True))
        if self.concatenated and len(c) < self.shape[1]:
            raise self._refusal("what some channels of concatenated maps see is not known; slice them before")
        window = Window((1, 1), (rows.step, columns.step), (-rows.start, -columns.start))
        channels = self.shape[1] if slices[1] == slice(None) else len(c)  # they may not be known yet
        return self._moved((len(n), channels, len(rows), len(columns)), window)

    def __add__(self, other: Any) -> Geometry:
        return self._pointwise((self, other))

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __add__

    def __matmul__(self, other: Any) -> Geometry:
        raise self._unknown("matmul")

    __rmatmul__ = __matmul__

    def __neg__(self) -> Geometry:
        return self

    def astype(self, dtype: Any) -> Geometry:
        """Give the map itself: a number type, or a device, moves nothing."""
        return self

    to = astype

    @property
    def data(self) -> NoValues:
        """Nothing: whatever asks it for values is refused."""
        return NoValues(self.shape)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.data.__array__()

    def __bool__(self, *_: Any) -> bool:
        raise TypeError(NO_VALUES)

    __eq__ = __ne__ = __bool__

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f".{name}: {NO_VALUES}")

    def _pointwise(self, inputs: Sequence[Any]) -> Geometry:
        """Pass an operation that takes the pixels at one place of all its inputs; numbers and vectors spread."""
        fused, (batch, channels) = self._fused(inputs), self.shape[:2]
        for x in inputs:
            n, c, *size = (1,) * (4 - len(np.shape(x))) + np.shape(x)
            if len(size) != 2 or any(b not in (1, a) for a, b in zip(self.shape[2:], size, strict=True)):
                raise self._refusal(f"an operand of shape {np.shape(x)} does not lie on a map of {self.shape}")
            if isinstance(channels, AnyChannels) and c > 1 and not isinstance(x, Geometry):
                raise FirstLayer(c)
            if n not in (1, batch) or not (c in (1, channels) or channels == 1):
                raise self._refusal(f"operands of shapes {self.shape} and {np.shape(x)} do not fit together")
            channels = c if not isinstance(channels, AnyChannels) and channels == 1 else channels
        return replace(fused, shape=(batch, channels, *self.shape[2:]))

    def _joined(self, inputs: Sequence[Any]) -> Geometry:
        """Pass the concatenation of channels."""
        fused = self._fused(inputs)
        if any(len(np.shape(x)) != 4 or np.shape(x)[2:] != self.shape[2:] for x in inputs):
            raise self._refusal(f"maps of shapes {', '.join(str(np.shape(x)) for x in inputs)} cannot be concatenated")
        shape = (self.shape[0], sum(x.shape[1] for x in inputs), *self.shape[2:])
        same = all((x.endless, x.bounded) == (self.endless, self.bounded) for x in inputs if isinstance(x, Geometry))
        return replace(fused, shape=shape, concatenated=fused.concatenated or not same)

    def _fused(self, inputs: Sequence[Any]) -> Geometry:
        """See what any of the maps among the inputs sees; they have the same size and stride.

        Maps of the same size that lie beside each other, as if by half a pixel, can be added and are; but their sum has
        no place, and so no crop aligns it with anything.
        """
        output = self
        for x in inputs:
            if not isinstance(x, Geometry) or x is self:
                continue
            strides, others = ([1 / axis.scale for axis in on.moved] for on in (self, x))
            if (self.shape[2:], strides) != (x.shape[2:], others):
                ours, theirs = (f"{on.shape} with pixel u at {at_both(on.moved)}" for on in (self, x))
                raise self._refusal(f"maps to be fused are not aligned: {ours}, and {theirs}; crop one to the other")
            endless, bounded = joined(output.endless, x.endless), joined(output.bounded, x.bounded)
            aligned = output.aligned and x.aligned and output.moved == x.moved
            kept_apart = output.concatenated or x.concatenated
            output = replace(output, endless=endless, bounded=bounded, aligned=aligned, concatenated=kept_apart)
        return output

    def _windowed(self, operation: Operation, inputs: Sequence[Any], settings: dict[str, Any]) -> Geometry:
        """Pass a convolution, a transposed one, or a pool."""
        weight, window, channels = (inputs[1] if len(inputs) > 1 else None), settings["window"], self.shape[1]
        if isinstance(weight, Geometry):
            raise self._refusal(f"{WINDOWS[operation]}: the weight depends on the image, and so does what a pixel sees")
        transposed, groups = operation is transposed_convolution, settings.get("groups", 1)
        if weight is not None:
            if isinstance(channels, AnyChannels):
                raise FirstLayer(weight.shape[0] if transposed else weight.shape[1] * groups)
            channels = weight.shape[1] * groups if transposed else weight.shape[0]
        size = settings.get("size") or window.output_size(self.shape[2:])
        output = self._moved((self.shape[0], channels, *size), window, transposed)
        return output if weight is None or groups > 1 else replace(output, concatenated=False)  # it mixes all channels

    def _moved(self, shape: tuple[int, int, int, int], window: Window, transposed: bool = False) -> Geometry:
        """Pass a window along both axes; one of a single pixel adds a border, or cuts it if the padding is negative."""
        if min(shape[2:]) < 1:
            raise self._refusal(f"nothing is left of a map of {self.shape}: the result would be {shape}")
        pass_ = Reach.transposed if transposed else Reach.window

        def behind(paths: Paths) -> Paths:
            return tuple(
                tuple(pass_(path[axis], *window.along(axis), size=shape[2 + axis]) for axis in (0, 1))  # type: ignore[misc]
                for path in paths
            )

        rows, columns = (CoordinateMap.of(window, transposed, a).compose(self.moved[a]) for a in (0, 1))
        paths = behind(self.endless), behind(self.bounded)
        return Geometry(shape, self.trace, (rows, columns), *paths, self.aligned, self.concatenated)

    def _unknown(self, name: str) -> GeometryError:
        return self._refusal(f"what a pixel sees behind the operation {name!r} is not known; models/passing.py says it")

    def _refusal(self, message: str) -> GeometryError:
        return self.trace.refusal(message)


def trace(model: Module, size: Pair, channels: int | None = None, bounded: bool = False) -> Trace:
    """Run a network on the geometry of one image.

    Parameters
    ----------
    model : Module
    size : (height, width) of the image, in pixels
    channels : int, optional
        Of the image: 1 if it is grey. As many as the network's first layer takes, unless given.
    bounded : bool
        Find out as well what every pixel sees of this image, apart from what it would see of an endless one.

    Raises
    ------
    GeometryError
        A ValueError that names the layer which does not fit, or whose geometry is not known.
    """
    if not isinstance(model, Module):
        raise TypeError(
            f"a geometry passes a Module, got {type(model).__name__} {model!r}; models.create makes networks by name"
        )
    height, width = pair(size, "size", 1)
    names = {id(module): name for name, module in model.named_modules()}
    channels = channels or (vars(model).get("in_channels") if hasattr(model, "trunk") else None)
    if channels is None:
        channels = 3
        try:
            model(Geometry((1, AnyChannels(3), height, width), Trace(names)))
        except FirstLayer as first:
            channels = first.channels
        except GeometryError:
            pass  # said again below, of three channels
    seen = Trace(names)
    paths = ((Reach.bounded(height), Reach.bounded(width)),) if bounded else ()
    seen.output = model(Geometry((1, channels, height, width), seen, bounded=paths))
    return seen
