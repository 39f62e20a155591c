"""A batch of maps, cut into strips: for threads, for the caches of the host, for the memory of a GPU."""

from __future__ import annotations

import functools
import itertools
import math

from minifcn.backend.devices import device_memory
from minifcn.backend.threads import cut, evenly

Strip = tuple[slice, slice]  # images, and rows of the output, or of whatever covers it: tiles, blocks

STRIP_BYTES = 4 << 20  # of gathered windows: with fewer, threads wait for the interpreter's lock more often
LARGE_WEIGHT = 2 << 20  # bytes from which no two threads should read a weight
LARGEST_STRIP_BYTES = 64 << 20


@functools.cache
def gpu_strip_bytes(device: str) -> int:
    """Count the bytes of a GPU's strip: a sixteenth of what is free at first, as one product of all is quickest.

    At most 4 GiB, so that 32 bits count its elements. Asked once: a run gives the same bits, whatever it holds later.
    """
    return min(device_memory(device)["free"] // 16, 4 << 30)


def cut_map(images: int, rows: int, count: int, work: int, weight_bytes: float = math.inf) -> list[Strip]:
    """Cut a batch into whole images, or rows of single images: `count` or more, so that all threads get as many.

    A single strip stays one where the weight is large: no two threads should read it.

    >>> cut_map(images=1, rows=6, count=2, work=1)
    [(slice(0, 1, None), slice(0, 3, None)), (slice(0, 1, None), slice(3, 6, None))]
    """
    count = evenly(count, work) if count > 1 or weight_bytes <= LARGE_WEIGHT else 1
    if count <= images:
        return [(some, slice(0, rows)) for some in cut(images, count)]
    return list(itertools.product(cut(images, images), cut(rows, -(-count // images))))
