"""minifcn train"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from minifcn.backend import use_device
from minifcn.cli import arguments, signals
from minifcn.cli.first_look import look_first, refusing, say_if_large
from minifcn.cli.moved import asking_for_moved
from minifcn.cli.output import say
from minifcn.cli.watcher import Watcher
from minifcn.data import Dataset
from minifcn.errors import UserError
from minifcn.files import atomic_write, lock_folder
from minifcn.progress import unbreakable
from minifcn.training import Checkpoint, Trainer, build, checkpoint, images_list
from minifcn.training.album import PICTURES, Album
from minifcn.training.config import Config, option, preprocessing_settings, written
from minifcn.training.datasets import open_data
from minifcn.training.start import begin, open_start, taken_over

RESULTS = ("config.json", "images.csv", "log.csv", "iou.csv", *PICTURES, "checkpoint.npz", "best.npz")
_SGD = {"lr": 0.01, "weight_decay": 0.0005}  # its own defaults


def run(args: argparse.Namespace) -> int:
    """Train as the arguments say."""
    device = use_device(args.device, args.precision)
    if args.resume and args.overwrite:
        raise UserError("--resume continues the run in --out, and --overwrite replaces it; choose one of the two")
    arguments.check_folder("--out", args.out)
    settings = {field.name for field in dataclasses.fields(Config)} | {"preprocessing"}
    given = {name: _setting(value) for name, value in vars(args).items() if name in settings}
    if not args.resume:
        _refuse_other_run(args.out, args.overwrite)
        start = _start(args) if "init" in given else None
        defaults = (_SGD if given.get("optimizer", "").endswith("sgd") else {}) | (taken_over(start) if start else {})
        if "preprocessing" in given:
            given |= preprocessing_settings(given.pop("preprocessing"))
        return _train(args, Config(**defaults | given), None, device, start)
    with lock_folder(args.out) if args.out.is_dir() else nullcontext():
        state = checkpoint.load(args.out / "checkpoint.npz")
        return _train(args, _resumed(state.config, given, args.out), state, device)


def _train(
    args: argparse.Namespace, config: Config, state: Checkpoint | None, device: str, start: Checkpoint | None = None
) -> int:
    if state is not None:
        build.check_fits(config, state.model, state.optimizer, name=str(args.out / "checkpoint.npz"))
    splits = _open(config, resumed=state is not None)
    if splits["train"].description:
        say(splits["train"].description)
    config = _with_classes(config, splits["train"])
    model = build.build_model(config, device)
    config, notes = (config, []) if state else begin(config, model, splits["train"], start, sys.stderr)
    optimizer = build.build_optimizer(config, model)
    valid_loader = build.valid_loader(config, splits["val"])
    album = Album(args.out, config, model, valid_loader, say)
    trainer = Trainer(
        config,
        model,
        optimizer,
        build.train_loader(config, splits["train"]),
        valid_loader,
        args.out,
        checkpoint_every=args.checkpoint_every,
        stream=sys.stderr,
    )
    watcher = Watcher(trainer, album)
    trainer.after_epoch = watcher.after_epoch
    if state is not None:
        images_list.check(args.out / "images.csv", splits, config.data)
        trainer.restore(state)
        if trainer.is_complete():
            say(f"the run in {args.out} is complete; {watcher.how_to_go_on()}")
    look_first(config, splits)
    if state is None:  # a run that goes on keeps its size
        say_if_large(config, splits["train"])
    for note in notes:
        print(note, file=unbreakable(sys.stderr))
    args.out.mkdir(parents=True, exist_ok=True)
    with lock_folder(args.out):
        if state is None:
            _refuse_other_run(args.out, args.overwrite)  # another process may have begun one meanwhile
        _prepare(args.out, config, splits, keep=state is not None)
        with _finish_step_first(trainer), warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* encountered in ", RuntimeWarning)  # the trainer looks for inf and nan
            if trainer.log.rows and trainer.position.batch == 0:
                watcher.draw_logs()  # a kill may have come between the epoch's checkpoint and its pictures
            trainer.fit()
        watcher.report(args.out / "best.npz", valid_loader)
    return 1 if album.failed else 0


def _open(config: Config, resumed: bool) -> dict[str, Dataset]:
    """Open the images for training and for validation."""
    names = {"train": config.train_split, "val": config.val_split}
    with asking_for_moved(config.data) if resumed else nullcontext():
        return {split: open_data(config, name, config.images, report=refusing(config)) for split, name in names.items()}


def _setting(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else str(value) if isinstance(value, Path) else value


def _start(args: argparse.Namespace) -> Checkpoint:
    """Read the checkpoint of --init, which must not be one that --overwrite is about to remove."""
    if args.overwrite and args.out.resolve() in (Path(args.init).resolve(), Path(args.init).resolve().parent):
        raise UserError(f"--init {args.init} is in --out, which --overwrite empties; choose another --out")
    return open_start(args.init)


def _resumed(config: Config, given: dict[str, Any], folder: Path) -> Config:
    """Give the settings of the run in the folder, with what may differ as asked for now."""
    data = str(given.get("data", config.data))
    moved = data.partition(":")[0] == config.data.partition(":")[0]  # the same data in another folder
    changed = {name: value for name, value in given.items() if value != getattr(config, name)}
    for name in changed:
        if name not in ("epochs", "patience", "recompute") and not (name == "data" and moved):
            raise UserError(
                f"{option(name)} is {written(given[name])}, but the run in {folder} has "
                f"{written(getattr(config, name))}; "
                "leave it out to --resume, or start anew in another --out"
            )
    return dataclasses.replace(config, **changed)


def _refuse_other_run(folder: Path, overwrite: bool) -> None:
    found = [name for name in RESULTS if (folder / name).exists()]
    if found and not overwrite:
        resumable = "checkpoint.npz" in found
        resume = "continue it with --resume, " if resumable else "it has no checkpoint to continue from: "
        raise UserError(f"{folder} holds a run already; {resume}replace it with --overwrite, or choose another --out")


def _with_classes(config: Config, dataset: Dataset) -> Config:
    """Add the classes of the data set; on --resume they must be the ones the run began with."""
    found = dataclasses.replace(
        config,
        class_names=tuple(dataset.class_names),
        palette=tuple(map(tuple, dataset.palette.tolist())),
        ignore_index=int(dataset.ignore_index),
        val_names=tuple(dataset.drawn),
    )
    for name in ("class_names", "palette", "ignore_index"):
        if config.class_names and getattr(found, name) != getattr(config, name):
            raise UserError(
                f"{config.data}: its {name} is {getattr(found, name)}, but the run has {getattr(config, name)}; "
                "the data set has changed"
            )
    return found


def _prepare(folder: Path, config: Config, splits: Mapping[str, Dataset], keep: bool) -> None:
    """Empty the folder of the results of an earlier run unless they are continued, and write what this one is of."""
    if not keep:
        for name in reversed(RESULTS):  # the checkpoint before the log: what is left never looks like a whole run
            (folder / name).unlink(missing_ok=True)
    if not (folder / "images.csv").exists():
        images_list.write(folder / "images.csv", splits)
    with atomic_write(folder / "config.json") as file:
        file.write(json.dumps(config.to_dict(), indent=2).encode() + b"\n")


@contextmanager
def _finish_step_first(trainer: Trainer) -> Iterator[None]:
    """Let the first Ctrl-C, SIGTERM or SIGHUP wait for the end of the step and a checkpoint; a second stops at once."""
    received = []

    def stop(signum: int, frame: Any) -> None:
        received.append(signum)
        restore()
        trainer.stop_requested = True

    with signals.handled(stop) as restore:
        try:
            yield
        except KeyboardInterrupt as interrupt:
            raise signals.Stopped(received[0] if received else signal.SIGINT, str(interrupt)) from None
