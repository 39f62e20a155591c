"""The classifiers that FCNs are made of: a trunk with fully connected layers, for images of one size."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn import check, nn
from minifcn.models.backbones import backbone_of
from minifcn.models.expect import expect_images, expect_width
from minifcn.models.geometry import Geometry, trace
from minifcn.models.record import GeometryError, Trace
from minifcn.models.sliding import CropGrid
from minifcn.models.trunk import Trunk
from minifcn.nn import init
from minifcn.nn.containers import passed

if TYPE_CHECKING:
    from minifcn.data import Normalize


class Classifier(nn.Module):
    """A classifier of images of one size, built of the layers that a trunk declares.

    A convolution that sees the whole map of a crop is a fully connected layer: fc6, fc7 and fc8 of VGG16.

    Parameters
    ----------
    num_classes : int
    backbone : str or subclass of Trunk
        One of `models.BACKBONES`, or a trunk of one's own that has a `crop_size`.
    width : float
        Factor for the numbers of channels.
    dropout : float
    crop_size : int, optional
        Side of the images in pixels; that of the published classifier unless given.
    fc6_kernel : int, optional
        Side of the map that fc6 sees, which another crop size changes.
    rng : numpy.random.Generator, optional
        Draws the first weights; ``numpy.random.default_rng(0)`` unless given.

    Attributes
    ----------
    mean : tuple of three floats
        What the published weights expect to be subtracted: of B, G, R, 0..255.
    layers : tuple of str
        Names of the layers, in the order in which an image passes them.
    grid : CropGrid or None
        Of its fully convolutional form.
    class_names, palette, normalize
        Of a trained classifier only, that `models.pretrained` gave.

    Examples
    --------
    >>> from minifcn import Tensor
    >>> net = Classifier(10, backbone="alexnet", width=1 / 64)
    >>> net(Tensor(np.zeros((2, 3, 227, 227), "float32"))).shape
    (2, 10)
    """

    grid: CropGrid | None = None
    class_names: tuple[str, ...]
    palette: np.ndarray
    normalize: Normalize

    def __init__(
        self,
        num_classes: int = 1000,
        *,
        backbone: str | type[Trunk] = "vgg16",
        width: float = 1.0,
        dropout: float = 0.5,
        crop_size: int | None = None,
        fc6_kernel: int | None = None,
        rng: np.random.Generator | None = None,
    ):
        kind = backbone_of(backbone, "classifier")
        self.num_classes = check.whole(num_classes, "classifier: num_classes")
        self.crop_size = check.whole(
            kind.crop_size if crop_size is None else crop_size, f"classifier: crop_size of {kind.__name__}"
        )
        expect_width("classifier", width)
        if fc6_kernel is not None:
            fc6_kernel = check.whole(fc6_kernel, "classifier: fc6_kernel")
        rng = check.generator(rng, "classifier: rng") or np.random.default_rng(0)
        dropout = check.probability(dropout, "classifier: dropout")
        trunk = kind("classifier", width, dropout, fc6_kernel, rng)
        self.trunk, self.mean = trunk, kind.mean
        layers = dict(trunk.build()) | trunk.classifying(self.num_classes)
        self._take(layers)
        self._take(_fully_connected(layers, self._passed()))

    def extra_repr(self) -> str:
        """Give the classes, the trunk, the size of the images and the width."""
        name, size = type(self.trunk).__name__, self.crop_size
        return f"{self.num_classes} classes, trunk {name}, crops of {size}x{size}, width {self.trunk.width:g}"

    def _take(self, layers: dict[str, nn.Module]) -> None:
        """Keep layers as attributes, in their order."""
        self.layers = tuple(layers)
        for name, layer in layers.items():
            vars(self).pop(name, None)
            setattr(self, name, layer)

    def _passed(self) -> Trace:
        """Run the convolutions on the geometry of a crop; there must be one answer."""
        crop = f"{self.crop_size}x{self.crop_size}"
        fix = "choose a crop_size, or the fc6_kernel that goes with it, so that fc6 sees all of its map"
        try:
            seen = trace(self, (self.crop_size, self.crop_size), 3)
        except GeometryError as error:
            raise GeometryError(f"classifier: of a crop of {crop}, {error}; {fix}") from None
        if seen.output.shape[2:] != (1, 1):
            rows, columns = seen.output.shape[2:]
            raise GeometryError(f"classifier: it makes {rows}x{columns} answers of a crop of {crop}, not one; {fix}")
        return seen

    def forward(self, x):
        """Turn crops (N, 3, S, S) into scores (N, C); in the fully convolutional form, images into maps of scores."""
        if not isinstance(x, Geometry):
            expect_images("Classifier", x, self.dtype)
            if self.grid is None and x.shape[2:] != (self.crop_size, self.crop_size):
                raise ValueError(
                    f"Classifier: x must be crops of {self.crop_size}x{self.crop_size}, got {x.shape[2]}x{x.shape[3]}; "
                    "models.convolutionalize(classifier) takes images of any size"
                )
        return passed([getattr(self, name) for name in self.layers], x)


def classifier(name: str | type[Trunk], num_classes: int = 1000, **options: Any) -> Classifier:
    """Make the classifier that a trunk comes from, such as "vgg16".

    Parameters
    ----------
    name : str or subclass of Trunk
        One of `models.BACKBONES`, or a trunk of one's own.
    num_classes : int
        1000 in ImageNet.
    **options
        As of `Classifier`: width, dropout, crop_size, fc6_kernel, rng.

    Returns
    -------
    Classifier
        The names of its parameters are those of the FCN, and fc8: `training.transplant` puts one into the other.

    Examples
    --------
    >>> vgg16 = classifier("vgg16", width=1 / 64)
    >>> vgg16.crop_size, vgg16.mean, vgg16.layers[-7:]
    (224, (103.939, 116.779, 123.68), ('pool5', 'flatten', 'fc6', 'drop6', 'fc7', 'drop7', 'fc8'))
    >>> vgg16.fc6
    Linear(392, 64, relu=True)  # 64x392 + 64 = 25,152 parameters
    """
    return Classifier(num_classes, backbone=name, **options)


def _fully_connected(layers: dict[str, nn.Module], seen: Trace) -> dict[str, nn.Module]:
    """Turn the last convolutions, that see the whole map of a crop, into fully connected layers, behind a Flatten.

    One before something that takes a map, such as a convolution in groups or one inside a Sequential, stays.
    """
    own = {id(layer) for layer in layers.values()}
    last = itertools.takewhile(lambda passed: id(passed[0]) in own and _sees_all(*passed), reversed(seen.layers))
    whole = {id(layer) for layer, _, _ in last}
    found: dict[str, nn.Module] = {}
    for name, layer in layers.items():
        if id(layer) in whole and "flatten" not in found:
            found["flatten"] = nn.Flatten()
        found[name] = _as_linear(layer) if id(layer) in whole else layer
    return found


def _sees_all(layer: nn.Module, before: Geometry, behind: Geometry) -> bool:
    if not isinstance(layer, nn.Conv2d) or layer.groups > 1 or layer.window.padding != (0, 0):
        return False
    return layer.window.kernel == before.shape[2:] and behind.shape[2:] == (1, 1)


def _as_linear(conv: Any) -> nn.Linear:
    """Read a convolution whose kernel covers its map as a fully connected layer, in the order channel, row, column."""
    outputs = conv.out_channels
    with init.shapes_only():
        linear = nn.Linear(conv.weight.data.size // outputs, outputs, relu=conv.relu)
    linear.weight = nn.Parameter(conv.weight.data.reshape(outputs, -1))
    linear.bias = conv.bias
    return linear
