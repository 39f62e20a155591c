"""minifcn train"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from minifcn.backend import use_device
from minifcn.backend.ranks import Ranks
from minifcn.cli import arguments, jobs, signals, stages
from minifcn.cli.apart import refuse_among_data
from minifcn.cli.first_look import known_already, look_first, refusing, say_if_large
from minifcn.cli.moved import asking_for_moved
from minifcn.cli.output import say
from minifcn.cli.settings import (
    given_settings,
    new_config,
    open_init,
    rates_of,
    resumed_config,
    say_recipe,
    with_classes,
    with_epochs,
)
from minifcn.cli.watcher import Watcher
from minifcn.data import Cache, CachedDataset, Dataset
from minifcn.errors import UserError
from minifcn.files import atomic_write, lock_folder
from minifcn.progress import unbreakable
from minifcn.training import Checkpoint, Trainer, build, checkpoint, images_list
from minifcn.training.album import PICTURES, Album
from minifcn.training.config import Config, option, written
from minifcn.training.datasets import open_data
from minifcn.training.facts import facts
from minifcn.training.parallel_trainer import ParallelTrainer
from minifcn.training.start import begin, open_start

RESULTS = (stages.FILE, "config.json", "images.csv", "log.csv", "iou.csv", *PICTURES, "checkpoint.npz", "best.npz")
_STEERING = ("out", "resume", "overwrite", "staged")  # no settings of the run, and the same in all processes


def run(args: argparse.Namespace) -> int:
    """Train as the arguments say, together with the other processes of a job."""
    args.ranks = args.ranks or Ranks()
    args.ranks.agree({option(name): written(getattr(args, name)) for name in _STEERING})
    device = use_device(jobs.own_device(args.device, args.ranks), args.precision)
    if args.resume and args.overwrite:
        raise UserError("--resume continues the run in --out, and --overwrite replaces it; choose one of the two")
    arguments.check_folder("--out", args.out)
    given = given_settings(args)
    if args.staged or (args.resume and stages.are_in(args.out)):
        return train_stages(args, given, device)
    if args.resume:
        return resume(args, given, device)
    refuse_other_run(args.out, args.overwrite)
    start = open_init(given, [args.out] if args.overwrite else [])
    return train(args, new_config(given, start), device, start=start)


def train_stages(args: argparse.Namespace, given: dict[str, Any], device: str) -> int:
    """Train one stage after the other, in folders below --out; those that are done are passed over."""
    if args.resume:
        configs = stages.read(args.out)
        given = stages.of_all(given, configs)
        configs = [resumed_config(config, given, args.out) for config in configs]
    else:
        refuse_other_run(args.out, args.overwrite)
        configs = stages.new_stages(given, args.out, args.overwrite)
        for name in stages.NETWORKS:
            refuse_other_run(args.out / name, args.overwrite)

    def begin_all() -> None:
        for folder in (args.out, *(args.out / name for name in stages.NETWORKS)):
            _empty(folder)
        stages.write(args.out, configs)

    folders, status = [args.out / config.model for config in configs], 0
    begun = [args.resume and (folder / "checkpoint.npz").exists() for folder in folders]
    last_begun = max((number for number, is_begun in enumerate(begun) if is_begun), default=0)
    for number in range(last_begun, len(configs)):
        config, folder = configs[number], folders[number]
        say(f"stage {number + 1} of {len(configs)}: {config.model}, learning rate {config.lr:g}, in {folder}")
        stage = argparse.Namespace(**vars(args) | {"out": folder, "overwrite": not begun[number]})
        if begun[number]:
            status |= resume(stage, given, device)
        else:
            start = open_start(config.init) if config.init else None
            at_first = None if args.resume or number else begin_all
            status |= train(stage, config, device, start=start, at_first=at_first)
    return status


def resume(args: argparse.Namespace, given: dict[str, Any], device: str) -> int:
    """Go on with the run in --out."""
    with lock_folder(args.out) if args.ranks.first and args.out.is_dir() else nullcontext():
        state = checkpoint.load(args.out / "checkpoint.npz")
        return train(args, resumed_config(state.config, given, args.out), device, state)


def train(
    args: argparse.Namespace,
    config: Config,
    device: str,
    state: Checkpoint | None = None,
    start: Checkpoint | None = None,
    at_first: Callable[[], None] | None = None,
) -> int:
    """Train in --out: from the state of a run, or anew, and then perhaps with weights to start from.

    Before anything is written, but after all that can be refused has been, `at_first` is called.
    """
    if state is not None:
        build.check_fits(config, state.model, state.optimizer, name=str(args.out / "checkpoint.npz"))
    splits = _open(config, resumed=state is not None)
    refuse_among_data("--out", args.out, splits.values())
    if splits["train"].description:
        say(splits["train"].description)
    config = with_classes(config, splits["train"])
    if state is None:
        config = with_epochs(config, len(splits["train"]))
    model = build.build_model(config, device)
    read, workers = _cached(splits, args.cache), arguments.workers_of(args)
    notes: list[str] = []
    if state is None:
        config, notes = begin(config, model, read["train"], start, workers=workers, stream=sys.stderr)
        notes += known_already(config, splits["val"])
    optimizer = build.build_optimizer(config, model)
    valid_loader = build.valid_loader(config, read["val"], workers)
    parts = (config, model, optimizer, build.train_loader(config, read["train"], workers), valid_loader, args.out)
    how: dict[str, Any] = {"checkpoint_every": args.checkpoint_every, "stream": sys.stderr}
    alone = args.ranks.size == 1
    trainer = Trainer(*parts, **how) if alone else ParallelTrainer(*parts, ranks=args.ranks, **how)
    album = Album(args.out, config, model, valid_loader, say, trainer.is_stopping) if args.ranks.first else None
    watcher = Watcher(trainer, album)
    trainer.after_epoch = watcher.after_epoch
    if state is not None:
        images_list.check(args.out / "images.csv", splits, config.data)
        trainer.restore(state)
        if trainer.is_complete():
            say(f"the run in {args.out} is complete; {watcher.how_to_go_on()}")
    watcher.absent = look_first(config, splits)
    if state is None:  # a run that goes on keeps its size
        say_if_large(config, splits["train"])
        say_recipe(config, splits["train"])
        notes += rates_of(config, splits["train"])
    for note in notes:
        print(note, file=unbreakable(sys.stderr))
    args.ranks.agree(None if alone else facts(config, splits, trainer))
    with _held(args.out) if args.ranks.first else nullcontext():
        if args.ranks.first:
            if state is None:
                refuse_other_run(args.out, args.overwrite)  # another process may have begun one meanwhile
            if at_first is not None:
                at_first()
            _prepare(args.out, config, splits, keep=state is not None)
        args.ranks.agree()
        args.ranks.settled = True
        if args.ranks.beside:
            args.ranks.beside.saves(args.out / "checkpoint.npz", "train --resume goes on from the last checkpoint")
        if isinstance(trainer, ParallelTrainer):
            say(trainer.connect())
        _fit(trainer, watcher, args.ranks)
        with _nothing_lost(args.out / "checkpoint.npz"):
            watcher.report(args.out / "best.npz")
            args.ranks.rest()  # the first one draws
    args.ranks.settled = False  # for a next stage
    return 1 if album and album.failed else 0


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with lock_folder(folder):
        yield


def _fit(trainer: Trainer, watcher: Watcher, ranks: Ranks) -> None:
    with _finish_step_first(trainer, ranks), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* encountered in ", RuntimeWarning)  # the trainer looks for inf and nan
        if trainer.log.rows and trainer.position.batch == 0:
            watcher.draw_logs()  # a kill may have come between the epoch's checkpoint and its pictures
        trainer.fit()


@contextmanager
def _nothing_lost(path: Path) -> Iterator[None]:
    """Say of an interruption behind the training what is there, and what is not."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        signum = getattr(interrupt, "signum", signal.SIGINT)
        message = (
            f"interrupted; the training is complete, {path} is saved, --resume measures and draws the best network"
        )
        raise signals.Stopped(signum, message) from None


