"""Find what a notebook's .py asks, and the answers that stay sealed until the reader has predicted.

A text cell that says **Predict** asks. The code cells behind it, up to the next text, are the answer. What comes behind
them, up to a heading or the next **Predict**, explains it, and is sealed with it: pictures and later numbers tell the
answer, too. So what is to be found without an answer, such as a laboratory, has a heading of its own. What the reader
fills in are the asserts of the answer that have a comment "ask"; what they compare with is the truth:

    assert y.shape == (5, 5)  # ask: rows and columns of y
    assert 0.2 < share < 0.3  # ask: the share
    assert grown  # ask: the result becomes: larger* | smaller

A longer one stands as a comment of its own above the assert. Where there is none, the reader answers in words.
"""

import ast
import io
import itertools
import re
import tokenize
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ASKS = re.compile(r"\*\*(Predict|예상해 보십시오)\*\*")
MARK = re.compile(r"# ask: (.+)")
IN_WORDS = {"Predict": "in your words", "예상해 보십시오": "말로 적은 예상"}


@dataclass
class Question:
    """A question with the numbers of the cells that answer it.

    Parameters
    ----------
    asked_in : int
        The text cell that asks.
    answers : list of int
        The code cells of the answer.
    sealed : list of int
        Those, and the cells behind them that explain. The last may be a text of which only the first paragraphs do.
    fields : list of dict
        What the reader fills in, as `minifcn.explain.predictions.seal` takes it.
    """

    asked_in: int
    answers: list[int]
    sealed: list[int]
    fields: list[dict[str, Any]] = field(default_factory=list)


def find(cells):
    """Give the questions of a list of notebook cells in their order."""
    questions = []
    for number, cell in enumerate(cells):
        said = ASKS.search(cell.source) if cell.cell_type == "markdown" else None
        if not said:
            continue
        behind = number + 1
        while behind < len(cells) and cells[behind].cell_type == "code":
            behind += 1
        question = Question(number, list(range(number + 1, behind)), _sealed(cells, number))
        for answer in question.answers:
            question.fields += fields(cells[answer].source)
        question.fields = question.fields or [{"label": IN_WORDS[said[1]]}]
        questions.append(question)
    return questions


def _sealed(cells, asked_in):
    """The cells behind a question that tell its answer: up to the first text of which something else is left."""
    sealed = []
    for number in range(asked_in + 1, len(cells)):
        explains, rest = explanation(cells[number].source) if cells[number].cell_type == "markdown" else ("code", "")
        sealed += [number] if explains else []
        if rest:
            break
    return sealed


def explanation(text):
    """Split a text into the paragraphs that explain what came before, and the rest."""
    paragraphs = re.split(r"\n\n+", text)
    end = next((n for n, p in enumerate(paragraphs) if p.startswith("#") or ASKS.search(p)), len(paragraphs))
    return "\n\n".join(paragraphs[:end]), "\n\n".join(paragraphs[end:])


def without_marks(code):
    """Give code without the comments that make it a question."""
    kept = [re.sub(r"\s*# ask: .*", "", line) for line in code.splitlines()]
    return "\n".join(line for line, old in zip(kept, code.splitlines(), strict=True) if line or not old.strip())


def fields(code):
    """Read what the marked asserts of a cell ask."""
    marks = {}
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT and (match := MARK.match(token.string)):
            marks[token.start[0]] = match[1].strip()
    statements = sorted((node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.stmt)), key=_place)
    found = []
    for line, label in marks.items():
        inside = [node for node in statements if node.lineno <= line <= node.end_lineno]
        at = inside[-1] if inside else next(node for node in statements if node.lineno > line)
        if inside and hasattr(at, "body"):  # a mark on a line of its own inside a loop
            at = next(node for node in statements if node.lineno > line)
        found.append(_field(label, at))
    return found


def _place(node):
    return node.lineno, node.col_offset


def _field(label, statement):
    if "|" in label:
        label, _, choices = label.rpartition(":")
        options = [choice.strip() for choice in choices.split("|")]
        right = [n for n, choice in enumerate(options) if choice.endswith("*")]
        if len(right) != 1:
            raise ValueError(f"one of the choices of {label!r} must be marked by a *")
        options[right[0]] = options[right[0]].removesuffix("*")
        return {"label": f"{label.strip()} ({' | '.join(options)})", "options": options, "right": right[0]}
    truth = _truth(statement)
    if truth is None:
        raise ValueError(f"line {statement.lineno}: cannot read the truth of {label!r} off {ast.unparse(statement)}")
    return {"label": label, **truth}


def _truth(statement):
    """What an assert compares with: the numbers and words of its constant side, or bounds."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):  # np.testing.assert_allclose(a, b)
        values = [value for value in map(_constant, statement.value.args[1:2]) if value is not None]
        return {"truth": _flat(values[0])} if values else None
    if not isinstance(statement, ast.Assert) or not isinstance(statement.test, ast.Compare):
        return None
    sides = [statement.test.left, *statement.test.comparators]
    values, signs = [_constant(side) for side in sides], statement.test.ops
    if all(isinstance(sign, ast.Eq) for sign in signs):
        known = [value for value in values if value is not None]
        return {"truth": _flat(known[-1])} if known else None
    low = high = None
    for (a, b), sign in zip(itertools.pairwise(values), signs, strict=True):
        if isinstance(sign, ast.Gt | ast.GtE):
            a, b = b, a
        low, high = (a if a is not None else low), (b if b is not None else high)
    return None if low is None and high is None else {"between": [low, high]}


def _constant(node):
    try:
        return eval(compile(ast.Expression(node), "", "eval"), {"__builtins__": {}, "np": np})
    except (NameError, TypeError, AttributeError):
        return None


def _flat(value):
    if isinstance(value, str):
        return value.split()
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, set):
        value = sorted(value)
    if np.ndim(value) == 0:
        return [float(value)]
    return [one for part in value for one in _flat(part)]
