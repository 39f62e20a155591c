"""AlexNet, as Caffe's reference model has it (CaffeNet), turned into a fully convolutional trunk."""

from __future__ import annotations

from collections.abc import Iterator

from minifcn.models.trunk import Trunk
from minifcn.nn import LocalResponseNorm, Module


class AlexNet(Trunk):
    """CaffeNet without its classifier: five convolutions, three of them in two groups, then fc6 and fc7.

    A convolution and its ReLU come first, then the pool, then the normalisation; the AlexNet of 2012 normalises before
    it pools.

    Notes
    -----
    Krizhevsky, Sutskever and Hinton 2012; ``voc-fcn-alexnet`` of the reference implementation, which is FCN-32s in the
    "paper" variant. The mean is that of each channel in Caffe's ``bvlc_reference_caffenet``, named there beside the
    mean image. What the reference does not have is a choice of this project:

    - FCN-16s and FCN-8s score conv5 and conv2, the last maps of strides 16 and 8.
    - The "aligned" variant pads by half of each kernel, so that the first window of every map is centred on the first
      pixel of the image, and maps lie exactly over it (offset 0). Kernels of 2·stride - 1 upsample them. With windows
      of 2x2 pixels, as in VGG16, the maps divide the image into equal squares instead; odd windows cannot, as the
      centres of such squares lie half a pixel from any of theirs.

    Examples
    --------
    >>> from minifcn import models
    >>> net = models.FCN32s(21, backbone="alexnet", variant="paper", width=1 / 16)
    >>> net.crop_offsets, net.upscore.window.kernel
    ({'score': 18}, (63, 63))
    """

    scored = {"conv2": 8, "conv5": 16, "fc7": 32}
    fc6_kernels = {"paper": (6,), "aligned": (1, 6), "classifier": (6,)}
    crop_size = 227
    mean = (104.0, 117.0, 123.0)
    groups = 2

    def stages(self) -> Iterator[dict[str, Module]]:
        """Yield the stages; sizes are those of the aligned variant, for an image of height H and width W."""
        conv, drop = self.conv, self.drop
        # The paper's padding makes the input of a 6x6 fc6 large enough for images of any size.
        first, half = {"paper": (100, 0), "aligned": (5, 1), "classifier": (0, 0)}[self.variant]
        # 3 x H x W
        yield {
            "conv1": conv(96, 11, stride=4, padding=first),  # 96 x H/4 x W/4
            "pool1": self.pool(3, stride=2, padding=half),
            "norm1": LocalResponseNorm(5),
            "conv2": conv(256, 5, padding=2, groups=2),
        }  # 256 x H/8 x W/8
        yield {
            "pool2": self.pool(3, stride=2, padding=half),
            "norm2": LocalResponseNorm(5),
            "conv3": conv(384, 3, padding=1),
            "conv4": conv(384, 3, padding=1, groups=2),
            "conv5": conv(256, 3, padding=1, groups=2),
        }  # 256 x H/16 x W/16
        yield {
            "pool5": self.pool(3, stride=2, padding=half),
        }  # 256 x H/32 x W/32
        yield {
            "fc6": conv(4096, self.fc6_kernel, padding=half * (self.fc6_kernel // 2)),
            "drop6": drop(),
        }  # 4096 x H/32 x W/32
        yield {
            "fc7": conv(4096, 1),
            "drop7": drop(),
        }  # 4096 x H/32 x W/32
