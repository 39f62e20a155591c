"""The table of marks, and what a student is told about the tests that fail."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from minifcn.marking.marks import Mark, Point, State


def report(marks: Sequence[Mark]) -> str:
    """Show the table; under it the first failing test of the first exercise that is not done.

    Where there is one exercise only, all its failing tests are shown.
    """
    unfinished = next((mark for mark in marks if mark.state != State.DONE), None)
    if unfinished is None:
        return f"{table(marks)}\n\nAll done."
    if len(marks) == 1:
        return f"{table(marks)}\n\n{explain(unfinished)}"
    text = f"{table(marks)}\n\n{explain(unfinished, 1)}"
    more = len(unfinished.missing) - 1
    return f"{text}\n\n{more} more: minifcn exercises {unfinished.number}" if more else text


def table(marks: Sequence[Mark]) -> str:
    """Show a line for each exercise, and the sum."""
    score, max_score = sum(mark.score for mark in marks), sum(mark.max_score for mark in marks)
    lines = [_line("", "exercise", "points", "")]
    lines += [_line(str(mark.number), mark.title, f"{mark.score}/{mark.max_score}", mark.state) for mark in marks]
    lines += [_line("", "total", f"{score}/{max_score}", "")] if len(marks) > 1 else []
    return "\n".join(lines)


def _line(number: str, title: str, points: str, state: str) -> str:
    return f"{number:>2}  {title:<24}{points:>8}   {state}".rstrip()


def explain(mark: Mark, most: int | None = None) -> str:
    """Tell of the failing tests of an exercise: what each asks for, what was found, the hint.

    Examples
    --------
    >>> point = Point("a window fits", State.NOT_YET, "should be 3, but is 2", "count the places", printed="n is 5")
    >>> print(explain(Mark("ex01_output_size", [point])))
    Exercise 1, ex01_output_size.py
    <BLANKLINE>
    Not yet: a window fits
      should be 3, but is 2
      Hint: count the places
      Printed:
        n is 5
    """
    findings: dict[tuple[str, ...], list[Point]] = {}  # a mistake that all tests meet is told of once
    for point in mark.missing[:most]:
        findings.setdefault((point.state, point.found, point.hint, point.where), []).append(point)
    return "\n\n".join([f"Exercise {mark.number}, {mark.name}.py", *map(_explain, findings.values())])


def _explain(points: Sequence[Point]) -> str:
    """Tell of tests that failed in the same way."""
    first = points[0]
    lines = [f"{first.state.capitalize()}: {point.sentence}" for point in points]
    lines += [textwrap.indent(first.found, "  ")]
    lines += [f"  Hint: {first.hint}"] if first.hint else []
    lines += [textwrap.indent(f"Where: {first.where}", "  ")] if first.where else []
    lines += ["  Printed:", textwrap.indent(first.printed, "    ")] if first.printed else []
    return "\n".join(lines)
