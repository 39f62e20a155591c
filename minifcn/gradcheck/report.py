"""What a gradient check found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


class GradcheckError(AssertionError):
    """A gradient is wrong; the message is the report."""


class Entry(NamedTuple):
    """One number of a gradient.

    Parameters
    ----------
    input : int
        Which of the inputs.
    index : tuple of int
        Of the number in it; in directional mode the name of a direction.
    analytic, numeric : float
        What backward says, and what finite differences say.
    """

    input: int
    index: Any
    analytic: float
    numeric: float


class Kink(NamedTuple):
    """A place without a derivative.

    Parameters
    ----------
    input, index
        As of an `Entry`.
    analytic : float
        What backward says.
    left, right : float
        The one-sided derivatives.
    """

    input: int
    index: Any
    analytic: float
    left: float
    right: float


@dataclass
class InputCheck:
    """The check of one input, a row of the report.

    Parameters
    ----------
    input : int
        Which of the inputs.
    name : str
    shape : tuple of int
    scale : float
        The largest derivative.
    checked : int
        How many numbers, or directions, were compared.
    vacuous : bool
        Both gradients are zero within the rounding of the outputs.
    drowned : bool
        They are, but that rounding is so coarse that it could hide anything.
    worst : Entry or None
        The largest difference; None if no entry could be compared.
    kinks : list of Kink
    wrong : list of Entry
    unresolved : list of Entry
        Differences are too inexact to tell.
    cause : str
        What the wrong numbers look like, "" if like nothing that is known.
    analytic, numeric : arrays
        The two gradients, NaN where they say nothing about the cause.
    """

    input: int
    name: str
    shape: tuple[int, ...]
    scale: float
    checked: int
    vacuous: bool = False
    drowned: bool = False
    worst: Entry | None = None
    kinks: list[Kink] = field(default_factory=list)
    wrong: list[Entry] = field(default_factory=list)
    unresolved: list[Entry] = field(default_factory=list)
    cause: str = ""
    analytic: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    numeric: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)

    @property
    def verified(self) -> bool:
        """Whether all was compared where there is a derivative, and that is somewhere."""
        return len(self.kinks) < self.checked and not self.unresolved and not self.drowned

    @property
    def error(self) -> float:
        """The largest difference where the function is smooth, relative to the largest derivative."""
        return 0.0 if self.worst is None else abs(self.worst.analytic - self.worst.numeric) / (self.scale or 1.0)


@dataclass
class GradcheckReport:
    """The result of a gradient check; `str()` is a table.

    Parameters
    ----------
    rows : list of InputCheck
        One for each input; empty if something stood in the way of comparing numbers.
    message : str
        One sentence: what is wrong, where, and what it looks like.
    seed : int
        ``rng=seed`` repeats the check.

    Attributes
    ----------
    ok : bool
        Every gradient is right, and of every input something was verified: it is not empty, not all of its entries lie
        on kinks, and finite differences are exact enough to tell, to three digits at least.
    max_error : float
        Largest difference, relative to the largest derivative of its input; NaN if nothing could be compared.
    worst : Entry or None
        (input, index, analytic, numeric) of that difference.
    kinks : list of Kink
        Entries where the function has no derivative (ReLU at 0, equal values in max-pooling): (input, index, analytic,
        left, right). A gradient between the one-sided derivatives left and right is accepted there; of equal numbers
        that compete, the sum must be right, however it is shared.
    """

    rows: list[InputCheck] = field(default_factory=list)
    message: str = ""
    seed: int = 0

    def __post_init__(self):
        self.message = self.message or self._sentence()

    def pass_over(self, kinks: list[Kink]) -> None:
        """Count no entry where the function itself has a kink: its gradient jumps there, and has no derivative."""
        places = {(kink.input, kink.index) for kink in kinks}
        for row in self.rows:
            jumps = [entry for entry in row.wrong if (entry.input, entry.index) in places]
            if jumps:
                row.kinks += [Kink(*entry[:3], np.nan, np.nan) for entry in jumps]
                row.wrong = [entry for entry in row.wrong if entry not in jumps]
                row.worst = max(row.wrong, key=lambda e: abs(e.analytic - e.numeric), default=None)
                self.message = self._sentence()

    @property
    def problem(self) -> bool:
        """Whether something stood in the way of comparing numbers."""
        return not self.rows

    @property
    def wrong(self) -> bool:
        return any(row.wrong for row in self.rows)

    @property
    def ok(self) -> bool:
        return not self.problem and not self.wrong and all(row.verified for row in self.rows)

    @property
    def kinks(self) -> list[Kink]:
        return [kink for row in self.rows for kink in row.kinks]

    @property
    def max_error(self) -> float:
        return self._worst_row.error if self._worst_row else float("nan")

    @property
    def worst(self) -> Entry | None:
        return self._worst_row.worst if self._worst_row else None

    @property
    def worst_name(self) -> str:
        """Name of the input of `worst`, "" if there is none."""
        return self._worst_row.name if self._worst_row else ""

    @property
    def _worst_row(self) -> InputCheck | None:
        rows = [row for row in self.rows if row.worst is not None]
        return max(rows, key=lambda row: (bool(row.wrong), np.nan_to_num(row.error, nan=np.inf)), default=None)

    def __str__(self) -> str:
        lines = [f"gradcheck: {self.message}"]
        if self.rows:
            width = max(len(row.name) for row in self.rows) + 2
            lines.append(
                f"{'':<{width}}{'shape':<18}{'checked':>8}{'kinks':>7}{'error':>10}  {'worst at':<16}"
                f"{'backward':>13}{'differences':>13}"
            )
        for row in self.rows:
            entry, verdict = row.worst, "  WRONG" if row.wrong else "" if row.verified else "  NOT VERIFIED"
            numbers = f"{entry.index!s:<16}{entry.analytic:>13.6g}{entry.numeric:>13.6g}" if entry else f"{'-':<42}"
            lines.append(
                f"{row.name:<{width}}{row.shape!s:<18}{row.checked:>8}{len(row.kinks):>7}{row.error:>10.1e}  "
                f"{numbers}{verdict}"
            )
        return "\n".join([*lines, f"rng={self.seed} repeats this check"])

    def _sentence(self) -> str:
        if self.wrong:
            return self._mistake(next(row for row in self.rows if row.wrong))
        for row in self.rows:
            if not row.verified:
                return _unverified(row)
        notes = ["all gradients are right"]
        if self.kinks:
            notes.append(f"kinks at {_places(self.rows)} are not counted")
        if zero := [row.name for row in self.rows if row.vacuous]:
            notes.append(f"but zero everywhere for {', '.join(zero)}, which tests little: choose another point")
        return "; ".join(notes)

    def _mistake(self, row: InputCheck) -> str:
        worst = row.worst
        assert worst is not None  # a wrong entry
        text = (
            f"the gradient of {row.name} is wrong in {len(row.wrong)} of {row.checked} entries: at {worst.index} it "
            f"is {worst.analytic:.6g}, but finite differences give {worst.numeric:.6g}"
        )
        return f"{text}; {row.cause}" if row.cause else text


def _unverified(row: InputCheck) -> str:
    text = f"nothing was verified of {row.name}: "
    if not row.checked:
        return f"{text}it is empty, of shape {row.shape}; choose a shape without a 0"
    if len(row.kinks) == row.checked:
        advice = "choose another point" + ", or mode='full'" * isinstance(row.kinks[0].index, str)
        return f"{text}every entry lies on a kink ({_places([row])}); {advice}"
    if row.drowned:
        return (
            f"{text}the outputs are so large that rounding hides what it changes; take away the large part, or return "
            "it as an output of its own"
        )
    worst = max(row.unresolved, key=lambda entry: abs(entry.analytic))
    return (
        f"{len(row.unresolved)} of {row.checked} entries of {row.name} could not be verified, because differences of "
        f"any step are inexact there: at {worst.index} backward gives {worst.analytic:.6g}, they about "
        f"{worst.numeric:.3g}; choose another point, or a function that loses less to rounding"
    )


def _places(rows: list[InputCheck]) -> str:
    kinks = [(row.name, kink) for row in rows for kink in row.kinks]
    texts = [
        f"{name}, index {k.index}" + f" (slopes {k.left:.3g} and {k.right:.3g})" * bool(np.isfinite(k.left))
        for name, k in kinks[:3]
    ]
    return "; ".join(texts) + (f" and {len(kinks) - 3} more" if len(kinks) > 3 else "")
