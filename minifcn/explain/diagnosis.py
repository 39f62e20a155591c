"""What is wrong with a training that does not go well, in words: what its log says, and what its network shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.autograd import Tensor, no_grad
from minifcn.backend import to_host
from minifcn.nn import Conv2d, Module, ReLU, evaluating

if TYPE_CHECKING:
    from minifcn.training.log import Epoch

NEAR = 0.02  # share by which numbers may differ that are said to be the same
RISE = 0.05  # of the validation loss, from where it is no longer noise
TREND = 2  # epochs in a row that make more than an odd one
WORSE, FAR_WORSE = 2.0, 20.0  # times the lowest loss: diverging if that is worse than guessing; diverging in any case
DEAD = 0.5  # share of a layer's channels that may be dead before it is worth a word
LARGEST_SCORE = 100.0  # exp(-100) is 0 beside 1 in any precision that is used here


def diagnose(rows: Sequence[Epoch], num_classes: int, lr: float | None = None, *, weigh: bool = True) -> list[str]:
    """Find what is wrong with a training from its log.

    Parameters
    ----------
    rows : sequence of dict
        The rows of log.csv: of each epoch its number, losses, validation measures and learning rate.
    num_classes : int
    lr : float, optional
        The learning rate of the configuration; a schedule may leave little of it in the log.
    weigh : bool
        Whether more weight for rare classes in the loss may be advised: False where the loss has weights already, or
        where it is the commonest class that is missed.

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
    if broken := _without_labels(rows) or _not_finite(rows, lr):
        return [broken]
    raised = f"raise the configured learning rate (the log ends with {rows[-1]['lr']:g}, after any schedule)"
    if lr is not None:
        raised = f"raise the learning rate ({lr:g})"
    findings = [
        _guessing(rows, num_classes, raised),
        _one_class(rows, num_classes, raised, weigh),
        _none_right(rows),
        _overfitting(rows) or _diverging(rows, num_classes, lr),
    ]
    return [finding for finding in findings if finding]


def _without_labels(rows: Sequence[Epoch]) -> str:
    """Where all pixels are ignored, the training loss is exactly 0, and the measures are 0 / 0."""
    for row in rows:
        if row["train_loss"] == 0:
            split, sign = "training", "training loss is exactly 0"
        elif all(math.isnan(row[name]) for name in ("valid_acc", "valid_acc_cls", "valid_mean_iu")):
            split, sign = "validation", "measures are nan"
        else:
            continue
        return (
            f"In epoch {row['epoch']} the {sign}: no pixel of the {split} images has a label that counts. Check that "
            "the label files belong to the images, and that the class to be ignored is not what they are filled with."
        )
    return ""


def _not_finite(rows: Sequence[Epoch], lr: float | None) -> str:
    """A loss of nan or inf; whatever comes after it means nothing."""
    for row in rows:
        for name, kind in (("train_loss", "training"), ("valid_loss", "validation")):
            if not math.isfinite(row[name]):
                rate = lr if lr is not None else max(row["lr"] for row in rows)
                labels = " If no validation pixel has a label, that is the reason: check the labels."
                return (
                    f"In epoch {row['epoch']} the {kind} loss is {row[name]}: resume from an earlier checkpoint with a "
                    f"tenth of the learning rate ({rate:g})."
                ) + labels * (kind == "validation" and math.isnan(row[name]))
    return ""


def _guessing(rows: Sequence[Epoch], num_classes: int, raised: str) -> str:
    """Equal scores give every class the probability 1/C, and so the loss -ln 1/C = ln C."""
    guess, last = math.log(num_classes), rows[-1]
    if len(rows) < 2 or any(abs(row["train_loss"] - guess) > NEAR * guess for row in rows):
        return ""
    return (
        f"After {len(rows)} epochs the training loss is {last['train_loss']:.3f}, and ln {num_classes} = {guess:.3f} "
        f"is the loss of guessing: {raised}, and check that labels belong to their images and that the score layers "
        "are trained."
    )


def _one_class(rows: Sequence[Epoch], num_classes: int, raised: str, weigh: bool) -> str:
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
    advice = f"Train longer, {raised}, or give rare classes more weight in the loss."
    if not weigh:
        advice = f"Train longer, or {raised}."
    return (
        f"In epoch {last['epoch']} the mean IoU is {last['valid_mean_iu']:.4f} = {share:.4f} / {k}: the network gives "
        f"every pixel the class that {share:.1%} of them have. {advice}"
    )


def _none_right(rows: Sequence[Epoch]) -> str:
    """Not one pixel is right: of no class, so the network answers what no label says."""
    last = rows[-1]
    if any(last[name] != 0 for name in ("valid_acc", "valid_acc_cls", "valid_mean_iu")):
        return ""
    return (
        f"In epoch {last['epoch']} not one validation pixel is right: the network gives them classes that their labels "
        "do not have, such as one class everywhere. Check that the labels of both splits count the classes alike, from "
        "0, and train longer."
    )


