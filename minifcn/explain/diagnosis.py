"""What is wrong with a training that does not go well, in words: what its log says, and what its network shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from minifcn.autograd import Tensor, no_grad
from minifcn.backend import to_host
from minifcn.nn import Conv2d, Module, evaluating

Row = Mapping[str, int | float]

NEAR = 0.02  # share by which numbers may differ that are said to be the same
RISE = 0.05  # of the validation loss, from where it is no longer noise
DEAD = 0.5  # share of a layer's channels that may be dead before it is worth a word
LARGEST_SCORE = 100.0  # exp(-100) is 0 beside 1 in any precision that is used here


def diagnose(rows: Sequence[Row], num_classes: int) -> list[str]:
    """Find what is wrong with a training from its log.

    Parameters
    ----------
    rows : sequence of dict
        The rows of log.csv: of each epoch its number, losses, validation measures and learning rate.
    num_classes : int

    Returns
    -------
    list of str
        A sentence for each finding, with the numbers and what to try; empty if nothing stands out.

    Examples
    --------
    >>> row = {"valid_loss": 2.4, "valid_acc": 0.09, "valid_acc_cls": 0.1, "valid_mean_iu": 0.04, "valid_fwavacc": 0.05}
    >>> rows = [row | {"epoch": epoch, "train_loss": 2.398, "lr": 1e-6} for epoch in (1, 2)]
    >>> for finding in diagnose(rows, num_classes=11):
    ...     print(finding.split(":")[0])
    After 2 epochs the training loss is 2.398, and ln 11 = 2.398 is the loss of guessing
    """
    if num_classes < 2:
        raise ValueError(f"diagnose: num_classes must be at least 2, got {num_classes}")
    if not rows:
        return []
    broken = _not_finite(rows)
    findings = [broken] if broken else [_guessing(rows, num_classes), _one_class(rows, num_classes), _overfitting(rows)]
    return [finding for finding in findings if finding]


def _not_finite(rows: Sequence[Row]) -> str:
    """A loss of nan or inf; whatever comes after it means nothing."""
    for row in rows:
        for name, kind in (("train_loss", "training"), ("valid_loss", "validation")):
            if not math.isfinite(row[name]):
                return (
                    f"In epoch {row['epoch']} the {kind} loss is {row[name]}: resume from an earlier checkpoint with a "
                    f"tenth of the learning rate ({row['lr']:g})."
                )
    return ""


def _guessing(rows: Sequence[Row], num_classes: int) -> str:
    """Equal scores give every class the probability 1/C, and so the loss -ln 1/C = ln C."""
    guess, last = math.log(num_classes), rows[-1]
    if len(rows) < 2 or any(abs(row["train_loss"] - guess) > NEAR * guess for row in rows):
        return ""
    return (
        f"After {len(rows)} epochs the training loss is {last['train_loss']:.3f}, and ln {num_classes} = {guess:.3f} "
        f"is the loss of guessing: raise the learning rate ({last['lr']:g}), and check that labels belong to their "
        "images and that the score layers are trained."
    )


def _one_class(rows: Sequence[Row], num_classes: int) -> str:
    """Whoever answers one class of k, whose share is f, has accuracy f, mean accuracy 1/k, mean IoU f/k, f.w. IoU f².

    k can be less than `num_classes`: a class that occurs nowhere does not count.
    """
    last = rows[-1]
    share, mean_accuracy = last["valid_acc"], last["valid_acc_cls"]
    if not 0 < mean_accuracy < 1:
        return ""
    k = round(1 / mean_accuracy)
    expected = {"valid_acc_cls": 1 / k, "valid_mean_iu": share / k, "valid_fwavacc": share**2}
    if not 2 <= k <= num_classes or any(abs(last[name] - x) > NEAR * x for name, x in expected.items()):
        return ""
    return (
        f"In epoch {last['epoch']} the mean IoU is {last['valid_mean_iu']:.4f} = {share:.4f} / {k}: the network gives "
        f"every pixel the class that {share:.1%} of them have. Train longer, raise the learning rate "
        f"({last['lr']:g}), or give rare classes more weight in the loss."
    )


def _overfitting(rows: Sequence[Row]) -> str:
    """Validation loss up while the training loss goes down."""
    best, last = min(rows, key=lambda row: row["valid_loss"]), rows[-1]
    if last["valid_loss"] <= (1 + RISE) * best["valid_loss"] or last["train_loss"] >= best["train_loss"]:
        return ""
    return (
        f"From epoch {best['epoch']} to {last['epoch']} the validation loss rose from {best['valid_loss']:.3f} to "
        f"{last['valid_loss']:.3f} while the training loss fell from {best['train_loss']:.3f} to "
        f"{last['train_loss']:.3f}, so the network learns its training images by heart: stop at epoch "
        f"{best['epoch']}, augment more, or raise the weight decay."
    )


def diagnose_network(model: Module, images: Tensor) -> list[str]:
    """Find what is wrong with a network from what it makes of some images.

    Parameters
    ----------
    model : Module
        Is put into evaluation mode for this, and back.
    images : Tensor (N, 3, H, W)
        Normalised as for training; a batch will do.

    Returns
    -------
    list of str
        A sentence for each finding: layers whose ReLUs are dead (0 on every pixel of all images, so that no gradient
        reaches their weights), scores that are not finite, or so large that softmax knows only 0 and 1.

    Examples
    --------
    >>> from minifcn import models
    >>> net = models.FCN32s(2, width=1 / 64)
    >>> net.conv5_3.bias.data[...] = -1e6
    >>> for finding in diagnose_network(net, Tensor(np.ones((1, 3, 32, 32), "float32"))):
    ...     print(finding.split(":")[0])
    conv5_3 is dead on 8 of 8 channels
    fc6 is dead on 64 of 64 channels
    fc7 is dead on 64 of 64 channels
    """
    with evaluating(model), no_grad(), _watched(model) as outputs:
        scores = to_host(model(images).data)
    findings = [_dead(name, output) for name, output in outputs.items()]
    return [finding for finding in [*findings, _large(scores)] if finding]


@contextmanager
def _watched(model: Module) -> Iterator[dict[str, Any]]:
    """Collect what every convolution with a ReLU gives."""
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, Conv2d) and layer.relu}
    outputs: dict[str, Any] = {}

    def watch(name: str, layer: Conv2d) -> None:
        def forward(x: Tensor) -> Tensor:
            y = type(layer).forward(layer, x)
            outputs[name] = to_host(y.data)
            return y

        layer.forward = forward  # type: ignore[method-assign]

    for name, layer in layers.items():
        watch(name, layer)
    try:
        yield outputs
    finally:
        for layer in layers.values():
            del layer.forward


def _dead(name: str, output: np.ndarray) -> str:
    dead, channels = int((output <= 0).all(axis=(0, 2, 3)).sum()), output.shape[1]
    if dead < DEAD * channels:
        return ""
    return (
        f"{name} is dead on {dead} of {channels} channels: they are 0 on every pixel of these images, so their weights "
        "learn nothing. Start again with a lower learning rate, and look for a layer before it that is dead as well."
    )


def _large(scores: np.ndarray) -> str:
    largest = float(abs(scores).max())
    if not math.isfinite(largest):
        return "Some scores are not finite: resume from an earlier checkpoint with a tenth of the learning rate."
    if largest <= LARGEST_SCORE:
        return ""
    return (
        f"The scores reach {largest:.3g}, where softmax gives nothing but 0 and 1: lower the learning rate, and check "
        "that the images are normalised."
    )
