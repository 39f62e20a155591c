"""Whether operations are recorded: always, but in `no_grad` and in a backward pass that nobody will differentiate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

recording = ContextVar("recording", default=True)


def is_grad_enabled() -> bool:
    """Whether operations are recorded; in a backward pass: whether with create_graph."""
    return recording.get()


@contextmanager
def no_grad() -> Iterator[None]:
    """Operations inside are computed but not recorded.

    >>> from minifcn import Tensor
    >>> x = Tensor(2.0, requires_grad=True)
    >>> with no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """
    token = recording.set(False)
    try:
        yield
    finally:
        recording.reset(token)
