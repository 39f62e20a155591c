"""A trunk: the layers that turn an image into maps of features, declared from top to bottom.

A network is a trunk, score layers on some of its maps, and upsampling (fcn.py). The trunks that are known by name stand
in backbones.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np

from minifcn import check
from minifcn.models.coordinates import Moved
from minifcn.nn import Conv2d, Dropout, MaxPool2d, Module


class Trunk:
    """Layers that turn an image into maps of features, and the maps among them that can be scored.

    A trunk of one's own is a subclass with `scored` and `stages`. `conv`, `pool` and `drop` make the usual layers; any
    other Module may stand beside them. The network keeps the layers as attributes of its own: so their parameters have
    the names declared here, such as "conv3_2.weight", with nothing before them.

    Parameters
    ----------
    variant : str
        Of the network, for what differs between its variants: "aligned" or "paper"; or "classifier", where the trunk
        is that of one, and its fully connected layers are convolutions whose kernels cover the map of a crop.
    width : float
        Factor for all numbers of channels.
    dropout : float
        Probability of the layers that `drop` makes.
    fc6_kernel : int, optional
        One of the variant's `fc6_kernels`; the first of them unless given.
    rng : numpy.random.Generator
        Draws the weights, and later the dropout masks from a generator of its own, `dropout_rng`.

    Attributes
    ----------
    scored : dict of str to int
        The maps that can be scored and their strides, the coarsest last. A map has the name of a layer; it is what the
        stage with that layer ends with.
    fc6_kernels : dict of str to tuple of int
        By variant, the kernel sizes that fc6 may have; nothing where there is no fc6.
    crop_size : int
        Side of the square images of the classifier, in pixels; 0 where the trunk is that of none.
    mean : tuple of three floats
        What the published weights expect to be subtracted from its images: of B, G, R, 0..255.
    groups : int
        Most groups of a convolution. All numbers of channels are multiples of it, whatever the width.
    left_out : dict of str to int
        Average pools with stride 1 that the classifier has behind the coarsest map and the trunk has not, with their
        kernel sizes: the classifier sees more of an image through them.
    inputs : int
        Channels that the next layer takes.
    channels : dict of str to int
        Of the maps that can be scored, once the network has its layers.
    moved : dict of str to (CoordinateMap, CoordinateMap)
        Where the image's rows and columns lie on these maps.
    layers : list of tuple of str
        Names of the layers of each stage that was built.
    dropout_rng : numpy.random.Generator

    Examples
    --------
    >>> from minifcn import models
    >>> class Small(Trunk):
    ...     scored = {"conv2": 2}
    ...
    ...     def stages(self):
    ...         # 3 x H x W
    ...         yield {"conv1": self.conv(16, 3, padding=1), "pool1": self.pool(2)}  # 16 x H/2 x W/2
    ...         yield {"conv2": self.conv(32, 3, padding=1)}  # 32 x H/2 x W/2
    >>> net = models.FCN32s(21, backbone=Small)
    >>> [f"{name} {parameter.shape}" for name, parameter in net.named_parameters()][2:5]
    ['conv2.weight (32, 16, 3, 3)', 'conv2.bias (32,)', 'score_fr.weight (21, 32, 1, 1)']
    """

    scored: ClassVar[dict[str, int]] = {}
    fc6_kernels: ClassVar[dict[str, tuple[int, ...]]] = {}
    crop_size: ClassVar[int] = 0
    mean: ClassVar[tuple[float, ...]] = ()
    groups: ClassVar[int] = 1
    left_out: ClassVar[dict[str, int]] = {}

    def __init__(self, variant: str, width: float, dropout: float, fc6_kernel: int | None, rng: np.random.Generator):
        self.variant, self.width, self.dropout, self.rng = variant, width, dropout, rng
        self.fc6_kernel = fc6_kernel or next(iter(self.fc6_kernels.get(variant, ())), 0)
        self.dropout_rng = rng.spawn(1)[0]
        self.inputs = 3
        self.channels: dict[str, int] = {}
        self.moved: dict[str, Moved] = {}
        self.layers: list[tuple[str, ...]] = []

    @property
    def coarsest(self) -> str:
        """Name of the coarsest map that can be scored."""
        return next(reversed(self.scored))

    def at(self, stride: int) -> str:
        """Name of the map of a stride that can be scored; the last one, where there are more."""
        return next(name for name in reversed(self.scored) if self.scored[name] == stride)

    def stages(self) -> Iterator[dict[str, Module]]:
        """Yield the layers of one stage after the other, by name, in the order in which an image passes them.

        Of a stage without dropout a network with ``recompute=True`` keeps only the input. Its gradients are the same,
        bit for bit, unless a stage branches from a map that is scored too: then they are added up in another order.
        """
        raise TypeError(f"{type(self).__name__} has no stages(); a Trunk must define it")

    def classifying(self, num_classes: int) -> dict[str, Module]:
        """Give the layers, by name, that a classifier has behind the last stage: fc8, its scores.

        What sees the whole map of a crop becomes fully connected there, as fc6 and fc7 do.
        """
        return {"fc8": Conv2d(self.inputs, num_classes, 1, rng=self.rng)}

    def build(self) -> Iterator[tuple[str, Module]]:
        """Make the layers, and note which belong to one stage."""
        kind, stages = type(self).__name__, self.stages()
        if isinstance(stages, dict) or not isinstance(stages, Iterable):
            raise TypeError(f"{kind}.stages() must yield one dict after the other, but gives {check.shown(stages)}")
        for number, stage in enumerate(stages):
            if not isinstance(stage, dict):
                raise TypeError(
                    f"{kind}: stage {number} must be a dict of layers by name, as in "
                    f'yield {{"conv1": self.conv(64, 3, padding=1)}}, got {check.shown(stage)}'
                )
            for name, layer in stage.items():
                if not isinstance(name, str) or not name or not isinstance(layer, Module):
                    raise TypeError(
                        f"{kind}: stage {number} must have Modules by their names, got {check.shown(layer)} as "
                        f"{name!r}; write a Module for what is none"
                    )
                yield name, layer
            self.layers.append(tuple(stage))
        if missing := self.scored.keys() - {name for stage in self.layers for name in stage}:
            raise ValueError(f"{kind}: scored names {min(missing)}, but no layer in stages() is called so")

    def conv(
        self, channels: int, kernel_size: int, stride: int = 1, padding: int = 0, groups: int = 1, relu: bool = True
    ) -> Conv2d:
        """Make a convolution to so many channels, at width 1, and a ReLU behind it."""
        inputs, self.inputs = self.inputs, self.scaled(channels)
        return Conv2d(inputs, self.inputs, kernel_size, stride, padding, groups=groups, relu=relu, rng=self.rng)

    def pool(self, kernel_size: int, stride: int | None = None, padding: int = 0) -> MaxPool2d:
        """Make a pool that rounds up, as Caffe's do: otherwise maps of some sizes end before the image does."""
        return MaxPool2d(kernel_size, stride, padding, ceil_mode=True)

    def drop(self) -> Dropout:
        """Make a dropout, which draws from `dropout_rng`."""
        return Dropout(self.dropout, rng=self.dropout_rng)

    def scaled(self, channels: int) -> int:
        """Number of channels at the width, at least 1, and a multiple of `groups`."""
        channels = check.whole(channels, f"{type(self).__name__}: channels")
        return self.groups * max(1, round(channels * self.width / self.groups))
