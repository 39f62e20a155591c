"""What came out: a point for each test, a mark for each exercise."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """How far a test is, or an exercise."""

    DONE = "done"
    NOT_YET = "not yet"
    TO_DO = "to do"


@dataclass(frozen=True)
class Point:
    """One test, for which there is a point: what it asks for, and what was found if that does not hold.

    Parameters
    ----------
    sentence : str
        What it asks for: the name of the test in words.
    state : State
    found : str
        What was found, if it is not done.
    hint : str
    where : str
        File, line and source, if the student's code raised.
    printed : str
        What the student's code printed.
    """

    sentence: str
    state: State
    found: str = ""
    hint: str = ""
    where: str = ""
    printed: str = ""


@dataclass
class Mark:
    """The points of one exercise.

    Parameters
    ----------
    name : str
        Of its module.
    points : list of Point

    Examples
    --------
    >>> mark = Mark("ex01_output_size", [Point("a window fits", State.DONE), Point("padding counts", State.TO_DO)])
    >>> mark.number, mark.title, mark.score, mark.max_score
    (1, 'output_size', 1, 2)
    >>> mark.state
    <State.NOT_YET: 'not yet'>
    """

    name: str
    points: list[Point] = field(default_factory=list)

    @property
    def number(self) -> int:
        return number(self.name)

    @property
    def title(self) -> str:
        return title(self.name)

    @property
    def score(self) -> int:
        return len(self.points) - len(self.missing)

    @property
    def max_score(self) -> int:
        return len(self.points)

    @property
    def missing(self) -> list[Point]:
        return [point for point in self.points if point.state != State.DONE]

    @property
    def state(self) -> State:
        """Done if all tests are, to do if none has been begun."""
        states = {point.state for point in self.points}
        return states.pop() if len(states) == 1 else State.NOT_YET


def number(name: str) -> int:
    """Give the number in the name of an exercise's module.

    >>> number("ex01_output_size")
    1
    """
    return int(re.match(r"ex(\d+)_", name)[1])  # type: ignore[index]


def title(name: str) -> str:
    """Give the words of the name.

    >>> title("ex01_output_size")
    'output_size'
    """
    return name.partition("_")[2]
