"""What a command says: on any terminal, and without a word too many when nobody listens any more."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LONGEST = 2000  # characters of a message that quotes a foreign file
# What a terminal without the character shows instead.
_PLAIN = str.maketrans({"ᵀ": "^T", "×": "x", "·": "*", "→": "->", "≤": "<=", "≥": ">=", "–": "-", "—": "-", "…": "..."})


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAIN)
    return text.encode("ascii", "replace").decode(), error.end


codecs.register_error("minifcn.plain", _plain)


@contextmanager
def any_terminal() -> Iterator[None]:
    """Print what the terminal's encoding lacks as plain characters: cp1252, cp949 and ASCII have no ᵀ.

    >>> "C ᵀ·y".encode("ascii", "minifcn.plain")
    b'C ^T*y'
    """
    changed = []
    for stream in (sys.stdout, sys.stderr):
        errors = getattr(stream, "errors", None)
        if errors in ("strict", "backslashreplace") and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="minifcn.plain")
            changed.append((stream, errors))
    try:
        yield
    finally:
        for stream, errors in changed:
            with suppress(OSError, ValueError):  # it was closed meanwhile
                stream.reconfigure(errors=errors)


@contextmanager
def without_windows() -> Iterator[None]:
    """Hide MPLBACKEND from Matplotlib: pictures go to files, and the backend for windows may not even exist here."""
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        yield
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


def finish() -> None:
    """Hand over what was printed; OSError, naming the standard output, if it cannot be written."""
    if sys.stdout is None:  # closed before the command began: Python prints nothing then
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        abandon()
        raise OSError(error.errno, error.strerror, "standard output") from error


def abandon() -> None:
    """Give up on the standard output; otherwise Python complains once more as it exits."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(message: str) -> None:
    """Say something in one line on stderr."""
    line = " ".join(message.split())
    line = "".join(c if c.isprintable() else "?" for c in line)  # a foreign file's name must not steer the terminal
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST // 2]} ... {line[-_LONGEST // 2 :]}"
    if sys.stderr is not None:
        with suppress(OSError, ValueError):  # nobody listens; the exit status still tells
            print("minifcn:", line, file=sys.stderr, flush=True)


def fail(message: str, status: int) -> int:
    """Say what went wrong; gives the exit status."""
    say(message)
    try:
        finish()
    except OSError:
        abandon()
    return status
