"""FCN-32s, FCN-16s and FCN-8s: coarse scores, upsampled and fused with finer ones. Paper section 4.2, figure 3."""

from __future__ import annotations

import numpy as np

import minifcn.functional as F
from minifcn import check, nn
from minifcn.compute.window import pair
from minifcn.models.alignment import crop_offsets
from minifcn.models.geometry import Geometry
from minifcn.models.vgg16 import VGG16


class FCN(VGG16):
    """What the three nets share: the trunk, the scores of fc7, transposed convolutions and crops.

    Parameters
    ----------
    num_classes : int
        Number C of score maps.
    backbone : "vgg16"
    variant : "aligned" | "paper"
        "paper" is the reference implementation: padding 100, a 7x7 fc6, fixed bilinear upsampling without padding,
        crops. "aligned" has padding 1, a 1x1 fc6, and learned upsampling whose padding of half a stride keeps every
        map exactly over the image (offset 0).
    width : float
        Factor for the numbers of channels of the trunk.
    dropout : float
        Probability after fc6 and fc7.
    at_once : bool
        Scale pool4 by 0.01 and pool3 by 0.0001 before they are scored, as the reference FCN-8s "at-once" does so that
        all streams can be trained together.
    fc6_kernel : 1 | 7, optional
        Of the aligned variant; 7 comes with padding 3.
    rng : numpy.random.Generator, optional
        Draws the first weights; ``numpy.random.default_rng(0)`` unless given.
    recompute : bool
        Train with less memory: of each stage of the trunk keep only the input, and compute the rest again in the
        backward pass. The gradients are the same, bit for bit.
    """

    def __init__(
        self,
        num_classes: int = 21,
        *,
        backbone: str = "vgg16",
        variant: str = "aligned",
        width: float = 1.0,
        dropout: float = 0.5,
        at_once: bool = False,
        fc6_kernel: int | None = None,
        rng: np.random.Generator | None = None,
        recompute: bool = False,
    ):
        kind = type(self).__name__
        if variant not in ("aligned", "paper"):
            raise ValueError(f'{kind}: variant must be "aligned" or "paper", got {variant!r}')
        if backbone != "vgg16":
            raise ValueError(f'{kind}: backbone must be "vgg16", got {backbone!r}')
        if fc6_kernel not in ((None, 7) if variant == "paper" else (None, 1, 7)):
            raise ValueError(f"{kind}: fc6_kernel must be 7, or 1 in the aligned variant, got {fc6_kernel!r}")
        self.paper, self.num_classes = variant == "paper", check.whole(num_classes, f"{kind}: num_classes")
        kernel = fc6_kernel or (7 if self.paper else 1)
        super().__init__(
            width,
            padding=100 if self.paper else 1,
            fc6_kernel=kernel,
            fc6_padding=0 if self.paper else (kernel - 1) // 2,
            dropout=dropout,
            rng=check.generator(rng, f"{kind}: rng") or np.random.default_rng(0),
            recompute=recompute,
        )
        self.pool4_scale, self.pool3_scale = (0.01, 0.0001) if check.flag(at_once, f"{kind}: at_once") else (1.0, 1.0)
        self.score_fr = self.scoring("fc7")
        self.add_layers()
        self.crop_offsets = crop_offsets(self)

    def features(self, x):
        """Turn images (N, 3, H, W) into the maps of pool3, pool4 and fc7, after a look at what was given."""
        if not isinstance(x, Geometry):
            _expect_images(type(self).__name__, x, self.score_fr.weight.dtype)
        return super().features(x)

    def add_layers(self) -> None:
        """Make the layers between the scores of fc7 and the result."""

    def scoring(self, name: str) -> nn.Conv2d:
        """Make a 1x1 convolution from a map of the trunk to scores, zero at first."""
        return nn.Conv2d(self.channels[name], self.num_classes, 1)

    def upsampling(self, stride: int) -> nn.ConvTranspose2d:
        """Make the upsampling of scores by a stride: bilinear at first, and for ever in the paper's variant."""
        padding = 0 if self.paper else stride // 2
        classes = self.num_classes
        return nn.ConvTranspose2d(classes, classes, 2 * stride, stride, padding, fixed=self.paper)

    def fuse(self, name: str, skip, coarse):
        """Add the scores of a skip to coarser ones that were upsampled to its stride."""
        if self.paper:  # padding 100 made the skip larger
            return coarse + self.crop(name, skip, like=coarse)
        return self.crop(name, coarse, like=skip) + skip  # pools that rounded up made the coarse map larger

    def crop(self, name: str, x, like):
        """Cut x to the size of `like`, where both show the same part of the image."""
        if isinstance(x, Geometry):
            return x.crop_to(like, name)
        return F.crop(x, pair(self.crop_offsets[name], name), like.shape[2:])


