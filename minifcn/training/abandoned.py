"""Leaving a piece of work in the middle, when there is a reason to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

_EVERY = 0.2  # seconds from one look to the next


class _Abandoned(BaseException):  # which no library takes for an error of its own
    pass


@contextmanager
def abandoned_if(reason: Callable[[], bool]) -> Iterator[None]:
    """Leave the block as soon as there is a reason to: a timer interrupts it to ask, where the system has one.

    Parameters
    ----------
    reason : function
        Called in the midst of the block, in the main thread; in another thread, nothing happens.

    Examples
    --------
    >>> import time
    >>> with abandoned_if(lambda: True):
    ...     time.sleep(60)
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    asking = True

    def look(signum: int, frame: Any) -> None:
        if asking and reason():
            raise _Abandoned

    before = signal.signal(signal.SIGALRM, look)
    with suppress(_Abandoned):
        try:
            signal.setitimer(
                signal.ITIMER_REAL, _EVERY, _EVERY
            )  # again, for what is raised may be lost in a destructor
            yield
        finally:
            try:
                asking = False
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)
