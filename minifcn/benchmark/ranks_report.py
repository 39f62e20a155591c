"""What `minifcn bench ranks` tells of its steps: how fast so many ranks are, and what the model says that they are."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from minifcn.benchmark.scaling import fit, ring_seconds, step_seconds
from minifcn.benchmark.work import Work
from minifcn.models.summary import count_parameters


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
        Seconds of the processor in which a rank computes in a step, the mean of all: other programs do not count in it.
    alone : float
        Seconds in which gradients are added up when all ranks begin together.
    adding : float
        Seconds of the processor in that, the mean of all ranks: they sleep while they wait.
    crowd : float
        How many ranks share a core, at least 1.
    """

    ranks: int
    images: int
    seconds: float
    sums: float = 0.0
    early: float = 0.0
    processor: float = 0.0
    alone: float = 0.0
    adding: float = 0.0
    crowd: float = 1.0


def predicted(rows: list[Row], size: float) -> list[Row]:
    """Give what the rows would be by the model of `scaling`, which is fitted to those of 1 and 2 ranks.

    Parameters
    ----------
    rows : list of Row
        The first of 1 rank. Without one of 2 ranks there is no model, and nothing is given.
    size : float
        Bytes of the gradient.

    Examples
    --------
    >>> one, two = Row(1, 4, 0.2, processor=0.1), Row(2, 8, 0.21, alone=0.01, adding=0.008)
    >>> four = predicted([one, two, Row(4, 16, 0.5, crowd=2)], 1e6)[-1]
    >>> round(four.seconds, 3), round(four.alone, 3), round(four.processor, 3), round(four.adding, 3)
    (0.43, 0.03, 0.1, 0.012)
    """
    one, found = rows[0], []
    two = next((row for row in rows if row.images == one.images * row.ranks == 2 * one.images and row.alone), None)
    if two is None:
        return []
    link, work = fit(two.alone, size, two.crowd), fit(two.adding, size)
    for row in rows:
        share = row.images / (one.images * row.ranks)
        alone = ring_seconds(row.ranks, size, link, crowd=row.crowd)
        seconds = step_seconds(row.ranks, share * one.seconds, size, link, crowd=row.crowd)
        adding = ring_seconds(row.ranks, size, work)
        found.append(
            dataclasses.replace(row, seconds=seconds, processor=share * one.processor, alone=alone, adding=adding)
        )
    return found


def text(work: Work, rows: list[Row], way: str) -> str:
    """Write the tables.

    Examples
    --------
    >>> from minifcn.benchmark.work import select
    >>> rows = [Row(1, 4, 0.2, 0, 0.2, 0.1), Row(2, 8, 0.25, 0.04, 0.24, 0.1, 0.01, 0.008)]
    >>> print(text(*select(["narrow-step"]), rows, "MPI"))
    narrow-step: 666,343 numbers in the gradient, 2.7 MB; summed by MPI
    ranks  images  step ms  images/s  efficiency  in sums  summed early: step ms
    as many images for each rank:
        1       4    200.0      20.0       100 %      0 %                  200.0
        2       8    250.0      32.0        80 %     16 %                  240.0
    as many images in all:
        1       4    200.0      20.0       100 %      0 %                  200.0
    measured, and by the model that is fitted to 1 and 2 ranks; the processor is that of each rank:
    ranks  images  a core  step ms  model  a sum ms  model  computing: processor ms  model  a sum: processor ms  model
        1       4     1.0    200.0  200.0      0.00   0.00                    100.0  100.0                 0.00   0.00
        2       8     1.0    250.0  210.0     10.00  10.00                    100.0  100.0                 8.00   8.00
    """
    numbers = count_parameters(work.network()[0])[0]
    lines = [f"{work.name}: {numbers:,} numbers in the gradient, {4e-6 * numbers:.1f} MB; summed by {way}"]
    lines.append("ranks  images  step ms  images/s  efficiency  in sums  summed early: step ms")
    one = rows[0]
    for title, growing in (("as many images for each rank:", True), ("as many images in all:", False)):
        lines.append(title)
        for row in rows:
            if row.images == one.images * (row.ranks if growing else 1):
                rate, alone = row.images / row.seconds, one.images / one.seconds
                lines.append(
                    f"{row.ranks:5}  {row.images:6}  {1000 * row.seconds:7.1f}  {rate:8.1f}  "
                    f"{100 * rate / alone / row.ranks:8.0f} %  {100 * row.sums / row.seconds:5.0f} %  "
                    f"{1000 * row.early:21.1f}"
                )
    return "\n".join(lines + _beside_the_model(rows, predicted(rows, 4 * numbers)))


def _beside_the_model(rows: list[Row], model: list[Row]) -> list[str]:
    lines = [
        "measured, and by the model that is fitted to 1 and 2 ranks; the processor is that of each rank:",
        "ranks  images  a core  step ms  model  a sum ms  model  computing: processor ms  model  "
        "a sum: processor ms  model",
    ]
    for row, said in zip(rows, model, strict=bool(model)):
        pairs = [(row.seconds, said.seconds, 7, 1), (row.alone, said.alone, 8, 2)]
        pairs += [(row.processor, said.processor, 23, 1), (row.adding, said.adding, 19, 2)]
        numbers = "  ".join(f"{1000 * a:{width}.{n}f}  {1000 * b:5.{n}f}" for a, b, width, n in pairs)
        lines.append(f"{row.ranks:5}  {row.images:6}  {row.crowd:6.1f}  {numbers}")
    return lines if model else []


def raw(work: Work, rows: list[Row], way: str) -> bytes:
    """Write all numbers as JSON."""
    size = 4 * count_parameters(work.network()[0])[0]
    about = {"work": dataclasses.asdict(work), "way": way, "bytes": size}
    for name, found in ("rows", rows), ("model", predicted(rows, size)):
        about[name] = [dataclasses.asdict(row) for row in found]
    return json.dumps(about, indent=1).encode() + b"\n"
