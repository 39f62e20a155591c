"""minifcn gradcheck"""

from __future__ import annotations

import argparse

from minifcn.cli import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Check the gradient of every operation, and of whole narrow networks, against central differences in float64. "
        "Exit status 1 if one is wrong, or cannot be verified."
    )
    parser.epilog = "Example: minifcn gradcheck conv2d softmax --order 2"
    parser.add_argument("names", nargs="*", metavar="NAME", help="only what begins with NAME (default: all)")
    parser.add_argument(
        "--order", type=arguments.whole, choices=(1, 2), default=1, help="2: gradients of gradients too (default 1)"
    )
    parser.add_argument("--seed", type=arguments.whole, default=0, help="of the points where it is checked (default 0)")
