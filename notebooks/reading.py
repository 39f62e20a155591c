"""How long a notebook takes to read, estimated from its source; no reader has been timed.

A minute is 238 words of text, the mean rate at which adults read English non-fiction in silence (M. Brysbaert 2019,
"How many words do we read per minute?", Journal of Memory and Language 109). For code and for thinking there is no such
number: 25 lines that are not folded, or one prediction, which is written down before one goes on, are taken for a
minute. Times are rounded to 5 minutes.
"""

import re

import build
import questions

WORDS, LINES, PREDICTIONS = 238, 25, 1  # a minute of each


def counts(source):
    """Give the words, the lines of code that are read, and the predictions of a notebook."""
    cells = build.read(source).cells
    words = sum(len(re.findall(r"\w+", cell.source)) for cell in cells if cell.cell_type == "markdown")
    read = (cell for cell in cells if cell.cell_type == "code" and "fold" not in cell.metadata.get("tags", []))
    lines = sum(bool(line.strip()) for cell in read for line in questions.without_marks(cell.source).splitlines())
    return words, lines, len(questions.find(cells))


def minutes(source):
    """Give the estimate."""
    words, lines, predictions = counts(source)
    return 5 * round((words / WORDS + lines / LINES + predictions / PREDICTIONS) / 5)
