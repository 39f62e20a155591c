"""minifcn summary"""

from __future__ import annotations

import argparse

from minifcn import models
from minifcn.data.nyud import INPUTS
from minifcn.nn import init
from minifcn.training import Config, build


def run(args: argparse.Namespace) -> None:
    """Print the table."""
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
