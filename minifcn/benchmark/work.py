"""What is timed: the 3x3 convolutions of VGG16 one by one, FCN-8s as a whole, and the epoch of a course."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from minifcn import models
from minifcn.benchmark.asked import GROUPS
from minifcn.compute.window import Window
from minifcn.errors import UserError
from minifcn.nn import Conv2d, init
from minifcn.text import did_you_mean

WINDOW = Window.of(3, padding=1)  # of every layer that is timed by itself
SGD = {"lr": 1e-3, "momentum": 0.9}
NETWORK_KINDS = ("forward", "step", "epoch")
TRAINED, VALIDATED = 64, 16  # images of an epoch
MAPS = {"forward": "forward map", "input": "input gradient", "weight": "weight gradient"}


@dataclass(frozen=True)
class Work:
    """Something to time, the same for every contestant.

    Parameters
    ----------
    name : str
    kind : str
        "forward map", "input gradient" or "weight gradient" of one convolution; "forward" pass of a network, a
        training "step": forward, mean softmax cross-entropy, backward, SGD with momentum; or an "epoch" of steps, with
        validation and pictures (`benchmark.course`). There is no dropout.
    shape : (N, C, H, W)
        Of the convolution's input, or of the images of a batch.
    outputs : int
        Channels of the convolution's output, or classes.
    variant, width
        Of the FCN-8s.
    device, precision
        As in `backend.use_device`.
    """

    name: str
    kind: str
    shape: tuple[int, int, int, int]
    outputs: int
    variant: str = "aligned"
    width: float = 1.0
    device: str = "cpu"
    precision: str = "float32"

    @property
    def is_network(self) -> bool:
        """Whether it is about a whole network."""
        return self.kind in NETWORK_KINDS

    @property
    def multiply_adds(self) -> int:
        """Those of the definition, W A x; Winograd does with fewer.

        >>> f"{select(['conv3_2-input-224'])[0].multiply_adds:,}"
        '1,849,688,064'
        """
        (n, channels, height, width), kernel = self.shape, WINDOW.kernel
        if not self.is_network:
            return n * height * width * channels * self.outputs * kernel[0] * kernel[1]
        with init.shapes_only():
            model = self._model()
        layers = [row for row in models.summary.rows(model, (height, width)) if row.multiply_adds]
        forward = sum(row.multiply_adds for row in layers)
        # backward: neither the image nor a fixed weight needs a gradient
        gradients = layers[1:] + [row for row in layers if models.summary.count_parameters(row.layer)[0]]
        step = forward + sum(row.multiply_adds for row in gradients)
        return {"forward": n * forward, "step": n * step, "epoch": TRAINED * step + VALIDATED * forward}[self.kind]

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw input, weight and gradient of the output of a convolution, channels-last in memory."""
        rng, (n, channels, height, width) = np.random.default_rng(0), self.shape

        def draw(n: int, channels: int, height: int, width: int) -> np.ndarray:
            return rng.standard_normal((n, height, width, channels), dtype="float32").transpose(0, 3, 1, 2)

        return draw(*self.shape), draw(self.outputs, channels, *WINDOW.kernel), draw(n, self.outputs, height, width)

    def network(self) -> tuple[models.FCN, np.ndarray, np.ndarray]:
        """Make the model as training leaves it, and draw images and labels.

        Scores are zero at first, and learned upsampling is bilinear in every channel by itself, for which there are
        short cuts. In a trained network neither is so any more.
        """
        rng, (n, channels, height, width), model = np.random.default_rng(0), self.shape, self._model()
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and name.startswith(("score", "upscore")) and name.endswith("weight"):
                parameter.data += 0.01 * rng.standard_normal(parameter.shape, dtype="float32")
        images = rng.standard_normal((n, height, width, channels), dtype="float32").transpose(0, 3, 1, 2)
        return model, images, rng.integers(self.outputs, size=(n, height, width), dtype=np.uint8)

    def _model(self) -> models.FCN:
        return models.FCN8s(self.outputs, variant=self.variant, width=self.width, dropout=0.0)


def vgg16_layers(side: int) -> Iterator[Work]:
    """List the three maps of VGG16's 3x3 convolutions for one image of side x side pixels."""
    with init.shapes_only():
        model = models.FCN32s(backbone="vgg16")
    for row in models.summary.rows(model, (side, side)):
        if isinstance(row.layer, Conv2d) and row.layer.window == WINDOW:
            for short, kind in MAPS.items():
                yield Work(f"{row.name}-{short}-{side}", kind, row.before.shape, row.behind.shape[1])


NETWORKS = (
    Work("fcn8s-forward-224", "forward", (1, 3, 224, 224), 21),
    Work("fcn8s-forward-500", "forward", (1, 3, 500, 500), 21),
    Work("fcn8s-paper-forward-500", "forward", (1, 3, 500, 500), 21, "paper"),
    Work("fcn8s-step-224", "step", (1, 3, 224, 224), 21),
    Work("fcn8s-step-500", "step", (1, 3, 500, 500), 21),
    Work("batch8-forward-360x480", "forward", (8, 3, 360, 480), 21),
    Work("batch8-step-360x480", "step", (8, 3, 360, 480), 21),
    Work("quarter-forward-384", "forward", (1, 3, 384, 384), 21, width=1 / 4),
    Work("narrow-forward", "forward", (4, 3, 128, 128), 21, width=1 / 8),
    Work("narrow-step", "step", (4, 3, 128, 128), 21, width=1 / 8),
    Work("course-epoch", "epoch", (8, 3, 96, 128), 8, width=1 / 8),
)


def select(names: Sequence[str]) -> list[Work]:
    """Give the works that names of works or groups, or shell patterns, stand for.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    list of Work
        Each once, in the order of the names.

    Raises
    ------
    UserError
        If a name stands for nothing.

    Examples
    --------
    >>> [work.name for work in select(["narrow", "conv1_?-forward-224"])]
    ['narrow-forward', 'narrow-step', 'conv1_1-forward-224', 'conv1_2-forward-224']
    """
    works, chosen = (*NETWORKS, *vgg16_layers(224), *vgg16_layers(500)), dict[str, Work]()
    for name in names:
        patterns = GROUPS.get(name, (name,))
        found = {work.name: work for pattern in patterns for work in works if fnmatchcase(work.name, pattern)}
        if not found:
            hint = did_you_mean(name, [*GROUPS, *(work.name for work in works)])
            raise UserError(
                f"unknown work {name!r}: give a group ({', '.join(GROUPS)}), a work such as {works[0].name}, or a "
                f"pattern such as 'conv3_*-500'{hint}"
            )
        chosen |= found
    return list(chosen.values())
