"""minifcn explain"""

from __future__ import annotations

import argparse
from pathlib import Path

from minifcn.cli import arguments

OPERATIONS = ("conv-transpose", "conv", "im2col", "max-pool")  # the kinds of a Stepper


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    count, from_0 = arguments.count, arguments.from_0
    parser.description = (
        "Show an operation on a small image of random digits, step by step: print what each step does, and write a "
        "page to click through, an animation or a picture."
    )
    parser.epilog = "Example: minifcn explain conv-transpose --size 3 --kernel 3 --stride 2 --padding 1 --out step.html"
    parser.add_argument("operation", choices=OPERATIONS, help=" or ".join(OPERATIONS), metavar="OPERATION")
    parser.add_argument("--size", type=count, default=3, metavar="N", help="of the image (default 3)")
    parser.add_argument("--kernel", type=count, default=3, metavar="K", help="kernel size (default 3)")
    parser.add_argument("--stride", type=count, default=2, metavar="S", help="(default 2)")
    parser.add_argument("--padding", type=from_0, default=1, metavar="P", help="(default 1)")
    parser.add_argument("--output-padding", type=from_0, default=0, metavar="P", help="of conv-transpose (default 0)")
    parser.add_argument("--seed", type=from_0, default=0, help="of the digits (default 0)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a page (.html), animation (.gif) or picture (.png)")
    parser.add_argument("--step", type=from_0, metavar="N", help="which step the picture shows (default: the last)")
