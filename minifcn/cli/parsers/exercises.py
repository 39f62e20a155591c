"""minifcn exercises"""

from __future__ import annotations

import argparse

from minifcn.cli import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    path = arguments.path
    parser.description = (
        "Run the tests of the exercises and print a point for each; under the table, the first that fails with a hint. "
        "Exit status 0 if all are done, 1 if not. The points of all exercises go to score.json in their folder, which "
        "Gradescope reads as results.json."
    )
    parser.epilog = "Example: minifcn exercises im2col"
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="only these, by number or name; of a single one, all tests that fail are shown",
    )
    parser.add_argument(
        "--folder",
        type=path,
        metavar="DIR",
        help="the folder of exercises (default: exercises in the current folder, or that itself)",
    )
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--out", type=path, metavar="FILE", help="write the points there, not to score.json")
    other.add_argument(
        "--self-test",
        action="store_true",
        help="for teachers: check that skeletons are to do, solutions pass, and wrong answers get their hints",
    )
    other.add_argument(
        "--hand-out",
        type=path,
        metavar="DIR",
        help="copy the folder without the solutions; where there is none, the one that came with minifcn",
    )
