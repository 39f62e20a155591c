"""How far a long work has come, as any room may show it: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import io
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from typing import TextIO

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 30.0
_SECONDS_BETWEEN_READINGS = 1.0


class Unbreakable(io.TextIOBase):
    """A text stream whose reader may leave: what cannot be written any more is dropped, so that no work is lost."""

    def __init__(self, stream: TextIO):
        self.stream = stream

    def write(self, text: str) -> int:
        """Write, or do without."""
        with suppress(OSError, ValueError):  # a closed pipe, a terminal that is gone, a closed stream
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand what was written to the reader."""
        with suppress(OSError, ValueError):
            self.stream.flush()

    def isatty(self) -> bool:
        """Say if a terminal is behind it."""
        with suppress(OSError, ValueError):
            return self.stream.isatty()
        return False

    def fileno(self) -> int:
        """Give the file descriptor, by which a bar finds out how wide the terminal is."""
        return self.stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream, by which a bar finds out which characters it may use."""
        return getattr(self.stream, "encoding", None) or "ascii"


def unbreakable(stream: TextIO | None) -> TextIO | None:
    """Wrap a stream so that showing something never fails; None stays None.

    >>> import sys
    >>> print("shown", file=unbreakable(sys.stdout))
    shown
    """
    return stream if stream is None or isinstance(stream, Unbreakable) else Unbreakable(stream)  # type: ignore


class Progress:
    """Shows one pass over batches, images, or the turns of a race.

    Parameters
    ----------
    title : str
    total, done : int
        How many there are in the pass, and how many of them are behind already.
    stream : text stream or None
        None shows nothing.
    """

    def __init__(self, title: str, total: int, done: int = 0, stream: TextIO | None = None):
        stream = unbreakable(stream)
        self.title, self.total, self.done, self.stream = title, total, done, stream
        self._started, self._start = time.monotonic(), done
        self._last_line = self._last_reading = self._started
        self._text, self._bar = "", None
        if stream is not None and stream.isatty():
            layout = "{desc} {percentage:3.0f}%|{bar}| {n}/{total}{postfix} [{elapsed} so far, {remaining} left]"
            self._bar = tqdm(desc=title, total=total, initial=done, file=stream, bar_format=layout, leave=False)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away while something else is said."""
        if self._bar is not None:
            self._bar.clear()
        yield
        if self._bar is not None:
            self._bar.refresh()

    def wants_text(self) -> bool:
        """Say, at most once a second, that it is time to look at the loss: on a GPU, looking waits."""
        now = time.monotonic()
        due = now - self._last_reading >= _SECONDS_BETWEEN_READINGS or self.done == self._start
        if due:
            self._last_reading = now
        return due

    def linger(self, text: str) -> None:
        """Show how far the thing in hand has come, where one takes long."""
        self._text = text
        if self._bar is not None:
            self._bar.set_postfix_str(text)
        elif self.stream is not None and time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            print(f"{self.title}  {self.done}/{self.total}  {text}", file=self.stream, flush=True)

    def advance(self, text: str = "", count: int = 1) -> None:
        """Count what was done; a text replaces the one shown."""
        self.done += count
        self._text = text or self._text
        if self._bar is not None:
            self._bar.set_postfix_str(self._text, refresh=False)
            self._bar.update(count)
        elif self.stream is not None and time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            seconds_each = (self._last_line - self._started) / (self.done - self._start)
            left = tqdm.format_interval(seconds_each * (self.total - self.done))
            print(f"{self.title}  {self.done}/{self.total}  {self._text}  {left} left", file=self.stream, flush=True)


def show_progress(title: str, batches: Generator, total: int, stream: TextIO | None) -> Iterator:
    """Yield batches and show how many of `total` images have come.

    Parameters
    ----------
    title : str
    batches : generator of things with a length, such as `DataLoader.epoch`; it is closed at the end
    total : int
    stream : text stream or None
    """
    with closing(batches), Progress(title, total, 0, stream) as progress:
        for batch in batches:
            yield batch
            progress.advance(count=len(batch))
