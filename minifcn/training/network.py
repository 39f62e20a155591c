"""What goes into a network, and what has to come out of it."""

from __future__ import annotations

from typing import Any

from minifcn import check
from minifcn.autograd import Tensor
from minifcn.backend import to_device
from minifcn.nn import Module


def network_input(images: Any, device: str, dtype: Any) -> Tensor:
    """Make of normalised images what a network takes, on its device and of its dtype.

    Parameters
    ----------
    images : array (N, 3, H, W)
        As `data.Normalize` makes one of an image, and `data.DataLoader` a batch of them.
    device, dtype
        Those of the network: ``model.device``, ``model.dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> network_input(np.zeros((1, 3, 2, 2), "float32"), "cpu", "float64").dtype
    dtype('float64')
    """
    found = getattr(images, "dtype", None)
    if found is None or found.kind not in "fiu" or images.ndim != 4:
        raise TypeError(
            f"network_input: images must be an array (N, 3, H, W) of real numbers, got {check.kind(images)}"
        )
    return Tensor(to_device(images, device).astype(dtype, copy=False))


def scores_of(caller: str, model: Module, images: Tensor) -> Tensor:
    """Score images (N, 3, H, W); TypeError, naming the caller, if that gives no Tensor (N, C, H, W) of scores.

    Examples
    --------
    >>> import numpy as np
    >>> from minifcn import models
    >>> scores_of("predict", models.FCN32s(5, width=1 / 64), Tensor(np.zeros((1, 3, 8, 8), "float32"))).shape
    (1, 5, 8, 8)
    """
    scores = model(images)
    if (
        not isinstance(scores, Tensor)
        or scores.ndim != 4
        or len(scores.data) != len(images.data)
        or not scores.shape[1]
    ):
        found = f"shape {scores.shape}" if isinstance(scores, Tensor) else f"a {type(scores).__name__}"
        raise TypeError(
            f"{caller}: the model must turn images (N, 3, H, W) into a Tensor of scores (N, C, H, W), got {found}"
        )
    return scores
