"""score.json: the marks in the format that Gradescope reads as results.json.

https://gradescope-autograders.readthedocs.io/en/latest/specs/#output-format
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minifcn.files import atomic_write
from minifcn.marking.marks import Mark, State
from minifcn.marking.report import explain


def save(path: Path, marks: Sequence[Mark]) -> None:
    """Write the marks."""
    with atomic_write(path) as file:
        file.write((json.dumps(as_json(marks), indent=2) + "\n").encode())


def as_json(marks: Sequence[Mark]) -> dict[str, Any]:
    """Give the sum of the points and a "test" for each exercise.

    Examples
    --------
    >>> from minifcn.marking.marks import Point
    >>> as_json([Mark("ex01_output_size", [Point("a window fits", State.DONE)])])["tests"]
    [{'number': '1', 'name': 'output_size', 'score': 1, 'max_score': 1, 'status': 'passed', 'output': 'done'}]
    """
    return {
        "score": sum(mark.score for mark in marks),
        "tests": [
            {
                "number": str(mark.number),
                "name": mark.title,
                "score": mark.score,
                "max_score": mark.max_score,
                "status": "passed" if mark.state == State.DONE else "failed",
                "output": str(mark.state) if mark.state != State.NOT_YET else explain(mark),
            }
            for mark in marks
        ],
    }
