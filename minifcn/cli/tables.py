"""A confusion matrix class by class: as text, and with all measures as JSON."""

from __future__ import annotations

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
        lines.append(f"{name:<{width}}{_number(iou):>8}{_number(accuracy):>10}{share:>9.2%}")
    return "\n".join(lines)


def as_json(matrix: ConfusionMatrix, class_names: Sequence[str]) -> dict[str, Any]:
    """Give the measures and the IoU of each class, with None for "not a number"."""
    classes = {name: _or_none(iou) for name, iou in zip(class_names, matrix.iou, strict=True)}
    return {name: _or_none(value) for name, value in matrix.measures().items()} | {"IoU": classes}


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
