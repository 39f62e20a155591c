"""Wrong answers to an exercise: its solution with one mistake each, written down as the lines that change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WrongAnswer:
    r"""A mistake, the hint that it should get, and what it changes in the solution.

    Parameters
    ----------
    name : str
    hint : str
        How the hint begins.
    changes : tuple of (str, str)
        Lines of the solution, and what stands there instead.

    Examples
    --------
    >>> once = WrongAnswer("once", "how many", (("return 2 * x", "return x"),))
    >>> once.apply("def double(x):\n    return 2 * x")
    'def double(x):\n    return x'
    """

    name: str
    hint: str
    changes: tuple[tuple[str, str], ...]

    def apply(self, solution: str) -> str:
        """Make the mistake.

        Raises
        ------
        ValueError
            If the lines to change are not in the solution, or more than once.
        """
        for old, new in self.changes:
            found = solution.count(old)
            if found != 1:
                raise ValueError(
                    f"the lines to change must be in the solution once, but are there {found} times:\n{old}"
                )
            solution = solution.replace(old, new)
        return solution


def read(path: Path) -> list[WrongAnswer]:
    """Read a page of wrong answers: for each a heading, a sentence, a hint and a diff.

    Examples
    --------
    >>> import tempfile
    >>> page = Path(tempfile.mkdtemp()) / "ex01_double.md"
    >>> _ = page.write_text('''# Wrong answers
    ...
    ... ## once
    ...
    ... It is taken once.
    ...
    ... Hint: how many
    ...
    ... ```diff
    ... -    return 2 * x
    ... +    return x
    ... ```
    ... ''')
    >>> read(page)
    [WrongAnswer(name='once', hint='how many', changes=(('    return 2 * x', '    return x'),))]
    """
    sections = re.split(r"^## ", path.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return [_read_section(section) for section in sections]


def _read_section(section: str) -> WrongAnswer:
    hint = re.search(r"^Hint: (.+?)\n\n", section, flags=re.MULTILINE | re.DOTALL)
    diff = re.search(r"^```diff\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    changes = tuple(_read_change(change) for change in diff[1].split("@@\n")) if diff else ()
    return WrongAnswer(section.splitlines()[0].strip(), " ".join(hint[1].split()) if hint else "", changes)


def _read_change(change: str) -> tuple[str, str]:
    """Split lines of a diff into those before (" " and "-") and those after (" " and "+")."""
    lines = change.splitlines()
    before, after = ([line[1:] for line in lines if line[:1] != other] for other in "+-")
    return "\n".join(before), "\n".join(after)
