"""What more processes bring: training steps of 1, 2, 4, ... ranks in turn, all of them in one job."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from minifcn import optim
from minifcn.backend import one_blas_thread, to_device, wait_for
from minifcn.backend.ranks import Ranks
from minifcn.backend.sums import Sums
from minifcn.benchmark.work import SGD, Work
from minifcn.data.batch import rows_of
from minifcn.models.summary import count_parameters
from minifcn.training import Config
from minifcn.training.evaluate import network_input
from minifcn.training.objective import objective
from minifcn.training.parallel import SummedGradients, counted_in, partial_objective

CONFIG = Config()


@dataclass(frozen=True)
class Row:
    """The steps of so many ranks.

    Parameters
    ----------
    ranks : int
    images : int
        Of all of them together in a step.
    seconds : float
        Of a step, whose sums begin when the backward pass is done.
    sums : float
        Seconds of them in which the first rank adds up gradients, or waits for the others to.
    early : float
        Seconds of a step whose sums begin while the backward pass goes on.
    processor : float
        Seconds of the processor that the first rank computes in a step: other programs do not count in it.
    fastest : float
        The least seconds in which gradients were added up: nobody had to be waited for.
    """

    ranks: int
    images: int
    seconds: float
    sums: float
    early: float
    processor: float
    fastest: float


class Timed(NamedTuple):
    """A step.

    Parameters
    ----------
    seconds, sums, processor : float
        As in `Row`.
    """

    seconds: float
    sums: float
    processor: float


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

    def time(self, early: bool) -> Timed:
        """Time a step, until the last rank is done."""
        self.gradients.early, sums = early, self.sums
        if sums:
            sums.seconds = sums.processor = 0.0
        self.ranks.objects(None)
        began, before = time.perf_counter(), time.process_time()
        self.step()
        wait_for(self.work.device)
        computed = time.process_time() - before
        self.ranks.objects(None)
        seconds = time.perf_counter() - began
        return Timed(seconds, sums.seconds, computed - sums.processor) if sums else Timed(seconds, 0.0, computed)


def sizes(ranks: int) -> list[int]:
    """Give the numbers of ranks that are measured where there are so many.

    >>> sizes(6)
    [1, 2, 4, 6]
    """
    return sorted({1 << k for k in range(ranks.bit_length()) if 1 << k <= ranks} | {ranks})


def measure(work: Work, ranks: Ranks, rounds: int, show: Callable[[str], None]) -> list[Row]:
    """Time the steps of 1, 2, 4, ... of the ranks in turn, with as many images for each, and for all together.

    Parameters
    ----------
    work : Work
        Of the kind "step"; it has the images of one rank.
    ranks : Ranks
    rounds : int
        Turns that count, after one that does not; medians are given.
    show : function of a text
        Is told of every turn.
    """
    each = work.shape[0]
    contests = [(n, images) for n in sizes(ranks.size) for images in sorted({each * n, each}) if images >= n]
    entered = []
    for n, images in contests:
        some = ranks.some(n)
        whole = dataclasses.replace(work, shape=(images, *work.shape[1:]))
        entered.append(Contender(whole, some) if some else None)
    found: list[dict[bool, list[Timed]]] = [{False: [], True: []} for _ in contests]
    for turn in range(rounds + 1):
        for contender, (n, images), times in zip(entered, contests, found, strict=True):
            for early in (False, True):
                if contender is not None:
                    timed = contender.time(early)
                    if turn:
                        times[early].append(timed)
                ranks.rest()  # those that are not in it leave their cores to the others
            show(f"{n} ranks, {images} images")
    return [_row(n, images, times) for (n, images), times in zip(contests, found, strict=True) if times[False]]


def _row(n: int, images: int, times: dict[bool, list[Timed]]) -> Row:
    late, early = (np.array(times[key]) for key in (False, True))
    seconds, sums, processor = (float(number) for number in np.median(late, axis=0))
    return Row(n, images, seconds, sums, float(np.median(early[:, 0])), processor, float(late[:, 1].min()))


def text(work: Work, rows: list[Row], way: str) -> str:
    """Write the table.

    Examples
    --------
    >>> from minifcn.benchmark.work import select
    >>> rows = [Row(1, 4, 0.2, 0, 0.2, 0.1, 0), Row(2, 8, 0.25, 0.04, 0.24, 0.1, 0.01)]
    >>> print(text(*select(["narrow-step"]), rows, "MPI"))
    narrow-step: 666,343 numbers in the gradient, 2.7 MB; summed by MPI
    ranks  images  step ms  images/s  efficiency  in sums  summed early: step ms  processor ms  fastest sums ms
    as many images for each rank:
        1       4    200.0      20.0       100 %      0 %                  200.0         100.0             0.00
        2       8    250.0      32.0        80 %     16 %                  240.0         100.0            10.00
    as many images in all:
        1       4    200.0      20.0       100 %      0 %                  200.0         100.0             0.00
    """
    numbers = count_parameters(work.network()[0])[0]
    lines = [f"{work.name}: {numbers:,} numbers in the gradient, {4e-6 * numbers:.1f} MB; summed by {way}"]
    columns = (
        "ranks  images  step ms  images/s  efficiency  in sums  summed early: step ms  processor ms  fastest sums ms"
    )
    lines.append(columns)
    one = rows[0]
    for title, growing in (("as many images for each rank:", True), ("as many images in all:", False)):
        lines.append(title)
        for row in rows:
            if row.images == one.images * (row.ranks if growing else 1):
                rate, alone = row.images / row.seconds, one.images / one.seconds
                lines.append(
                    f"{row.ranks:5}  {row.images:6}  {1000 * row.seconds:7.1f}  {rate:8.1f}  "
                    f"{100 * rate / alone / row.ranks:8.0f} %  {100 * row.sums / row.seconds:5.0f} %  "
                    f"{1000 * row.early:21.1f}  {1000 * row.processor:12.1f}  {1000 * row.fastest:15.2f}"
                )
    return "\n".join(lines)


def raw(work: Work, rows: list[Row], way: str) -> bytes:
    """Write all numbers as JSON."""
    about = {"work": dataclasses.asdict(work), "way": way, "rows": [dataclasses.asdict(row) for row in rows]}
    return json.dumps(about, indent=1).encode() + b"\n"
