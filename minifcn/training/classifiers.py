"""The classifier that a file of weights is of: what an FCN begins with, as it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.errors import UserError
from minifcn.models import Classifier, classifier
from minifcn.nn import init
from minifcn.training.published import published
from minifcn.weights import Weights

_SCORES = ("fc8.weight", "loss3_classifier.weight")


def open_classifier(found: Weights) -> Classifier:
    """Build a classifier with the weights of a file.

    Parameters
    ----------
    found : Weights
        Of a classifier: one of those that are published, or of minifcn.

    Returns
    -------
    Classifier
        In evaluation mode.

    Raises
    ------
    UserError
        If it has no scores of images, or a shape is another one than that of the classifier.

    Examples
    --------
    >>> from minifcn import weights
    >>> from minifcn.models import trained
    >>> open_classifier(weights.convert(weights.read(trained.file_of("shapes-classifier")))).crop_size
    64
    """
    settings = _settings(found)
    try:
        with init.shapes_only():
            shapes = {name: p.shape for name, p in classifier(**settings).named_parameters()}
        state = {name: _as(found, name, shape) for name, shape in shapes.items()}
        net = classifier(**settings)
    except (TypeError, ValueError) as error:  # what a file says of its network may be nonsense
        raise UserError(f"{found.source.path}: {error}") from error
    net.load_state_dict(state)
    return net.eval()


def _settings(found: Weights) -> dict[str, Any]:
    """Give what makes the classifier: by names and shapes, and its crops by what a file of minifcn says."""
    config, said = published(found).config, found.recognised.about.get("network", {})
    scores = next((found.arrays[name] for name in _SCORES if name in found.arrays), None)
    if scores is None:
        raise UserError(
            f"{found.source.path}: {found.recognised.what} has no last layer that scores images, so it is no classifier"
        )
    made = {"name": config.backbone, "num_classes": len(scores), "width": config.width}
    if "fc6.weight" in found.arrays:
        made["fc6_kernel"] = found.arrays["fc6.weight"].shape[-1]
    return made | {name: said[name] for name in ("crop_size",) if name in said}


def _as(found: Weights, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Give an array as the parameter is: the matrix of a fully connected layer may be there as a kernel."""
    array = found.arrays.get(name)
    if array is None:
        raise UserError(f"there is no {name}, which this classifier has")
    if (len(array), array.size) != (shape[0], np.prod(shape, dtype=object)):
        raise UserError(f"{name} has shape {array.shape}, but that of the classifier has {shape}")
    return array.reshape(shape).astype("float32")
