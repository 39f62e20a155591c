"""How good the predictions of a model are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from operator import itemgetter
from typing import TextIO

import numpy as np

import minifcn.functional as F
from minifcn import check
from minifcn.autograd import Tensor, no_grad
from minifcn.backend import to_device, to_host
from minifcn.data import Batch, Dataset, Normalize, Sample
from minifcn.data.dataset import check_sample
from minifcn.data.workers import in_order
from minifcn.metrics import ConfusionMatrix
from minifcn.nn import Module, evaluating
from minifcn.progress import Progress
from minifcn.training.network import network_input, scores_of
from minifcn.training.prediction import predict as predict
from minifcn.training.prediction import score_blocks

Size = tuple[int, int]  # height, width


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
    matrix, losses = measure(model, batches, ignore_index, weight)
    return matrix, mean(losses)


def measure(
    model: Module, batches: Iterable[Batch], ignore_index: int = 255, weight: Sequence[float] | None = None
) -> tuple[ConfusionMatrix, list[float]]:
    """Do as `evaluate`, and give the loss of every image that has a pixel that counts."""
    if isinstance(batches, Batch) or not isinstance(batches, Iterable):
        fix = "pass [batch]" if isinstance(batches, Batch) else "pass loader.epoch(0)"
        fix = "call evaluate_dataset" if isinstance(batches, Dataset) else fix
        raise TypeError(f"evaluate: batches must be an iterable of Batch, got a {type(batches).__name__}; {fix}")
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
                    scores = scores_of("evaluate", model, Tensor(image[None, :, :height, :width]))
                if matrix is None:
                    matrix = ConfusionMatrix(scores.shape[1], ignore_index=ignore_index)
                elif scores.shape[1] != matrix.num_classes:
                    raise ValueError(
                        f"evaluate: the model gave scores of {matrix.num_classes} classes, but of {scores.shape[1]} in "
                        f"batch {number}"
                    )
                truth = to_device(label, device)
                matrix.update(truth, scores.data.argmax(axis=1))
                counted = label[label != ignore_index]
                if counted.size if weights is None else weights[counted].any():
                    loss = F.softmax_cross_entropy(scores, truth, uploaded, ignore_index)
                    losses.append(loss.item())
    if matrix is None:
        raise ValueError("evaluate: batches holds no image; an epoch is made anew each time: pass loader.epoch(0)")
    return matrix, losses


def mean(losses: Sequence[float]) -> float:
    """Give the mean of the losses of images; nan if there is none."""
    return float(np.mean(losses)) if losses else float("nan")


def evaluate_dataset(
    model: Module,
    dataset: Dataset,
    *,
    normalize: Callable[[np.ndarray], np.ndarray] = Normalize(),  # noqa: B008 (never changed)
    size: Size | Callable[[Size], Size] | None = None,
    workers: int = 1,
    stream: TextIO | None = None,
) -> tuple[ConfusionMatrix, float]:
    """Hold the model's predictions against the labels of a data set, at the size of the labels.

    As `predict` does, the scores of what the network sees are brought to the size of the label, bilinearly.

    Parameters
    ----------
    model : Module
        As in `evaluate`.
    dataset : Dataset
    normalize : Normalize
        That of the training.
    size : (height, width), or function of (height, width), optional
        What the network sees of every image, or of one of this size; each as it is unless given.
    workers : int
        Threads that read images ahead, one each, as in `data.DataLoader`.
    stream : text stream, optional
        Where to show how far it has come, such as ``sys.stderr``.

    Returns
    -------
    ConfusionMatrix
    float
        Mean over the images of the cross-entropy of their pixels that count, of the scores at the size of the label;
        nan if no image has one.

    Examples
    --------
    >>> from minifcn import data, models
    >>> pictures, net = data.Shapes(2, size=(64, 64), num_classes=3), models.FCN32s(3, width=1 / 64)
    >>> matrix, loss = evaluate_dataset(net, pictures, size=(32, 32))
    >>> int(matrix.matrix.sum()) == 2 * 64 * 64, round(loss, 4)
    (True, 1.0986)
    """
    matrix, losses = measure_dataset(model, dataset, normalize, size, workers, stream)
    return matrix, mean(losses)


def measure_dataset(
    model: Module,
    dataset: Dataset,
    normalize: Callable[[np.ndarray], np.ndarray],
    size: Size | Callable[[Size], Size] | None,
    workers: int,
    stream: TextIO | None,
) -> tuple[ConfusionMatrix, list[float]]:
    """Do as `evaluate_dataset`, and give the loss of every image that has a pixel that counts."""
    if not isinstance(dataset, Dataset):
        raise TypeError(f"evaluate_dataset: dataset must be a data.Dataset, got {check.kind(dataset)}")
    matrix, losses = ConfusionMatrix(dataset.num_classes, ignore_index=dataset.ignore_index), []

    def load(number: int) -> Sample:
        sample = dataset[number]
        check_sample(sample, dataset, f"dataset[{number}]")
        return sample

    alone = [[number] for number in range(len(dataset))]
    with (
        closing(in_order(load, itemgetter(0), alone, workers, ahead=workers)) as samples,
        Progress("evaluation", len(dataset), 0, stream) as progress,
    ):
        for sample in samples:
            loss, counted = 0.0, int((sample.label != dataset.ignore_index).sum())
            seen = size((sample.label.shape[0], sample.label.shape[1])) if callable(size) else size
            for block in score_blocks(model, sample.image, normalize, size=seen):
                label = sample.label[block.place]
                loss += _update(matrix, block.scores, label)
            if counted:
                losses.append(loss / counted)
            progress.advance()
    return matrix, losses


def _update(matrix: ConfusionMatrix, scores: np.ndarray, label: np.ndarray) -> float:
    """Count the pixels of a part of an image; gives the sum of their cross-entropies."""
    if len(scores) != matrix.num_classes:
        raise ValueError(
            f"evaluate_dataset: dataset has {matrix.num_classes} classes, but the model gave scores of {len(scores)}"
        )
    matrix.update(label, to_host(scores.argmax(axis=0)))
    found = Tensor(scores[None])
    with no_grad():
        ignored = matrix.ignore_index
        label = to_device(label[None], found.device)
        return F.softmax_cross_entropy(found, label, ignore_index=ignored, reduction="sum").item()


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
