"""minifcn without one of the things that make it fast: what each of them buys.

minifcn bench networks narrow --algorithms --against benchmarks/without.py
"""

import os
from unittest.mock import patch

from minifcn.benchmark import contestants
from minifcn.compute import algorithm


def without_winograd(work):
    """Leave its convolutions to strips."""
    timed, choose = contestants.contestant(None)(work), algorithm.choose

    def other(*layer):
        chosen = choose(*layer)
        return algorithm.PLAIN if chosen is algorithm.winograd else chosen

    def without():
        with patch.object(algorithm, "choose", other):
            return timed()

    return without


def without_kept_memory(work):
    """Keep no scratch memory between calls, and leave malloc as it comes."""
    os.environ["MINIFCN_WORKSPACE_MB"] = "0"  # read at the first use, which is still to come
    return contestants.contestant(None)(work)


CONTESTANTS = {"minifcn, without Winograd": without_winograd, "minifcn, keeping no memory": without_kept_memory}
