"""GoogLeNet, as Caffe's model zoo has it, turned into a fully convolutional trunk."""

from __future__ import annotations

from collections.abc import Iterator

import minifcn.functional as F
from minifcn.models.trunk import Trunk
from minifcn.nn import AvgPool2d, LocalResponseNorm, MaxPool2d, Module

# Numbers of channels: 1x1 | 3x3_reduce, 3x3 | 5x5_reduce, 5x5 | pool_proj
INCEPTIONS = {
    "3a": (64, (96, 128), (16, 32), 32),  # 192 -> 256
    "3b": (128, (128, 192), (32, 96), 64),  # 256 -> 480
    "4a": (192, (96, 208), (16, 48), 64),  # 480 -> 512
    "4b": (160, (112, 224), (24, 64), 64),  # 512 -> 512
    "4c": (128, (128, 256), (24, 64), 64),  # 512 -> 512
    "4d": (112, (144, 288), (32, 64), 64),  # 512 -> 528
    "4e": (256, (160, 320), (32, 128), 128),  # 528 -> 832
    "5a": (256, (160, 320), (32, 128), 128),  # 832 -> 832
    "5b": (384, (192, 384), (48, 128), 128),  # 832 -> 1024
}


class Inception(Module):
    """Four branches of one map beside each other: 1x1, 3x3 and 5x5 pixels, and a pool; their channels concatenated.

    1x1 convolutions with few channels stand before the larger kernels, which would be expensive on all of them.

    Parameters
    ----------
    trunk : Trunk
        Whose next layer it is: it says how many channels come in, and makes the convolutions.
    one, three, five, pool : int, (int, int), (int, int), int
        Channels of the branches at width 1, of a reduction first.

    Notes
    -----
    Caffe calls its layers "inception_3a/1x1", "inception_3a/3x3_reduce" and so on; as a name of Python cannot begin
    with a digit, they are ``inception_3a.conv1x1`` and ``inception_3a.conv3x3_reduce`` here.
    """

    def __init__(self, trunk: Trunk, one: int, three: tuple[int, int], five: tuple[int, int], pool: int):
        inputs = trunk.inputs
        self.conv1x1 = trunk.conv(one, 1)
        trunk.inputs = inputs  # again, as every branch starts from the same map
        self.conv3x3_reduce = trunk.conv(three[0], 1)
        self.conv3x3 = trunk.conv(three[1], 3, padding=1)
        trunk.inputs = inputs
        self.conv5x5_reduce = trunk.conv(five[0], 1)
        self.conv5x5 = trunk.conv(five[1], 5, padding=2)
        trunk.inputs = inputs
        self.pool = trunk.pool(3, stride=1, padding=1)
        self.pool_proj = trunk.conv(pool, 1)
        ends = self.conv1x1, self.conv3x3, self.conv5x5, self.pool_proj
        trunk.inputs = sum(layer.out_channels for layer in ends)

    def forward(self, x):
        """Turn a map (N, C, H, W) into one of the same size."""
        return F.concatenate(
            [
                self.conv1x1(x),
                self.conv3x3(self.conv3x3_reduce(x)),
                self.conv5x5(self.conv5x5_reduce(x)),
                self.pool_proj(self.pool(x)),
            ]
        )


class GoogLeNet(Trunk):
    """GoogLeNet without its classifiers: three convolutions and nine inceptions.

    Notes
    -----
    Szegedy et al. 2014; layers, numbers of channels and mean of ``bvlc_googlenet`` in Caffe. The paper reports an
    FCN-GoogLeNet that keeps the last loss layer only and discards the average pool (section 4.1), but the reference
    implementation has none. So paddings, crops and skips are choices of this project:

    - "paper" follows the reference's other two nets: padding 100 at the first convolution, and otherwise Caffe's. The
      crop is 98 then. With Caffe's padding of 3 it would be 1, but sides below 31 pixels would not pass the pools.
    - "aligned" pads by half of each kernel, pools too, so that maps lie exactly over the image; see AlexNet.
    - FCN-16s and FCN-8s score inception_4e and inception_3b, the last maps of strides 16 and 8.
    - Dropout stands where the classifier has it, before the scores, with the probability of the network; Caffe's is
      0.4.

    Examples
    --------
    >>> from minifcn import models
    >>> net = models.FCN32s(21, backbone="googlenet", width=1 / 16)
    >>> net.inception_3a.conv3x3_reduce.weight.shape
    (6, 12, 1, 1)
    """

    scored = {"inception_3b": 8, "inception_4e": 16, "inception_5b": 32}
    left_out = {"pool5_7x7_s1": 7}
    crop_size = 224
    mean = (104.0, 117.0, 123.0)

    def stages(self) -> Iterator[dict[str, Module]]:
        """Yield the stages; sizes are those of the aligned variant, for an image of height H and width W."""
        paper = self.variant == "paper"
        # 3 x H x W
        yield {
            "conv1_7x7_s2": self.conv(64, 7, stride=2, padding=100 if paper else 3),  # 64 x H/2 x W/2
            "pool1_3x3_s2": self.halving(),
            "pool1_norm1": LocalResponseNorm(5),
        }  # 64 x H/4 x W/4
        yield {
            "conv2_3x3_reduce": self.conv(64, 1),
            "conv2_3x3": self.conv(192, 3, padding=1),
            "conv2_norm2": LocalResponseNorm(5),
            "pool2_3x3_s2": self.halving(),
        }  # 192 x H/8 x W/8
        yield self.inceptions("3a", "3b")  # 480 x H/8 x W/8
        yield {"pool3_3x3_s2": self.halving()} | self.inceptions("4a", "4b", "4c", "4d", "4e")  # 832 x H/16 x W/16
        yield {
            "pool4_3x3_s2": self.halving(),
            **self.inceptions("5a", "5b"),
            **(self.averages() if self.variant == "classifier" else {}),
            "pool5_drop_7x7_s1": self.drop(),
        }  # 1024 x H/32 x W/32

    def halving(self) -> MaxPool2d:
        """Make a pool that halves a map."""
        return self.pool(3, stride=2, padding=1 if self.variant == "aligned" else 0)

    def averages(self) -> dict[str, Module]:
        """Make the pool that the classifier has and an FCN leaves out."""
        return {name: AvgPool2d(kernel, stride=1) for name, kernel in self.left_out.items()}

    def classifying(self, num_classes: int) -> dict[str, Module]:
        """Give the scores of the classifier under Caffe's name."""
        return {"loss3_classifier": super().classifying(num_classes)["fc8"]}

    def inceptions(self, *names: str) -> dict[str, Module]:
        """Make inceptions of the table."""
        return {f"inception_{name}": Inception(self, *INCEPTIONS[name]) for name in names}
