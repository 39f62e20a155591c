"""Crop offsets, derived from the network itself; see coordinates.py for the maps that they come from."""

from __future__ import annotations

from minifcn.models.coordinates import CoordinateMap
from minifcn.models.geometry import trace
from minifcn.nn import Module

__all__ = ["CoordinateMap", "crop_offsets"]


def crop_offsets(model: Module) -> dict[str, int]:
    """Derive the offset of every crop in a network, by running it on coordinates instead of an image.

    Parameters
    ----------
    model : FCN32s, FCN16s or FCN8s

    Returns
    -------
    dict of name to int
        Name of the score layer that is cropped; "score" is the crop to the image at the end.

    Examples
    --------
    >>> from minifcn import models
    >>> crop_offsets(models.FCN8s(2, variant="paper", width=1 / 64))
    {'score_pool4': 5, 'score_pool3': 9, 'score': 31}
    """
    return trace(model, (224, 224)).crop_offsets
