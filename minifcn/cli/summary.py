"""minifcn summary"""

from __future__ import annotations

import argparse

from minifcn import models
from minifcn.training import Config


def run(args: argparse.Namespace) -> None:
    """Print the table."""
    config = Config(model=args.model, variant=args.variant, width=args.width)  # checks them
    model = models.create(config.model, num_classes=args.classes, variant=config.variant, width=config.width)
    print(models.summary.table(model, args.size))
