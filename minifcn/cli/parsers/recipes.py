"""minifcn recipes"""

from __future__ import annotations

import argparse

from minifcn.cli import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "List the recipes of `minifcn train --recipe NAME`: the settings with which the reference networks, and those "
        "of a course, were trained. With NAME, show one: its source, its settings beside those that a training has "
        "otherwise, and what its learning rate is on the mean loss."
    )
    parser.epilog = "Example: minifcn recipes voc-fcn32s --size 360x480"
    parser.add_argument("name", nargs="?", metavar="NAME", help="such as voc-fcn8s")
    parser.add_argument(
        "--size", type=arguments.size, metavar="HxW", help="of the images to translate the learning rate for (375x500)"
    )
