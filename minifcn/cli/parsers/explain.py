"""minifcn explain"""

from __future__ import annotations

import argparse
from pathlib import Path

from minifcn.cli import arguments

# The kinds of a Stepper, and pages: one on which all of them can be set, and one of a whole network.
OPERATIONS = ("conv-transpose", "conv", "im2col", "max-pool", "cross-entropy", "lab", "fcn")
PAGES = ("lab", "fcn")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    count, from_0 = arguments.count, arguments.from_0
    parser.description = (
        "Show an operation on a small image, step by step: print what each step does, and write a page to click "
        "through, an animation or a picture. lab writes the laboratory: a page to drag sizes and to type numbers. "
        "fcn writes the flight simulator: one image through a trained FCN-8s, with its crops to be dragged."
    )
    parser.epilog = (
        "Examples: minifcn explain lab --out lab.html; minifcn explain fcn --out fcn.html; "
        'minifcn explain conv-transpose --input "1 2; 3 4" --weight bilinear --kernel 4 --out step.html; '
        "minifcn explain conv --backward --mistake no-flip"
    )
    parser.add_argument("operation", choices=OPERATIONS, help=" or ".join(OPERATIONS), metavar="OPERATION")
    parser.add_argument("--size", type=count, default=3, metavar="N", help="of the image (default 3)")
    parser.add_argument(
        "--channels", type=count, default=1, metavar="C", help="or classes (default 1, of cross-entropy 3)"
    )
    parser.add_argument(
        "--input", metavar="NUMBERS", help='the image: rows end with ;, channels with |, as in "1 2; 3 4"'
    )
    parser.add_argument("--kernel", type=count, default=3, metavar="K", help="kernel size (default 3)")
    parser.add_argument(
        "--weight", metavar="NUMBERS", help="the kernel, as --input; bilinear; or ones (default: 1, 2, 3, ...)"
    )
    parser.add_argument("--labels", metavar="NUMBERS", help="of cross-entropy: classes, or 255 where none counts")
    parser.add_argument("--stride", type=count, default=2, metavar="S", help="(default 2)")
    parser.add_argument("--padding", type=from_0, default=1, metavar="P", help="(default 1)")
    parser.add_argument("--output-padding", type=from_0, default=0, metavar="P", help="of conv-transpose (default 0)")
    parser.add_argument("--dilation", type=count, default=1, metavar="D", help="(default 1)")
    parser.add_argument("--ceil-mode", action="store_true", help="of max-pool: round the size up")
    parser.add_argument("--backward", action="store_true", help="step through the gradients, with difference quotients")
    parser.add_argument(
        "--mistake", default="", metavar="NAME", help="with --backward: go back wrongly on purpose, as in no-flip"
    )
    parser.add_argument(
        "--seed",
        type=from_0,
        help="of random digits (default 0; of lab none, its digits count up), and of fcn's picture",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="a page (.html), animation (.gif) or picture (.png)")
    parser.add_argument("--step", type=from_0, metavar="N", help="which step the picture shows (default: the last)")