def _open(config: Config, resumed: bool) -> dict[str, Dataset]:
    """Open the images for training and for validation."""
    names = {"train": config.train_split, "val": config.val_split}
    with asking_for_moved(config.data) if resumed else nullcontext():
        return {split: open_data(config, name, config.images, report=refusing(config)) for split, name in names.items()}


def _cached(splits: dict[str, Dataset], size: int) -> Mapping[str, Dataset]:
    """Keep what was read of all splits in so many bytes of memory; with 0, the splits are as they were."""
    cache = Cache(size)
    return {name: CachedDataset(split, cache) for name, split in splits.items()} if size else splits


def refuse_other_run(folder: Path, overwrite: bool) -> None:
    """Refuse to begin where the results of a run are, unless they are to be replaced."""
    found = [name for name in RESULTS if (folder / name).exists()]
    if found and not overwrite:
        resumable = {"checkpoint.npz", stages.FILE} & {*found}
        resume = "continue it with --resume, " if resumable else "it has no checkpoint to continue from: "
        raise UserError(f"{folder} holds a run already; {resume}replace it with --overwrite, or choose another --out")


def _empty(folder: Path) -> None:
    """Remove the results of a run, the checkpoint before the log: what is left never looks like a whole run."""
    for name in reversed(RESULTS):
        (folder / name).unlink(missing_ok=True)


def _prepare(folder: Path, config: Config, splits: Mapping[str, Dataset], keep: bool) -> None:
    """Empty the folder of the results of an earlier run unless they are continued, and write what this one is of."""
    if not keep:
        _empty(folder)
    if not (folder / "images.csv").exists():
        images_list.write(folder / "images.csv", splits)
    with atomic_write(folder / "config.json") as file:
        file.write(json.dumps(config.to_dict(), indent=2).encode() + b"\n")


@contextmanager
def _finish_step_first(trainer: Trainer, ranks: Ranks) -> Iterator[None]:
    """Let the first Ctrl-C, SIGTERM or SIGHUP wait for the end of the step and a checkpoint; a second stops at once."""
    received = []

    def stop(signum: int, frame: Any) -> None:
        received.append(signum)
        restore()
        trainer.stop_requested = True

    with signals.handled(stop) as restore:
        try:
            yield
        except signals.Stopped:
            raise
        except KeyboardInterrupt as interrupt:  # which all ranks have come to
            signum = max(ranks.objects(received[0] if received else 0)) or signal.SIGINT
            raise signals.Stopped(signum, str(interrupt), together=True) from None
