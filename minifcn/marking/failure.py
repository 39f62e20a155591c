"""What a student is told of a test that failed: their own line and message, none of the frames around it."""

from __future__ import annotations

import traceback
from pathlib import Path

from minifcn.marking.check import NotYet
from minifcn.marking.marks import Point, State

LINES, COLUMNS = 20, 200  # shown of a message and of what was printed
# What often stands in the message of an error, and what helps then, whatever the exercise.
ERRORS = {
    "broadcast": "two arrays meet in this line whose shapes do not fit together; print both, as in print(x.shape)",
    "out of bounds": "an index runs past the end of an array; print it, and the shape of the array",
}


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
    frame = _students_frame(error, answers)
    where = f"{Path(frame.filename).name}, line {frame.lineno}: {frame.line}" if frame else ""
    state, hint = State.NOT_YET, ""
    if isinstance(error, NotYet):
        found, hint = error.found, error.hint
    elif isinstance(error, NotImplementedError):
        state, found = State.TO_DO, f"{frame.name if frame else 'a function'} is still to be written"
    elif isinstance(error, TooLong):
        found, hint = str(error), "is there a loop that never ends, or a function that calls itself for ever?"
    else:
        found = traceback.format_exception_only(error)[-1].strip()
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


def _students_frame(error: BaseException, answers: Path) -> traceback.FrameSummary | None:
    """Find the innermost line of the student's that raised the error, or what it was made of."""
    for cause in (error, error.__cause__):
        for frame in reversed(traceback.extract_tb(cause.__traceback__) if cause else []):
            inside = Path(frame.filename).parent.resolve() == answers.resolve()
            if inside and not frame.filename.startswith("<"):  # such as <frozen importlib._bootstrap>
                return frame
    return None


def _line_of_the_test(error: BaseException) -> str:
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).name.startswith("test_ex"):
            return f"tests/{Path(frame.filename).name}, line {frame.lineno}: {frame.line}"
    return ""
