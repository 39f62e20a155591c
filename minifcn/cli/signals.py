"""The signals that end a command: Ctrl-C, SIGTERM of a job scheduler, and SIGHUP of a terminal that is closed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Stopped(KeyboardInterrupt):
    """One of the signals came; the command line ends with the message and exit status 128 + `signum`.

    Where several processes run the command, they may all have come to it `together`.
    """

    def __init__(self, signum: int, message: str = "", together: bool = False):
        super().__init__(message)
        self.signum, self.together = signum, together


@contextmanager
def handled(handler: Callable[[int, Any], Any]) -> Iterator[Callable[[], None]]:
    """Handle the signals; gives a function that sets the earlier handlers again, as the end of the block does.

    A signal that is ignored stays so: SIGHUP under nohup, or SIGINT of a script's background job, which a Ctrl-C is not
    meant for. Outside the main thread, which Python hands signals to, nothing happens.
    """
    before: dict[int, Any] = {}

    def restore() -> None:
        while before:
            signal.signal(*before.popitem())

    if threading.current_thread() is threading.main_thread():
        for number in _ENDING:
            current = signal.getsignal(number)
            if current not in (signal.SIG_IGN, None):  # None: set by another language
                before[number] = current
                signal.signal(number, handler)
    try:
        yield restore
    finally:
        restore()


def stop(signum: int, frame: Any) -> NoReturn:
    """Stop at once, as Python does for Ctrl-C: temporary files are removed on the way."""
    raise Stopped(signum)
