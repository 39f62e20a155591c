"""From the arguments of `minifcn train` to the settings of a run, which may begin, begin with weights, or go on."""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from minifcn.cli.output import say
from minifcn.data import Dataset
from minifcn.data.normalize import HHA_MEAN, IMAGENET_MEAN, IMAGENET_STD
from minifcn.data.nyud import INPUTS
from minifcn.errors import UserError
from minifcn.text import counted
from minifcn.training import Checkpoint
from minifcn.training.build import network_size
from minifcn.training.config import Config, option, preprocessing_settings, written
from minifcn.training.rates import translated
from minifcn.training.recipes import RECIPES, Recipe, find_recipe
from minifcn.training.start import PREPROCESSING, files_of, open_start, taken_over

_SGD = {"lr": 0.01, "weight_decay": 0.0005}  # its own defaults


def given_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Give the settings that the user has typed, with the preprocessing by its name."""
    names = {field.name for field in dataclasses.fields(Config)} | {"preprocessing"}
    return {name: _setting(value) for name, value in vars(args).items() if name in names}


def _setting(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else str(value) if isinstance(value, Path) else value


def open_init(given: dict[str, Any], emptied: Iterable[Path]) -> Checkpoint | None:
    """Read the checkpoint of --init, if it is given; it must not be in one of the folders that --overwrite empties."""
    if "init" not in given:
        return None
    for init in (Path(name).resolve() for name in files_of(given["init"])):
        if {init, init.parent} & {folder.resolve() for folder in emptied}:
            raise UserError(f"--init {given['init']} is in --out, which --overwrite empties; choose another --out")
    return open_start(given["init"])


def new_config(given: dict[str, Any], start: Checkpoint | None = None) -> Config:
    """Make the settings of a new run.

    What is given counts most. Then comes the preprocessing of the weights it starts with, whatever a recipe says, since
    that is what they were trained to see; then the recipe, the network of those weights, and what is usual.
    """
    given = dict(given)
    if "preprocessing" in given:
        given |= preprocessing_settings(given.pop("preprocessing"))
    if "iterations" in given and "epochs" in given:
        raise UserError(f"--iterations is {given['iterations']} and --epochs {given['epochs']}; give one of the two")
    recipe = _trainable(given) if "recipe" in given else None
    of_recipe = _for_the_data(recipe, str(given["data"])) if recipe else {}
    of_weights = taken_over(start) if start else {}
    usual = _SGD if str(given.get("optimizer")).endswith("sgd") else {}
    settings = usual | of_weights | of_recipe
    settings |= {name: value for name, value in of_weights.items() if name in PREPROCESSING} | given
    settings |= _behind_colours(settings, given, start)
    if "epochs" in given:
        settings["iterations"] = None
    if "longer_side" in given and "size" not in given:  # of a recipe
        settings["size"] = None
    _expect_together(settings, given)
    return Config(**settings)


def _trainable(given: dict[str, Any]) -> Recipe:
    """Give the recipe, if there are data: its own are nowhere unless the user says where."""
    name = given["recipe"]
    recipe = find_recipe(name)
    if "data" not in given:
        raise UserError(f"--recipe {name} is of {recipe.data}; --data {recipe.opens}, or name other images with --data")
    return recipe


def _for_the_data(recipe: Recipe, data: str) -> dict[str, Any]:
    """Give the settings of a recipe, without its splits where the data are others, which have splits of their own."""
    own = data.partition(":")[0] == recipe.opens.partition(":")[0]
    return {name: value for name, value in recipe.settings.items() if own or not name.endswith("_split")}


def _behind_colours(settings: dict[str, Any], given: dict[str, Any], start: Checkpoint | None) -> dict[str, Any]:
    """Give mean and deviation of what stands behind the colours, or in their place, where weights know only colours.

    >>> _behind_colours({"inputs": "color-d"}, {}, None)["mean"]
    (122.67892, 116.66877, 104.00699, 7.844)
    """
    inputs = settings.get("inputs", "color")
    if inputs not in INPUTS or (start and start.config.inputs == inputs and "mean" not in given):
        return {}
    mean, std = settings.get("mean", IMAGENET_MEAN)[:3], settings.get("std", IMAGENET_STD)[:3]
    if inputs == "hha":
        return {} if "mean" in given else {"mean": HHA_MEAN, "std": std, "channel_order": "rgb"}
    behind = INPUTS[inputs].behind
    return {"mean": mean + behind, "std": std + (1.0,) * len(behind)}


def _expect_together(settings: dict[str, Any], given: dict[str, Any]) -> None:
    """Refuse what the user asks for beside a recipe, or beside another option, that it cannot be trained with."""
    whence = f"--recipe {given['recipe']}" if "recipe" in given and "at_once" not in given else "--at-once"
    if settings.get("at_once") and settings.get("model", Config.model) == "fcn32s" and {"at_once", "model"} & {*given}:
        fix = "leave --model out" if whence != "--at-once" else "choose --model fcn8s"
        raise UserError(f"{whence} scales pool4 and pool3, which fcn32s does not look at; {fix}")
    if "recipe" in given and given.get("variant") == "lecture" and settings.get("upsampling") == "fixed":
        raise UserError(
            f"--recipe {given['recipe']} trains the paper's networks, and --variant lecture is another; leave one of "
            "the two out (camvid-course and voc-course train the lecture's)"
        )


def resumed_config(config: Config, given: dict[str, Any], folder: Path) -> Config:
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
    if "epochs" in changed:
        changed["iterations"] = None
    return dataclasses.replace(config, **changed)


def with_classes(config: Config, dataset: Dataset) -> Config:
    """Add the classes of the data set; on --resume they must be the ones the run began with."""
    found = dataclasses.replace(
        config,
        class_names=tuple(dataset.class_names),
        palette=tuple(map(tuple, dataset.palette.tolist())),
        ignore_index=int(dataset.ignore_index),
        geometric_names=tuple(dataset.geometric_names),
        val_names=tuple(dataset.drawn),
    )
    for name in ("class_names", "palette", "ignore_index", "geometric_names"):
        if config.class_names and getattr(found, name) != getattr(config, name):
            raise UserError(
                f"{config.data}: its {name} is {getattr(found, name)}, but the run has {getattr(config, name)}; "
                "the data set has changed"
            )
    return found


def with_epochs(config: Config, images: int) -> Config:
    """Turn the iterations of a recipe into the epochs of so many images that have as many.

    >>> with_epochs(Config(iterations=100_000, batch_size=1), 8498).epochs
    12
    """
    if config.iterations is None:
        return config
    batches = math.ceil(images / config.batch_size)
    return dataclasses.replace(config, epochs=math.ceil(config.iterations * config.accumulate / batches))


def rates_of(config: Config, dataset: Dataset) -> list[str]:
    """Translate the learning rate of a loss that is not a mean, for images as large as the first one is trained on."""
    if config.reduction == "mean" or config.optimizer == "adam":
        return []
    height, width = dataset[0].label.shape
    return [translated(config, config.crop or network_size(config, (height, width)))]


def say_recipe(config: Config, dataset: Dataset) -> None:
    """Say where a new run differs from the recipe it is called after."""
    if config.iterations is not None:
        step = counted(config.batch_size * config.accumulate, "image")
        images = counted(len(dataset), "image")
        say(f"at least {counted(config.iterations, 'step')} of {step}: {counted(config.epochs, 'epoch')} of {images}")
    if config.geometric_names:
        say(
            f"a second head learns {', '.join(config.geometric_names)}: its loss is added to that of the "
            f"{config.num_classes} semantic classes, which are what is shown; minifcn evaluate measures both"
        )
    if config.recipe not in RECIPES:
        return
    recipe = RECIPES[config.recipe]
    there, differ = Config(**recipe.settings), []
    for name in [*(recipe.settings.keys() - {"mean", "std", "channel_order"}), "preprocessing"]:
        here, usual = getattr(config, name), getattr(there, name)
        if name == "iterations" and here is None:
            differ.append(f"--epochs {config.epochs} for {usual:,} steps")
        elif here != usual:
            differ.append(f"{option(name)} {written(here)} for {written(usual)}")
    if differ:
        say(f"other than the recipe {config.recipe}: {', '.join(sorted(differ))}")
    if config.num_classes != recipe.num_classes:
        say(f"{config.recipe} has {recipe.num_classes} classes, and {config.data} has {config.num_classes}")
    if config.init is None and (recipe.begins_with or recipe.after):
        whence = recipe.begins_with or f"the network of {recipe.after}"
        say(f"{config.recipe} begins with {whence}; without --init this run begins with random weights")
