"""The FCNs as courses write them, layer for layer: VGG16 with 1x1 fc6 and fc7, pools that round down, and no crop.

They differ from the paper in what a first listing leaves out, and in one thing that no size shows: fc6 and fc7 have no
ReLU. docs/lecture.md says what follows from that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minifcn import check
from minifcn.errors import UserError
from minifcn.models.fcn import FCN, FCN8s, FCN16s, FCN32s
from minifcn.models.trunk import Trunk
from minifcn.nn import Conv2d, ConvTranspose2d, Dropout2d, MaxPool2d, Module, Parameter, ReLU, Sequential, init
from minifcn.nn.states import IncompatibleKeys


class LectureVGG16(Trunk):
    """VGG16 as the lecture lists it: a Sequential for each stage, so that parameters are called "conv1.0.weight"."""

    scored = {"conv3": 8, "conv4": 16, "fc7": 32}

    def stages(self) -> Iterator[dict[str, Module]]:
        """Yield the stages, for an image of height H and width W."""
        # 3 x H x W
        yield {"conv1": self.stage(64, 64)}  # 64 x H/2 x W/2
        yield {"conv2": self.stage(128, 128)}  # 128 x H/4 x W/4
        yield {"conv3": self.stage(256, 256, 256)}  # 256 x H/8 x W/8
        yield {"conv4": self.stage(512, 512, 512)}  # 512 x H/16 x W/16
        yield {"conv5": self.stage(512, 512, 512)}  # 512 x H/32 x W/32
        yield {"fc6": Sequential(self.conv(4096, 1, relu=False), self.drop())}  # 4096 x H/32 x W/32
        yield {"fc7": Sequential(self.conv(4096, 1, relu=False), self.drop())}  # 4096 x H/32 x W/32

    def stage(self, *channels: int) -> Sequential:
        """Make 3x3 convolutions to so many channels, each with its ReLU, and a pool."""
        layers: list[Module] = []
        for outputs in channels:
            layers += [self.conv(outputs, 3, padding=1, relu=False), ReLU()]
        return Sequential(*layers, MaxPool2d(2))

    def drop(self) -> Dropout2d:
        """Make a dropout of whole channels."""
        return Dropout2d(self.dropout, rng=self.dropout_rng)


class Lecture(FCN):
    """What the lecture's three nets share: PyTorch's first weights, and images whose sides are multiples of 32.

    Parameters
    ----------
    num_classes, width, dropout, rng, recompute
        As of `FCN`.
    backbone : "vgg16"
    variant : "lecture"
    """

    head = "score"
    variants = ("lecture",)

    def __init__(
        self, num_classes: int = 21, *, backbone: Any = "vgg16", rng: np.random.Generator | None = None, **options: Any
    ):
        kind = type(self).__name__
        if backbone != "vgg16":
            raise UserError(f"{kind}: the lecture's networks are built on vgg16, but backbone is {backbone!r}")
        if options.get("at_once"):
            raise ValueError(f"{kind}: the lecture's networks scale no stream; leave at_once out")
        rng = check.generator(rng, f"{kind}: rng") or np.random.default_rng(0)
        super().__init__(num_classes, backbone=LectureVGG16, rng=rng, **options)
        for _, layer in self.named_modules():
            if isinstance(layer, Conv2d | ConvTranspose2d):
                _draw(layer, rng)

    def maps(self, x) -> dict[str, Any]:
        """Turn images (N, 3, H, W) into the maps that are scored; UserError unless H and W are multiples of 32."""
        if len(x.shape) == 4 and any(side % 32 or not side for side in x.shape[2:]):
            height, width = (max(32, round(side / 32) * 32) for side in x.shape[2:])
            raise UserError(
                f"{type(self).__name__}: the sides of an image must be multiples of 32, because the lecture's pools "
                f"round down and nothing is cropped, but it has {x.shape[2]}x{x.shape[3]}; resize it, to "
                f'{height}x{width} for example (--size {height}x{width}), or take variant="aligned", for images of any '
                "size"
            )
        return super().maps(x)

    def learned_upsampling(self, stride: int) -> ConvTranspose2d:
        """Make the learned upsampling of scores by a stride S: K = 2S, P = S/2, with a bias."""
        return ConvTranspose2d(self.num_classes, self.num_classes, 2 * stride, stride, stride // 2, bias=True)


class LectureFCN32s(Lecture, FCN32s):
    """Scores of fc7, upsampled by 32 in one step.

    Examples
    --------
    >>> net = FCN32s(21, variant="lecture", width=1 / 64)
    >>> [name for name, _ in net.named_parameters()][-4:]
    ['score.weight', 'score.bias', 'up_score.weight', 'up_score.bias']
    """

    def add_layers(self):
        self.score = self.scoring("fc7")
        self.up_score = self.learned_upsampling(32)

    def forward(self, x, maps=None):
        """Turn images (N, 3, H, W) into scores (N, C, H, W); `maps` are theirs by name, if they are there already."""
        return self.up_score(self.score((maps or self.maps(x))["fc7"]))

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Take the parameters of a state; the listing has all of them a second time in ``self.fcn``."""
        parts = [*(name for stage in self.trunk.layers for name in stage), "score", "up_score"]
        once = {}
        for name, array in state.items():
            number, _, rest = name.removeprefix("fcn.").partition(".")
            first = f"{parts[int(number)]}.{rest}" if number.isdecimal() and int(number) < len(parts) else name
            if not name.startswith("fcn.") or first not in state:
                once[name] = array
            elif not np.array_equal(array, state[first]):
                raise ValueError(f"{type(self).__name__}: {name} and {first} must be the same array, but they differ")
        return super().load_state_dict(once, strict)


