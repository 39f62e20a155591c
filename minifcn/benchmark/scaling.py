"""What a step of many workers takes: the same computation in each, and sums of gradients around a ring.

In a ring of n workers each sends 2 (n - 1) / n times the gradient, in 2 (n - 1) turns, of which each waits for the
link's latency once (Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms for clusters of workstations").
No algorithm sends less. Each worker has a core of its own: those that share one also wait for each other's turn on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """What lies between neighbours in the ring.

    Parameters
    ----------
    name : str
    latency : float
        Seconds until the first byte arrives.
    bandwidth : float
        Bytes a second.
    """

    name: str
    latency: float
    bandwidth: float


# What such links are sold as, not measured here; the latency is that of a message of MPI or NCCL.
LINKS = (
    Link("10 Gbit/s", 20e-6, 1.25e9),
    Link("100 Gbit/s", 5e-6, 12.5e9),
    Link("NVLink-like, 300 GB/s", 3e-6, 300e9),
)


def ring_seconds(workers: int, size: float, link: Link, pieces: int = 1) -> float:
    """Give the seconds in which a gradient of so many bytes is added up.

    >>> round(ring_seconds(1024, 4e8, LINKS[0]), 3), ring_seconds(1, 4e8, LINKS[0])
    (0.68, 0.0)
    """
    turns = 2 * (workers - 1)
    return turns * (pieces * link.latency + size / workers / link.bandwidth)


def step_seconds(workers: int, compute: float, size: float, link: Link, *, hidden: float = 0.0) -> float:
    """Give the seconds of a step.

    Parameters
    ----------
    workers : int
    compute : float
        Seconds of what each of them computes.
    size : float
        Bytes of the gradient.
    link : Link
    hidden : float
        The part of the computation that sums can hide behind: 2 / 3 if they go on beside all of a backward pass, which
        takes twice as long as a forward pass; 0 if they begin after it.
    """
    return compute + max(0.0, ring_seconds(workers, size, link) - hidden * compute)


def efficiency(workers: int, compute: float, size: float, link: Link, *, strong: bool = False) -> float:
    """Give the part of a step that is computation; 1 of one worker.

    Parameters
    ----------
    workers, compute, size, link
        As in `step_seconds`; with `strong` scaling, the computation of one worker is shared out, and else each has as
        much.
    strong : bool

    Examples
    --------
    >>> round(efficiency(64, 1.0, 4e8, LINKS[0]), 2), round(efficiency(64, 1.0, 4e8, LINKS[0], strong=True), 3)
    (0.61, 0.024)
    """
    own = compute / workers if strong else compute
    return own / step_seconds(workers, own, size, link)


def fit(seconds: Mapping[int, float], size: float, cores: int) -> Link:
    """Find the bandwidth that explains the steps of 1 and of 2 workers on one machine; the latency is left out.

    Parameters
    ----------
    seconds : dict of int to float
        Of a step, with as many images for each worker.
    size : float
        Bytes of the gradient.
    cores : int
        Of the machine: more workers than these wait for each other.

    Examples
    --------
    >>> round(fit({1: 1.0, 2: 1.1}, size=1e8, cores=2).bandwidth / 1e9, 3)
    1.0
    """
    more = seconds[2] - seconds[1] * max(1.0, 2 / cores)
    return Link("fitted to 1 and 2", 0.0, size / more if more > 0 else float("inf"))
