"""minifcn evaluate"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import Any

from minifcn.backend import use_device
from minifcn.cli import arguments, tables
from minifcn.data import open_split
from minifcn.errors import UserError
from minifcn.progress import show_progress
from minifcn.training import checkpoint, recipe
from minifcn.training.evaluate import evaluate


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a trained network on a data set",
        description="Measure a trained network: pixel accuracy, mean IoU and more, and the IoU of each class.",
        epilog="Example: minifcn evaluate --checkpoint runs/shapes/best.npz --split test",
    )
    arguments.add_checkpoint(parser)
    parser.add_argument("--data", metavar="NAME[:PATH]", help="(default: the data set it was trained on)")
    parser.add_argument("--split", default="val", help="(default val)")
    parser.add_argument("--size", type=arguments.size, metavar="HxW", help="resize images (default: as trained)")
    parser.add_argument("--images", type=arguments.count, metavar="N", help="only the first N images")
    parser.add_argument(
        "--batch-size",
        type=arguments.count,
        metavar="N",
        help="images loaded at a time (default: as trained); each is scored alone, whatever it is",
    )
    arguments.add_device(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Evaluate as the arguments say."""
    device = use_device(args.device, args.precision)
    state = checkpoint.load(args.checkpoint)
    changes = {"data": args.data, "size": args.size, "batch_size": args.batch_size}
    config = dataclasses.replace(state.config, **{name: value for name, value in changes.items() if value is not None})
    dataset = open_split(config.data, args.split, args.images)
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
        print(f"{args.checkpoint} on {len(dataset)} images of {config.data}, split {args.split}")
        print(matrix, end="\n\n")
        print(tables.class_table(matrix, config.class_names))
