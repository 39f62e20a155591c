"""What `minifcn train` draws and says as a training goes on, and at its end."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from minifcn.cli.output import say
from minifcn.explain.diagnosis import diagnose
from minifcn.explain.missed_classes import diagnose_classes
from minifcn.text import counted
from minifcn.training import Trainer, build, checkpoint, log
from minifcn.training.album import Album
from minifcn.training.log import Epoch
from minifcn.training.validation import Validation

_FEW = 10  # validation images, of which each one moves the mean
_LOWEST = 3  # classes that are named in the report


class Watcher:
    """Follows a trainer, epoch by epoch.

    Parameters
    ----------
    trainer : Trainer
    album : Album or None
        Of the same run; None where another process draws.

    Attributes
    ----------
    absent : frozenset of int
        Classes that no training label has: no advice helps those, and nothing more is said of them.
    """

    def __init__(self, trainer: Trainer, album: Album | None):
        self.trainer, self.album = trainer, album
        self.absent: frozenset[int] = frozenset()
        self.drawn = 0  # the epoch whose network the pictures show

    def after_epoch(self, rows: list[Epoch]) -> None:
        """Draw what has changed, and say once which classes are still at 0."""
        trainer, found = self.trainer, self.trainer.validation
        self.draw_logs()
        if found is None:
            return
        if log.best_of(rows) is rows[-1]:
            self._draw_best(found)
            self.drawn = int(rows[-1]["epoch"])
        found = of_learnable(found, trainer.config.loss_weights, self.absent)
        if is_time(trainer.iou_log.rows, found, trainer.config.epochs):
            config = trainer.config
            weighted = bool(config.loss_weights)
            commonest = int(found.matrix.matrix.sum(axis=1).argmax())
            findings = diagnose(
                rows, config.num_classes, config.lr, weigh=not weighted and commonest not in found.missed
            )
            say(diagnose_classes(found.matrix, config.class_names, found.occurs, findings, weighted=weighted))

    def draw_logs(self) -> None:
        """Draw the pictures of the logs."""
        if self.album:
            self.album.draw_logs(self.trainer.log.rows, self.trainer.iou_log.rows)

    def _draw_best(self, found: Validation) -> None:
        if self.album:
            self.album.draw_best(found)

    def how_to_go_on(self) -> str:
        """Say how to go on with a run that is complete."""
        config = self.trainer.config
        if stopped := log.out_of_patience(self.trainer.log.rows, config):
            return f"it {stopped}; a larger --patience would go on with it"
        return f"--epochs with more than {config.epochs} would go on with it"

    def report(self, path: Path) -> None:
        """Print the measures of the best network, which the pictures show then."""
        config, model = self.trainer.config, self.trainer.model
        best = checkpoint.load(path)
        build.check_fits(config, best.model, name=str(path))
        model.load_state_dict(best.model)
        found = self.trainer.evaluate("best.npz")
        epoch = best.position.epoch + 1
        if epoch != self.drawn:  # in an earlier process, or not at all
            self._draw_best(found)
        images = len(found.image_iou)
        few = ", so few that the numbers are rough" if images < _FEW else ""
        print(f"{path}, after epoch {epoch}, on {counted(images, 'validation image')}{few}")
        print(found.matrix)
        print(lowest(found.matrix.iou, config.class_names))


def of_learnable(found: Validation, weights: Sequence[float], absent: Iterable[int]) -> Validation:
    """Leave out the classes that the network cannot learn: those in no training label, or of weight 0 in the loss.

    >>> found = Validation(None, 0.0, np.zeros(1), np.array([[True, True, True]]))
    >>> of_learnable(found, (1.0, 0.0, 1.0), [2]).occurs.tolist()
    [[True, False, False]]
    """
    never = {*absent, *np.flatnonzero(np.array(weights) == 0).tolist()}
    learnable = [number not in never for number in range(found.occurs.shape[1])]
    return dataclasses.replace(found, occurs=found.occurs & learnable)


def is_time(ious: Mapping[int, np.ndarray], found: Validation, epochs: int) -> bool:
    """Say if it is time to speak of classes at 0: once, when an epoch has found none of them, or at the end.

    Parameters
    ----------
    ious : mapping of int to array (num_classes,)
        Of every epoch, by its number.
    found : Validation
        Of the last of them; it tells which classes occur.
    epochs : int
        How many there will be.

    Examples
    --------
    >>> found = Validation(None, 0.0, np.zeros(1), np.array([[True, True]]))
    >>> ious = {1: np.array([0.5, 0]), 2: np.array([0.6, 0]), 3: np.array([0.6, 0])}
    >>> [is_time({n: ious[n] for n in range(1, last + 1)}, found, 3) for last in (1, 2, 3)]
    [False, True, False]
    """
    occurs = found.occurs.any(axis=0)
    missed = {epoch: set(np.flatnonzero(occurs & (iou == 0)).tolist()) for epoch, iou in ious.items()}
    due = [epoch for epoch in sorted(missed) if missed[epoch] and missed[epoch] == missed.get(epoch - 1)]
    last = max(missed)
    return due[:1] == [last] or (not due and last == epochs and bool(missed[last]))


def lowest(iou: np.ndarray, class_names: tuple[str, ...]) -> str:
    """Name the classes with the lowest IoU.

    >>> lowest(np.array([0.9, 0.25, np.nan]), ("sky", "pole", "cat"))
    'lowest IoU: pole 0.250, sky 0.900'
    """
    order = [number for number in np.argsort(iou, kind="stable") if not np.isnan(iou[number])]
    return "lowest IoU: " + ", ".join(f"{class_names[number]} {iou[number]:.3f}" for number in order[:_LOWEST])
