"""Check the exercises themselves: skeletons, solutions and wrong answers do what they are there for."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from minifcn.errors import UserError
from minifcn.marking.folder import exercises
from minifcn.marking.hints import EVERYWHERE
from minifcn.marking.marks import Mark, Point, State
from minifcn.marking.run import run
from minifcn.marking.wrong import WrongAnswer, read

WRONG_ANSWERS = 2  # at least, for each exercise


@dataclass(frozen=True)
class Finding:
    """What the self-test found out about one exercise.

    Parameters
    ----------
    name : str
        Of its module.
    tests, wrong_answers : int
        How many there are.
    seconds : float
    faults : list of str
        What is wrong with the exercise, a sentence for each.
    """

    name: str
    tests: int
    wrong_answers: int
    seconds: float
    faults: list[str]


def self_test(folder: Path, names: Sequence[str]) -> Iterator[Finding]:
    """Check exercises.

    Every test of a skeleton is "to do"; a solution passes; a wrong answer fails, and the first test that it fails gives
    the hint that it names, which no other wrong answer of the exercise is given.

    Parameters
    ----------
    folder : path
        The folder of exercises, with `solutions` and `solutions/wrong` in it.
    names : sequence of str
        Which exercises to check.

    Returns
    -------
    iterator of Finding
        One for each exercise, when it has been checked.

    Raises
    ------
    UserError
        If there is no folder of solutions.
    """
    if not (folder / "solutions").is_dir():
        raise UserError(f"--self-test needs the solutions, and there is no folder {folder / 'solutions'}")
    return (_check(folder, name) for name in names)


def _check(folder: Path, name: str) -> Finding:
    started = time.perf_counter()
    files = [folder / f"{name}.py", folder / "solutions" / f"{name}.py", folder / "solutions" / "wrong" / f"{name}.md"]
    missing = [f"there is no {file}" for file in files if not file.is_file()]
    skeleton, solution = (file.read_text("utf-8") if file.is_file() else "" for file in files[:2])
    wrong = [] if missing else read(files[2])
    points = _run(folder, name, skeleton).points
    faults = missing or [
        *_check_skeleton(points),
        *_check_solution(_run(folder, name, solution)),
        *_check_wrong(folder, name, solution, wrong),
    ]
    return Finding(name, len(points), len(wrong), time.perf_counter() - started, faults)


def strays(folder: Path) -> list[str]:
    """Find the files that belong to no exercise, since there are no tests of that name."""
    files = [*folder.glob("ex*.py"), *folder.glob("solutions/ex*.py"), *folder.glob("solutions/wrong/*")]
    known = exercises(folder)
    return [f"{file}: there are no tests of that name" for file in sorted(files) if file.stem not in known]


def _run(folder: Path, name: str, answer: str) -> Mark:
    """Run the tests of an exercise on any text of a module."""
    with tempfile.TemporaryDirectory() as answers:
        (Path(answers) / f"{name}.py").write_text(answer, "utf-8")
        return run(folder, [name], Path(answers))[0]


def _check_skeleton(points: Sequence[Point]) -> Iterator[str]:
    if not points:
        yield "there are no tests"
    for point in points:
        if point.state != State.TO_DO:
            yield f"the skeleton should be to do, but is {point.state}: {point.sentence}: {point.found}".rstrip(": ")


def _check_solution(solution: Mark) -> Iterator[str]:
    for point in solution.missing:
        yield f"the solution fails: {point.sentence}: {point.found}"


def _check_wrong(folder: Path, name: str, solution: str, wrong: Sequence[WrongAnswer]) -> Iterator[str]:
    if len(wrong) < WRONG_ANSWERS:
        yield f"at least {WRONG_ANSWERS} wrong answers are needed, found {len(wrong)}"
    receivers: dict[str, list[str]] = defaultdict(list)
    for answer in wrong:
        try:
            missing = _run(folder, name, answer.apply(solution)).missing
        except ValueError as error:
            yield f"{answer.name}: {error}"
            continue
        if not missing:
            yield f"{answer.name}: passes, but is wrong"
            continue
        for hint in {point.hint for point in missing} - {"", *EVERYWHERE}:
            receivers[hint].append(answer.name)
        hint = missing[0].hint
        if not answer.hint:
            yield f'{answer.name}: names no hint ("Hint: <how it begins>")'
        elif not hint.startswith(answer.hint):
            found = f"gives {hint!r}" if hint else f"gives no hint ({missing[0].found})"
            yield f"{answer.name}: the first test that fails, {missing[0].sentence!r}, {found}, not {answer.hint!r}"
    for hint, names in receivers.items():
        if len(names) > 1:
            yield f"{' and '.join(names)} get the same hint: {hint}"
