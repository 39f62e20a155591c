"""A training that several processes share: each is a trainer, and all take the same steps."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any, NamedTuple, NoReturn

import numpy as np

from minifcn.backend import one_blas_thread, thread_count, to_device
from minifcn.backend.last_words import several
from minifcn.backend.ranks import Ranks
from minifcn.compute.dropout import PartOfBatch
from minifcn.data import Batch, DataLoader
from minifcn.data.batch import padded, rows_of
from minifcn.metrics import ConfusionMatrix
from minifcn.nn import Dropout
from minifcn.progress import Progress
from minifcn.text import counted
from minifcn.training.build import check_whole
from minifcn.training.evaluate import network_input
from minifcn.training.parallel import SummedGradients, counted_in, partial_objective
from minifcn.training.trainer import Trainer
from minifcn.training.validation import Validation, each_image

_TOGETHER = 0.2  # seconds in which a signal to the whole job comes to all ranks


class Whole(NamedTuple):
    """What the ranks tell each other before a batch.

    Parameters
    ----------
    images : int
        In all of the batch.
    size : (height, width)
        Of the largest.
    smaller : int
        How many of the ranks have none of this size.
    counted : float
        Weight of the pixels that count.
    stop : bool
        Whether a rank was asked to stop.
    due : bool
        Whether it is time to save.
    """

    images: int
    size: tuple[int, int]
    smaller: int
    counted: float
    stop: bool
    due: bool


class ParallelTrainer(Trainer):
    """Trains as `Trainer` does, together with those of the other ranks.

    The first rank writes and shows; the others hear from it what it has found.

    Parameters
    ----------
    *args, **settings
        As for `Trainer`, the same in every rank.
    ranks : Ranks
    early : bool
        Add up gradients while the backward pass goes on.
    """

    def __init__(self, *args: Any, ranks: Ranks, early: bool = False, **settings: Any):
        super().__init__(*args, **settings)
        self.ranks, config = ranks, self.config
        if not ranks.first:
            self.stream = None
        self.accumulation: SummedGradients = SummedGradients(
            self.model, self.optimizer, config.accumulate, ranks, early
        )
        self.whole = Whole(0, (0, 0), 0, 0.0, False, False)
        self.seen, self.since = 0, time.monotonic()  # images of all ranks in this epoch
        self.masks = PartOfBatch(self.model.dropout_rng.bit_generator)
        for _, layer in self.model.named_modules():
            if isinstance(layer, Dropout):
                layer.rng = self.masks
        self.loader, self.train_loader = self.train_loader, _Part(self, self.train_loader)  # type: ignore[assignment]

    def connect(self) -> str:
        """Choose how gradients are added up; says how, in a line. All ranks do."""
        way, threads = self.accumulation.connect().way, counted(thread_count(), "thread")
        crowd = f", {self.ranks.crowd:.2g} to a core, so that who waits sleeps" if self.ranks.gentle else ""
        return f"{self.ranks.size} ranks, {threads} each{crowd}; gradients are summed by {way}"

    def fit(self) -> None:
        """Train as `Trainer.fit` does; the first rank alone holds the folder."""
        if self.ranks.first:
            return super().fit()
        self.save()
        while not self.is_complete():
            self.train_epoch()
            self.finish_epoch(*self.validate(), seconds=0)

    def meet(self, batch: Batch) -> Whole:
        """Tell the other ranks about this one's part of a batch, and hear what the whole is like."""
        height, width = batch.labels.shape[1:]
        due = time.monotonic() - self._saved >= self.checkpoint_every
        own = (len(batch), height, width, counted_in(batch.labels, self.config), self.stop_requested, due)
        images, heights, widths, counted, stops, dues = self.ranks.all(np.array(own, float)).T
        size = int(heights.max()), int(widths.max())
        smaller = (images > 0) & ((heights < size[0]) | (widths < size[1]))
        return Whole(
            int(images.sum()), size, int(smaller.sum()), float(counted.sum()), bool(stops.any()), bool(dues[0])
        )

    def parts(self, epoch: int, start: int) -> Generator[Batch, None, None]:
        """Yield this rank's part of each batch, padded as the whole is; before it, save or stop if it is time to."""
        self.seen, self.since = 0, time.monotonic()
        with closing(self.loader.epoch(epoch, start, part=(self.ranks.rank, self.ranks.size))) as batches:
            for batch in batches:
                self.whole = self.meet(batch)
                self._save_or_stop()
                yield padded(batch, self.whole.size, self.config.ignore_index)
                self.seen += self.whole.images

    def _save_or_stop(self) -> None:
        if self.whole.stop or self.whole.due:
            self.save()
        if self.whole.stop:
            self._stop()

    def _stop(self) -> NoReturn:
        """Say which ranks were asked to stop, once a signal to all of them has come to all."""
        time.sleep(_TOGETHER)
        asked = np.flatnonzero(self.ranks.all(np.array([float(self.stop_requested)]))[:, 0]).tolist()
        who = f"{several(asked)} of {self.ranks.size} {'was' if len(asked) == 1 else 'were'}"
        raise KeyboardInterrupt(
            f"{'the job was' if len(asked) == self.ranks.size else who} interrupted; {self.folder / 'checkpoint.npz'} "
            f"is saved at iteration {self.position.iteration}, --resume continues from it"
        )

    def save_if_due(self) -> None:
        """Leave it to the next meeting: all ranks save at the same step."""

    def _expect_whole(self, batch: Batch) -> None:
        loader, now = self.loader, self.position
        cut = self.whole.smaller and not loader.pad
        images = min(loader.batch_size, len(loader.dataset) - now.batch * loader.batch_size)
        check_whole(self.whole.images - bool(cut), images)

    @one_blas_thread()
    def step(self, batch: Batch) -> Any:
        """Take one gradient step of all ranks with this rank's part of a batch; gives the mean loss of the whole."""
        loss, mean, whole = None, 0.0, self.whole
        self.masks.first = rows_of(self.ranks.rank, self.ranks.size, whole.images).start
        if len(batch):
            images = network_input(batch.images, self.device, self.config.dtype)
            labels = to_device(batch.labels, self.device)
            scores = self.model(images)
            loss, mean = partial_objective(scores, labels, self.weight, self.config, whole.images, whole.counted)
        if self.accumulation.backward_part(loss, mean):
            self.schedule.set(self.position.iteration)
            self.optimizer.step()
        if whole.images < self.ranks.size:  # a rank has drawn no masks
            state = self.ranks.from_first(self.model.dropout_rng.bit_generator.state)
            self.model.dropout_rng.bit_generator.state = state
        return self.accumulation.loss

    def evaluate(self, title: str, weight: Sequence[float] | None = None, saving: bool = False) -> Validation:
        """Evaluate the model on the validation split, each rank its part of every batch; all ranks get all of it."""
        loader: DataLoader = copy.copy(self.valid_loader)
        loader.pad = True  # one batch for each meeting; every image is scored without it
        matrix, found = ConfusionMatrix(self.model.num_classes, self.config.ignore_index), []
        part = (self.ranks.rank, self.ranks.size)
        with (
            closing(loader.epoch(0, part=part)) as batches,
            Progress(title, len(loader.dataset), 0, self.stream) as progress,
        ):
            for batch in batches:
                self.whole = self.meet(batch)
                if saving:
                    self._save_or_stop()
                found.append(list(each_image(self.model, batch, matrix, weight)))
                progress.advance(count=self.whole.images)
        self.ranks.add(matrix.matrix)
        batches_of_ranks = zip(*self.ranks.objects(found), strict=True)
        return Validation.of(matrix, [image for parts in batches_of_ranks for part in parts for image in part])

    def save(self) -> None:
        """Have the first rank write checkpoint.npz, with what all ranks have of a step that is not complete."""
        self.accumulation.unite()
        if self.ranks.first:
            super().save()
        self._saved = time.monotonic()

    def finish_epoch(self, matrix: ConfusionMatrix, valid_loss: float, seconds: float) -> None:
        """Have the first rank do as `Trainer.finish_epoch`; the others hear where the run stands."""
        if self.ranks.first:
            super().finish_epoch(matrix, valid_loss, seconds)
        else:
            self.save()
        self.ranks.rest(meanwhile=lambda: self.ranks.hurry() if self.stop_requested else None)  # the first one draws
        self.position, row = self.ranks.from_first((self.position, self.log.rows[-1] if self.log.rows else None))
        if not self.ranks.first:
            self.log.rows.append(row)
        stops = self.ranks.all(np.array([float(self.stop_requested)]))[:, 0]  # meanwhile
        if stops.any():
            self._stop()

    def is_stopping(self) -> bool:
        """Say if this rank was asked to stop, or, on the first one, any other while that draws."""
        return self.stop_requested or (self.ranks.first and self.ranks.hurried())

    def mean_loss(self) -> float:
        """Give the mean loss as `Trainer.mean_loss`; the first rank looks at it for all."""
        return super().mean_loss() if self.ranks.first else math.nan

    def _shown(self) -> str:
        rate = self.seen / max(time.monotonic() - self.since, 1e-9)
        return f"{super()._shown()}, {rate:.3g} images/s on {self.ranks.size} ranks"


class _Part:
    """The training images as a rank's trainer asks for them: its part of each batch."""

    def __init__(self, trainer: ParallelTrainer, loader: DataLoader):
        self.trainer, self.loader = trainer, loader

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def epoch(self, number: int, start: int = 0) -> Generator[Batch, None, None]:
        """Iterate over the parts of an epoch's batches."""
        return self.trainer.parts(number, start)
