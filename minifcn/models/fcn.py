"""FCN-32s, FCN-16s and FCN-8s: coarse scores, upsampled and fused with finer ones. Paper section 4.2, figure 3."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

import minifcn.functional as F
from minifcn import check, named_otherwise, nn
from minifcn.compute.window import pair
from minifcn.models.alignment import crop_offsets
from minifcn.models.backbones import backbone_of
from minifcn.models.coordinates import IDENTITY, Moved, bilinear_between
from minifcn.models.expect import expect_fc6, expect_free, expect_images, expect_maps, expect_strides, expect_width
from minifcn.models.geometry import Geometry
from minifcn.models.record import Trace
from minifcn.models.trunk import Trunk
from minifcn.nn.containers import passed

if TYPE_CHECKING:
    from minifcn.data import Normalize


class FCN(nn.Module):
    """What the three nets share: a trunk, the scores of its coarsest map, transposed convolutions and crops.

    Parameters
    ----------
    num_classes : int
        Number C of score maps.
    backbone : str or subclass of Trunk
        Name of the trunk, one of `models.BACKBONES`, or a trunk of one's own.
    variant : "aligned" | "paper" | "lecture"
        "paper" is the paper's published reference code: padding 100, a 7x7 fc6, crops, and all upsampling fixed and
        bilinear (the paper's text learns the upsamplings by 2; AlexNet's fc6 is 6x6). "aligned" has padding of half a
        kernel, a 1x1 fc6, and learned upsampling whose padding keeps every map exactly over the image (offset 0).
        "lecture" is the listing of courses; see lecture.py.
    width : float
        Factor for the numbers of channels of the trunk.
    dropout : float
        Probability after fc6 and fc7.
    at_once : bool
        Scale pool4 by 0.01 and pool3 by 0.0001 before they are scored, as the reference FCN-8s "at-once" does so that
        all streams can be trained together.
    fc6_kernel : 1 | 7, optional
        Of the aligned variant; 7 (AlexNet: 6) comes with padding 3.
    in_channels : int
        Of the images: 3 colours, and perhaps what stands behind them, such as depth.
    rng : numpy.random.Generator, optional
        Draws the first weights; ``numpy.random.default_rng(0)`` unless given.
    recompute : bool
        Train with less memory: of each stage of the trunk keep only the input, and compute the rest again in the
        backward pass. The gradients are the same, bit for bit.

    Attributes
    ----------
    trunk : Trunk
        Its layers are attributes of the network: ``net.conv3_2``.
    crop_offsets : dict of str to int
    class_names, palette, normalize
        Of a trained network only, that `models.pretrained` gave.

    Notes
    -----
    score_pool4 and score_pool3 have their names from VGG16; on other trunks they score the maps of strides 16 and 8.
    """

    class_names: tuple[str, ...]
    palette: np.ndarray
    normalize: Normalize
    skips: ClassVar[tuple[int, ...]] = ()  # strides of the maps that are scored besides the coarsest
    head: ClassVar[str] = "score_fr"  # the layer that scores the coarsest map
    variants: ClassVar[tuple[str, ...]] = ("aligned", "paper")
    listings: ClassVar[dict[type[FCN], type[FCN]]] = {}  # of the lecture, by the networks that they are

    def __new__(cls, *args: Any, variant: str = "aligned", **options: Any) -> FCN:
        """Give the lecture's listing a class of its own: its layers have other names."""
        return super().__new__(FCN.listings.get(cls, cls) if variant == "lecture" else cls)

    @named_otherwise.arguments
    def __init__(
        self,
        num_classes: int = 21,
        *,
        backbone: str | type[Trunk] = "vgg16",
        variant: str = "aligned",
        width: float = 1.0,
        dropout: float = 0.5,
        at_once: bool = False,
        fc6_kernel: int | None = None,
        in_channels: int = 3,
        rng: np.random.Generator | None = None,
        recompute: bool = False,
    ):
        kind = type(self).__name__
        if variant not in self.variants:
            raise ValueError(
                f'{kind}: variant must be "aligned" or "paper", got {variant!r}; FCN32s, FCN16s and FCN8s have a third '
                'one, "lecture"'
            )
        self.paper, self.num_classes = variant == "paper", check.whole(num_classes, f"{kind}: num_classes")
        self.in_channels = check.whole(in_channels, f"{kind}: in_channels")
        self.recompute = check.flag(recompute, f"{kind}: recompute")
        self.pool4_scale, self.pool3_scale = (0.01, 0.0001) if check.flag(at_once, f"{kind}: at_once") else (1.0, 1.0)
        trunk = backbone_of(backbone, kind)
        expect_maps(kind, self.skips, trunk)
        expect_fc6(kind, fc6_kernel, variant, trunk.fc6_kernels)
        expect_width(kind, width)
        dropout = check.probability(dropout, f"{kind}: dropout")
        rng = check.generator(rng, f"{kind}: rng") or np.random.default_rng(0)
        self.trunk = trunk(variant, width, dropout, fc6_kernel, rng)
        self.trunk.inputs = self.in_channels
        self.crop_offsets: dict[str, Any] = {}
        self.coarse_inside = False  # whether upsampled scores begin inside the map that they are fused with
        layers: dict[str, nn.Module] = {}
        for name, layer in self.trunk.build():
            expect_free(kind, self.trunk, name, not hasattr(self, name))
            setattr(self, name, layer)
            layers[name] = layer
        self.trunk.channels, self.trunk.moved = self.measured()
        self.add_layers()
        for name, layer in layers.items():  # layers of the network that were made since may have taken its place
            expect_free(kind, self.trunk, name, getattr(self, name) is layer)
        self.crop_offsets = crop_offsets(self)

    def extra_repr(self) -> str:
        """Give the classes, the trunk, the variant and the width."""
        trunk = self.trunk
        name = type(trunk).__name__
        return f"{self.num_classes} classes, trunk {name}, variant {trunk.variant!r}, width {trunk.width:g}"

    @property
    def channels(self) -> dict[str, int]:
        """Channels of the maps that can be scored, by name."""
        return self.trunk.channels

    @property
    def dropout_rng(self) -> np.random.Generator:
        """The generator of the dropout masks."""
        return self.trunk.dropout_rng

    def features(self, x) -> tuple:
        """Turn images (N, 3, H, W) into the maps of the trunk that can be scored, such as pool3, pool4 and fc7."""
        return tuple(self.maps(x).values())

    def maps(self, x) -> dict[str, Any]:
        """Turn images (N, 3, H, W) into the maps of the trunk that can be scored, by name, the coarsest last."""
        if not isinstance(x, Geometry):
            expect_images(type(self).__name__, x, getattr(self, self.head).weight.dtype, self.in_channels)
        maps: dict[str, Any] = {}
        for names in self.trunk.layers:
            stage = [getattr(self, name) for name in names]
            inside = (module for layer in stage for _, module in layer.named_modules())
            again = self.recompute and not any(isinstance(module, nn.Dropout) for module in inside)
            x = F.recompute(functools.partial(passed, stage), x) if again else passed(stage, x)
            maps |= {name: x for name in names if name in self.trunk.scored}
        return maps

    def by_stride(self, x) -> dict[int, Any]:
        """Turn images (N, 3, H, W) into the maps of the trunk that can be scored, by their strides."""
        return {self.trunk.scored[name]: map_ for name, map_ in self.maps(x).items()}

    def measured(self) -> tuple[dict[str, int], dict[str, Moved]]:
        """Find out channels and places of the maps that can be scored; their strides must be those declared."""
        names = {id(module): name for name, module in self.named_modules()}
        maps = self.maps(Geometry((1, self.in_channels, 224, 224), Trace(names, running=[self])))
        expect_strides(type(self).__name__, self.trunk, maps)
        return {name: x.shape[1] for name, x in maps.items()}, {name: x.moved for name, x in maps.items()}

    def add_layers(self) -> None:
        """Make the layers between the maps of the trunk and the result."""

    def scoring(self, name: str) -> nn.Conv2d:
        """Make a 1x1 convolution from a map of the trunk to scores, zero at first."""
        return nn.Conv2d(self.channels[name], self.num_classes, 1)

    def upsampling(self, coarse: str, fine: str = "") -> nn.ConvTranspose2d:
        """Make the upsampling of scores of one map to a finer one, or else to the image.

        It is bilinear at first, and for ever in the variant "paper". In the aligned one its padding takes off what lies
        before the finer map, and every pixel of the coarse map becomes as many as the stride is.
        """
        stride, target = self.trunk.scored[coarse], (IDENTITY, IDENTITY)
        if fine:
            stride, target = stride // self.trunk.scored[fine], self.trunk.moved[fine]
        kernel_size, begin = bilinear_between(stride, self.trunk.moved[coarse], target)
        self.coarse_inside |= min(begin) < 0
        classes = self.num_classes
        if self.paper:
            return nn.ConvTranspose2d(classes, classes, kernel_size, stride, fixed=True)
        padding = pair(tuple(min(max(n, 0), kernel_size - 1) for n in begin), "padding")
        rest = pair(tuple(min(max(stride - kernel_size + 2 * n, 0), stride - 1) for n in padding), "output_padding")
        return nn.ConvTranspose2d(classes, classes, kernel_size, stride, padding, rest)

    def fuse(self, name: str, skip, coarse):
        """Add the scores of a skip to coarser ones that were upsampled to its stride; what begins first is cut."""
        if self.coarse_inside:  # padding 100 made the skip larger, and fc6 the coarse map smaller
            return coarse + self.crop(name, skip, like=coarse)
        return self.crop(name, coarse, like=skip) + skip  # pools that rounded up made the coarse map larger

    def crop(self, name: str, x, like):
        """Cut x to the size of `like`, where both show the same part of the image."""
        if isinstance(x, Geometry):
            return x.crop_to(like, name)
        return F.crop(x, pair(self.crop_offsets[name], name), like.shape[2:])


