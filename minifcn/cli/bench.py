"""minifcn bench"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from minifcn.backend import use_device
from minifcn.backend.ranks import Ranks
from minifcn.backend.sums import sums_for
from minifcn.benchmark import contestants, machine, report, rule
from minifcn.benchmark.asked import QUICK, RANKS, RULE, WARM_UP
from minifcn.benchmark.race import Contestant, Result, race, read_contestants
from minifcn.benchmark.report import Measurements
from minifcn.benchmark.work import select
from minifcn.cli import arguments, jobs
from minifcn.errors import UserError
from minifcn.files import atomic_write
from minifcn.progress import Progress
from minifcn.text import in_short


def run(args: argparse.Namespace) -> int:
    """Measure, print the tables, and write what is asked for; 1 if something that was measured failed."""
    _check_target("--out", args.out, ".md")
    _check_target("--chart", args.chart, ".png")
    if RANKS in args.work:
        _measure_ranks(args)
        return 0
    if args.ranks_asked:
        raise UserError(f"--ranks belongs to the work {RANKS!r}: minifcn bench {RANKS} --ranks 1 2 4")
    if RULE in args.work:
        _measure_rule(args)
        return 0
    measured = _read(args.again, args.work) if args.again else _measure(args)
    print(report.text(measured))
    if args.out:
        report.save_markdown(args.out, measured)
    if args.chart:
        report.save_chart(args.chart, measured)
    return 1 if report.anything_went_wrong(measured) and not args.again else 0


def _read(file: Path, named: list[str]) -> Measurements:
    """Give what was measured before, of all works or of those that are named."""
    measured = report.read_raw(file)
    works = {work.name for work in select(named)} if named else set(measured.races())
    results = [result for result in measured.results if result.work in works]
    if not results:
        raise UserError(f"{file}: holds none of the works that are named, only {in_short(list(measured.races()))}")
    return dataclasses.replace(measured, results=results)


def _measure_ranks(args: argparse.Namespace) -> None:
    """Time the steps of the processes of this job."""
    # with the training, which the others do not need
    from minifcn.benchmark import ranks as contest
    from minifcn.benchmark import ranks_report

    named = [word for word in args.work if word != RANKS] or ["narrow-step"]
    works = select(named)
    if len(works) != 1 or works[0].kind != "step":
        raise UserError(f"bench {RANKS} times the steps of one network, such as {RANKS} narrow-step, not {named}")
    ranks = args.ranks or Ranks()
    if max(args.ranks_asked, default=1) > ranks.size:
        raise UserError(f"--ranks {max(args.ranks_asked)}: there are {ranks.size}; start more with mpiexec -n")
    device = use_device(jobs.own_device(args.device, ranks), args.precision)
    work = dataclasses.replace(works[0], device=device, precision=args.precision)
    ranks.agree()
    ranks.settled = True
    counts = sorted({1, *args.ranks_asked}) if args.ranks_asked else contest.sizes(ranks.size)
    turns = len(contest.contests(work, counts)) * (args.rounds + 1)
    with Progress(f"bench {RANKS}", turns, stream=sys.stderr if ranks.first else None) as progress:
        rows = contest.measure(work, ranks, counts, args.rounds, progress.advance)
    way = sums_for(device, ranks).way if ranks.size > 1 else "nobody: start it with mpiexec -n 4, or more"
    print(ranks_report.text(work, rows, way))
    if args.out and ranks.first:
        with atomic_write(args.out) as file:
            file.write(f"```\n{ranks_report.text(work, rows, way)}\n```\n".encode())
        with atomic_write(args.out.with_suffix(".json")) as file:
            file.write(ranks_report.raw(work, rows, way))


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
    works = [dataclasses.replace(work, **place) for work in select(args.work or [QUICK])]
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
