"""minifcn bench"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from minifcn.benchmark import GROUPS, choose, contestants, machine, race, report
from minifcn.benchmark.race import WARM_UP, Result
from minifcn.cli import arguments
from minifcn.errors import UserError
from minifcn.files import atomic_write


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "bench",
        help="measure the speed, also beside other programs",
        description="Time layers, networks and training steps. Every contestant runs in a process of its own; they "
        "take turns, with a pause in between, and medians are reported.",
        epilog="Example: minifcn bench networks --against benchmarks/pytorch.py --out speed.md",
    )
    parser.add_argument(
        "work",
        nargs="*",
        default=["quick"],
        metavar="WORK",
        help=f"groups ({', '.join(GROUPS)}), names such as fcn8s-step-224, fcn8s-w8-b4-forward-128 or "
        "conv3_2-weight-224, or patterns of names (default quick)",
    )
    parser.add_argument("--algorithm", nargs="*", default=[], metavar="NAME", help="minifcn with this algorithm too")
    parser.add_argument("--against", nargs="*", default=[], type=Path, metavar="FILE.py", help="other contestants")
    parser.add_argument("--rounds", type=arguments.count, default=9, metavar="N", help="turns that count (default 9)")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="write a table there, and a chart and the numbers "
                        "beside it (FILE.png, FILE.json)")  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print the table."""
    works, files = choose(args.work), _contestants(args)
    if args.out is not None and not args.out.parent.is_dir():
        raise UserError(f"--out {args.out}: there is no folder {args.out.parent}; make it first")
    lines, peak = machine.describe(), machine.sgemm_peak()
    lines.append(f"float32 products of 1024x2304 by 2304x512 on all threads: {2e-9 * peak:.0f} GFLOP/s")
    print("\n".join(lines), file=sys.stderr)
    races: list[list[Result]] = []
    turns = len(works) * len(files) * (WARM_UP + args.rounds)
    with tqdm(total=turns, file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:
        for work in works:
            bar.set_description(work.name)
            races.append(race(work, files, args.rounds, advance=bar.update))
    table = [row for results in races for row in report.rows(results, peak)]
    print(report.text(table))
    if args.out is not None:
        with atomic_write(args.out) as file:
            file.write("\n".join([*(f"- {line}" for line in lines), "", report.markdown(table), ""]).encode())
        report.save_chart(args.out.with_suffix(".png"), races)
        report.save_numbers(args.out.with_suffix(".json"), races, lines, peak)


def _contestants(args: argparse.Namespace) -> dict[str, Path | None]:
    files: dict[str, Path | None] = {"minifcn": None}
    for name in args.algorithm:
        if f"minifcn, {name}" not in contestants.CONTESTANTS:
            known = ", ".join(c.partition(", ")[2] for c in contestants.CONTESTANTS if ", " in c)
            raise UserError(f"--algorithm {name}: unknown; there are {known}")
        files[f"minifcn, {name}"] = None
    for path in args.against:
        try:
            files |= dict.fromkeys(contestants.load(path).CONTESTANTS, path)
        except ImportError as error:
            raise UserError(f"--against {path}: it needs a package that is not installed ({error})") from error
    return files
