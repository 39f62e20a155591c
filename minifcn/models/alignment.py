"""Crop offsets, derived from the network itself; see coordinates.py for the maps that they come from."""

from __future__ import annotations

from typing import Any

from minifcn.compute.window import Pair
from minifcn.models.coordinates import CoordinateMap
from minifcn.models.geometry import trace
from minifcn.nn import Module

__all__ = ["CoordinateMap", "crop_offsets"]


def crop_offsets(model: Module, size: Pair = (224, 224)) -> dict[str, Any]:
    """Derive the offset of every crop in a network, by running it on coordinates instead of an image.

    Parameters
    ----------
    model : FCN32s, FCN16s or FCN8s
    size : (height, width) of the image, in pixels
        The offsets do not depend on it, but it has to be large enough for the network.

    Returns
    -------
    dict of name to int
        Name of the score layer that is cropped; "score" is the crop to the image at the end. A network whose columns
        need another offset than its rows has (top, left) instead.

    Examples
    --------
    >>> from minifcn import models
    >>> crop_offsets(models.FCN8s(2, variant="paper", width=1 / 64))
    {'score_pool4': 5, 'score_pool3': 9, 'score': 31}
    """
    return trace(model, size).crop_offsets
