"""minifcn summary"""

from __future__ import annotations

import argparse
from typing import Any

from minifcn import models
from minifcn.cli import arguments
from minifcn.nn import init
from minifcn.training import Config


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "summary",
        help="show the layers of a network",
        description="Show the layers of a network for an image of a given size: outputs, parameters, multiply-adds, "
        "memory, strides, receptive fields (the smallest and the largest, where they differ from pixel to pixel) and "
        "offsets.",
        epilog="Example: minifcn summary fcn8s --variant paper --size 500x500",
    )
    parser.add_argument("model", nargs="?", default="fcn8s", help="fcn32s, fcn16s or fcn8s (default fcn8s)")
    parser.add_argument(
        "--backbone", default="vgg16", metavar="NAME", help=f"{', '.join(models.BACKBONES)} (default vgg16)"
    )
    parser.add_argument("--variant", default="aligned", metavar="aligned|paper", help="(default aligned)")
    parser.add_argument("--width", type=arguments.number, default=1.0, help="factor for all channels (default 1)")
    parser.add_argument("--classes", type=arguments.classes, default=21, metavar="N", help="(default 21)")
    parser.add_argument("--size", type=arguments.size, default=(224, 224), metavar="HxW", help="(default 224x224)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print the table."""
    config = Config(model=args.model, backbone=args.backbone, variant=args.variant, width=args.width)  # checks them
    with init.shapes_only():
        model = models.create(
            config.model,
            num_classes=args.classes,
            backbone=config.backbone,
            variant=config.variant,
            width=config.width,
        )
    print(models.summary.table(model, args.size))
