"""What a step makes smaller: the loss as the configuration reduces it, and beside it the mean that is shown."""

from __future__ import annotations

from typing import Any

import minifcn.functional as F
from minifcn.autograd import Tensor
from minifcn.backend import array_module, to_device
from minifcn.data import Batch
from minifcn.models import FCN, TwoHeads
from minifcn.training.config import Config
from minifcn.training.network import network_input


def batch_objective(model: FCN, batch: Batch, weight: Any, config: Config) -> tuple[Tensor, Any]:
    """Compute the loss of a batch as `objective` does; where images have two labels, that of both heads is added up.

    The mean that is shown is that of the semantic classes, as validation measures them.

    Parameters
    ----------
    model : FCN
        With a head for each label.
    batch : Batch
    weight : array (C,) or None
        Of the semantic classes.
    config : Config

    Examples
    --------
    >>> import numpy as np
    >>> from minifcn import models
    >>> labels = np.zeros((1, 8, 8), np.uint8)
    >>> batch = Batch(np.zeros((1, 3, 8, 8), np.float32), labels, ("black",), ((8, 8),), geometric=labels)
    >>> net = models.create("fcn32s", num_classes=4, geometric_classes=2, width=1 / 64)
    >>> loss, mean = batch_objective(net, batch, None, Config())
    >>> round(float(np.exp(loss.item())), 3), round(float(np.exp(mean)), 3)  # of ln 4 + ln 2, and of ln 4
    (8.0, 4.0)
    """
    images = network_input(batch.images, model.device, config.dtype)
    labels = to_device(batch.labels, model.device)
    if not isinstance(model, TwoHeads):
        return objective(model(images), labels, weight, config)
    semantic, geometric = model.both(images)
    loss, mean = objective(semantic, labels, weight, config)
    return loss + objective(geometric, to_device(batch.geometric, model.device), None, config)[0], mean


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
