"""minifcn bench"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from minifcn.backend import use_device
from minifcn.benchmark import contestants, machine, report, rule
from minifcn.benchmark.asked import RULE, WARM_UP
from minifcn.benchmark.race import Contestant, Result, race, read_contestants
from minifcn.benchmark.report import Measurements
from minifcn.benchmark.work import select
from minifcn.cli import arguments
from minifcn.errors import UserError
from minifcn.progress import Progress


def run(args: argparse.Namespace) -> None:
    """Measure, print the tables, and write what is asked for."""
    _check_target("--out", args.out, ".md")
    _check_target("--chart", args.chart, ".png")
    if RULE in args.work:
        _measure_rule(args)
        return
    measured = report.read_raw(args.again) if args.again else _measure(args)
    print(report.text(measured))
    if args.out:
        report.save_markdown(args.out, measured)
    if args.chart:
        report.save_chart(args.chart, measured)


def _measure_rule(args: argparse.Namespace) -> None:
    if args.work != [RULE] or args.chart or args.against or args.again or args.device != "cpu":
        raise UserError(f"the work {RULE!r} stands alone: only --rounds and --out go with it, on the cpu")
    layers, rows = list(rule.layers()), []
    with Progress("bench", len(layers), stream=sys.stderr) as progress:
        for layer in layers:
            rows.append(rule.row(layer, rule.measure(layer, args.rounds)))
            progress.advance(f"{layer.channels} to {layer.outputs} channels, {layer.size}x{layer.size}")
    print(rule.text(rows))
    if args.out:
        rule.save(args.out, rows)


def _measure(args: argparse.Namespace) -> Measurements:
    place = {"device": use_device(args.device, args.precision), "precision": args.precision}
    works = [dataclasses.replace(work, **place) for work in select(args.work)]
    entered = _enter(args.algorithms, args.against)
    measured = Measurements(machine.describe(**place), machine.sgemm_peak(**place), [])
    turns = len(works) * len(entered) * (WARM_UP + args.rounds)
    with Progress("bench", turns, stream=sys.stderr) as progress:

        def show(result: Result) -> None:
            progress.advance(f"{result.work}, {result.contestant}")

        for work in works:
            measured.results.extend(race(work, entered, args.rounds, show))
            if args.out:  # after each work, for a long run may be stopped
                report.save_raw(args.out.with_suffix(".json"), measured)
    return measured


def _enter(algorithms: list[str], files: list[Path]) -> list[Contestant]:
    ours = [report.OURS, *(f"{report.OURS}, {name}" for name in algorithms)]
    entered = [Contestant(name, Path(contestants.__file__)) for name in contestants.CONTESTANTS if name in ours]
    for file in files:
        for contestant in read_contestants(file):
            if contestant.name in (other.name for other in entered):
                raise UserError(f"{file}: there is a contestant {contestant.name!r} already; rename one of the two")
            entered.append(contestant)
    return entered


def _check_target(option: str, path: Path | None, suffix: str) -> None:
    if path is not None and path.suffix != suffix:
        raise UserError(f"{option} must end in {suffix}, but is {path}")
    arguments.check_file(option, path)
