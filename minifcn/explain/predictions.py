"""What a notebook asks: the reader writes a prediction, and then the answer and its check appear.

The answers travel in the notebook, sealed, so that nobody sees them before. `notebooks/build.py` seals them.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minifcn.errors import UserError
from minifcn.files import atomic_write

LARGEST = 1_000_000  # bytes of what is unsealed, and of a file of progress
_FRACTION = re.compile(r"(-?\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)")
_TOKEN = re.compile(r"-?\d+(?:\.\d*)?(?:e[-+]?\d+)?|-?\.\d+|[a-z_]\w*", re.IGNORECASE)


class Predictions:
    """The questions of one notebook, whose answers appear when a prediction has been written.

    Parameters
    ----------
    notebook : str
        Its name, under which progress is kept.
    sealed : str
        The questions with their answers, as `seal` gives them.

    Examples
    --------
    >>> fields = [{"label": "rows of y", "truth": [5]}]
    >>> answer = [{"code": "print(2 * 2 + 1)", "shown": True}, {"text": "Stamps are 2 apart."}]
    >>> predict = Predictions("05", seal([{"fields": fields, "answer": answer}]))
    >>> predict(1, {"rows of y": ...})
    Traceback (most recent call last):
    minifcn.explain.predictions.NotPredicted: "rows of y": write what you expect in place of the dots, and run the cell
    >>> predict(1, {"rows of y": 7})
    ✗ rows of y: you wrote 7, it is 5
    <BLANKLINE>
    print(2 * 2 + 1)
    <BLANKLINE>
    Stamps are 2 apart.
    >>> print(predict)
    05: 1 of 1 predicted, 0 of them right
    """

    def __init__(self, notebook: str, sealed: str) -> None:
        self.notebook, self.questions = notebook, unseal(sealed)
        self.first: dict[int, bool] = {}  # whether the first prediction of each question was right
        self._file: Path | None = None

    def __str__(self) -> str:
        right = sum(self.first.values())
        return f"{self.notebook}: {len(self.first)} of {len(self.questions)} predicted, {right} of them right"

    def __call__(self, number: int, predicted: Mapping[str, Any]) -> None:
        """Compare a prediction with the answer, and show the answer.

        Parameters
        ----------
        number : int
            Of the question, from 1.
        predicted : dict of str to number, str or sequence
            For each thing that is asked what the reader expects; "7x7", (7, 7) and [7, 7] are the same.

        Raises
        ------
        NotPredicted
            If something has not been predicted yet.
        """
        question = self._question(number)
        verdicts = [verdict(field, predicted.get(field["label"], ...)) for field in question["fields"]]
        if number not in self.first:
            self.first[number] = all(right is not False for right, _ in verdicts)
            self._save()
        _show("\n\n".join(sentence for _, sentence in verdicts))
        self._reveal(question)

    def edit(self, number: int) -> None:
        """Put the code of an answer that has appeared into a cell below, to be changed and run."""
        question = self._question(number)
        if number not in self.first:
            raise NotPredicted(f"question {number}: predict first; then its code can be changed")
        code = "\n\n".join(part["code"] for part in question["answer"] if "code" in part)
        shell = _shell()
        if shell is None:
            print(code)
        else:
            shell.set_next_input(code)

    def keep(self, path: str | os.PathLike) -> None:
        """Keep from now on in a JSON file which questions were predicted, and which of them rightly.

        Parameters
        ----------
        path : path of a file, which several notebooks may share
        """
        self._file = Path(path)
        kept = _progress(self._file).get(self.notebook, {})
        if not isinstance(kept, dict):
            raise UserError(f"{path}: {self.notebook!r} holds no progress; name another file")
        self.first = {int(n): bool(right) for n, right in kept.items() if str(n).isdecimal()} | self.first
        self._save()

    def _question(self, number: int) -> dict[str, Any]:
        if not isinstance(number, int) or not 1 <= number <= len(self.questions):
            raise UserError(f"there are questions 1 to {len(self.questions)}, but not {number!r}")
        return self.questions[number - 1]

    def _save(self) -> None:
        if self._file:
            kept = _progress(self._file) | {self.notebook: {str(n): self.first[n] for n in sorted(self.first)}}
            with atomic_write(self._file) as file:
                file.write(json.dumps(kept, indent=1).encode() + b"\n")

    def _reveal(self, question: dict[str, Any]) -> None:
        """Show each part of the answer: a text, or code, which runs in the reader's namespace."""
        shell = _shell()
        for part in question["answer"]:
            if "text" in part:
                _show(part["text"])
                continue
            if part["shown"]:
                _show(f"```python\n{part['code']}\n```", part["code"])
            if shell is not None:
                shell.run_cell(part["code"], store_history=False).raise_error()


