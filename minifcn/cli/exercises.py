"""minifcn exercises"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from minifcn.cli import arguments
from minifcn.errors import UserError
from minifcn.marking import score
from minifcn.marking.folder import exercises, find_folder, select
from minifcn.marking.handout import hand_out
from minifcn.marking.marks import State, number, title
from minifcn.marking.report import report


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    path = arguments.path
    parser = commands.add_parser(
        "exercises",
        help="mark the exercises: a table of points, and a hint for what is not right yet",
        description="Run the tests of the exercises and print a point for each; under the table, the first that fails "
        "with a hint. Exit status 0 if all are done, 1 if not. The points of all exercises go to score.json in their "
        "folder, which Gradescope reads as results.json.",
        epilog="Example: minifcn exercises im2col",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these, by number or name; of a single one, all "
                        "tests that fail are shown")  # fmt: skip
    parser.add_argument("--folder", type=path, metavar="DIR", help="the folder of exercises (default: exercises in "
                        "the current folder, or that itself)")  # fmt: skip
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--out", type=path, metavar="FILE", help="write the points there, not to score.json")
    other.add_argument("--self-test", action="store_true", help="for teachers: check that skeletons are to do, "
                       "solutions pass, and wrong answers get their hints")  # fmt: skip
    other.add_argument("--hand-out", type=path, metavar="DIR", help="for teachers: copy the folder without the "
                       "solutions")  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Mark the exercises, or do what teachers need."""
    folder = find_folder(args.folder)
    if args.hand_out:
        if args.names:
            raise UserError("--hand-out copies all exercises; leave the names out")
        hand_out(folder, args.hand_out)
        return 0
    names = select(exercises(folder), args.names)
    if find_spec("pytest") is None:
        raise UserError("the exercises are marked by pytest, which is not installed: python -m pip install pytest")
    if args.self_test:
        return _self_test(folder, names)
    out = args.out or (None if args.names else folder / "score.json")
    return _mark(folder, names, out)


def _mark(folder: Path, names: Sequence[str], out: Path | None) -> int:
    from minifcn.marking.run import run  # imports pytest

    arguments.check_file("--out", out)
    marks = run(folder, names)
    print(report(marks))
    if out:
        score.save(out, marks)
    return 0 if all(mark.state == State.DONE for mark in marks) else 1


def _self_test(folder: Path, names: Sequence[str]) -> int:
    from minifcn.marking.selftest import self_test, strays  # imports pytest

    findings, stray = self_test(folder, names), strays(folder)
    faults = len(stray)
    print(f"    {'exercise':<24}{'tests':>6}{'wrong answers':>15}{'seconds':>9}")
    for found in findings:
        line = f"{number(found.name):>2}  {title(found.name):<24}{found.tests:>6}{found.wrong_answers:>15}"
        print(f"{line}{found.seconds:>9.2f}  {'WRONG' if found.faults else 'ok'}", flush=True)
        for fault in found.faults:
            print(f"      {fault}")
        faults += len(found.faults)
    for file in stray:
        print(file)
    return 1 if faults else 0
