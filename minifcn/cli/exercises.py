"""minifcn exercises"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from minifcn.cli import arguments
from minifcn.errors import UserError
from minifcn.marking import score
from minifcn.marking.folder import exercises, find_folder, select
from minifcn.marking.handout import hand_out
from minifcn.marking.marks import State, number, title
from minifcn.marking.report import report
from minifcn.text import counted


def run(args: argparse.Namespace) -> int:
    """Mark the exercises, or do what teachers need."""
    if args.hand_out:
        if args.names:
            raise UserError("--hand-out copies all exercises; leave the names out")
        hand_out(find_folder(args.folder, or_shipped=True), args.hand_out)
        there = exercises(args.hand_out)
        print(f"{args.hand_out}: {counted(len(there), 'exercise')}; the first is {args.hand_out / there[0]}.py")
        return 0
    folder = find_folder(args.folder)
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