class LectureFCN16s(Lecture, FCN16s):
    """Scores of fc7, upsampled by 2, plus scores of conv4; their sum upsampled by 16."""

    skips = (16,)

    def add_layers(self):
        self.score = self.scoring("fc7")
        self.up_score_conv5 = self.learned_upsampling(2)
        self.conv1x1_conv4 = self.scoring("conv4")
        self.up_score = self.learned_upsampling(16)

    def forward(self, x, maps=None):
        """Turn images (N, 3, H, W) into scores (N, C, H, W); `maps` are theirs by name, if they are there already."""
        maps = maps or self.maps(x)
        score = self.up_score_conv5(self.score(maps["fc7"]))
        score = score + self.conv1x1_conv4(maps["conv4"])
        return self.up_score(score)


class LectureFCN8s(Lecture, FCN8s):
    """As FCN-16s, but that sum is upsampled by 2 only, plus scores of conv3; their sum upsampled by 8."""

    skips = (16, 8)

    def add_layers(self):
        self.score = self.scoring("fc7")
        self.up_score_conv5 = self.learned_upsampling(2)
        self.conv1x1_conv4 = self.scoring("conv4")
        self.up_score_conv4_5 = self.learned_upsampling(2)
        self.conv1x1_conv3 = self.scoring("conv3")
        self.up_score = self.learned_upsampling(8)

    def forward(self, x, maps=None):
        """Turn images (N, 3, H, W) into scores (N, C, H, W); `maps` are theirs by name, if they are there already."""
        maps = maps or self.maps(x)
        score = self.up_score_conv5(self.score(maps["fc7"]))
        score = score + self.conv1x1_conv4(maps["conv4"])
        score = self.up_score_conv4_5(score)
        score = score + self.conv1x1_conv3(maps["conv3"])
        return self.up_score(score)


FCN.listings.update({FCN32s: LectureFCN32s, FCN16s: LectureFCN16s, FCN8s: LectureFCN8s})


def _draw(layer: Conv2d | ConvTranspose2d, rng: np.random.Generator) -> None:
    """Draw weight and bias as PyTorch's layers do when they are made."""
    rows, columns, *kernel = layer.weight.shape
    layer.weight = Parameter(init.fan_in_uniform(rows, columns, tuple(kernel), rng))
    bound = (columns * kernel[0] * kernel[1]) ** -0.5
    layer.bias = Parameter(rng.uniform(-bound, bound, layer.out_channels).astype("float32"))
