"""A strict stand-in for CuPy on the CPU: NumPy inside, CuPy's rules outside, and a count of what a GPU would wait for.

Tests run array code on it where there is no GPU. Where CuPy is silently wrong or slow instead of raising (indices out
of range or repeated, host arrays as indices, hidden synchronisations), it raises or counts. A function that computes
counts as one launch, as do a fused one, a product and each copy it needs first; views, memory alone, and work on no
elements as none. CuPy may launch several for one reduction. Speed, rounding and the memory of a GPU it cannot show.
"""

from standin.array import ndarray
from standin.events import DuplicateIndexError, ForbiddenEvent, HostArrayError, count, forbid
from standin.modules import cupy, installed

__all__ = [
    "DuplicateIndexError",
    "ForbiddenEvent",
    "HostArrayError",
    "count",
    "cupy",
    "forbid",
    "installed",
    "ndarray",
]
