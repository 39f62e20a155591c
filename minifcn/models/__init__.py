"""The networks: FCN-32s, FCN-16s and FCN-8s, each on a trunk such as VGG16."""

from __future__ import annotations

from typing import Any

from minifcn.errors import UserError
from minifcn.models import alignment, lecture, summary, trained
from minifcn.models.backbones import BACKBONES
from minifcn.models.fcn import FCN, FCN8s, FCN16s, FCN32s
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


# The trained networks of the package, and what makes each of the settings in its file in models/trained/.
PRETRAINED = {"shapes-fcn8s": create}


def pretrained(name: str) -> FCN:
    """Give a trained network of the package.

    Parameters
    ----------
    name : "shapes-fcn8s"
        FCN-8s with 0.11 of VGG16's channels, trained on the generated pictures of `data.Shapes`. It knows their six
        classes and nothing else: of photographs it says nothing.

    Returns
    -------
    FCN8s
        In evaluation mode, and with the attributes `class_names` (tuple of str), `palette` (uint8 array of a colour
        for each class) and `normalize` (`data.Normalize`, which turns images into what it takes).

    Raises
    ------
    UserError
        If there is no such network.

    Examples
    --------
    >>> from minifcn import data, training
    >>> net, sample = pretrained("shapes-fcn8s"), data.open_dataset("shapes", "test")[0]
    >>> label = training.predict(net, sample.image, net.normalize)
    >>> [net.class_names[number] for number in sorted(set(label.ravel().tolist()))]
    ['background', 'triangle']
    """
    if not isinstance(name, str) or name not in PRETRAINED:
        fix = f"choose one of {', '.join(PRETRAINED)}{did_you_mean(name, PRETRAINED)}"
        raise UserError(f"there is no pretrained network {name!r}: {fix}")
    return trained.load(name, PRETRAINED[name])


__all__ = [
    "BACKBONES",
    "FCN",
    "NETWORKS",
    "PRETRAINED",
    "FCN8s",
    "FCN16s",
    "FCN32s",
    "Trunk",
    "alignment",
    "create",
    "lecture",
    "pretrained",
    "summary",
]
