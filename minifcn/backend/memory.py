"""Which arrays lie in the same memory."""

from __future__ import annotations

from typing import Any


def memory_of(array: Any) -> int:
    """Name the memory that an array, or the array it is a view of, lies in: a number, as long as it is there.

    >>> import numpy as np
    >>> x = np.zeros((2, 3))
    >>> memory_of(x[0]) == memory_of(x.T), memory_of(x.copy()) == memory_of(x)
    (True, False)
    """
    while getattr(array, "base", None) is not None:
        array = array.base
    return id(array)


def repeats_elements(array: Any) -> bool:
    """Whether several elements are the same number in memory, as `numpy.broadcast_to` makes them.

    >>> import numpy as np
    >>> repeats_elements(np.broadcast_to(1.0, (2, 3))), repeats_elements(np.zeros((2, 3)).T)
    (True, False)
    """
    return any(stride == 0 and size > 1 for stride, size in zip(array.strides, array.shape, strict=True))
