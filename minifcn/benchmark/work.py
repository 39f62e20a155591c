"""What is timed: the 3x3 convolutions of VGG16, whole networks, and steps of training."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass

from minifcn import models
from minifcn.errors import UserError
from minifcn.models.vgg16 import STAGES

CLASSES = 21
MAPS = {"forward": "outputs", "input": "gradient of the input", "weight": "gradient of the weight"}
LAYERS = [f"conv{stage}_{i}" for stage, (_, count) in enumerate(STAGES, start=1) for i in range(1, count + 1)]
NETWORKS = (
    "fcn8s-forward-224",
    "fcn8s-forward-500",
    "fcn8s-paper-forward-500",
    "fcn8s-step-224",
    "fcn8s-step-500",
    "fcn8s-w8-b4-forward-128",
    "fcn8s-w8-b4-step-128",
)
GROUPS = {
    "networks": NETWORKS,
    "narrow": NETWORKS[-2:],
    "quick": (NETWORKS[0], NETWORKS[-1]),
    **{f"layers-{n}": tuple(f"{layer}-{way}-{n}" for layer in LAYERS for way in MAPS) for n in (224, 500)},
}
_NAME = re.compile(
    r"(?P<net>fcn(?:8|16|32)s)(?P<paper>-paper)?(?:-w(?P<width>[1-9]\d*))?(?:-b(?P<batch>[1-9]\d*))?"
    r"-(?P<way>forward|step)-(?P<size>[1-9]\d*)"
    r"|(?P<layer>conv\d_\d)(?:-b(?P<layer_batch>[1-9]\d*))?-(?P<map>forward|input|weight)-(?P<layer_size>[1-9]\d*)"
)


@dataclass(frozen=True)
class Work:
    """One thing to time.

    Parameters
    ----------
    name : str
        "fcn8s-paper-w4-b2-step-224": FCN-8s, the paper's variant, a quarter of the channels, 2 images of 224x224, a
        training step (forward, loss, backward, SGD with momentum); or "conv3_2-weight-224": the weight gradient of
        the layer conv3_2 of VGG16 for an image of 224x224.

    Examples
    --------
    >>> work = Work("conv3_2-weight-224")
    >>> work.size, work.channels, work.outputs, work.multiply_adds
    (56, 256, 256, 1849688064)
    """

    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or (self._parts["layer"] or LAYERS[0]) not in LAYERS:
            raise UserError(
                f"{self.name}: no such work; give a group ({', '.join(GROUPS)}) or a name such as fcn8s-step-224, "
                "fcn8s-w8-b4-forward-128 or conv3_2-weight-224"
            )

    @property
    def _parts(self) -> dict[str, str | None]:
        match = _NAME.fullmatch(self.name)
        return match.groupdict() if match else {}

    @property
    def is_layer(self) -> bool:
        """Whether it is a single convolution."""
        return self._parts["layer"] is not None

    @property
    def way(self) -> str:
        """Give "forward" or "step", and for a layer one of MAPS."""
        return self._parts["map"] or self._parts["way"] or ""

    @property
    def batch(self) -> int:
        """Number of images."""
        return int(self._parts["batch"] or self._parts["layer_batch"] or 1)

    @property
    def size(self) -> int:
        """Rows, and columns, of the images; for a layer, of its maps."""
        if self.is_layer:
            size = int(self._parts["layer_size"] or 0)
            for _ in range(self._stage - 1):
                size = -(-size // 2)
            return size
        return int(self._parts["size"] or 0)

    @property
    def variant(self) -> str:
        """Give "aligned" or "paper"."""
        return "paper" if self._parts["paper"] else "aligned"

    @property
    def width(self) -> float:
        """Give the factor of all channels."""
        return 1 / int(self._parts["width"] or 1)

    @property
    def network(self) -> str:
        """Give the name of the network."""
        return self._parts["net"] or ""

    @property
    def _stage(self) -> int:
        return int(self.name[4])

    @property
    def outputs(self) -> int:
        """Output channels of a layer."""
        return STAGES[self._stage - 1][0]

    @property
    def channels(self) -> int:
        """Input channels of a layer."""
        index = LAYERS.index(self._parts["layer"] or "")
        return Work(f"{LAYERS[index - 1]}-forward-1").outputs if index else 3

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds as the definition counts them; a step of training has three times those of forward."""
        if self.is_layer:
            return 9 * self.channels * self.outputs * self.batch * self.size**2
        model = models.create(self.network, num_classes=CLASSES, variant=self.variant, width=self.width)
        forward = sum(row.multiply_adds for row in models.summary.rows(model, (self.size, self.size)))
        return forward * self.batch * (3 if self.way == "step" else 1)


def choose(names: Sequence[str]) -> list[Work]:
    """Give the work that names, groups and patterns mean, each once, in their order.

    >>> [work.name for work in choose(["narrow", "conv5_[12]-forward-224"])]
    ['fcn8s-w8-b4-forward-128', 'fcn8s-w8-b4-step-128', 'conv5_1-forward-224', 'conv5_2-forward-224']
    """
    known = dict.fromkeys(name for group in GROUPS.values() for name in group)
    found: dict[str, None] = {}
    for name in names:
        matching = GROUPS.get(name) or fnmatch.filter(known, name) or (name,)
        found |= dict.fromkeys(matching)
    return [Work(name) for name in found]