class NotPredicted(UserError):
    """Something is asked that has not been predicted yet; a notebook shows one line of it."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def seal(questions: list[dict[str, Any]]) -> str:
    """Write questions and answers so that they cannot be read by the way.

    Parameters
    ----------
    questions : list of dict
        Of each the "fields" (their "label", and "truth", a list of numbers and words; or "between", two bounds of which
        one may be None; or "options" and the "right" one's index; or neither: any words will do), and the parts of the
        "answer": each a "text", or "code" and whether it is "shown".

    Returns
    -------
    str

    Examples
    --------
    >>> unseal(seal([{"fields": [], "answer": [{"text": "Because."}]}]))
    [{'fields': [], 'answer': [{'text': 'Because.'}]}]
    """
    text = json.dumps(questions, ensure_ascii=False, separators=(",", ":"))
    return base64.b85encode(zlib.compress(text.encode(), 9)).decode()


def unseal(sealed: str) -> list[dict[str, Any]]:
    """Read what `seal` has written.

    Parameters
    ----------
    sealed : str

    Returns
    -------
    list of dict

    Raises
    ------
    UserError
        If it is something else, or is larger than a notebook's questions are.

    Examples
    --------
    >>> unseal("what is this")
    Traceback (most recent call last):
    minifcn.errors.UserError: the sealed answers of this notebook are damaged; make or download it anew
    """
    try:
        reader = zlib.decompressobj()
        text = reader.decompress(base64.b85decode("".join(sealed.split())), LARGEST)
        questions = json.loads(text) if reader.eof else None
    except (ValueError, zlib.error):
        questions = None
    if not isinstance(questions, list) or not all(isinstance(q, dict) and "answer" in q for q in questions):
        raise UserError("the sealed answers of this notebook are damaged; make or download it anew")
    return questions


def verdict(field: dict[str, Any], predicted: Any) -> tuple[bool | None, str]:
    """Compare one prediction with the truth.

    Returns
    -------
    (bool or None, str)
        Whether it is right, None for words that only the reader can compare; and a sentence.

    Examples
    --------
    >>> verdict({"label": "size", "truth": [5, 5]}, "5x5")
    (True, '✓ size: 5x5')
    >>> verdict({"label": "share", "truth": [0.266]}, 0.27)[0], verdict({"label": "share", "truth": [0.266]}, 0.3)[0]
    (True, False)
    >>> verdict({"label": "it becomes", "options": ["larger", "smaller"], "right": 1}, "larger")
    (False, '✗ it becomes: you wrote larger, it is smaller')
    """
    label = field["label"]
    if predicted is ... or (isinstance(predicted, str) and not predicted.strip()):
        raise NotPredicted(f'"{label}": write what you expect in place of the dots, and run the cell')
    said = predicted if isinstance(predicted, str) else str(predicted)
    if "options" in field:
        options, right = field["options"], field["options"][field["right"]]
        if _plain(said) not in map(_plain, options):
            raise NotPredicted(f'"{label}": write one of {", ".join(map(repr, options))}, not {said!r}')
        return _sentence(label, said, right, _plain(said) == _plain(right))
    if "truth" in field:
        return _sentence(label, said, _written(field["truth"]), _alike(_tokens(said), field["truth"]))
    if "between" in field:
        low, high = field["between"]
        numbers = [token for token in _tokens(said) if isinstance(token, float)]
        inside = bool(numbers) and (low is None or numbers[0] >= low) and (high is None or numbers[0] <= high)
        bounds = f"below {high:g}" if low is None else f"above {low:g}" if high is None else f"{low:g} to {high:g}"
        return _sentence(label, said, bounds, inside)
    return None, f"{label}: {said}"


def _sentence(label: str, said: str, right: str, same: bool) -> tuple[bool, str]:
    return same, f"✓ {label}: {said}" if same else f"✗ {label}: you wrote {said}, it is {right}"


def _tokens(text: str) -> list[float | str]:
    """Read the numbers and words of a text, so that (5, 5), "5x5" and "5 × 5" are the same."""
    text = re.sub(r"(?<=\d)\s*(?:x|×|by)\s*(?=\d)", " ", text).replace("%", " ")
    text = _FRACTION.sub(lambda match: repr(float(match[1]) / (float(match[2]) or 1)), text)
    return [_value(token) for token in _TOKEN.findall(text)]


def _value(token: str) -> float | str:
    try:
        return float(token)
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get(token.lower(), token.lower())


def _alike(predicted: list[float | str], truth: list[Any]) -> bool:
    return len(predicted) == len(truth) and all(map(_same, predicted, truth))


def _same(predicted: float | str, truth: Any) -> bool:
    """Whole numbers must be equal; of others two hundredths, or what rounding to a digit less makes, are allowed."""
    if isinstance(truth, str) or isinstance(predicted, str):
        return predicted == str(truth).lower()
    tolerance = 0.0 if truth == int(truth) else max(0.02 * abs(truth), 0.006)
    return abs(predicted - truth) <= tolerance


def _written(truth: list[Any]) -> str:
    return ", ".join(value if isinstance(value, str) else f"{value:.6g}" for value in truth)


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _progress(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path}: progress takes no more than {LARGEST} bytes; name another file")
    try:
        kept = json.loads(path.read_text("utf-8"))
    except ValueError:
        kept = None
    if isinstance(kept, dict):
        return kept
    raise UserError(f"{path}: this is no file of progress; name another one, or delete it")


def _shell() -> Any:
    """Give the IPython that runs this notebook; outside of one there is none, and answers are only shown."""
    ipython = sys.modules.get("IPython")
    return ipython and ipython.get_ipython()


def _show(markdown: str, plain: str | None = None) -> None:
    if _shell() is None:
        print(markdown if plain is None else f"\n{plain}\n")
    else:
        from IPython.display import Markdown, display

        display(Markdown(markdown))
