"""The 16-layer VGG net, turned into a fully convolutional trunk."""

from __future__ import annotations

import functools

import numpy as np

import minifcn.functional as F
from minifcn import check, nn
from minifcn.autograd import Tensor

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, and 3x3 convolutions before each pool
FC_CHANNELS = 4096


class VGG16(nn.Module):
    """VGG16 without its classifier: five stages of 3x3 convolutions and pools, then fc6 and fc7 as convolutions.

    Parameters
    ----------
    width : float
        Factor for all numbers of channels; 1 is VGG16.
    padding : int
        Padding of conv1_1; the paper's 100 makes the input of a 7x7 fc6 large enough for images of any size.
    fc6_kernel, fc6_padding : int
        7 and 0 in the paper; 1 and 0 in the aligned variant.
    dropout : float
        Probability after fc6 and fc7.
    rng : numpy.random.Generator
        Draws the weights, and later the dropout masks from a generator of its own, `dropout_rng`.
    recompute : bool
        Keep only the input of each stage for the backward pass, which computes the rest again; see
        `functional.recompute`.

    Notes
    -----
    Simonyan and Zisserman 2014, configuration D; FCN paper section 4.1. Pools round up, as Caffe's do: otherwise maps
    of some sizes end before the image does.
    """

    def __init__(
        self,
        width: float,
        padding: int,
        fc6_kernel: int,
        fc6_padding: int,
        dropout: float,
        rng: np.random.Generator,
        recompute: bool = False,
    ):
        kind = type(self).__name__
        if not check.number(width, f"{kind}: width") > 0:
            raise ValueError(
                f"{kind}: width must be above 0, got {width}; 1 is VGG16, 0.25 has a quarter of its channels"
            )
        dropout = check.probability(dropout, f"{kind}: dropout")
        self.recompute = check.flag(recompute, f"{kind}: recompute")
        self.dropout_rng = rng.spawn(1)[0]
        channels = 3
        for stage, (full, count) in enumerate(STAGES, start=1):
            for i in range(1, count + 1):
                pad = padding if (stage, i) == (1, 1) else 1
                conv = nn.Conv2d(channels, channels := scaled(full, width), 3, padding=pad, relu=True, rng=rng)
                setattr(self, f"conv{stage}_{i}", conv)
            setattr(self, f"pool{stage}", nn.MaxPool2d(2, ceil_mode=True))
        self.channels = {f"pool{stage}": scaled(full, width) for stage, (full, _) in enumerate(STAGES, start=1)}
        self.channels["fc7"] = scaled(FC_CHANNELS, width)
        self.fc6 = nn.Conv2d(channels, self.channels["fc7"], fc6_kernel, padding=fc6_padding, relu=True, rng=rng)
        self.drop6 = nn.Dropout(dropout, rng=self.dropout_rng)
        self.fc7 = nn.Conv2d(self.channels["fc7"], self.channels["fc7"], 1, relu=True, rng=rng)
        self.drop7 = nn.Dropout(dropout, rng=self.dropout_rng)

    def features(self, x):
        """Turn images (N, 3, H, W) into the maps of pool3, pool4 and fc7, at strides 8, 16 and 32."""
        pools = []
        for number in range(1, len(STAGES) + 1):
            stage = functools.partial(self.stage, number)
            x = F.recompute(stage, x) if self.recompute and isinstance(x, Tensor) else stage(x)
            pools.append(x)
        x = self.drop6(self.fc6(x))
        x = self.drop7(self.fc7(x))
        return pools[2], pools[3], x

    def stage(self, number: int, x):
        """Pass the convolutions and the pool of stage 1, 2, 3, 4 or 5."""
        _, count = STAGES[number - 1]
        for i in range(1, count + 1):
            x = getattr(self, f"conv{number}_{i}")(x)
        return getattr(self, f"pool{number}")(x)


def scaled(channels: int, width: float) -> int:
    """Number of channels at a width, at least 1."""
    return max(1, round(channels * width))
