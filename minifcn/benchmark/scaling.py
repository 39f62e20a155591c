"""What a step of many workers takes: the same computation in each, and sums of gradients around a ring.

In a ring of n workers each sends 2 (n - 1) / n times the gradient, in 2 (n - 1) turns, of which each waits for the
link's latency once (Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms for clusters of workstations").
No algorithm sends less. Where workers share cores, each of them gets so much less of one: k workers on c cores take
k / c times as long for whatever they do, computing or adding up, as long as who waits keeps no core busy.
"""

from __future__ import annotations

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


def ring_seconds(workers: int, size: float, link: Link, pieces: int = 1, crowd: float = 1.0) -> float:
    """Give the seconds in which a gradient of so many bytes is added up, by workers of which so many share a core.

    >>> round(ring_seconds(1024, 4e8, LINKS[0]), 3), ring_seconds(1, 4e8, LINKS[0])
    (0.68, 0.0)
    """
    turns = 2 * (workers - 1)
    return turns * (pieces * link.latency + crowd * size / workers / link.bandwidth)


def step_seconds(
    workers: int, compute: float, size: float, link: Link, *, hidden: float = 0.0, crowd: float = 1.0
) -> float:
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
    crowd : float
        How many workers share a core, at least 1.
    """
    compute *= crowd
    return compute + max(0.0, ring_seconds(workers, size, link, crowd=crowd) - hidden * compute)


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


def fit(seconds: float, size: float, crowd: float = 1.0) -> Link:
    """Find the bandwidth that explains a sum of 2 workers on one machine; the latency is left out.

    Parameters
    ----------
    seconds : float
        Of the sum.
    size : float
        Bytes of the gradient.
    crowd : float
        How many workers share a core: 2, if there is only one.

    Examples
    --------
    >>> fit(0.1, size=1e8).bandwidth / 1e9, fit(0.1, size=1e8, crowd=2).bandwidth / 1e9
    (1.0, 2.0)
    """
    return Link("fitted to 1 and 2", 0.0, crowd * size / seconds)
