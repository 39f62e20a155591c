"""Softmax cross-entropy of every pixel, and its mean over the pixels that count."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from minifcn import named_otherwise
from minifcn.autograd import Tensor, operation
from minifcn.backend import array_module, device_of
from minifcn.compute import cross_entropy
from minifcn.functional.activation import softmax
from minifcn.functional.operands import array, expect, floating

NAME = "softmax_cross_entropy"
REDUCTIONS = ("mean", "sum", "none", "batch")


@named_otherwise.arguments
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
        Weight w of each class, at least 0; 1 unless given.
    ignore_index : int
        Label of the pixels that do not count ("void"): they reach neither loss nor gradient, whatever their scores or
        the weights are, inf and nan too. It may be the number of a class.
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
        If the shapes disagree, or a label on the host is neither a class nor `ignore_index`, or a weight on the host
        is negative, or is not finite although its class has pixels that count.

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
    scores = floating(scores, f"{NAME}: scores")
    if scores.dtype == "float16":  # which cannot add the losses of many pixels
        wide = softmax_cross_entropy(scores.astype("float32"), labels, weight, ignore_index, reduction)
        return wide.astype(scores.dtype)
    xp, labels = array_module(scores.data), array(labels)
    _check(scores, labels, ignore_index, reduction)
    weight = None if weight is None else _weights_of_classes(weight, scores)
    ignored = _equal(labels, operator.index(ignore_index))
    classes = xp.where(ignored, 0, labels)  # an index of 255 would wrap around on a GPU
    if weight is None or not len(weight):
        weights = (~ignored).astype(scores.dtype)
    else:
        weights = xp.where(ignored, 0, weight[classes])
        _check_weights(weight, weights, classes)
    losses = pixel_losses(scores, classes=classes, weights=weights, ignored=ignored)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if reduction == "batch":
        return losses.sum() * (1 / max(1, scores.shape[0]))
    total = weights.sum()
    return losses.sum() / Tensor(xp.asarray(total + (total == 0)))  # where nothing counts, 0 / 1


@operation
def pixel_losses(scores, *, classes, weights, ignored):
    """-w · log softmax(scores)[class] for each pixel; 0 where it is ignored."""

    values, known = cross_entropy.losses(scores.data, classes, weights, ignored)

    def backward(gy):
        return (loss_gradient(scores, gy, classes=classes, weights=weights, ignored=ignored, known=known),)

    return values, backward


@operation
def loss_gradient(scores, gy, *, classes, weights, ignored, known):
    """(softmax(scores) - onehot) · w · gy: the derivative of a pixel's loss, times gy; 0 where it is ignored.

    `known` is what the loss knows of the softmax already.
    """

    def backward(g):
        s = softmax(unless(scores, mask=ignored[:, None]))
        g, w = unless(g, mask=ignored[:, None]), Tensor(weights)

        def by_scores():
            h = unless(gy, mask=ignored) * w
            return (g - (g * s).sum(axis=1, keepdims=True)) * s * h.reshape(h.shape[0], 1, *h.shape[1:])

        def by_gy():
            numbers = array_module(classes).arange(s.shape[1]).reshape(-1, *(1,) * (classes.ndim - 1))
            onehot = Tensor((numbers == classes[:, None]).astype(s.dtype))
            return (g * (s - onehot)).sum(axis=1) * w

        return by_scores, by_gy

    weighted = weights * unless(gy, mask=ignored).data
    return cross_entropy.gradient(scores.data, classes, weighted, ignored, known), backward


@operation
def unless(x, *, mask):
    """0 where a mask holds, whatever x is there, and x elsewhere; the mask broadcasts."""

    def backward(gy):
        return (unless(gy, mask=mask),)

    return array_module(x.data).where(mask, x.dtype.type(0), x.data), backward


def _equal(labels: Any, number: int) -> Any:
    """Give labels == number; a number that the labels' type does not have wraps around on a GPU."""
    xp, limits = array_module(labels), np.iinfo(labels.dtype)
    return labels == number if limits.min <= number <= limits.max else xp.zeros(labels.shape, bool)


