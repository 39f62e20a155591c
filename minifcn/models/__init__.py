"""The networks: FCN-32s, FCN-16s and FCN-8s, each on a trunk such as VGG16."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from minifcn import named_otherwise
from minifcn.errors import UserError
from minifcn.models import alignment, lecture, summary, trained
from minifcn.models.backbones import BACKBONES
from minifcn.models.classifiers import Classifier, classifier
from minifcn.models.compound import LateFusion, TwoHeads
from minifcn.models.fcn import FCN, FCN8s, FCN16s, FCN32s
from minifcn.models.fully_convolutional import convolutionalize
from minifcn.models.sliding import CropGrid, slide
from minifcn.models.trunk import Trunk
from minifcn.text import did_you_mean

NETWORKS = {"fcn32s": FCN32s, "fcn16s": FCN16s, "fcn8s": FCN8s}


def create(name: str, *, geometric_classes: int = 0, streams: int = 1, **options: Any) -> FCN:
    """Make a network by its name, "fcn32s", "fcn16s" or "fcn8s".

    Parameters
    ----------
    name : str
    geometric_classes : int
        Of a second head; 0 for networks with one.
    streams : 1 | 2
        With 2, one for colours and one for HHA, as in `LateFusion`.
    **options
        As of `FCN`.

    Examples
    --------
    >>> type(create("fcn8s", num_classes=11, width=1 / 16)).__name__
    'FCN8s'
    """
    if not isinstance(name, str) or name not in NETWORKS:
        raise UserError(f"unknown model {name!r}: choose one of {', '.join(NETWORKS)}{did_you_mean(name, NETWORKS)}")
    if streams == 2 and geometric_classes:
        raise UserError("a network of two streams has no second head; train on data with one label, or on color")
    if streams == 2:
        return LateFusion(NETWORKS[name], **{"num_classes": 21, **options})
    if geometric_classes:
        return TwoHeads(NETWORKS[name], geometric_classes=geometric_classes, **{"num_classes": 21, **options})
    return NETWORKS[name](**options)


# The trained networks of the package, and what makes each of the settings in its file in models/trained/.
PRETRAINED: dict[str, Callable[..., Any]] = {"shapes-fcn8s": create, "shapes-classifier": classifier}


def pretrained(name: str) -> Any:
    """Give a trained network of the package.

    Parameters
    ----------
    name : "shapes-fcn8s" | "shapes-classifier"
        FCN-8s with 0.11 of VGG16's channels, trained on the generated pictures of `data.Shapes`. Or VGG16 itself, as a
        classifier of crops of 64x64 pixels with 0.055 of its channels, trained on `data.ShapeCrops`. They know six
        classes and nothing else: of photographs they say nothing.

    Returns
    -------
    FCN8s or Classifier
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
    "Classifier",
    "CropGrid",
    "FCN8s",
    "FCN16s",
    "FCN32s",
    "LateFusion",
    "Trunk",
    "TwoHeads",
    "alignment",
    "classifier",
    "convolutionalize",
    "create",
    "lecture",
    "pretrained",
    "slide",
    "summary",
]

if not TYPE_CHECKING:  # which would take any name for one that is here

    def __getattr__(name: str) -> NoReturn:
        raise named_otherwise.in_room(__name__, name, named_otherwise.MODELS, __all__)
