"""A confusion matrix class by class: as text, and with all measures as JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from minifcn.metrics import ConfusionMatrix


def class_table(matrix: ConfusionMatrix, class_names: Sequence[str]) -> str:
    """Show IoU, accuracy and share of the pixels of each class; a dash where a class does not occur."""
    pixels = matrix.matrix.sum(axis=1)
    width = max(len("class"), *map(len, class_names)) + 2
    lines = [f"{'class':<{width}}{'IoU':>8}{'accuracy':>10}{'pixels':>9}"]
    for name, iou, accuracy, count in zip(class_names, matrix.iou, matrix.class_accuracy, pixels, strict=True):
        share = count / max(1, pixels.sum())
        lines.append(f"{name:<{width}}{number(iou):>8}{number(accuracy):>10}{share:>9.2%}")
    return "\n".join(lines)


def as_json(matrix: ConfusionMatrix, class_names: Sequence[str]) -> dict[str, Any]:
    """Give the measures, and the IoU and the accuracy of each class, with None for "not a number"."""
    measures: dict[str, Any] = {name: or_none(value) for name, value in matrix.measures().items()}
    for name, values in (("IoU", matrix.iou), ("accuracy", matrix.class_accuracy)):
        measures[name] = {class_name: or_none(value) for class_name, value in zip(class_names, values, strict=True)}
    return measures


def as_csv(matrix: ConfusionMatrix, class_names: Sequence[str]) -> str:
    """Write the numbers of pixels: a row for each class of the labels, a column for each that was predicted.

    >>> confusion = ConfusionMatrix(2)
    >>> confusion.update([0, 0, 1], [0, 1, 1])
    >>> as_csv(confusion, ["sky", "road"]).splitlines()
    ['label,sky,road', 'sky,1,1', 'road,0,1']
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["label", *class_names])
    table.writerows([name, *row] for name, row in zip(class_names, matrix.matrix.tolist(), strict=True))
    return text.getvalue()


def number(value: float) -> str:
    """Write a measure, or a dash for "not a number"."""
    return "-" if math.isnan(value) else f"{value:.4f}"


def or_none(value: float) -> float | None:
    """Give a measure as JSON has it, which knows no "not a number"."""
    return None if math.isnan(value) else float(value)
