"""minifcn evaluate"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys

from minifcn.backend import use_device
from minifcn.cli import tables
from minifcn.cli.output import say
from minifcn.errors import UserError
from minifcn.progress import show_progress
from minifcn.training import checkpoint, recipe
from minifcn.training.datasets import open_data
from minifcn.training.evaluate import evaluate


def run(args: argparse.Namespace) -> None:
    """Evaluate as the arguments say."""
    device = use_device(args.device, args.precision)
    state = checkpoint.load(args.checkpoint)
    changes = {"data": args.data, "size": args.size, "batch_size": args.batch_size}
    config = dataclasses.replace(state.config, **{name: value for name, value in changes.items() if value is not None})
    split = args.split or config.val_split
    dataset = open_data(config, split, args.images)
    if dataset.description:
        say(dataset.description)
    if tuple(dataset.class_names) != config.class_names:
        raise UserError(
            f"{config.data} has the classes {', '.join(dataset.class_names)}, but {args.checkpoint} was trained on "
            f"{', '.join(config.class_names)}"
        )
    model = recipe.load_model(config, state.model, device, name=str(args.checkpoint))
    loader = recipe.valid_loader(config, dataset)
    batches = show_progress("evaluation", loader.epoch(0), len(loader.dataset), sys.stderr)
    matrix, loss = evaluate(model, batches, ignore_index=dataset.ignore_index)
    if args.json:
        print(json.dumps({"images": len(dataset), "loss": loss} | tables.as_json(matrix, config.class_names), indent=2))
    else:
        print(f"{args.checkpoint} on {len(dataset)} images of {config.data}, split {split}")
        print(matrix, end="\n\n")
        print(tables.class_table(matrix, config.class_names))
