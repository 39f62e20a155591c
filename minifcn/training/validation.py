"""What a model makes of the validation split: all of it together, and each image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minifcn.data import Batch
from minifcn.errors import UserError
from minifcn.metrics import ConfusionMatrix
from minifcn.models import FCN
from minifcn.training.evaluate import evaluate


@dataclass(frozen=True)
class Validation:
    """What an evaluation found.

    Parameters
    ----------
    matrix : ConfusionMatrix
        Of all images.
    loss : float
        Mean over the images, as `evaluate` gives it.
    image_iou : float array (N,)
        Mean IoU of each image alone; nan for one without a pixel that counts.
    occurs : bool array (N, num_classes)
        Which classes the label of each image has.
    """

    matrix: ConfusionMatrix
    loss: float
    image_iou: np.ndarray
    occurs: np.ndarray

    @classmethod
    def of(cls, matrix: ConfusionMatrix, images: Sequence[Scored]) -> Validation:
        """Put together what was found of each image."""
        losses = [image.loss for image in images if image.loss is not None]
        mean = float(np.mean(losses)) if losses else float("nan")
        occurs = np.array([image.occurs for image in images]).reshape(-1, matrix.num_classes)
        return cls(matrix, mean, np.array([image.iou for image in images]), occurs)

    @property
    def missed(self) -> list[int]:
        """The classes that labels have and of which no pixel is right: their IoU is 0."""
        counts = self.matrix.matrix
        return np.flatnonzero((counts.sum(axis=1) > 0) & (np.diag(counts) == 0)).tolist()


def validate(
    model: FCN, batches: Iterable[Batch], *, ignore_index: int = 255, weight: Sequence[float] | None = None
) -> Validation:
    """Evaluate as `evaluate` does, to the same numbers, and keep what each image was like.

    Parameters
    ----------
    model, batches, ignore_index, weight
        As in `evaluate`.

    Returns
    -------
    Validation

    Examples
    --------
    >>> from minifcn import data, models
    >>> pictures = data.Shapes(4, size=(32, 32), num_classes=3)
    >>> found = validate(models.FCN32s(3, width=1 / 64), data.DataLoader(pictures, batch_size=2).epoch(0))
    >>> found.image_iou.shape, found.occurs.shape, found.missed  # all pixels are said to be of class 0
    ((4,), (4, 3), [1, 2])
    """
    matrix = ConfusionMatrix(model.num_classes, ignore_index)
    found = [image for batch in batches for image in each_image(model, batch, matrix, weight)]
    return Validation.of(matrix, found)


class Scored(NamedTuple):
    """What an evaluation found of one image.

    Parameters
    ----------
    loss : float or None
        None where no pixel counts.
    iou : float
        Its mean IoU.
    occurs : bool array (num_classes,)
    """

    loss: float | None
    iou: float
    occurs: np.ndarray


def each_image(
    model: FCN, batch: Batch, matrix: ConfusionMatrix, weight: Sequence[float] | None = None
) -> Iterator[Scored]:
    """Evaluate the images of a batch one by one, and count all of them in the matrix."""
    for image in _one_by_one(batch):
        found, loss = evaluate(model, [image], ignore_index=matrix.ignore_index, weight=weight)
        matrix.merge(found)
        occurs = found.matrix.any(axis=1)
        counts = (occurs if weight is None else occurs & (np.asarray(weight) > 0)).any()
        yield Scored(loss if counts else None, found.mean_iou, np.asarray(occurs))


def check_counted(matrix: ConfusionMatrix, weights: Sequence[float], train_loss: float) -> None:
    """Refuse an epoch in which nothing was learned or measured, since no pixel counts.

    Parameters
    ----------
    matrix : ConfusionMatrix
        Of the validation split.
    weights : sequence of float
        Of the classes in the loss; empty if all weigh the same.
    train_loss : float
        Mean over the epoch; it is exactly 0 if no pixel counts.

    Raises
    ------
    UserError
        Naming the split, and where to look.

    Examples
    --------
    >>> check_counted(ConfusionMatrix(2), (), 0.7)
    Traceback (most recent call last):
    minifcn.errors.UserError: no pixel of the validation split counts: all are ignored; look at its labels
    """
    counted = matrix.matrix.sum(axis=1) > 0
    why = "all are ignored, or of a class of weight 0 (--class-weights)" if weights else "all are ignored"
    if not (counted & (np.array(weights) > 0) if weights else counted).any():
        raise UserError(f"no pixel of the validation split counts: {why}; look at its labels")
    if train_loss == 0:
        raise UserError(
            f"the training loss is exactly 0, so no pixel of the training images counts: {why}; look at them"
        )


def _one_by_one(batch: Batch) -> Iterator[Batch]:
    for n in range(len(batch)):
        one = slice(n, n + 1)
        yield Batch(batch.images[one], batch.labels[one], batch.names[one], batch.sizes[one])
