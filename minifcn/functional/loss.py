"""Softmax cross-entropy of every pixel, and its mean over the pixels that count."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.autograd import Tensor, operation
from minifcn.backend import array_module, device_of
from minifcn.compute import cross_entropy
from minifcn.functional.activation import softmax
from minifcn.functional.check import expect

REDUCTIONS = ("mean", "sum", "none", "batch")


def softmax_cross_entropy(
    scores: Tensor, labels: Any, weight: Any = None, ignore_index: int = 255, reduction: str = "mean"
) -> Tensor:
    """Compute -w[label] · log softmax(scores)[label] for each pixel, and reduce it.

    Parameters
    ----------
    scores : Tensor (N, C, H, W), or (N, C) for whole images
    labels : integer array (N, H, W) or (N,), on the device of the scores
        Class of each pixel, 0..C-1, or `ignore_index`.
    weight : array (C,), optional
        Weight w of each class; 1 unless given.
    ignore_index : int
        Label of the pixels that do not count ("void"): neither loss nor gradient.
    reduction : "mean" | "sum" | "none" | "batch"
        Divide the sum by the sum of the weights of the pixels that count; do not divide; give the map of losses;
        divide by N ("batch" is Caffe's ``normalize: false``, which the reference nets were trained with).

    Returns
    -------
    Tensor
        A single number; with "none" a map of the shape of the labels. If no pixel counts, the loss is 0.

    Raises
    ------
    ValueError
        If the shapes disagree, or a label on the host is neither a class nor `ignore_index`.

    Notes
    -----
    Paper section 4; Caffe's SoftmaxWithLoss. The gradient is (softmax(scores) - onehot) · w / divisor.

    Examples
    --------
    With equal scores the loss is log C:

    >>> loss = softmax_cross_entropy(Tensor(np.zeros((1, 21, 2, 2))), np.array([[[3, 20], [255, 0]]]))
    >>> round(loss.item(), 4), round(float(np.log(21)), 4)
    (3.0445, 3.0445)
    """
    labels = labels.data if isinstance(labels, Tensor) else labels
    _check(scores, labels, weight, ignore_index, reduction)
    xp = array_module(scores.data)
    counted = labels != ignore_index
    classes = xp.where(counted, labels, 0)  # an index of 255 would wrap around on a GPU
    if weight is None:
        weights = counted.astype(scores.dtype)
    else:
        weight = weight.data if isinstance(weight, Tensor) else xp.asarray(weight)
        weights = weight.astype(scores.dtype)[classes] * counted
    losses = pixel_losses(scores, classes=classes, weights=weights)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if reduction == "batch":
        return losses.sum() * (1 / scores.shape[0])
    total = weights.sum()
    return losses.sum() / Tensor(xp.asarray(total + (total == 0)))  # where nothing counts, 0 / 1


@operation
def pixel_losses(scores, *, classes, weights):
    """-w · log softmax(scores)[class] for each pixel."""

    def backward(gy):
        return (loss_gradient(scores, gy, classes=classes, weights=weights),)

    return cross_entropy.losses(scores.data, classes, weights), backward


@operation
def loss_gradient(scores, gy, *, classes, weights):
    """(softmax(scores) - onehot) · w · gy: the derivative of a pixel's loss, times gy."""

    def backward(g):
        s = softmax(scores)
        mean = (g * s).sum(axis=1, keepdims=True)
        w = Tensor(weights[:, None])
        onehot = array_module(classes).arange(s.shape[1]).reshape(-1, *(1,) * (classes.ndim - 1)) == classes[:, None]
        return (
            (g - mean) * s * w * gy.reshape(w.shape),
            ((g * (s - Tensor(onehot.astype(s.dtype)))).sum(axis=1) * Tensor(weights)),
        )

    return cross_entropy.gradient(scores.data, classes, weights * gy.data), backward


def _check(scores, labels, weight, ignore_index, reduction) -> None:
    name = "softmax_cross_entropy"
    expect(reduction in REDUCTIONS, f"{name}: reduction must be one of {REDUCTIONS}, got {reduction!r}")
    expect(
        labels.dtype.kind in "iu",
        f"{name}: labels must be integers, got {labels.dtype}; pass class indices, not one-hot vectors or scores",
    )
    expect(
        device_of(labels) == scores.device,
        f"{name}: labels are on {device_of(labels)}, but scores on {scores.device}; "
        f"pass minifcn.to_device(labels, {scores.device!r})",
    )
    wanted = scores.shape[:1] + scores.shape[2:]
    expect(
        labels.shape == wanted,
        f"{name}: labels have shape {labels.shape}, but scores {scores.shape} need {wanted}; "
        "resize labels by nearest neighbour, never by interpolation",
    )
    classes = scores.shape[1]
    expect(
        weight is None or tuple(weight.shape if hasattr(weight, "shape") else (len(weight),)) == (classes,),
        f"{name}: weight must have one number for each of the {classes} classes",
    )
    if isinstance(labels, np.ndarray):  # on a device the labels were checked before the upload
        wrong = (labels != ignore_index) & ((labels >= classes) | (labels < 0))
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise ValueError(
                f"{name}: label {labels[at]} at {at} is neither a class 0..{classes - 1} nor ignore_index "
                f"{ignore_index}; map it to a class or pass ignore_index={labels[at]}"
            )
