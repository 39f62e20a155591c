"""minifcn bench"""

from __future__ import annotations

import argparse

from minifcn.benchmark.asked import GROUPS, RANKS, RULE, WARM_UP
from minifcn.cli import arguments
from minifcn.compute.algorithm import ALGORITHMS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    path = arguments.path
    parser.description = (
        "Time forward passes and training steps of FCN-8s, and the 3x3 convolutions of VGG16. Every contestant runs in "
        "a process of its own, and they take turns; tables of times and peak memory come out."
    )
    parser.epilog = (
        "Example: minifcn bench networks --against benchmarks/pytorch.py --out networks.md --chart networks.png"
    )
    parser.add_argument(
        "work",
        nargs="*",
        metavar="WORK",
        help=f"a group ({', '.join(GROUPS)}), a work such as fcn8s-step-500 or conv3_2-weight-224, or a pattern such "
        f"as 'conv3_*-500' (default quick); or {RULE!r} alone: every algorithm on the layers of three networks, and by "
        f"how much the chosen one wins; or {RANKS!r}, perhaps with the step of a network, such as narrow-step: as "
        f"mpiexec -n 4 minifcn bench {RANKS}, it times the steps of 1, 2 and 4 processes in turn",
    )
    parser.add_argument(
        "--against",
        nargs="+",
        action="extend",
        default=[],
        type=path,
        metavar="FILE.py",
        help="files with other contestants: a dict CONTESTANTS of functions prepare(work)",
    )
    parser.add_argument(
        "--algorithms",
        nargs="*",
        default=["im2col"],
        choices=[*ALGORITHMS],
        metavar="NAME",
        help=f"algorithms of minifcn's that run beside its own choice: {', '.join(ALGORITHMS)} (default im2col)",
    )
    parser.add_argument(
        "--rounds",
        type=arguments.count,
        default=9,
        metavar="N",
        help=f"turns that count, after {WARM_UP} that do not (default 9)",
    )
    parser.add_argument(
        "--ranks",
        nargs="+",
        default=[],
        type=arguments.count,
        metavar="N",
        dest="ranks_asked",
        help=f"{RANKS}: how many of the processes take the steps (default 1, 2, 4, ... and all)",
    )
    parser.add_argument(
        "--out", type=path, metavar="FILE.md", help="write the tables there, and all numbers beside them to FILE.json"
    )
    parser.add_argument("--chart", type=path, metavar="FILE.png", help="draw the times of the networks")
    arguments.add_device(parser, default="cpu")
    parser.add_argument("--mpi", action="store_true", help=f"{RANKS}: share the work with those of an unknown launcher")
    parser.add_argument(
        "--again",
        type=path,
        metavar="FILE.json",
        help="measure nothing: tables and chart of a file that --out wrote, or of the works in it that are named",
    )