def scaled(x, scale: float):
    """x * scale, as `at_once` asks for; x itself where nothing is scaled."""
    return x if scale == 1 else x * scale


class FCN32s(FCN):
    """Scores of the coarsest map, fc7, upsampled by its stride, 32, in one step.

    Examples
    --------
    >>> from minifcn import Tensor
    >>> net = FCN32s(11, width=1 / 16)
    >>> net(Tensor(np.zeros((1, 3, 37, 50), "float32"))).shape
    (1, 11, 37, 50)
    """

    def add_layers(self):
        self.score_fr = self.scoring(self.trunk.coarsest)
        self.upscore = self.upsampling(self.trunk.coarsest)

    def forward(self, x, maps=None):
        """Turn images (N, 3, H, W) into scores (N, C, H, W); `maps` are theirs by stride, if they are there already."""
        maps = maps or self.by_stride(x)
        score = self.upscore(self.score_fr(maps[max(maps)]))
        return self.crop("score", score, like=x)


class FCN16s(FCN):
    """Scores of fc7, upsampled by 2, plus scores of pool4; their sum upsampled by 16.

    Examples
    --------
    >>> FCN16s(21, width=1 / 16).score_pool4.weight.shape
    (21, 32, 1, 1)
    """

    skips = (16,)

    def add_layers(self):
        coarsest, pool4 = self.trunk.coarsest, self.trunk.at(16)
        self.score_fr = self.scoring(coarsest)
        self.upscore2 = self.upsampling(coarsest, pool4)
        self.score_pool4 = self.scoring(pool4)
        self.upscore16 = self.upsampling(pool4)

    def forward(self, x, maps=None):
        """Turn images (N, 3, H, W) into scores (N, C, H, W); `maps` as in FCN32s."""
        maps = maps or self.by_stride(x)
        score = self.upscore2(self.score_fr(maps[32]))
        score = self.fuse("score_pool4", self.score_pool4(scaled(maps[16], self.pool4_scale)), score)
        score = self.upscore16(score)
        return self.crop("score", score, like=x)


