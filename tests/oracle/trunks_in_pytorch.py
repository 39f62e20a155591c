"""FCN on AlexNet and GoogLeNet, written out for PyTorch from the prototxt files; weights by minifcn's names."""

import torch
import torch.nn.functional as F

CROPS = {  # of the paper's variant
    "alexnet": {"fcn32s": (18,), "fcn16s": (5, 18), "fcn8s": (5, 10, 18)},
    "googlenet": {"fcn32s": (98,), "fcn16s": (0, 98), "fcn8s": (0, 0, 98)},
}
LAST = {"fcn32s": ("upscore", 32), "fcn16s": ("upscore16", 16), "fcn8s": ("upscore8", 8)}


class Written:
    """The layers of a network, called by name."""

    def __init__(self, weights, paper):
        self.weights, self.paper = weights, paper

    def conv(self, x, name, relu=True, **settings):
        y = F.conv2d(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], **settings)
        return F.relu(y) if relu else y

    def pool(self, x):
        return F.max_pool2d(x, 3, 2, padding=0 if self.paper else 1, ceil_mode=True)

    def norm(self, x):
        return F.local_response_norm(x, size=5, alpha=1e-4, beta=0.75, k=1.0)

    def up(self, x, name, stride, early=False):
        """Upsample with an odd kernel; in the aligned variant pixel j comes to lie on pixel j·stride, or half a stride
        before it, if a padded 6x6 kernel made the map one pixel larger.
        """
        if self.paper:
            return F.conv_transpose2d(x, self.weights[f"{name}.weight"], stride=stride)
        before = stride - 1 + early * stride // 2
        return F.conv_transpose2d(x, self.weights[f"{name}.weight"], None, stride, before, output_padding=stride - 1)

    def alexnet(self, x):
        x = self.conv(x, "conv1", stride=4, padding=100 if self.paper else 5)
        x = self.norm(self.pool(x))
        x = eighth = self.conv(x, "conv2", padding=2, groups=2)
        x = self.norm(self.pool(x))
        x = self.conv(x, "conv3", padding=1)
        x = self.conv(x, "conv4", padding=1, groups=2)
        x = sixteenth = self.conv(x, "conv5", padding=1, groups=2)
        size = self.weights["fc6.weight"].shape[2]
        x = self.conv(self.pool(x), "fc6", padding=0 if self.paper else {1: 0, 6: 3}[size])
        return eighth, sixteenth, self.conv(x, "fc7")

    def inception(self, x, name):
        three = self.conv(x, f"{name}.conv3x3_reduce")
        five = self.conv(x, f"{name}.conv5x5_reduce")
        branches = (
            self.conv(x, f"{name}.conv1x1"),
            self.conv(three, f"{name}.conv3x3", padding=1),
            self.conv(five, f"{name}.conv5x5", padding=2),
            self.conv(F.max_pool2d(x, 3, 1, 1), f"{name}.pool_proj"),
        )
        return torch.cat(branches, dim=1)

    def googlenet(self, x):
        x = self.conv(x, "conv1_7x7_s2", stride=2, padding=100 if self.paper else 3)
        x = self.norm(self.pool(x))
        x = self.conv(self.conv(x, "conv2_3x3_reduce"), "conv2_3x3", padding=1)
        x = self.pool(self.norm(x))
        for name in ("3a", "3b"):
            x = self.inception(x, f"inception_{name}")
        eighth, x = x, self.pool(x)
        for name in ("4a", "4b", "4c", "4d", "4e"):
            x = self.inception(x, f"inception_{name}")
        sixteenth, x = x, self.pool(x)
        for name in ("5a", "5b"):
            x = self.inception(x, f"inception_{name}")
        return eighth, sixteenth, x


def forward(backbone, name, weights, images, paper):
    """Scores of a batch of images."""
    net, (layer, stride) = Written(weights, paper), LAST[name]
    early = not paper and backbone == "alexnet" and weights["fc6.weight"].shape[2] == 6
    *skips, final = CROPS[backbone][name] if paper else [0] * len(CROPS[backbone][name])

    def cut(x, offset, like):
        return x[:, :, offset : offset + like.shape[2], offset : offset + like.shape[3]]

    def fuse(coarse, skip, offset):
        if paper and backbone == "alexnet":  # fc6 is not padded
            return coarse + cut(skip, offset, like=coarse)
        return cut(coarse, offset, like=skip) + skip

    eighth, sixteenth, x = getattr(net, backbone)(images)
    x = net.conv(x, "score_fr", relu=False)
    if skips:
        x = fuse(net.up(x, "upscore2", 2, early), net.conv(sixteenth, "score_pool4", relu=False), skips[0])
    if len(skips) > 1:
        x = fuse(net.up(x, "upscore_pool4", 2), net.conv(eighth, "score_pool3", relu=False), skips[1])
    return cut(net.up(x, layer, stride, early and not skips), final, like=images)
