"""minifcn train"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from minifcn import pictures
from minifcn.backend import use_device
from minifcn.cli import arguments
from minifcn.data import DataLoader, Dataset
from minifcn.errors import UserError
from minifcn.files import atomic_write
from minifcn.models import FCN
from minifcn.training import Trainer, checkpoint, recipe
from minifcn.training.config import Config, option
from minifcn.training.evaluate import evaluate, predict
from minifcn.training.log import Row
from minifcn.training.progress import show_progress

RESULTS = ("config.json", "log.csv", "curves.png", "predictions.png", "checkpoint.npz", "best.npz")
_PANEL_ROWS = 4
_SGD = {"lr": 0.01, "weight_decay": 0.0005}  # its own defaults


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        help="train a network",
        description="Train a network and leave in a folder: config.json, log.csv, curves.png, predictions.png, "
        "checkpoint.npz (to --resume from) and best.npz (highest mean IoU on the validation split).",
        epilog="Example: minifcn train --data shapes --epochs 5 --out runs/shapes",
        argument_default=argparse.SUPPRESS,  # a setting that is absent was not given: --resume asks
    )
    parser.set_defaults(run=run, resume=False, overwrite=False, checkpoint_every=300.0)
    new = Config()

    group = parser.add_argument_group("data")
    group.add_argument("--data", metavar="NAME[:PATH]", help="shapes (default), camvid:FOLDER or voc:VOCDEVKIT")
    group.add_argument("--size", type=arguments.size, metavar="HxW", help="resize every image (default: as it is)")
    group.add_argument("--crop", type=arguments.size, metavar="HxW", help="train on random crops of this size")
    group.add_argument("--scale", type=arguments.interval, metavar="LOW,HIGH", help="scale training images at random")
    group.add_argument("--mirror", action="store_true", help="mirror training images at random")
    group.add_argument("--images", type=int, metavar="N", help="only the first N images of each split")

    group = parser.add_argument_group("network")
    group.add_argument("--model", metavar="NAME", help=f"fcn32s, fcn16s or fcn8s (default {new.model})")
    group.add_argument("--variant", metavar="aligned|paper", help=f"(default {new.variant})")
    group.add_argument("--width", type=float, help=f"factor for all channels, 1 as in the paper (default {new.width})")
    group.add_argument("--dropout", type=float, metavar="P", help=f"(default {new.dropout})")
    group.add_argument("--dtype", metavar="float32|float64", help=f"(default {new.dtype})")

    group = parser.add_argument_group("training")
    group.add_argument("--epochs", type=int, metavar="N", help=f"(default {new.epochs})")
    group.add_argument("--batch-size", type=int, metavar="N", help=f"(default {new.batch_size})")
    group.add_argument("--optimizer", metavar="adam|sgd", help=f"(default {new.optimizer})")
    group.add_argument("--lr", type=float, help="learning rate (default 0.001 for adam, 0.01 for sgd)")
    group.add_argument("--momentum", type=float, help=f"of sgd (default {new.momentum})")
    group.add_argument("--weight-decay", type=float, metavar="W", help="(default 0 for adam, 0.0005 for sgd)")
    group.add_argument("--schedule", metavar="constant|poly", help="poly: falls to 0 (default constant)")
    group.add_argument("--seed", type=int, help=f"of weights, order, augmentation and dropout (default {new.seed})")
    group.add_argument(
        "--recompute",
        action=argparse.BooleanOptionalAction,
        help="keep less for the backward pass and compute it again: the same results in less memory, but slower",
    )
    arguments.add_device(group)

    group = parser.add_argument_group("results")
    group.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the results; made if missing")
    group.add_argument(
        "--resume", action="store_true", help="continue the run in DIR; only --epochs and --recompute may differ"
    )
    group.add_argument("--overwrite", action="store_true", help="replace the run in DIR")
    group.add_argument(
        "--checkpoint-every",
        type=arguments.seconds,
        metavar="SECONDS",
        help="time between checkpoints (default 300); there is one after every epoch as well",
    )


def run(args: argparse.Namespace) -> None:
    """Train as the arguments say."""
    device = use_device(args.device, args.precision)
    settings = {field.name for field in dataclasses.fields(Config)}
    given = {name: value for name, value in vars(args).items() if name in settings}
    if args.resume:
        state = checkpoint.load(args.out / "checkpoint.npz")
        config = _resumed(state.config, given, args.out)
    else:
        state = None
        config = Config(**(_SGD if given.get("optimizer") == "sgd" else {}) | given)
        _refuse_other_run(args.out, args.overwrite)
    train_set = recipe.open_split(config.data, "train", config.images)
    valid_set = recipe.open_split(config.data, "val", config.images)
    config = _with_classes(config, train_set)
    model = recipe.build_model(config, device)
    optimizer = recipe.build_optimizer(config, model)
    valid_loader = recipe.valid_loader(config, valid_set)
    trainer = Trainer(
        config,
        model,
        optimizer,
        recipe.train_loader(config, train_set),
        valid_loader,
        args.out,
        device=device,
        checkpoint_every=args.checkpoint_every,
        stream=sys.stderr,
        after_epoch=lambda rows: _draw(args.out, rows, config, model, valid_loader, device),
    )
    for dataset in (train_set, valid_set):
        dataset[0]  # a data set that cannot be read shows before anything is written
    if state is not None:
        trainer.restore(state)
    _prepare(args.out, config, keep=args.resume)
    with _finish_step_on_ctrl_c(trainer), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* encountered in ", RuntimeWarning)  # the trainer looks for inf and nan
        trainer.fit()
    best = checkpoint.load(args.out / "best.npz")
    model.load_state_dict(best.model)
    matrix, _ = evaluate(
        model,
        show_progress("best.npz", valid_loader, sys.stderr),
        config.num_classes,
        ignore_index=config.ignore_index,
        device=device,
        dtype=config.dtype,
    )
    print(f"{args.out / 'best.npz'}, after epoch {best.position.epoch + 1}, on {len(valid_set)} validation images")
    print(matrix)


def _resumed(config: Config, given: dict[str, Any], folder: Path) -> Config:
    """Give the settings of the run in the folder, with the epochs and the recomputation asked for now."""
    wanted = dataclasses.replace(config, **given)
    for name in given:
        if name not in ("epochs", "recompute") and getattr(wanted, name) != getattr(config, name):
            raise UserError(
                f"{option(name)} is {getattr(wanted, name)}, but the run in {folder} has {getattr(config, name)}; "
                "leave it out to --resume, or start anew in another --out"
            )
    return wanted


def _refuse_other_run(folder: Path, overwrite: bool) -> None:
    found = [name for name in RESULTS if (folder / name).exists()]
    if found and not overwrite:
        raise UserError(
            f"{folder} holds a run already ({', '.join(found)}); "
            "continue it with --resume, replace it with --overwrite, or choose another --out"
        )


def _with_classes(config: Config, dataset: Dataset) -> Config:
    """Add the classes of the data set; on --resume they must be the ones the run began with."""
    found = dataclasses.replace(
        config,
        class_names=tuple(dataset.class_names),
        palette=tuple(map(tuple, dataset.palette.tolist())),
        ignore_index=int(dataset.ignore_index),
    )
    if config.class_names and found != config:
        raise UserError(f"{config.data}: its classes are {found.class_names}, but the run has {config.class_names}")
    return found


def _prepare(folder: Path, config: Config, keep: bool) -> None:
    """Make the folder, without the results of an earlier run unless they are continued, and write config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    if not keep:
        for name in RESULTS:
            (folder / name).unlink(missing_ok=True)
    with atomic_write(folder / "config.json") as file:
        file.write(json.dumps(config.to_dict(), indent=2).encode() + b"\n")


def _draw(folder: Path, rows: list[Row], config: Config, model: FCN, loader: DataLoader, device: str) -> None:
    """Draw curves.png; and predictions.png if the newest model is the best, on images spread over the split."""
    pictures.save_curves(folder / "curves.png", rows)
    if rows[-1]["valid_mean_iu"] < max(row["valid_mean_iu"] for row in rows):
        return
    transform, panel = recipe.valid_transform(config), []
    for index in np.linspace(0, len(loader.dataset) - 1, min(_PANEL_ROWS, len(loader.dataset))).astype(int).tolist():
        sample = transform(loader.dataset[index], np.random.default_rng(0))
        prediction = predict(model, sample.image, loader.normalize, device=device, dtype=config.dtype)
        panel.append((sample.image, sample.label, prediction))
    path = folder / "predictions.png"
    pictures.save_panel(path, panel, config.class_names, np.array(config.palette, np.uint8), config.ignore_index)


@contextmanager
def _finish_step_on_ctrl_c(trainer: Trainer) -> Iterator[None]:
    """Let the first Ctrl-C wait for the end of the step and a checkpoint; the second interrupts at once."""

    def stop(signum: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        trainer.stop_requested = True

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # as in a script's background job, which a Ctrl-C is not meant for
        signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
