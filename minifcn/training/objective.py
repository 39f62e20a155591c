"""What a step makes smaller: the loss as the configuration reduces it, and beside it the mean that is shown."""

from __future__ import annotations

from typing import Any

import minifcn.functional as F
from minifcn.autograd import Tensor
from minifcn.backend import array_module
from minifcn.training.config import Config


def objective(scores: Tensor, labels: Any, weight: Any, config: Config) -> tuple[Tensor, Any]:
    """Compute the loss of a batch.

    Parameters
    ----------
    scores : Tensor (N, C, H, W)
    labels : integer array (N, H, W), on the device of the scores
    weight : array (C,) or None
        Of the classes.
    config : Config

    Returns
    -------
    Tensor
        What gradients are taken of, reduced by ``config.reduction``.
    array of no axes
        The mean over the pixels that count, whatever the reduction: so the losses of the log can be compared with each
        other and with those of the validation. It has been computed on the device, and nobody has waited for it.

    Examples
    --------
    >>> import numpy as np
    >>> scores, labels = Tensor(np.zeros((1, 2, 3, 5))), np.zeros((1, 3, 5), int)
    >>> loss, mean = objective(scores, labels, None, Config(reduction="batch"))
    >>> float(loss.item() / mean)
    15.0
    """
    loss = F.softmax_cross_entropy(scores, labels, weight, config.ignore_index, config.reduction)
    if config.reduction == "mean":
        return loss, loss.data
    xp, counted = array_module(labels), labels != config.ignore_index
    total = counted.sum() if weight is None else xp.where(counted, weight[xp.where(counted, labels, 0)], 0).sum()
    return loss, loss.data * len(labels) / (total + (total == 0))
