"""What is said of processes that end, and how: in a line, which a launcher is given the time to pass on."""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
from contextlib import suppress

try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = termios = None  # type: ignore[assignment]

_SPACE = 64  # characters of a command line that are shown
_SAID = 2000  # characters of a message that are shown


def how_it_ended(code: int | None) -> str:
    """Say how a process has ended.

    >>> how_it_ended(None), how_it_ended(0), how_it_ended(256), how_it_ended(15)
    ('has ended or was killed', 'has ended', 'has ended with exit status 1', 'was killed by SIGTERM')
    """
    if code is None:
        return "has ended or was killed"
    number = code & 127
    if number == 9:
        return "was killed, as by kill -9 or for want of memory"
    if number:
        return f"was killed by {signal.Signals(number).name if number in [*signal.Signals] else f'signal {number}'}"
    return f"has ended with exit status {code >> 8}" if code >> 8 else "has ended"


def several(ranks: list[int]) -> str:
    """Name some ranks.

    >>> several([1]), several([0, 2])
    ('rank 1', 'ranks 0, 2')
    """
    return f"rank{'s' * (len(ranks) > 1)} {', '.join(map(str, ranks))}"


def cut(line: str) -> str:
    """Leave out the middle of a long command line.

    >>> cut("python -m minifcn train --out " + "long/" * 20 + " -h")
    'python -m minifcn train --out l ... ng/long/long/long/long/long/ -h'
    """
    half = _SPACE // 2 - 1
    return line if len(line) <= _SPACE else f"{line[:half]} ... {line[-half:]}"


def speak(message: str) -> None:
    """Say something in one line, and wait until the launcher has passed it on."""
    line = "".join(c if c.isprintable() else "?" for c in " ".join(message.split()))
    if len(line) > _SAID:
        line = f"{line[: _SAID // 2]} ... {line[-_SAID // 2 :]}"
    with suppress(OSError, ValueError):
        print("minifcn:", line, file=sys.stderr, flush=True)
        carried(2)


def carried(descriptor: int, patience: float = 2.0) -> None:
    """Wait until a launcher has read what was written to it: what lies in its pipe when a rank aborts is lost."""
    if fcntl is None or not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        return
    until, unread = time.monotonic() + patience, b"more"
    while any(unread) and time.monotonic() < until:
        unread = fcntl.ioctl(descriptor, termios.FIONREAD, unread)
        time.sleep(0.05)  # also once it is empty: the launcher passes it on
