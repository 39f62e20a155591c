"""What a file of weights says about the network they are of: how it is made, its classes, and its normalisation."""

from __future__ import annotations

from typing import Any

from minifcn.training.config import Config

_NETWORK = ("backbone", "variant", "width", "at_once")
_INSIDE = ("inputs", "geometric_names")  # of networks that have more than colours, or more than one head
_SEEN = ("size", "longer_side", "crop")  # what the network saw of an image, where it was not the whole
_CLASSES = ("class_names", "palette", "mean", "std", "channel_order")


def about(config: Config) -> dict[str, Any]:
    """Say about weights what somebody needs to use them.

    Parameters
    ----------
    config : Config
        Of the run that they were trained in.

    Returns
    -------
    dict
        What JSON can hold: `network`, as `models.create` takes it, and `class_names`, `palette`, `mean`, `std` and
        `channel_order`; of images that were resized or cropped, `size`, `longer_side` or `crop`.

    Examples
    --------
    >>> config = Config(model="fcn16s", class_names=("sky", "road"), palette=((0, 0, 0), (128, 64, 128)))
    >>> about(config)["network"]
    {'name': 'fcn16s', 'num_classes': 2, 'backbone': 'vgg16', 'variant': 'aligned', 'width': 0.25, 'at_once': False}
    """
    settings = config.to_dict()
    network = {"name": config.model, "num_classes": config.num_classes} | {name: settings[name] for name in _NETWORK}
    inside = {name: settings[name] for name in _INSIDE if settings[name] != getattr(Config, name)}
    seen = {name: settings[name] for name in _SEEN if settings[name]}
    return {"network": network | inside} | {name: settings[name] for name in _CLASSES} | seen
