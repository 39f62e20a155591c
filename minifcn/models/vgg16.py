"""The 16-layer VGG net, turned into a fully convolutional trunk."""

from __future__ import annotations

from collections.abc import Iterator

from minifcn.models.trunk import Trunk
from minifcn.nn import Module


class VGG16(Trunk):
    """VGG16 without its scores: five stages of 3x3 convolutions and pools, then fc6 and fc7 as convolutions.

    Notes
    -----
    Simonyan and Zisserman 2014, configuration D; FCN paper section 4.1. The mean is that of the published weights,
    VGG_ILSVRC_16_layers.

    Examples
    --------
    >>> from minifcn import models
    >>> models.FCN8s(21, backbone="vgg16", width=1 / 16).conv3_2.weight.shape
    (16, 16, 3, 3)
    """

    scored = {"pool3": 8, "pool4": 16, "fc7": 32}
    fc6_kernels = {"paper": (7,), "aligned": (1, 7), "classifier": (7,)}
    crop_size = 224
    mean = (103.939, 116.779, 123.68)

    def stages(self) -> Iterator[dict[str, Module]]:
        """Yield the stages; sizes are those of the aligned variant, for an image of height H and width W."""
        conv, pool, drop = self.conv, self.pool, self.drop
        paper = self.variant == "paper"  # its padding makes the input of a 7x7 fc6 large enough for images of any size
        # 3 x H x W
        yield {
            "conv1_1": conv(64, 3, padding=100 if paper else 1),
            "conv1_2": conv(64, 3, padding=1),
            "pool1": pool(2),
        }  # 64 x H/2 x W/2
        yield {
            "conv2_1": conv(128, 3, padding=1),
            "conv2_2": conv(128, 3, padding=1),
            "pool2": pool(2),
        }  # 128 x H/4 x W/4
        yield {
            "conv3_1": conv(256, 3, padding=1),
            "conv3_2": conv(256, 3, padding=1),
            "conv3_3": conv(256, 3, padding=1),
            "pool3": pool(2),
        }  # 256 x H/8 x W/8
        yield {
            "conv4_1": conv(512, 3, padding=1),
            "conv4_2": conv(512, 3, padding=1),
            "conv4_3": conv(512, 3, padding=1),
            "pool4": pool(2),
        }  # 512 x H/16 x W/16
        yield {
            "conv5_1": conv(512, 3, padding=1),
            "conv5_2": conv(512, 3, padding=1),
            "conv5_3": conv(512, 3, padding=1),
            "pool5": pool(2),
        }  # 512 x H/32 x W/32
        yield {
            "fc6": conv(4096, self.fc6_kernel, padding=self.fc6_kernel // 2 if self.variant == "aligned" else 0),
            "drop6": drop(),
        }  # 4096 x H/32 x W/32
        yield {
            "fc7": conv(4096, 1),
            "drop7": drop(),
        }  # 4096 x H/32 x W/32
