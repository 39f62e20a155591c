"""How a new run begins: with weights of an earlier one, with layers that stay as they are, and with class weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Set
from pathlib import Path
from typing import Any, TextIO

from minifcn.data import Dataset
from minifcn.errors import UserError
from minifcn.models import FCN, LateFusion
from minifcn.models.compound import of_streams
from minifcn.models.summary import count_parameters
from minifcn.nn import ConvTranspose2d
from minifcn.text import counted
from minifcn.training import build, checkpoint
from minifcn.training.checkpoint import Checkpoint
from minifcn.training.class_weights import weigh_classes
from minifcn.training.config import Config, option, written
from minifcn.training.freeze import freeze
from minifcn.training.published import Published, open_weights, recognition
from minifcn.training.transplant import Transplant, transplant
from minifcn.weights.outcomes import TAKEN

_SHAPES = ("model", "backbone", "variant", "width")  # what they depend on
_NETWORK = (*_SHAPES, "at_once")
PREPROCESSING = ("mean", "std", "channel_order")


def files_of(init: str) -> list[str]:
    """Give the files of --init: one, or two with a comma between them, for the streams of colours and of HHA.

    >>> files_of("runs/color,runs/hha"), files_of("runs/color")
    (['runs/color', 'runs/hha'], ['runs/color'])
    """
    return [init] if Path(init).exists() or init.count(",") != 1 else init.split(",")


def open_start(path: str) -> Checkpoint:
    """Read a checkpoint or published weights to start from, or those of two streams, as `files_of` tells.

    UserError, naming the file, if it is neither, or not of the network that it claims.
    """
    first, *second = files_of(path)
    if second:
        color, hha = open_start(first), open_start(second[0])
        mean, std = (getattr(color.config, name)[:3] + getattr(hha.config, name)[:3] for name in ("mean", "std"))
        config = dataclasses.replace(color.config, model="fcn32s", inputs="color-hha", mean=mean, std=std)
        return Checkpoint(config, of_streams(color.model, hha.model))
    start = open_weights(path)
    if not isinstance(start, Published):
        build.check_fits(start.config, start.model, name=path)
    return start


def taken_over(start: Checkpoint) -> dict[str, Any]:
    """Give the settings that a run has from the checkpoint it starts from, unless they are given: of the network, and
    of what it sees.

    >>> start = Checkpoint(Config(model="fcn32s", epochs=50), {})
    >>> taken_over(start)["model"], "epochs" in taken_over(start)
    ('fcn32s', False)
    """
    return {name: getattr(start.config, name) for name in (*_NETWORK, *PREPROCESSING)}


def begin(
    config: Config,
    model: FCN,
    train_set: Dataset,
    start: Checkpoint | None,
    *,
    workers: int = 1,
    stream: TextIO | None = None,
) -> tuple[Config, list[str]]:
    """Put the weights of a checkpoint into the network of a new run, and find out the class weights.

    Parameters
    ----------
    config : Config
        With the classes of the data set.
    model : FCN
        As `build_model` makes it.
    train_set : Dataset
    start : Checkpoint or None
        That of `config.init`; its arrays are let go.
    workers : int
        Threads that read the labels, where classes are weighed.
    stream : text stream or None
        Where progress is shown.

    Returns
    -------
    Config
        With the class weights.
    list of str
        What there is to say of it: a text for each of init, freeze and class weights, if there is one.

    Raises
    ------
    UserError
        If nothing of the checkpoint fits, or the class weights cannot be had.
    """
    said = []
    learned: set[str] = set()
    if start is not None:
        table = _transplanted(config, model, start)
        said.append(_described(config, start, table))
        learned = {name for outcome in TAKEN for name in table.names(outcome)}
        start.model.clear()  # it would keep its memory as long as the run
        start.optimizer.clear()
        start.gradients.clear()
    if config.freeze:
        frozen = set(freeze(model, config.freeze))
        count = sum(p.data.size for name, p in model.named_parameters() if name in frozen)
        layers = dict.fromkeys(name.rpartition(".")[0] for name in frozen)
        said.append(
            f"frozen by {', '.join(config.freeze)}: {counted(len(layers), 'layer')}, {count:,} of "
            f"{sum(count_parameters(model)):,} parameters{_unlearned(model, frozen - learned, start)}"
        )
    config, weights = weigh_classes(config, train_set, workers=workers, stream=stream)
    if weights:
        said.append(f"class weights ({config.class_weights}):\n{_indented(weights)}")
    return config, said


def _transplanted(config: Config, model: FCN, start: Checkpoint) -> Transplant:
    there, path = start.config, Path(config.init or "the checkpoint")
    state = start.model
    if isinstance(model, LateFusion) and there.inputs != "color-hha":
        state = of_streams(state, state)
    try:
        table = transplant(model, state, classes=config.class_names, state_classes=there.class_names)
        return table.after(start.weights.moves) if isinstance(start, Published) else table
    except UserError as error:
        differ = [name for name in _SHAPES[1:] if getattr(config, name) != getattr(there, name)]
        fix = " ".join(f"{option(name)} {written(getattr(there, name))}" for name in differ)
        raise UserError(
            f"--init {path}: {error}" + (f"; it was trained with {fix}, so choose that or other weights" if fix else "")
        ) from error


def _described(config: Config, start: Checkpoint, table: Transplant) -> str:
    there, path = start.config, Path(config.init or "the checkpoint")
    network = f"{there.model} on {there.backbone}, {there.variant}, width {written(there.width)}"
    what = f" ({network}, {there.num_classes} classes):"
    if isinstance(start, Published):
        what = f": {recognition(start.weights)}"
    text = f"starting from {checkpoint.file_of(path)}{what}\n{_indented(str(table))}"
    here, before = config.preprocessing, there.preprocessing
    if here != before and _of_colours(config) == _of_colours(there):
        behind = f"; the mean of what stands behind them is {written(config.mean[3:])}" if config.channels > 3 else ""
        text += f"\n  colours are preprocessed as there{behind}"
    elif here != before:
        text += f"\n  images are preprocessed otherwise than there: {before} there, {here} here"
    elif before != "imagenet":
        text += f"\n  images are preprocessed as there: {before}"
    return text


def _of_colours(config: Config) -> tuple[Any, ...]:
    return config.mean[:3], config.std[:3], config.channel_order


def _unlearned(model: FCN, names: Set[str], start: Checkpoint | None) -> str:
    """Say that frozen layers keep values that nobody learned; but bilinear upsampling is meant to be what it is."""
    fixed = {f"{name}.weight" for name, module in model.named_modules() if isinstance(module, ConvTranspose2d)}
    layers = [*dict.fromkeys(name.rpartition(".")[0] for name, _ in model.named_parameters() if name in names - fixed)]
    if not layers:
        return ""
    named = f"{layers[0]} ... {layers[-1]}" if len(layers) > 3 else ", ".join(layers)
    whence = "--init has no others for them" if start else "without --init they have no others"
    return f"\n  at first values, which nobody learned: {named} ({whence})"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
