"""Pixel-wise cross-entropy, one pixel at a time: from scores by softmax to the loss of its label."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.compute.window import Window
from minifcn.explain.shown import number
from minifcn.explain.stepper.gradients import IGNORED
from minifcn.explain.stepper.planes import planes
from minifcn.explain.stepper.scene import Grid, Scene, check_legible, mask, named
from minifcn.explain.stepper.steps import Step, pixel


def cross_entropy_steps(scores: Any, labels: Any) -> tuple[Step, ...]:
    """Compute the loss of each pixel, one at a time.

    Parameters
    ----------
    scores : Tensor or array (C, H, W)
    labels : integer array (H, W)
        Classes, or 255 where a pixel does not count.

    Returns
    -------
    tuple of Step
        H·W of them; `stamp` has the softmax of the pixel (C, 1, 1), `output` the losses so far.

    Raises
    ------
    ValueError
        If the shapes disagree, or a label is no class.

    Examples
    --------
    >>> steps = cross_entropy_steps([[[0, 2]], [[0, 1]]], [[1, 255]])
    >>> steps[0].sentence
    'pixel 1 of 2: of the scores 0, 0 the softmax is 0.5, 0.5; label 1: y[0,0] = -log 0.5 = 0.693'
    >>> steps[1].sentence
    'pixel 2 of 2: label 255 is ignored, and y[0,1] does not count'
    """
    scores, labels = planes(scores, "x"), checked_labels(labels, np.shape(scores))
    output = np.full(labels.shape, np.nan)
    steps = []
    for n, (i, j) in enumerate(np.ndindex(labels.shape), 1):
        column, label, name = scores[:, i, j], int(labels[i, j]), pixel("y", (i, j))
        powers = np.exp(column - column.max())
        shares = powers / powers.sum()
        output, loss = output.copy(), 0.0 if label == IGNORED else float(-np.log(shares[label]))
        output[i, j] = loss
        sentence = f"pixel {n} of {labels.size}: label 255 is ignored, and {name} does not count"
        if label != IGNORED:
            given, found = (", ".join(number(v) for v in values) for values in (column, shares))
            sentence = (
                f"pixel {n} of {labels.size}: of the scores {given} the softmax is {found}; label {label}: "
                f"{name} = -log {number(shares[label])} = {number(loss)}"
            )
        place = range(i, i + 1), range(j, j + 1)
        steps.append(Step((i, j), loss, shares.reshape(-1, 1, 1), *place, output, output, shares, sentence))
    return tuple(steps)


def checked_labels(labels: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Take labels (H, W) of an image whose scores have a shape."""
    classes, array = shape[-3] if len(shape) > 2 else 1, np.asarray(labels)
    if array.shape != shape[-2:] or array.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be integers of shape {tuple(shape[-2:])}, as the scores are {tuple(shape)}, got "
            f"{array.dtype} of shape {array.shape}; pass a class for each pixel"
        )
    wrong = array[(array != IGNORED) & ((array < 0) | (array >= classes))]
    if wrong.size:
        raise ValueError(f"label {wrong[0]} is neither a class 0..{classes - 1} nor {IGNORED}, which is ignored")
    return array


class CrossEntropy(Scene):
    """Scores, softmax, labels and the loss of each pixel."""

    title = "Pixel-wise cross-entropy"
    letters = "scores", "y"
    has_window = False

    def __init__(self, x: Any, labels: Any) -> None:
        self.x, self.labels = planes(x, "x"), checked_labels(labels, np.shape(x))
        self.window = Window.of(1)
        classes = len(self.x)
        check_legible(x=(classes * self.labels.shape[0], self.labels.shape[1]))
        self.steps = cross_entropy_steps(x, labels)
        self.inputs, self.outputs = range(classes), [2 * classes + 1]

    def origin(self, o: int) -> tuple[list[int], str]:
        """Give the scores that the loss of pixel o is made of, and its sentence."""
        return [o + c * self.labels.size for c in range(len(self.x))], self.steps[o].sentence.split(": ", 1)[1]

    def _grids(self, step: Step | None, q: int) -> list[Grid]:
        lit, classes = mask(self.labels.shape, step and step.position), len(self.x)
        shares = np.full(self.x.shape, np.nan)
        for done in self.steps[: q + 1]:
            shares[:, done.position[0], done.position[1]] = done.column
        return [
            *(Grid(named("scores", c, of=classes), plane, touched=lit) for c, plane in enumerate(self.x)),
            *(Grid(named("softmax", c, of=classes), plane, touched=lit) for c, plane in enumerate(shares)),
            Grid("labels", self.labels.astype(np.float64), touched=lit),
            Grid("loss y of each pixel", step.output if step else np.full(lit.shape, np.nan), active=lit),
        ]
