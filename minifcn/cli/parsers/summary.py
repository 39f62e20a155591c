"""minifcn summary"""

from __future__ import annotations

import argparse
from pathlib import Path

from minifcn.cli import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Show the layers of a network for an image of a given size: outputs, parameters, multiply-adds, memory, "
        "strides, receptive fields (the smallest and the largest, where they differ from pixel to pixel) and offsets."
    )
    parser.epilog = "Example: minifcn summary fcn8s --variant paper --size 500x500"
    parser.add_argument("model", nargs="?", default="fcn8s", help="fcn32s, fcn16s or fcn8s (default fcn8s)")
    parser.add_argument("--backbone", default="vgg16", metavar="NAME", help=arguments.BACKBONE)
    parser.add_argument("--variant", default="aligned", metavar="NAME", help=arguments.VARIANT)
    parser.add_argument("--width", type=arguments.number, default=1.0, help="factor for all channels (default 1)")
    parser.add_argument("--classes", type=arguments.classes, default=21, metavar="N", help="(default 21)")
    parser.add_argument("--inputs", default="color", metavar="NAME", help=arguments.INPUTS)
    parser.add_argument(
        "--geometric", type=arguments.from_0, default=0, metavar="N", help="classes of a second head, such as 3"
    )
    parser.add_argument("--size", type=arguments.size, default=(224, 224), metavar="HxW", help="(default 224x224)")
    parser.add_argument(
        "--figure", type=Path, metavar="FILE", help="draw the network as well, as the paper's figure 3 does (.svg)"
    )
