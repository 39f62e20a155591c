"""How good predictions are: everything is read off the confusion matrix. Paper section 5."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.backend import array_module, device_of, is_array, to_host
from minifcn.check import whole_argument
from minifcn.text import counted

__all__ = ["ConfusionMatrix"]


class ConfusionMatrix:
    """Counts n[i, j], the pixels of class i that were predicted as class j, over as many images as one likes.

    Parameters
    ----------
    num_classes : int
    ignore_index : int
        Label of the pixels that do not count.

    Attributes
    ----------
    matrix : int64 array (num_classes, num_classes)
        Rows are the truth, columns the predictions.

    Notes
    -----
    As ``score.py`` of the reference implementation: means leave out the classes for which the number is 0/0. A class
    that no label has but that was predicted has IoU 0, and counts.

    Examples
    --------
    >>> confusion = ConfusionMatrix(5)
    >>> confusion.update(np.array([0, 0, 0, 1, 1, 255, 2, 2]), np.array([0, 0, 1, 1, 0, 2, 2, 3]))
    >>> confusion.iou.round(3)
    array([0.5  , 0.333, 0.5  , 0.   ,   nan])
    >>> round(confusion.pixel_accuracy, 3), round(confusion.mean_accuracy, 3), round(confusion.mean_iou, 3)
    (0.571, 0.556, 0.333)
    """

    def __init__(self, num_classes: int, ignore_index: int = 255):
        self.num_classes = whole_argument(num_classes, "ConfusionMatrix: num_classes", 1)
        self.ignore_index = whole_argument(ignore_index, "ConfusionMatrix: ignore_index")
        self.matrix = np.zeros((self.num_classes, self.num_classes), np.int64)

    def update(self, labels: Any, predictions: Any) -> None:
        """Count the pixels of some images.

        Parameters
        ----------
        labels, predictions : integer arrays of one shape, both on the host or both on a GPU
            A GPU counts them itself, and only its counts come to the host.

        Raises
        ------
        ValueError
            If the shapes differ, or a pixel that counts has a label or a prediction that is no class.
        TypeError
            If they are not integers, for example the scores instead of their argmax, or not in one place.
        """
        labels, predictions = _array(labels), _array(predictions)
        if array_module(labels) is not array_module(predictions):
            raise TypeError(
                f"ConfusionMatrix: labels are on {device_of(labels)} and predictions on {device_of(predictions)}; "
                "pass minifcn.to_host(...) of the one that is on the GPU"
            )
        fixes = "convert them with .astype('int64')", "of scores take scores.data.argmax(axis=1)"
        for name, array, fix in zip(("labels", "predictions"), (labels, predictions), fixes, strict=True):
            if array.dtype.kind not in "iu":
                raise TypeError(
                    f"ConfusionMatrix: {name} are class indices, integers, but their dtype is {array.dtype}; {fix}"
                )
        if labels.shape != predictions.shape:
            raise ValueError(
                f"ConfusionMatrix: labels have shape {labels.shape} and predictions {predictions.shape}; "
                "they must agree, pixel by pixel"
            )
        if device_of(labels) != "cpu":
            counts = self._counts_of_gpu(labels, predictions)
            if counts is not None:
                self.matrix += counts
                return
            labels, predictions = to_host(labels), to_host(predictions)  # to say which is wrong
        counted = labels != self.ignore_index
        pairs = {"labels": labels[counted], "predictions": predictions[counted]}
        for name, classes in pairs.items():
            if classes.size and not 0 <= classes.min() <= classes.max() < self.num_classes:
                worst = classes.max() if classes.max() >= self.num_classes else classes.min()
                raise ValueError(
                    f"ConfusionMatrix: {name} contain {worst}, which is no class 0..{self.num_classes - 1} "
                    f"(the labels to ignore are {self.ignore_index})"
                )
        cells = pairs["labels"].astype(np.int64) * self.num_classes + pairs["predictions"].astype(np.int64)
        self.matrix += np.bincount(cells, minlength=self.matrix.size).reshape(self.matrix.shape)

    def _counts_of_gpu(self, labels: Any, predictions: Any) -> np.ndarray | None:
        """Count on the device; None if a pixel that counts has a label or a prediction that is no class."""
        xp, n = array_module(labels), self.num_classes
        labels, predictions = labels.astype("int64").ravel(), predictions.astype("int64").ravel()
        is_class = (labels >= 0) & (labels < n) & (predictions >= 0) & (predictions < n)
        cells = xp.where(is_class, labels * n + predictions, n * n)
        cells = xp.where(labels == self.ignore_index, n * n + 1, cells)
        *matrix, wrong, _ignored = to_host(xp.bincount(cells, minlength=n * n + 2))
        return None if wrong else np.reshape(matrix, (n, n))

    def merge(self, other: ConfusionMatrix) -> None:
        """Add the counts of another matrix, for example of another process."""
        if not isinstance(other, ConfusionMatrix):
            raise TypeError(f"ConfusionMatrix: only another ConfusionMatrix can be merged, got {type(other).__name__}")
        if other.num_classes != self.num_classes:
            raise ValueError(f"ConfusionMatrix: cannot merge {other.num_classes} classes into {self.num_classes}")
        self.matrix += other.matrix

    @property
    def pixel_accuracy(self) -> float:
        """Σ n[i, i] / Σ t[i], where t[i] = Σ_j n[i, j]: the share of the pixels that are right."""
        return float(_ratio(self._right.sum(), self._truth.sum()))

    @property
    def class_accuracy(self) -> np.ndarray:
        """n[i, i] / t[i] for each class; nan for one that no label has."""
        return _ratio(self._right, self._truth)

    @property
    def mean_accuracy(self) -> float:
        """Mean of `class_accuracy` over the classes."""
        return _mean(self.class_accuracy)

    @property
    def iou(self) -> np.ndarray:
        """n[i, i] / (t[i] + Σ_j n[j, i] - n[i, i]) for each class; nan for one that is in neither."""
        return _ratio(self._right, self._truth + self._predicted - self._right)

    @property
    def mean_iou(self) -> float:
        """Mean of `iou` over the classes: the paper's "mean IU"."""
        return _mean(self.iou)

    @property
    def frequency_weighted_iou(self) -> float:
        """Σ t[i] · iou[i] / Σ t[i]."""
        return self._average(self.iou, "weighted")

    def precision(self, average: str | None = "weighted") -> Any:
        """n[i, i] / Σ_j n[j, i]: how much of what was called class i is class i.

        Parameters
        ----------
        average : "weighted" | "macro" | None
            Mean weighted by t[i]; plain mean; or an array with the number of each class.

        Returns
        -------
        float, or float64 array (num_classes,)
            As in scikit-learn with ``zero_division=0``: where the number is 0/0 it is 0, and counts; a class that is
            neither in the labels nor in the predictions is nan, and does not.
        """
        return self._average(self._share_of(self._predicted), average)

    def recall(self, average: str | None = "weighted") -> Any:
        """n[i, i] / t[i]: how much of class i was found; `average` and 0/0 as in `precision`."""
        return self._average(self._share_of(self._truth), average)

    def f1(self, average: str | None = "weighted") -> Any:
        """Harmonic mean of precision and recall, 2 n[i, i] / (t[i] + Σ_j n[j, i]); `average` as in `precision`."""
        return self._average(_ratio(2 * self._right, self._truth + self._predicted), average)

    def __repr__(self) -> str:
        """Say how much was counted.

        >>> confusion = ConfusionMatrix(5)
        >>> confusion.update(np.array([0, 255]), np.array([0, 1]))
        >>> confusion
        ConfusionMatrix(5)  # 1 pixel, mean IoU 1.0000
        """
        ignored = "" if self.ignore_index == 255 else f", ignore_index={self.ignore_index}"
        pixels = int(self.matrix.sum())
        mean = f", mean IoU {self.mean_iou:.4f}" if pixels else ""
        return f"ConfusionMatrix({self.num_classes}{ignored})  # {counted(pixels, 'pixel')}{mean}"

    def __str__(self) -> str:
        """Write the measures as a table."""
        return "\n".join(f"{name:<24}{value:>8.4f}" for name, value in self.measures().items())

    def measures(self) -> dict[str, float]:
        """Give all measures of a results table by their names."""
        return {
            "pixel accuracy": self.pixel_accuracy,
            "mean accuracy": self.mean_accuracy,
            "mean IoU": self.mean_iou,
            "frequency-weighted IoU": self.frequency_weighted_iou,
            "precision (weighted)": self.precision(),
            "recall (weighted)": self.recall(),
            "F1 (weighted)": self.f1(),
        }

    @property
    def _right(self) -> np.ndarray:
        return np.diag(self.matrix)

    @property
    def _truth(self) -> np.ndarray:
        return self.matrix.sum(axis=1)

    @property
    def _predicted(self) -> np.ndarray:
        return self.matrix.sum(axis=0)

    def _share_of(self, total: np.ndarray) -> np.ndarray:
        """What is right of `total`, for each class: 0 of 0 is 0, but nan for a class that is in neither."""
        occurs = self._truth + self._predicted > 0
        return _ratio(self._right, np.where(occurs, total.clip(min=1), 0))

    def _average(self, values: np.ndarray, average: str | None) -> Any:
        if average is None:
            return values
        if average == "macro":
            return _mean(values)
        if average == "weighted":
            return float(_ratio((np.nan_to_num(values) * self._truth).sum(), self._truth.sum()))
        raise ValueError(f'average must be "weighted", "macro" or None, got {average!r}')


def _array(values: Any) -> Any:
    values = values.data if hasattr(values, "requires_grad") else values  # a Tensor's data
    return values if is_array(values) else np.asarray(values)


def _ratio(a: Any, b: Any) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.true_divide(a, b)


def _mean(values: np.ndarray) -> float:
    counted = values[~np.isnan(values)]
    return float(counted.mean()) if counted.size else float("nan")
