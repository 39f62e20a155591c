"""The trunks by the names that `backbone=` and `--backbone` take; a new one is a file of its own and a line here."""

from __future__ import annotations

from typing import Any

from minifcn.errors import UserError
from minifcn.models.alexnet import AlexNet
from minifcn.models.googlenet import GoogLeNet
from minifcn.models.trunk import Trunk
from minifcn.models.vgg16 import VGG16

BACKBONES: dict[str, type[Trunk]] = {
    "alexnet": AlexNet,
    "vgg16": VGG16,
    "googlenet": GoogLeNet,
}


def backbone_of(asked: Any, caller: str) -> type[Trunk]:
    """Give the trunk of a name, or one's own trunk as it is.

    >>> backbone_of("vgg16", "FCN8s").__name__
    'VGG16'
    """
    if isinstance(asked, type) and issubclass(asked, Trunk):
        return asked
    if not isinstance(asked, str) or asked not in BACKBONES:
        raise UserError(
            f"{caller}: backbone must be one of {', '.join(BACKBONES)}, or a subclass of models.Trunk, got {asked!r}"
        )
    return BACKBONES[asked]
