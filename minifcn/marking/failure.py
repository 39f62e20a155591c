"""What a student is told of a test that failed: their own line and message, none of the frames around it."""

from __future__ import annotations

import traceback
from pathlib import Path

from minifcn.marking.check import NotYet
from minifcn.marking.hints import ENDLESS, ERRORS
from minifcn.marking.marks import Point, State

LINES, COLUMNS = 20, 200  # shown of a message and of what was printed


class TooLong(BaseException):
    """A test that did not end; no `except Exception` in a student's loop catches it."""


def describe(sentence: str, error: BaseException, printed: str, answers: Path) -> Point:
    """Describe a failed test.

    Parameters
    ----------
    sentence : str
        What the test asks for.
    error : exception
        What it raised.
    printed : str
        What the student's code printed meanwhile.
    answers : path
        The folder of the student's modules.

    Returns
    -------
    Point
    """
    frame, caller = _students_frames(error, answers)
    where = f"{Path(frame.filename).name}, line {frame.lineno}: {frame.line}" if frame else ""
    where += f"\ncalled in line {caller.lineno}: {caller.line}" if caller else ""
    state, hint = State.NOT_YET, ""
    if isinstance(error, NotYet):
        found, hint = error.found, error.hint
    elif isinstance(error, NotImplementedError):
        state, found = State.TO_DO, f"{frame.name if frame else 'a function'} is still to be written"
    elif isinstance(error, TooLong):
        found, hint = str(error), ENDLESS
    else:
        found = _message(error)
        hint = next((hint for words, hint in ERRORS.items() if words in found), "")
        where = where or _line_of_the_test(error)
    return Point(sentence, state, shorten(found), hint, where, shorten(printed))


def shorten(text: str) -> str:
    r"""Keep the first lines of a long text, and the beginning of long lines.

    >>> shorten("0\n" * 100)[-23:]
    '0\n0\n... (80 more lines)'
    """
    lines = [line if len(line) <= COLUMNS else f"{line[:COLUMNS]} ..." for line in text.rstrip().splitlines()]
    more = len(lines) - LINES
    return "\n".join(lines[:LINES] + [f"... ({more} more lines)"] * (more > 0))


def _message(error: BaseException) -> str:
    """Give the message of an error and its kind; that of a private kind, of NumPy's, by its public name."""
    if type(error).__qualname__.startswith("_"):
        kind = next(base for base in type(error).__mro__ if base.__module__ == "builtins")
        return f"{kind.__name__}: {error}"
    return traceback.format_exception_only(error)[-1].strip()


def _students_frames(
    error: BaseException, answers: Path
) -> tuple[traceback.FrameSummary | None, traceback.FrameSummary | None]:
    """Find the innermost line of the student's that raised the error, or its cause, and the one that called it."""
    for cause in (error, error.__cause__):
        frames = [
            frame
            for frame in reversed(traceback.extract_tb(cause.__traceback__) if cause else [])
            if Path(frame.filename).parent.resolve() == answers.resolve()
            and not frame.filename.startswith("<")  # such as <frozen importlib._bootstrap>
        ]
        if frames:
            callers = (frame for frame in frames if frame.name != frames[0].name and frame.lineno != frames[0].lineno)
            return frames[0], next(callers, None)
    return None, None


def _line_of_the_test(error: BaseException) -> str:
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).name.startswith("test_ex"):
            return f"tests/{Path(frame.filename).name}, line {frame.lineno}: {frame.line}"
    return ""
