"""Training: batches in, gradient steps, a checkpoint now and then; it stops after any step and continues exactly."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from minifcn.backend import one_blas_thread, to_device
from minifcn.data import Batch, DataLoader
from minifcn.errors import UserError
from minifcn.files import lock_folder, remove_leftovers
from minifcn.metrics import ConfusionMatrix
from minifcn.models import FCN
from minifcn.optim import Optimizer
from minifcn.progress import Progress, show_progress, unbreakable
from minifcn.training import checkpoint, iou_log, log
from minifcn.training.accumulation import Accumulation
from minifcn.training.build import check_fits, check_model, check_whole
from minifcn.training.checkpoint import Checkpoint, Position
from minifcn.training.config import Config
from minifcn.training.iou_log import IouLog
from minifcn.training.log import Epoch, Log
from minifcn.training.objective import batch_objective
from minifcn.training.schedule import Schedule
from minifcn.training.validation import Validation, check_counted, validate


class Trainer:
    """Trains a model, and leaves checkpoint.npz, best.npz, log.csv and iou.csv in a folder.

    Parameters
    ----------
    config : Config
    model : FCN
        Of the configuration's classes and dtype.
    optimizer : SGD or Adam
    train_loader, valid_loader : DataLoader
    folder : path of an existing folder
        While `fit` runs it holds the folder: a second run there is refused.
    checkpoint_every : float
        Seconds between checkpoints; besides, there is one after every epoch.
    stream : text stream or None
        Where progress is shown; a stream that breaks off, such as a closed pipe, ends the showing and not the run.
    after_epoch : function of the list of log rows, optional
        Called after every epoch, for example to draw the curves.

    Raises
    ------
    UserError
        If the loaders, the model and the configuration do not belong together.

    Attributes
    ----------
    position : Position
    log : Log
    iou_log : IouLog
    validation : Validation or None
        The last one.
    stop_requested : bool
        Set it, for example from a signal handler, to have `fit` finish the step in hand, save and stop.

    Examples
    --------
    >>> import tempfile
    >>> from minifcn.data import DataLoader, Shapes
    >>> from minifcn.training import Config, build_model, build_optimizer
    >>> train, valid = Shapes(4, size=(32, 32), seed=0), Shapes(2, size=(32, 32), seed=1)
    >>> colours = tuple(map(tuple, train.palette.tolist()))
    >>> config = Config(width=1 / 64, epochs=1, class_names=train.class_names, palette=colours)
    >>> net = build_model(config)
    >>> loaders = DataLoader(train, 2, shuffle=True), DataLoader(valid, 2)
    >>> folder = Path(tempfile.mkdtemp())
    >>> Trainer(config, net, build_optimizer(config, net), *loaders, folder).fit()
    >>> sorted(path.name for path in folder.iterdir())
    ['best.npz', 'checkpoint.npz', 'iou.csv', 'log.csv']
    """

    def __init__(
        self,
        config: Config,
        model: FCN,
        optimizer: Optimizer,
        train_loader: DataLoader,
        valid_loader: DataLoader,
        folder: str | os.PathLike,
        *,
        checkpoint_every: float = 300.0,
        stream: TextIO | None = None,
        after_epoch: Callable[[list[Epoch]], None] | None = None,
    ):
        self.config, self.model, self.optimizer = config, model, optimizer
        self.train_loader, self.valid_loader = train_loader, valid_loader
        self.folder, self.device, self.stream = Path(folder), model.device, unbreakable(stream)
        self.checkpoint_every, self.after_epoch = checkpoint_every, after_epoch
        self.position = Position()
        self.schedule = Schedule(config, optimizer, len(train_loader))
        self.accumulation = Accumulation(model, optimizer, config.accumulate)
        self.log = Log(self.folder / "log.csv")
        self.iou_log = IouLog(self.folder / "iou.csv", config.class_names)
        self.validation: Validation | None = None
        self.stop_requested = False
        self._saved = time.monotonic()
        if not checkpoint_every >= 0:
            raise UserError(f"Trainer: checkpoint_every must be seconds from 0 up, but is {checkpoint_every}")
        check_model(config, model)
        weights = np.array(config.loss_weights, config.dtype)
        self.weight = to_device(weights, self.device) if config.loss_weights else None

    def fit(self) -> None:
        """Train until the configured number of epochs is complete, or the configured patience is at its end.

        Raises
        ------
        KeyboardInterrupt
            After `stop_requested` was set, with the checkpoint saved.
        UserError
            If there is no such folder, or the loss is no longer finite; checkpoint.npz then holds an earlier state.
        FolderInUse
            If another run is at work in the folder.
        """
        if not self.folder.is_dir():
            raise UserError(f"{self.folder}: there is no such folder; make it first")
        with lock_folder(self.folder):
            remove_leftovers(self.folder)
            self.save()  # a disk that is full or read-only shows now, not after the first epoch
            while not self.is_complete():
                started = time.monotonic()
                self.train_epoch()
                matrix, valid_loss = self.validate()
                self.finish_epoch(matrix, valid_loss, time.monotonic() - started)
                if self.stop_requested:  # meanwhile
                    self.save_if_due()

    def is_complete(self) -> bool:
        """Say if all epochs are trained, or the configured patience is at its end."""
        return self.position.epoch >= self.config.epochs or bool(log.out_of_patience(self.log.rows, self.config))

    def is_stopping(self) -> bool:
        """Say if there should be no more work than is needed to stop."""
        return self.stop_requested

    def train_epoch(self) -> None:
        """Take the steps that are left of the epoch."""
        now = self.position
        title = f"epoch {now.epoch + 1}/{self.config.epochs}"
        self.model.train()
        with (
            closing(self.train_loader.epoch(now.epoch, start=now.batch)) as batches,
            Progress(title, len(self.train_loader), now.batch, self.stream) as progress,
        ):
            for batch in batches:
                self._expect_whole(batch)
                now.loss_sum = now.loss_sum + self.step(batch)  # on a GPU still to be computed
                now.batch += 1
                if not self.accumulation.done:
                    now.iteration += 1
                progress.advance(self._shown() if progress.wants_text() else "")
                self.save_if_due()

    def _expect_whole(self, batch: Batch) -> None:
        loader = self.train_loader
        check_whole(len(batch), min(loader.batch_size, len(loader.dataset) - self.position.batch * loader.batch_size))

    def _shown(self) -> str:
        return f"loss {self.mean_loss():.4f}"

    @one_blas_thread()  # as backward: what `recompute` runs again in it must round in the same way
    def step(self, batch: Batch) -> Any:
        """Take one gradient step, or `accumulate` batches of one; gives the mean loss of the batch.

        It is a float64 scalar of the device, and has not been waited for.
        """
        loss, mean = batch_objective(self.model, batch, self.weight, self.config)
        if self.accumulation.backward(loss):
            self.schedule.set(self.position.iteration)
            self.optimizer.step()
        return mean.astype(np.float64)

    def validate(self) -> tuple[ConfusionMatrix, float]:
        """Evaluate the model on the validation split."""
        self.validation = self.evaluate("validation", self.config.loss_weights or None, saving=True)
        return self.validation.matrix, self.validation.loss

    def evaluate(self, title: str, weight: Sequence[float] | None = None, saving: bool = False) -> Validation:
        """Evaluate the model on the validation split, and perhaps save meanwhile."""
        with closing(self.valid_loader.epoch(0)) as epoch:
            batches = show_progress(title, epoch, len(self.valid_loader.dataset), self.stream)
            batches = self._stoppable(batches) if saving else batches
            return validate(self.model, batches, ignore_index=self.config.ignore_index, weight=weight)

    def finish_epoch(self, matrix: ConfusionMatrix, valid_loss: float, seconds: float) -> None:
        """Write the epoch's row, keep the model if it is the best so far, and move on to the next epoch."""
        now, parameters = self.position, self._finite(self.model.state_dict())
        check_counted(matrix, self.config.loss_weights, self.mean_loss())
        if not math.isfinite(valid_loss):
            raise self._diverged(f"the loss on the validation split became {valid_loss}")
        row: Epoch = {
            "epoch": now.epoch + 1,
            "iteration": now.iteration,
            "train_loss": self.mean_loss(),
            "valid_loss": valid_loss,
            **log.measured(matrix),
            "lr": self.schedule.lr(max(0, now.iteration - 1)),  # of the last step, also where it was resumed
            "seconds": round(seconds, 3),
        }
        self.log.append(row)
        self.iou_log.append(now.epoch + 1, matrix.iou)
        if log.best_of(self.log.rows) is row:
            now.best_mean_iou = float(matrix.mean_iou)
            checkpoint.save(self.folder / "best.npz", Checkpoint(self.config, parameters, position=now))
        self.position = Position(now.epoch + 1, 0, now.iteration, 0.0, now.best_mean_iou)
        self.save()
        if self.stream is not None:
            lines = log.in_one_line(row, self.config.epochs), log.out_of_patience(self.log.rows, self.config)
            print(*filter(None, lines), sep="\n", file=self.stream, flush=True)
        if self.after_epoch is not None:
            self.after_epoch(self.log.rows)

    def mean_loss(self) -> float:
        """Give the mean loss of the epoch so far, waiting for it; UserError if it is not finite."""
        now = self.position
        now.loss_sum = float(now.loss_sum)
        if not math.isfinite(now.loss_sum):
            raise self._diverged(f"the loss became {now.loss_sum}")
        return now.loss_sum / max(1, now.batch)

    def save(self) -> None:
        """Write checkpoint.npz; UserError, and nothing written, if a loss or a parameter is not finite."""
        self.mean_loss()
        optimizer = self._finite(self.optimizer.state_dict(), " of the optimizer")
        model, random = self._finite(self.model.state_dict()), dict(self.model.dropout_rng.bit_generator.state)
        sums = self._finite(self.accumulation.state_dict(), " in the sum of gradients")
        state = Checkpoint(self.config, model, optimizer, self.position, random, sums)
        checkpoint.save(self.folder / "checkpoint.npz", state)
        self._saved = time.monotonic()

    def save_if_due(self) -> None:
        """Write checkpoint.npz if it is time to, or to stop."""
        if self.stop_requested:
            self.save()
            path, at = self.folder / "checkpoint.npz", self.position.iteration
            raise KeyboardInterrupt(f"interrupted; {path} is saved at iteration {at}, --resume continues from it")
        if time.monotonic() - self._saved >= self.checkpoint_every:
            self.save()

    def restore(self, state: Checkpoint) -> None:
        """Continue from a checkpoint of this folder: rows of log.csv that are newer are dropped.

        Parameters
        ----------
        state : Checkpoint

        Raises
        ------
        UserError
            If it does not fit the model and the optimizer.
        """
        path = self.folder / "checkpoint.npz"
        state.position.check(self.config, len(self.train_loader), path)
        check_fits(self.config, state.model, state.optimizer, name=str(path))
        state.into(self.model, self.optimizer, path)
        batches = state.position.epoch * len(self.train_loader) + state.position.batch
        self.accumulation.load_state_dict(state.gradients, batches % self.config.accumulate, path)
        epochs = state.position.epoch
        self.log = Log(self.log.path, log.read_epochs(self.log.path, epochs))
        log.check_own(self.log.path, self.log.rows, state.position.best_mean_iou)
        iou = iou_log.read(self.iou_log.path, self.config.class_names, epochs)
        self.iou_log = IouLog(self.iou_log.path, self.config.class_names, iou)
        best = self.folder / "best.npz"
        if epochs and not best.is_file():
            raise UserError(
                f"{best}: there is no such file, but the run has {epochs} epochs behind it; put it back, "
                f"or copy {path} to its place"
            )
        self.position = dataclasses.replace(state.position)

    def _finite(self, state: dict[str, np.ndarray], of: str = "") -> dict[str, np.ndarray]:
        for name, array in state.items():
            if not np.isfinite(array).all():
                raise self._diverged(f"{name}{of} is no longer finite")
        return state

    def _diverged(self, what: str) -> UserError:
        return UserError(
            f"{what} in epoch {self.position.epoch + 1}, at or before iteration {self.position.iteration}; train with "
            f"a smaller --lr (it is {self.config.lr}); {self.folder / 'checkpoint.npz'} holds an earlier state"
        )

    def _stoppable(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            yield batch
            self.save_if_due()
