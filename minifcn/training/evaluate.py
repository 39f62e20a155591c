"""Predictions of a model, and how good they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image

import minifcn.functional as F
from minifcn import check
from minifcn.autograd import Tensor, no_grad
from minifcn.backend import to_device, to_host
from minifcn.compute.window import pair
from minifcn.data import Batch
from minifcn.metrics import ConfusionMatrix
from minifcn.nn import Module, evaluating


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
    >>> network_input(np.zeros((1, 3, 2, 2), "float32"), "cpu", "float64").dtype
    dtype('float64')
    """
    found = getattr(images, "dtype", None)
    if found is None or found.kind not in "fiu" or images.ndim != 4:
        raise TypeError(
            f"network_input: images must be an array (N, 3, H, W) of real numbers, got {check.kind(images)}"
        )
    return Tensor(to_device(images, device).astype(dtype, copy=False))


def evaluate(
    model: Module, batches: Iterable[Batch], *, ignore_index: int = 255, weight: Sequence[float] | None = None
) -> tuple[ConfusionMatrix, float]:
    """Hold the model's predictions against the labels.

    Every image goes through the model alone and without padding. So neither its scores nor the loss depend on which
    images share its batch: in float32 even the order in which a larger batch is added up would change the last digit.

    Parameters
    ----------
    model : Module
        Images (N, 3, H, W) to scores (N, C, H, W) of C classes. It is put into evaluation mode for this, and every
        module in it back into its own.
    batches : iterable of Batch
        Such as `loader.epoch(0)`, padded or not; at least one.
    ignore_index : int
        Label of the pixels that do not count.
    weight : sequence of C numbers, optional
        Weight of each class in the loss; it changes nothing else.

    Returns
    -------
    ConfusionMatrix
    float
        Mean over the images of the cross-entropy of their pixels that count (those of a class of weight 0 do not); nan
        if no image has one.

    Examples
    --------
    >>> from minifcn import data, models
    >>> pictures = data.Shapes(4, size=(32, 32), num_classes=3)
    >>> net = models.FCN32s(3, width=1 / 64)
    >>> matrix, loss = evaluate(net, data.DataLoader(pictures, batch_size=2).epoch(0))
    >>> round(loss, 4)  # of a new network, whose scores are all 0: ln 3
    1.0986
    """
    if not isinstance(batches, Iterable):
        fix = "[batch]" if isinstance(batches, Batch) else "loader.epoch(0)"
        raise TypeError(f"evaluate: batches must be an iterable of Batch, got a {type(batches).__name__}; pass {fix}")
    matrix, losses = None, []
    with evaluating(model):
        device, dtype = model.device, model.dtype
        weights = None if weight is None else np.asarray(weight, dtype)
        uploaded = None if weights is None else to_device(weights, device)
        for number, batch in enumerate(batches):
            _expect_batch(number, batch)
            images = network_input(batch.images, device, dtype).data
            for image, label, (height, width) in zip(images, batch.labels, batch.sizes, strict=True):
                label = label[None, :height, :width]
                with no_grad():
                    scores = _scores("evaluate", model, Tensor(image[None, :, :height, :width]))
                if matrix is None:
                    matrix = ConfusionMatrix(scores.shape[1], ignore_index=ignore_index)
                elif scores.shape[1] != matrix.num_classes:
                    raise ValueError(
                        f"evaluate: the model gave scores of {matrix.num_classes} classes, but of {scores.shape[1]} in "
                        f"batch {number}"
                    )
                matrix.update(label, to_host(scores.data.argmax(axis=1)))
                counted = label[label != ignore_index]
                if counted.size if weights is None else weights[counted].any():
                    loss = F.softmax_cross_entropy(scores, to_device(label, device), uploaded, ignore_index)
                    losses.append(loss.item())
    if matrix is None:
        raise ValueError("evaluate: batches holds no image; an epoch is made anew each time: pass loader.epoch(0)")
    return matrix, float(np.mean(losses)) if losses else float("nan")


def predict(
    model: Module,
    image: np.ndarray,
    normalize: Callable[[np.ndarray], np.ndarray],
    *,
    size: tuple[int, ...] | None = None,
) -> np.ndarray:
    """Predict the class of every pixel of one image.

    Parameters
    ----------
    model : Module
        As in `evaluate`.
    image : uint8 array (H, W, 3)
    normalize : Normalize
    size : (height, width), optional
        What the network sees; its scores are brought back to (H, W), bilinearly, before the best class is chosen.

    Returns
    -------
    uint8 array (H, W), or uint16 for more than 256 classes

    Examples
    --------
    >>> from minifcn import data, models
    >>> image = data.Shapes(1, size=(32, 48))[0].image
    >>> predict(models.FCN32s(5, width=1 / 64), image, data.Normalize()).shape
    (32, 48)
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else f"a {type(image).__name__}"
        raise ValueError(f"predict: image must be a uint8 array (H, W, 3), got {found}; data.read_image gives one")
    height, width = image.shape[:2]
    seen = Image.fromarray(image)
    if size is not None:
        rows, columns = pair(size, "predict: size", 1)
        if (rows, columns) != (height, width):
            seen = seen.resize((columns, rows), Image.Resampling.BILINEAR)
    with evaluating(model), no_grad():
        images = network_input(normalize(np.asarray(seen))[None], model.device, model.dtype)
        scores = _scores("predict", model, images).data[0]
    index = np.min_scalar_type(len(scores) - 1)
    if scores.shape[1:] == (height, width):
        return to_host(scores.argmax(axis=0)).astype(index)
    # Class by class: all scores of a large photograph at once would be gigabytes.
    best, label = np.full((height, width), -np.inf, np.float32), np.zeros((height, width), index)
    for number, score in enumerate(to_host(scores)):
        plane = Image.fromarray(score.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
        better = np.asarray(plane) > best
        label[better], best[better] = number, np.asarray(plane)[better]
    return label


def _expect_batch(number: int, batch: Batch) -> None:
    """Refuse what is no batch, or one whose parts do not belong together."""
    name = f"evaluate: batch {number}"
    if not isinstance(batch, Batch):
        raise TypeError(f"{name} is a {type(batch).__name__}, not a Batch; data.DataLoader(...).epoch(0) gives them")
    for what, array, axes in ("images", batch.images, "NCHW"), ("labels", batch.labels, "NHW"):
        if getattr(array, "ndim", None) != len(axes):
            raise TypeError(f"{name}: {what} must be an array ({', '.join(axes)}), got {check.kind(array)}")
    counts, (height, width) = (len(batch.images), len(batch.labels), len(batch.sizes)), batch.images.shape[2:]
    if len(set(counts)) > 1:
        raise ValueError(f"{name} has {counts[0]} images, {counts[1]} labels and {counts[2]} sizes; one is shorter")
    for rows, columns in batch.sizes:
        if not (0 <= rows <= height and 0 <= columns <= width):
            raise ValueError(f"{name} has an image of size ({rows}, {columns}), but its images are {height}x{width}")


def _scores(caller: str, model: Module, images: Tensor) -> Tensor:
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