class FCN8s(FCN):
    """As FCN-16s, but that sum is upsampled by 2 only, plus scores of pool3; their sum upsampled by 8.

    Examples
    --------
    >>> from minifcn import Tensor
    >>> net = FCN8s(21, width=1 / 16)
    >>> net(Tensor(np.zeros((2, 3, 48, 64), "float32"))).shape
    (2, 21, 48, 64)
    """

    skips = (16, 8)

    def add_layers(self):
        coarsest, pool4, pool3 = self.trunk.coarsest, self.trunk.at(16), self.trunk.at(8)
        self.score_fr = self.scoring(coarsest)
        self.upscore2 = self.upsampling(coarsest, pool4)
        self.score_pool4 = self.scoring(pool4)
        self.upscore_pool4 = self.upsampling(pool4, pool3)
        self.score_pool3 = self.scoring(pool3)
        self.upscore8 = self.upsampling(pool3)

    def forward(self, x, maps=None):
        """Turn images (N, 3, H, W) into scores (N, C, H, W); `maps` as in FCN32s."""
        maps = maps or self.by_stride(x)
        score = self.upscore2(self.score_fr(maps[32]))
        score = self.fuse("score_pool4", self.score_pool4(scaled(maps[16], self.pool4_scale)), score)
        score = self.upscore_pool4(score)
        score = self.fuse("score_pool3", self.score_pool3(scaled(maps[8], self.pool3_scale)), score)
        score = self.upscore8(score)
        return self.crop("score", score, like=x)
