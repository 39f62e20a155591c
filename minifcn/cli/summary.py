"""minifcn summary"""

from __future__ import annotations

import argparse

from minifcn import models, nn
from minifcn.compute.window import Pair
from minifcn.data.nyud import INPUTS
from minifcn.errors import UserError
from minifcn.explain import NetworkFigure, figure3
from minifcn.nn import init
from minifcn.training import Config, build


def run(args: argparse.Namespace) -> None:
    """Print the table, and draw the figure."""
    if args.figure and (args.figure.suffix.lower() != ".svg" or args.figure.is_dir()):
        raise UserError(f"--figure must be a file that ends in .svg, but is {args.figure}")
    of_network = {name: getattr(args, name) for name in ("model", "backbone", "variant", "width", "inputs")}
    channels = INPUTS[args.inputs].channels if args.inputs in INPUTS else 3
    config = Config(**of_network, mean=(0.0,) * channels, std=(1.0,) * channels)  # checks them
    with init.shapes_only():
        model = models.create(
            config.model,
            num_classes=args.classes,
            backbone=config.backbone,
            variant=config.variant,
            width=config.width,
            geometric_classes=args.geometric,
            **build.inputs_of(config),
        )
    print(models.summary.table(model, args.size))
    if args.figure:
        args.figure.parent.mkdir(parents=True, exist_ok=True)
        _drawn(model, args.size).save(args.figure)


def _drawn(model: nn.Module, size: Pair) -> NetworkFigure:
    try:
        return figure3(model, size)
    except ValueError as error:
        raise UserError(f"--figure: {error}") from None
