"""Runs a network on geometry alone: sizes, coordinate maps and receptive fields instead of values.

The network's own `forward` is the only description of its shape: handed a `Geometry` in place of an image, it says
where every pixel goes, and nothing is multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from minifcn.compute.window import Pair
from minifcn.models.coordinates import IDENTITY, CoordinateMap
from minifcn.nn import Conv2d, ConvTranspose2d, MaxPool2d, Module


@dataclass
class Trace:
    """What a run on geometry has seen, in order."""

    layers: list[tuple[Module, Geometry, Geometry]] = field(default_factory=list)  # layer, its input, its output
    crop_offsets: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Geometry:
    """A map of features without its values.

    Attributes
    ----------
    shape : (N, C, H, W)
    coordinates : where the image's pixel u lies on this map
    receptive_field : rows of the image that one pixel of this map sees
    """

    shape: tuple[int, int, int, int]
    trace: Trace
    coordinates: CoordinateMap = IDENTITY
    receptive_field: int = 1

    def through(self, module: Module) -> Geometry:
        """Pass a layer, or all layers of a network."""
        if isinstance(module, Conv2d | ConvTranspose2d | MaxPool2d):
            output = self._behind(module)
            self.trace.layers.append((module, self, output))
            return output
        has_layers_inside = len(list(module.named_modules())) > 1
        return module.forward(self) if has_layers_inside else self  # relu and dropout move nothing

    def _behind(self, layer: Conv2d | ConvTranspose2d | MaxPool2d) -> Geometry:
        window, transposed = layer.window, isinstance(layer, ConvTranspose2d)
        extent = window.dilation[0] * (window.kernel[0] - 1) + 1
        seen = -(-extent // window.stride[0]) if transposed else extent  # pixels of the input behind one of the output
        if isinstance(layer, MaxPool2d):
            channels, size = self.shape[1], window.output_size(self.shape[2:], layer.ceil_mode)
        elif isinstance(layer, ConvTranspose2d):
            channels, size = layer.weight.shape[1] * layer.groups, window.transposed_size(self.shape[2:])
        else:
            channels, size = layer.weight.shape[0], window.output_size(self.shape[2:])
        return Geometry(
            (self.shape[0], channels, *size),
            self.trace,
            CoordinateMap.of(window, transposed).compose(self.coordinates),
            self.receptive_field + int((seen - 1) / self.coordinates.scale),
        )

    def crop_to(self, like: Geometry, name: str) -> Geometry:
        """Cut this map to the size of another one, where both show the same part of the image."""
        offset = like.coordinates.compose(self.coordinates.inverse()).crop_offset
        if any(offset + small > large for small, large in zip(like.shape[2:], self.shape[2:], strict=True)):
            raise ValueError(
                f"{name}: a crop of {like.shape[2:]} at {offset} does not fit on a map of {self.shape[2:]}"
            )
        self.trace.crop_offsets[name] = offset
        return replace(self, shape=self.shape[:2] + like.shape[2:], coordinates=like.coordinates)

    def __add__(self, other: Geometry) -> Geometry:
        if (self.shape, self.coordinates) != (other.shape, other.coordinates):
            raise ValueError(f"maps to be fused are not aligned: {self.shape}, {self.coordinates} and "
                             f"{other.shape}, {other.coordinates}; crop one to the other")  # fmt: skip
        return replace(self, receptive_field=max(self.receptive_field, other.receptive_field))

    def __mul__(self, factor: float) -> Geometry:
        return self


def trace(model: Module, size: Pair) -> Trace:
    """Run a network on the geometry of one image of (height, width) pixels."""
    seen = Trace()
    model(Geometry((1, 3, *size), seen))
    return seen