def _diverging(rows: Sequence[Epoch], num_classes: int, lr: float | None) -> str:
    """A loss that has risen: above that of guessing, or so far that it makes no difference."""
    last, rate = rows[-1], lr if lr is not None else max(row["lr"] for row in rows)
    for name, kind in (("train_loss", "training"), ("valid_loss", "validation")):
        best = min(rows, key=lambda row: row[name])
        limit = max(WORSE * best[name], (1 + RISE) * math.log(num_classes))
        far_worse = max(FAR_WORSE * best[name], NEAR * math.log(num_classes))  # a tiny loss may waver
        if last[name] > 0 and last[name] >= min(limit, far_worse) and last is not best:
            return (
                f"From epoch {best['epoch']} to {last['epoch']} the {kind} loss rose from {best[name]:.3f} to "
                f"{last[name]:.3f}, so the training diverges: resume from epoch {best['epoch']} with a tenth of the "
                f"learning rate ({rate:g})."
            )
    return ""


def _overfitting(rows: Sequence[Epoch]) -> str:
    """Validation loss up while the training loss goes down, for more than one epoch."""
    best, last = min(rows, key=lambda row: row["valid_loss"]), rows[-1]
    later = [row for row in rows if row["epoch"] > best["epoch"]][-TREND:]
    risen = [row["valid_loss"] > (1 + RISE) * best["valid_loss"] for row in later]
    fallen = [row["train_loss"] < best["train_loss"] for row in later]
    if len(later) < TREND or not all(risen + fallen):
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
        Is put into evaluation mode for this; each module in it then gets back the mode that it had.
    images : Tensor (N, 3, H, W)
        Normalised as for training; a batch will do.

    Returns
    -------
    list of str
        A sentence for each finding: layers whose ReLUs, in them or right behind, are dead (0 on every pixel of all
        images, so that no gradient reaches their weights), scores that are not finite, or so large that softmax knows
        only 0 and 1.

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
    if not isinstance(images, Tensor):
        raise TypeError(
            f"diagnose_network: images must be a Tensor, got a {type(images).__name__}; pass Tensor(images)"
        )
    if not images.data.size:
        raise ValueError(f"diagnose_network: images is empty, of shape {images.shape}; pass at least one image")
    with evaluating(model), no_grad(), _watched(model) as outputs:
        scores = to_host(model(images).data)
    layers = dict(model.named_modules())
    findings = [_dead(name, output, layers[name]) for name, output in outputs.items()]
    return [finding for finding in [*findings, _large(scores)] if finding]


@contextmanager
def _watched(model: Module) -> Iterator[dict[str, Any]]:
    """Collect what every ReLU gives, under the name of the layer before it, whose weights a dead one stops."""
    layers = {name: layer for name, layer in model.named_modules() if _is_innermost(layer)}
    before = {name: vars(layer).get("forward") for name, layer in layers.items()}
    made: dict[int, tuple[str, Tensor]] = {}  # by identity; the Tensor is kept, so that no other takes its place
    outputs: dict[str, Any] = {}

    def watch(name: str, layer: Module) -> None:
        original = layer.forward

        def forward(x: Any, *args: Any, **settings: Any) -> Any:
            y = original(x, *args, **settings)
            if isinstance(layer, ReLU):
                outputs[made.get(id(x), (name, x))[0]] = to_host(y.data)
            elif isinstance(layer, Conv2d) and layer.relu:
                outputs[name] = to_host(y.data)
            elif isinstance(y, Tensor):
                made[id(y)] = name, y
            return y

        layer.forward = forward  # type: ignore[method-assign]

    for name, layer in layers.items():
        watch(name, layer)
    try:
        yield outputs
    finally:
        for name, layer in layers.items():
            del layer.forward
            if before[name] is not None:
                layer.forward = before[name]  # type: ignore[method-assign, assignment]


def _is_innermost(layer: Module) -> bool:
    return not any(isinstance(value, Module) for value in vars(layer).values())


def _dead(name: str, output: np.ndarray, layer: Module) -> str:
    if output.ndim < 2:  # no channels
        return ""
    others = tuple(axis for axis in range(output.ndim) if axis != 1)
    dead, channels = int((output <= 0).all(axis=others).sum()), output.shape[1]
    if dead < DEAD * channels or not output.size:
        return ""
    weight = vars(layer).get("weight")
    if weight is not None and not to_host(weight.data).any():
        return (
            f"{name} has weights that are all 0, so neither it nor any layer before it learns: make it with "
            "rng=numpy.random.default_rng(seed)."
        )
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
