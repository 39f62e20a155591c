"""minifcn check-data"""

from __future__ import annotations

import argparse

from minifcn.cli import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Open every pair of a data set once and print what is there: pairs, sizes, and the share of each class of the "
        "pixels and of the images; and all that is wrong, file by file, with how to mend it. Exit status 2 if training "
        "or evaluation would stop at something, and 0 if not."
    )
    parser.epilog = "Example: minifcn check-data shapes --split val test --out check.png"
    parser.add_argument("data", metavar="DATA", help=f"as for train --data: {arguments.DATA_SETS}")
    parser.add_argument(
        "--split", nargs="+", metavar="NAME", help="only these (default: train, val and test, as far as they are there)"
    )
    parser.add_argument("--inputs", default="color", metavar="NAME", help=arguments.INPUTS)
    parser.add_argument(
        "--out",
        type=arguments.path,
        metavar="PNG",
        help="draw the shares as bars, and six pairs with their labels on top",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, which names every file")
