"""minifcn evaluate"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path

from minifcn import pictures
from minifcn.backend import use_device
from minifcn.backend.ranks import Ranks
from minifcn.cli import arguments, jobs, tables
from minifcn.cli.apart import refuse_among_data
from minifcn.cli.moved import asking_for_moved
from minifcn.cli.output import say
from minifcn.data import Dataset
from minifcn.data.batch import rows_of
from minifcn.data.siftflow import GeometricLabels
from minifcn.data.some_images import SomeImages
from minifcn.errors import UserError
from minifcn.files import atomic_write
from minifcn.metrics import ConfusionMatrix
from minifcn.models import TwoHeads
from minifcn.models.compound import GeometricHead
from minifcn.nn import Module
from minifcn.progress import show_progress
from minifcn.text import counted
from minifcn.training import Config, build, checkpoint
from minifcn.training.config import option, written
from minifcn.training.datasets import open_data
from minifcn.training.evaluate import mean, measure, measure_dataset
from minifcn.training.facts import facts_of_network
from minifcn.training.published import Published, open_network, recognition

_OWN = ("ranks", "workers", "device", "mpi")  # arguments in which processes may differ


def run(args: argparse.Namespace) -> None:
    """Evaluate as the arguments say, together with the other processes of a job."""
    ranks = args.ranks = args.ranks or Ranks()
    ranks.agree({option(name): written(value) for name, value in vars(args).items() if name not in _OWN})
    device = use_device(jobs.own_device(args.device, ranks), args.precision)
    _check_files(args.confusion)
    path = checkpoint.file_of(args.checkpoint)
    state = open_network(path)
    if isinstance(state, Published):
        say(f"{path}: {recognition(state.weights)}")
        if not args.data:
            raise UserError(f"{path} is of no run of minifcn; say on which data, such as --data voc:VOCDEVKIT")
    changes = {"data": args.data, "size": args.size, "batch_size": args.batch_size}
    changes = {name: value for name, value in changes.items() if value is not None}
    config = dataclasses.replace(state.config, **({"longer_side": None} if args.size else {}) | changes)
    split = args.split or config.val_split
    with nullcontext() if args.data else asking_for_moved(config.data):
        dataset = open_data(config, split, args.images)
    for file in args.confusion:
        refuse_among_data("--confusion", file.parent, [dataset] if file.suffix.lower() == ".png" else [])
    if dataset.description:
        say(dataset.description)
    if isinstance(state, Published):
        config = state.named(config, dataset)
    if tuple(dataset.class_names) != config.class_names:
        fix = "list the classes of the run, in that order" if ":" in config.data else "choose data that have these"
        raise UserError(
            f"{config.data} has the classes {', '.join(dataset.class_names)}, but {path} was trained on "
            f"{', '.join(config.class_names)}; {fix}, or train a run of its own"
        )
    if tuple(dataset.geometric_names) != config.geometric_names:
        names = [", ".join(some) or "none" for some in (dataset.geometric_names, config.geometric_names)]
        say(f"{config.data} has the geometric classes {names[0]}, {path} {names[1]}; the semantic ones are measured")
    model = build.load_model(config, state.model, device, name=str(path))
    ranks.agree(None if ranks.size == 1 else facts_of_network(model, dataset))
    ranks.settled = True
    matrix, loss = _measured(model, dataset, config, args)
    second = None
    if isinstance(model, TwoHeads) and tuple(dataset.geometric_names) == config.geometric_names:
        second = _measured(GeometricHead(model), GeometricLabels(dataset), config, args)
    size = _network_size(config) if args.network_size else "labels"
    if args.json:
        about = {"images": len(dataset), "size": size, "loss": tables.or_none(loss)}
        about |= tables.as_json(matrix, config.class_names)
        if second:
            of_second = tables.as_json(second[0], config.geometric_names)
            about["geometric"] = {"loss": tables.or_none(second[1])} | of_second
        print(json.dumps(about, indent=2))
    else:
        at = "at the size of the labels" if size == "labels" else f"at {size}"
        print(f"{path} on {counted(len(dataset), 'image')} of {config.data}, split {split}, {at}")
        _print(matrix, loss, config.class_names)
        if second:
            print("\ngeometric classes")
            _print(*second, config.geometric_names)
    for file in (
        args.confusion if ranks.first else ()
    ):  # after the numbers: a disk that is full takes none of what was measured
        _save_confusion(file, matrix, config.class_names)


def _print(matrix: ConfusionMatrix, loss: float, class_names: Sequence[str]) -> None:
    print(f"{'loss':<24}{tables.number(loss):>8}")
    print(matrix, end="\n\n")
    print(tables.class_table(matrix, class_names))


def _measured(
    model: Module, dataset: Dataset, config: Config, args: argparse.Namespace
) -> tuple[ConfusionMatrix, float]:
    ranks, workers = args.ranks, arguments.workers_of(args)
    own = SomeImages(dataset, rows_of(ranks.rank, ranks.size, len(dataset)))
    matrix = ConfusionMatrix(dataset.num_classes, dataset.ignore_index)
    losses: list[float] = []
    if not len(own):
        pass  # more ranks than images
    elif not args.network_size and _network_size(config) != "labels":
        normalize, seen = build.normalizing(config), partial(build.network_size, config)
        matrix, losses = measure_dataset(model, own, normalize, seen, workers, sys.stderr)
    else:
        with closing(build.valid_loader(config, own, workers).epoch(0)) as epoch:
            batches = show_progress("evaluation", epoch, len(own), sys.stderr)
            matrix, losses = measure(model, batches, dataset.ignore_index)
    ranks.add(matrix.matrix)
    return matrix, mean([loss for part in ranks.objects(losses) for loss in part])


def _network_size(config: Config) -> str:
    """Say what the network sees of an image: another size than that of its label, or just that."""
    longer = f"{config.longer_side} pixels of the longer side" if config.longer_side else "labels"
    return "{}x{}".format(*config.size) if config.size else longer


def _check_files(files: Sequence[Path]) -> None:
    for file in files:
        if file.suffix.lower() not in (".csv", ".png"):
            raise UserError(f"--confusion must end in .csv, for the numbers, or .png, for a picture, but is {file}")
        arguments.check_file("--confusion", file)


def _save_confusion(file: Path, matrix: ConfusionMatrix, class_names: Sequence[str]) -> None:
    if file.suffix.lower() == ".png":
        pictures.save_confusion(file, matrix.matrix, class_names)
        return
    with atomic_write(file) as table:
        table.write(tables.as_csv(matrix, class_names).encode())
