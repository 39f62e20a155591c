"""What a gradient check found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class GradcheckError(AssertionError):
    """A gradient is wrong; the message is the report."""


class Entry(NamedTuple):
    """One number of a gradient: which input and index, what backward says and what finite differences say."""

    input: int
    index: Any
    analytic: float
    numeric: float


@dataclass
class Row:
    """The check of one input."""

    input: int
    shape: tuple[int, ...]
    worst: Entry
    scale: float  # the largest derivative
    checked: int
    kinks: list[Entry]
    wrong: list[Entry]
    cause: str

    @property
    def error(self) -> float:
        """The largest difference where the function is smooth, relative to the largest derivative."""
        if self.checked == len(self.kinks) and not self.wrong:
            return 0.0
        return abs(self.worst.analytic - self.worst.numeric) / (self.scale or 1.0)


@dataclass
class GradcheckReport:
    """The result of a gradient check; `str()` is a table.

    Attributes
    ----------
    ok : bool
        Every gradient is right, and something was really checked: not every entry lies on a kink.
    max_error : float
        Largest difference, relative to the largest derivative of its input.
    worst : Entry or None
        (input, index, analytic, numeric) of that difference.
    kinks : list of Entry
        Entries where the function has no derivative (ReLU at 0, equal values in max-pooling). A gradient between the
        one-sided derivatives is accepted there.
    message : str
        One sentence: what is wrong, where, and what it looks like.
    """

    rows: list[Row] = field(default_factory=list)
    message: str = ""

    def __post_init__(self):
        self.message = self.message or self._sentence()

    @classmethod
    def problem(cls, message: str) -> GradcheckReport:
        """Report what stood in the way of comparing numbers."""
        return cls([], message)

    @property
    def ok(self) -> bool:
        smooth = any(len(row.kinks) < row.checked for row in self.rows)
        return bool(self.rows) and smooth and not any(row.wrong for row in self.rows)

    @property
    def kinks(self) -> list[Entry]:
        return [entry for row in self.rows for entry in row.kinks]

    @property
    def max_error(self) -> float:
        return max((row.error for row in self.rows), default=float("nan"))

    @property
    def worst(self) -> Entry | None:
        return max(self.rows, key=lambda row: row.error).worst if self.rows else None

    def __str__(self) -> str:
        if not self.rows:
            return f"gradcheck: {self.message}"
        lines = [f"{'input':<6}{'shape':<18}{'checked':>8}{'kinks':>7}{'error':>10}  {'worst at':<16}{'backward':>13}"
                 f"{'differences':>13}"]  # fmt: skip
        for row in self.rows:
            worst, verdict = row.worst, "  WRONG" if row.wrong else ""
            lines.append(
                f"{row.input:<6}{row.shape!s:<18}{row.checked:>8}{len(row.kinks):>7}{row.error:>10.1e}  "
                f"{worst.index!s:<16}{worst.analytic:>13.6g}{worst.numeric:>13.6g}{verdict}"
            )
        return "\n".join([f"gradcheck: {self.message}", *lines])

    def _sentence(self) -> str:
        for row in self.rows:
            if row.wrong:
                worst = max(row.wrong, key=lambda e: abs(e.analytic - e.numeric))
                share = f"{len(row.wrong)} of {row.checked} entries"
                return (
                    f"the gradient of input {row.input} is wrong in {share}: at {worst.index} it is "
                    f"{worst.analytic:.6g}, but finite differences give {worst.numeric:.6g}"
                    + (f"; {row.cause}" if row.cause else "")
                )
        if self.rows and not self.ok:
            at = ", ".join(f"input {e.input} {e.index}" for e in self.kinks[:3])
            return f"nothing was verified: every entry lies on a kink ({at}, ...); choose another point"
        places = "; ".join(f"input {e.input}, index {e.index}" for e in self.kinks[:3])
        more = f" and {len(self.kinks) - 3} more" if len(self.kinks) > 3 else ""
        return "all gradients are right" + (f"; kinks at {places}{more} are not counted" if places else "")
