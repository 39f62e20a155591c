"""How long a notebook takes to read: counted from its source, not felt.

A minute is 200 words of text, or 25 lines of code that are not folded, or one prediction, which is written down before
one goes on. Times are rounded to 5 minutes.
"""

import re

import build
import questions

WORDS, LINES, PREDICTIONS = 200, 25, 1  # a minute of each


def counts(source):
    """Give the words, the lines of code that are read, and the predictions of a notebook."""
    cells = build.read(source).cells
    words = sum(len(re.findall(r"\w+", cell.source)) for cell in cells if cell.cell_type == "markdown")
    read = (cell for cell in cells if cell.cell_type == "code" and "fold" not in cell.metadata.get("tags", []))
    lines = sum(bool(line.strip()) for cell in read for line in questions.without_marks(cell.source).splitlines())
    return words, lines, len(questions.find(cells))


def minutes(source):
    """Give the minutes that it takes."""
    words, lines, predictions = counts(source)
    return 5 * round((words / WORDS + lines / LINES + predictions / PREDICTIONS) / 5)
