"""The networks: FCN-32s, FCN-16s and FCN-8s, each on a trunk such as VGG16."""

from __future__ import annotations

from typing import Any

from minifcn.errors import UserError
from minifcn.models import alignment, summary
from minifcn.models.backbones import BACKBONES
from minifcn.models.classifiers import Classifier, classifier
from minifcn.models.fcn import FCN, FCN8s, FCN16s, FCN32s
from minifcn.models.fully_convolutional import convolutionalize
from minifcn.models.sliding import Grid, slide
from minifcn.models.trunk import Trunk
from minifcn.text import did_you_mean

NETWORKS = {"fcn32s": FCN32s, "fcn16s": FCN16s, "fcn8s": FCN8s}


def create(name: str, **options: Any) -> FCN:
    """Make a network by its name, "fcn32s", "fcn16s" or "fcn8s".

    >>> type(create("fcn8s", num_classes=11, width=1 / 16)).__name__
    'FCN8s'
    """
    if not isinstance(name, str) or name not in NETWORKS:
        raise UserError(f"unknown model {name!r}: choose one of {', '.join(NETWORKS)}{did_you_mean(name, NETWORKS)}")
    return NETWORKS[name](**options)


__all__ = [
    "BACKBONES",
    "FCN",
    "NETWORKS",
    "Classifier",
    "FCN8s",
    "FCN16s",
    "FCN32s",
    "Grid",
    "Trunk",
    "alignment",
    "classifier",
    "convolutionalize",
    "create",
    "slide",
    "summary",
]
