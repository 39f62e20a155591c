"""minifcn summary"""

from __future__ import annotations

import argparse

from minifcn import models
from minifcn.nn import init
from minifcn.training import Config


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