def _weights_of_classes(weight: Any, scores: Tensor) -> Any:
    """Give the weights in the dtype and on the device of the scores; refuse what cannot be weights."""
    expect(
        not (isinstance(weight, Tensor) and weight.requires_grad),
        f"{NAME}: weight requires a gradient, but the loss is differentiated by the scores alone; pass weight.detach()",
    )
    weight, classes = array(weight), scores.shape[1]
    expect(
        weight.shape == (classes,) and weight.dtype.kind in "fiub",
        f"{NAME}: weight must have one number for each of the {classes} classes, "
        f"got {weight.dtype} of shape {weight.shape}",
    )
    if isinstance(weight, np.ndarray):  # on a device, to look would be to wait
        for label in np.flatnonzero(weight < 0)[:1]:
            raise ValueError(f"{NAME}: weight[{label}] is {weight[label]}, but a weight must be at least 0")
    expect(
        isinstance(weight, np.ndarray) or device_of(weight) == scores.device,
        f"{NAME}: weight is on {device_of(weight)}, but scores on {scores.device}; pass minifcn.to_host(weight)",
    )
    return array_module(scores.data).asarray(weight).astype(scores.dtype)


def _check_weights(weight: Any, weights: Any, classes: Any) -> None:
    """Refuse a weight that is not finite if its class counts; on a device, to look would be to wait."""
    if isinstance(weight, np.ndarray) and not np.isfinite(weight).all() and not np.isfinite(weights).all():
        label = classes[~np.isfinite(weights)][0]
        raise ValueError(
            f"{NAME}: weight[{label}] is {weight[label]} in {weight.dtype}, but class {label} has pixels that count; "
            "pass a finite weight"
        )


def _check(scores: Tensor, labels: Any, ignore_index: int, reduction: str) -> None:
    expect(reduction in REDUCTIONS, f"{NAME}: reduction must be one of {REDUCTIONS}, got {reduction!r}")
    expect(
        hasattr(ignore_index, "__index__"),
        f"{NAME}: ignore_index must be a whole number, got {ignore_index!r}; "
        "if all pixels are to count, one that is no label, such as -1",
    )
    expect(
        scores.ndim >= 2, f"{NAME}: scores must be maps (N, C, H, W), or (N, C) for whole images, got {scores.shape}"
    )
    expect(
        labels.dtype.kind in "iu",
        f"{NAME}: labels must be integers, got {labels.dtype}; pass class indices, as integers with "
        ".astype('int64'), not one-hot vectors or scores",
    )
    expect(
        device_of(labels) == scores.device,
        f"{NAME}: labels are on {device_of(labels)}, but scores on {scores.device}; "
        f"pass minifcn.to_device(labels, {scores.device!r})",
    )
    wanted = scores.shape[:1] + scores.shape[2:]
    if labels.shape != wanted:
        fix = "resize labels by nearest neighbour, never by interpolation, or pad, upsample or crop the scores"
        if labels.shape == scores.shape:
            fix = "for one-hot labels pass labels.argmax(axis=1)"
        elif labels.shape == (wanted[0], 1, *wanted[1:]):
            fix = "pass labels[:, 0]"
        raise ValueError(f"{NAME}: labels have shape {labels.shape}, but scores {scores.shape} need {wanted}; {fix}")
    classes = scores.shape[1]
    if isinstance(labels, np.ndarray):  # on a device the labels were checked before the upload
        wrong = (labels != ignore_index) & ((labels >= classes) | (labels < 0))
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise ValueError(
                f"{NAME}: label {labels[at]} at {at} is neither a class 0..{classes - 1} nor ignore_index "
                f"{ignore_index}; give the network as many classes as the labels have, map it to one of these, or, if "
                f"such pixels are not to count, pass ignore_index={labels[at]}"
            )
