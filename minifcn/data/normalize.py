"""The normalisation that makes network input of an image, and those that published weights were trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

# Published values of ImageNet, R, G, B, of 0..255.
IMAGENET_MEAN = (122.67892, 116.66877, 104.00699)
IMAGENET_STD = (58.395, 57.12, 57.375)

ORDERS = {"rgb": [0, 1, 2], "bgr": [2, 1, 0]}  # of the channels that the network is given
# What the data layers of the reference implementation subtract, R, G, B.
NYUD_MEAN, SIFT_FLOW_MEAN = (92.318, 97.203, 116.190), (108.353, 115.294, 114.578)
PASCAL_CONTEXT_MEAN = (122.679, 116.669, 104.007)
# Of what stands behind the colours of NYUDv2: the logarithm of depth; and HHA, three channels that are made of depth.
LOG_DEPTH_MEAN, HHA_MEAN = (7.844,), (132.431, 94.076, 118.477)


class Preprocessing(NamedTuple):
    """What `Normalize` is told under a name.

    Parameters
    ----------
    mean, std : three floats
    order : "rgb" or "bgr"
        As in `Normalize`.
    about : str
        In a few words.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    order: str
    about: str


PREPROCESSINGS = {
    "imagenet": Preprocessing(IMAGENET_MEAN, IMAGENET_STD, "rgb", "Caffe's mean, torchvision's deviation, R, G, B"),
    # Of 0..1 there: 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225.
    "torchvision": Preprocessing((123.675, 116.28, 103.53), IMAGENET_STD, "rgb", "mean and deviation, R, G, B"),
    "caffe": Preprocessing(IMAGENET_MEAN, (1.0, 1.0, 1.0), "bgr", "only minus the mean, B, G, R"),
    "raw": Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb", "0..255 as they are, R, G, B"),
}


class Shown:
    """What has a repr that says how to make it."""

    def __repr__(self) -> str:
        settings = (f"{name}={_plain(value)!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({', '.join(settings)})"


def _plain(value: Any) -> Any:
    return tuple(float(str(number)) for number in value) if isinstance(value, np.ndarray) else value


class Normalize(Shown):
    """An image as network input: minus the mean, divided by the standard deviation, channel by channel.

    Parameters
    ----------
    mean, std : three floats
        Of R, G, B on the scale 0..255, whatever the order. The defaults are the published ImageNet values. Four, or
        six, where depth or HHA stands behind the colours.
    order : "rgb" or "bgr"
        The order of the colours that the network is given; weights that come from Caffe expect B, G, R. What stands
        behind them stays there.

    See Also
    --------
    minifcn.data.normalize.PREPROCESSINGS : what published weights were trained with

    Examples
    --------
    >>> x = Normalize(mean=(1, 2, 3), std=(2, 2, 2))(np.full((4, 5, 3), 5, np.uint8))
    >>> x.shape, x.dtype, x[:, 0, 0].tolist()
    ((3, 4, 5), dtype('float32'), [2.0, 1.5, 1.0])
    >>> Normalize(mean=(1, 2, 3), std=(2, 2, 2), order="bgr")(np.full((4, 5, 3), 5, np.uint8))[:, 0, 0].tolist()
    [1.0, 1.5, 2.0]
    """

    def __init__(
        self,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        order: str = "rgb",
    ):
        self.mean = np.array(mean, np.float32)
        self.std = np.array(std, np.float32)
        self.order = order
        shapes = self.mean.shape == self.std.shape and self.mean.shape in ((3,), (4,), (6,))
        if not (shapes and np.isfinite([self.mean, self.std]).all() and (self.std > 0).all()):
            raise ValueError(
                f"Normalize: mean and std have one number for each of R, G, B, finite, and std is positive; "
                f"got mean={mean}, std={std}"
            )
        if order not in ORDERS:
            raise ValueError(f'Normalize: order is "rgb" or "bgr", got {order!r}')

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Normalise a uint8 image (H, W, 3) to float32 (3, H, W), a transposed view of an (H, W, 3) array."""
        many = len(self.mean)
        if np.ndim(image) != 3 or image.shape[2] != many or image.dtype != (np.uint8 if many == 3 else np.float32):
            kind = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else f"a {type(image).__name__}"
            if many > 3:
                raise ValueError(
                    f"Normalize: with {many} numbers in mean it takes a float32 image (H, W, {many}), got {kind}"
                )
            raise ValueError(
                f"Normalize: an image is a uint8 array (H, W, 3), values 0..255, got {kind}; of values 0..1 make "
                "(255 * image).round().astype(np.uint8)"
            )
        channels = [*ORDERS[self.order], *range(3, many)]
        x = (image if self.order == "rgb" else image.take(channels, axis=2)).astype(np.float32, order="C")
        rows = x.reshape(len(x), -1)  # in half the time of a loop over three numbers for every pixel
        rows -= np.tile(self.mean[channels], x.shape[1])
        rows /= np.tile(self.std[channels], x.shape[1])
        return x.transpose(2, 0, 1)
