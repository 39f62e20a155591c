"""What more processes bring: training steps of 1, 2, 4, ... ranks in turn, all of them in one job."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from minifcn import optim
from minifcn.backend import one_blas_thread, to_device, wait_for
from minifcn.backend.ranks import Ranks
from minifcn.backend.sums import Sums
from minifcn.benchmark.ranks_report import Row
from minifcn.benchmark.work import SGD, Work
from minifcn.data.batch import rows_of
from minifcn.training import Config
from minifcn.training.evaluate import network_input
from minifcn.training.objective import objective
from minifcn.training.parallel import SummedGradients, counted_in, partial_objective

CONFIG = Config()


class Timed(NamedTuple):
    """A step whose sums begin when the backward pass is done, one whose sums begin before, and a sum.

    Parameters
    ----------
    seconds, sums, early, processor, alone, adding : float
        As in `Row`.
    """

    seconds: float
    sums: float
    early: float
    processor: float
    alone: float
    adding: float


class _Clock:
    """Sums, and the seconds that they take."""

    def __init__(self, sums: Sums):
        self.sums, self.way, self.early = sums, sums.way, sums.early
        self.seconds = self.processor = 0.0

    def start(self, piece: Any) -> None:
        with self._running():
            self.sums.start(piece)

    def finish(self, whole: Any, pieces: Any) -> None:
        with self._running():
            self.sums.finish(whole, pieces)

    @contextmanager
    def _running(self) -> Iterator[None]:
        began, before = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - began
        self.processor += time.process_time() - before


class Contender:
    """A training step of some ranks, each with its part of the images.

    Parameters
    ----------
    work : Work
        Its network, and the images of all ranks.
    ranks : Ranks
    """

    def __init__(self, work: Work, ranks: Ranks):
        self.ranks, self.work = ranks, work
        self.model, images, labels = work.network()
        own = rows_of(ranks.rank, ranks.size, len(images))
        self.model.to(work.device).train()
        self.images, self.labels = images[own], to_device(labels[own], work.device)
        self.whole, self.counted = len(images), counted_in(labels, CONFIG)
        self.optimizer = optim.SGD([p for p in self.model.parameters() if p.requires_grad], **SGD)
        self.gradients = SummedGradients(self.model, self.optimizer, 1, ranks)
        self.sums = _Clock(self.gradients.connect()) if ranks.size > 1 else None
        self.gradients.sums = self.sums  # type: ignore[assignment]

    @one_blas_thread()
    def step(self) -> None:
        """Take a step."""
        scores = self.model(network_input(self.images, self.work.device, "float32"))
        if self.ranks.size == 1:
            self.optimizer.zero_grad()
            objective(scores, self.labels, None, CONFIG)[0].backward()
        else:
            self.gradients.backward_part(
                *partial_objective(scores, self.labels, None, CONFIG, self.whole, self.counted)
            )
        self.optimizer.step()

    def time(self) -> Timed:
        """Time steps and a sum, until the last rank is done."""
        early, *_ = self._timed_step(early=True)
        seconds, sums, processor = self._timed_step(early=False)
        alone, adding = self._timed_sum()
        everywhere = self.ranks.all(np.array([processor, adding])).mean(axis=0)
        return Timed(seconds, sums, early, everywhere[0], alone, everywhere[1])

    def _timed_step(self, early: bool) -> tuple[float, float, float]:
        self.gradients.early, sums = early, self.sums
        if sums:
            sums.seconds = sums.processor = 0.0
        self.ranks.all(np.zeros(1))
        began, before = time.perf_counter(), time.process_time()
        self.step()
        wait_for(self.work.device)
        computed = time.process_time() - before
        self.ranks.all(np.zeros(1))
        seconds = time.perf_counter() - began
        return (seconds, sums.seconds, computed - sums.processor) if sums else (seconds, 0.0, computed)

    def _timed_sum(self) -> tuple[float, float]:
        """Add up the gradients once more; who waits sleeps: the processor's seconds are all work."""
        if self.sums is None:
            return 0.0, 0.0
        sums, gradients, gentle = self.sums.sums, self.gradients, self.ranks.gentle
        self.ranks.gentle = True
        self.ranks.all(np.zeros(1))
        began, before = time.perf_counter(), time.process_time()
        for piece in gradients.pieces:
            sums.start(piece)
        sums.finish(gradients.whole, gradients.pieces)
        wait_for(self.work.device)
        found = time.perf_counter() - began, time.process_time() - before
        self.ranks.gentle = gentle
        return found


def sizes(ranks: int) -> list[int]:
    """Give the numbers of ranks that are measured where there are so many, unless others are asked for.

    >>> sizes(6)
    [1, 2, 4, 6]
    """
    return sorted({1 << k for k in range(ranks.bit_length()) if 1 << k <= ranks} | {ranks})


def contests(work: Work, counts: list[int]) -> list[tuple[int, int]]:
    """Give how many ranks share how many images: as many for each rank, and for all together.

    >>> from minifcn.benchmark.work import select
    >>> contests(*select(["narrow-step"]), [1, 2, 3])
    [(1, 4), (2, 4), (2, 8), (3, 4), (3, 12)]
    """
    each = work.shape[0]
    return [(n, images) for n in counts for images in sorted({each * n, each}) if images >= n]


def measure(work: Work, ranks: Ranks, counts: list[int], rounds: int, show: Callable[[str], None]) -> list[Row]:
    """Time the steps of some of the ranks in turn, with as many images for each, and for all together.

    Parameters
    ----------
    work : Work
        Of the kind "step"; it has the images of one rank.
    ranks : Ranks
    counts : list of int
        How many of them.
    rounds : int
        Turns that count, after one that does not; medians are given.
    show : function of a text
        Is told of every turn.
    """
    entered, pairs = [], contests(work, counts)
    for n, images in pairs:
        some = ranks.some(n)
        whole = dataclasses.replace(work, shape=(images, *work.shape[1:]))
        entered.append(Contender(whole, some) if some else None)
    found: list[list[Timed]] = [[] for _ in pairs]
    for turn in range(rounds + 1):
        for contender, (n, images), times in zip(entered, pairs, found, strict=True):
            if contender is not None:
                timed = contender.time()
                if turn:
                    times.append(timed)
            ranks.rest()  # those that are not in it leave their cores to the others
            show(f"{n} ranks, {images} images")
    return [
        Row(n, images, **Timed(*np.median(times, axis=0).tolist())._asdict(), crowd=contender.ranks.crowd)
        for contender, (n, images), times in zip(entered, pairs, found, strict=True)
        if contender is not None
    ]
