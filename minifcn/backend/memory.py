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
    while (base := getattr(array, "base", None)) is not None:  # bytes and the like have none
        array = base
    return id(array)


def is_plain(array: Any) -> bool:
    """Whether it can be changed, and each of its elements is a number of its own in memory.

    >>> import numpy as np
    >>> is_plain(np.zeros((2, 3)).T), is_plain(np.broadcast_to(1.0, (2, 3)))
    (True, False)
    """
    if not getattr(array.flags, "writeable", True):  # CuPy's arrays always are
        return False
    end = array.itemsize  # of what the axes so far cover
    for stride, size in sorted((abs(stride), size) for stride, size in zip(array.strides, array.shape, strict=True)):
        if size > 1:
            if stride < end:
                return False
            end += stride * (size - 1)
    return True