class FCN32s(FCN):
    """Scores of fc7, upsampled by 32 in one step.

    Examples
    --------
    >>> from minifcn import Tensor
    >>> net = FCN32s(11, width=1 / 16)
    >>> net(Tensor(np.zeros((1, 3, 37, 50), "float32"))).shape
    (1, 11, 37, 50)
    """

    def add_layers(self):
        self.upscore = self.upsampling(32)

    def forward(self, x):
        """Turn images (N, 3, H, W) into scores (N, C, H, W)."""
        _, _, fc7 = self.features(x)
        score = self.upscore(self.score_fr(fc7))
        return self.crop("score", score, like=x)


class FCN16s(FCN):
    """Scores of fc7, upsampled by 2, plus scores of pool4; their sum upsampled by 16.

    Examples
    --------
    >>> FCN16s(21, width=1 / 16).score_pool4.weight.shape
    (21, 32, 1, 1)
    """

    def add_layers(self):
        self.upscore2 = self.upsampling(2)
        self.score_pool4 = self.scoring("pool4")
        self.upscore16 = self.upsampling(16)

    def forward(self, x):
        """Turn images (N, 3, H, W) into scores (N, C, H, W)."""
        _, pool4, fc7 = self.features(x)
        score = self.upscore2(self.score_fr(fc7))
        score = self.fuse("score_pool4", self.score_pool4(pool4 * self.pool4_scale), score)
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

    def add_layers(self):
        self.upscore2 = self.upsampling(2)
        self.score_pool4 = self.scoring("pool4")
        self.upscore_pool4 = self.upsampling(2)
        self.score_pool3 = self.scoring("pool3")
        self.upscore8 = self.upsampling(8)

    def forward(self, x):
        """Turn images (N, 3, H, W) into scores (N, C, H, W)."""
        pool3, pool4, fc7 = self.features(x)
        score = self.upscore2(self.score_fr(fc7))
        score = self.fuse("score_pool4", self.score_pool4(pool4 * self.pool4_scale), score)
        score = self.upscore_pool4(score)
        score = self.fuse("score_pool3", self.score_pool3(pool3 * self.pool3_scale), score)
        score = self.upscore8(score)
        return self.crop("score", score, like=x)


def _expect_images(kind: str, x, dtype) -> None:
    """Refuse what is no batch of normalised colour images, in words of images."""
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        raise TypeError(f"{kind}: x must be a Tensor of images (N, 3, H, W), got a {type(x).__name__}")
    if len(x.shape) != 4 or x.shape[1] != 3 or 0 in x.shape[2:]:
        raise ValueError(
            f"{kind}: x must be colour images (N, 3, H, W) of at least one pixel, got shape {x.shape}{_fix(x.shape)}"
        )
    if x.dtype.kind != "f":
        raise TypeError(
            f"{kind}: x must be normalised images in floating-point, got {x.dtype}; see data.Normalize, or convert "
            "them with x.astype('float32')"
        )
    if x.dtype != dtype:
        raise TypeError(
            f"{kind}: the operands are {x.dtype} and {dtype} (x and the weights); convert the images with "
            f"x.astype('{dtype}'), or the network with .astype('{x.dtype}')"
        )


def _fix(shape: tuple[int, ...]) -> str:
    """Say how a shape becomes (N, 3, H, W), where that can be guessed."""
    match shape:
        case (3, _, _):
            return "; for one image pass x[None]"
        case (_, _, 3):
            return "; for one image whose channels are last pass x.transpose(2, 0, 1)[None]"
        case (_, 3, _, _):
            return ""
        case (_, _, _, 3):
            return "; its channels are last: pass x.transpose(0, 3, 1, 2)"
        case (_, 1, _, _):
            return "; a grey image needs its channel three times"
        case (_, 4, _, _):
            return "; without the fourth channel it is x[:, :3]"
    return ""
