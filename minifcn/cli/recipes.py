"""minifcn recipes"""

from __future__ import annotations

import argparse
from itertools import groupby
from typing import Any

from minifcn.text import in_columns
from minifcn.training.config import Config, option, written
from minifcn.training.rates import translated
from minifcn.training.recipes import RECIPES, find_recipe


def run(args: argparse.Namespace) -> None:
    """Print one recipe, or the table of all."""
    print(described(args.name, args.size) if args.name else table())


def table() -> str:
    """Show a line for each recipe, and below them where they are from."""
    rows = [("recipe", "network", "classes", "lr", "momentum", "images a step", "loss", "length")]
    for name, recipe in RECIPES.items():
        config = Config(**recipe.settings)
        network = config.model + (f" on {config.backbone}" if config.backbone != Config.backbone else "")
        network += f" of {config.inputs}" if config.inputs != Config.inputs else ""
        momentum = "adam" if config.optimizer == "adam" else f"{config.momentum:g}"
        images = str(config.batch_size * config.accumulate)
        length = f"{config.iterations:,} steps" if config.iterations else f"{config.epochs} epochs"
        row = (network, recipe.classes, f"{config.lr:g}", momentum, images, config.reduction, length)
        rows.append((name, *row))
    return "\n".join([in_columns(rows), "", *sources()])


def sources() -> list[str]:
    """Say of recipes with one source which they are, and the source.

    >>> [line.partition(": ")[0] for line in sources()]
    ['voc-fcn32s ... pascalcontext-fcn8s', 'camvid-course, voc-course']
    """
    together = groupby(RECIPES, lambda name: RECIPES[name].source)
    named = ((source, list(names)) for source, names in together)
    return [
        f"{' ... '.join((names[0], names[-1])) if len(names) > 2 else ', '.join(names)}: {source}"
        for source, names in named
    ]


def described(name: str, size: tuple[int, int] | None = None) -> str:
    """Show a recipe: where it is from, how to train it, its settings, and its rate for images of a size, its
    own unless given."""
    recipe = find_recipe(name)
    config, usual = Config(**recipe.settings), Config()
    facts = {
        "source": recipe.source,
        "data": f"{recipe.data}; {recipe.classes} classes",
        "begins with": recipe.after or recipe.begins_with or "random weights",
    }
    command = f"minifcn train --recipe {name} --data {recipe.opens} --out DIR"
    if recipe.after:
        facts |= {"train": f"{command} --init RUN", "all stages": f"{command} --init FILE --staged"}
    else:
        init = "COLOR,HHA" if config.inputs == "color-hha" else "FILE"
        facts["train"] = command + (f" --init {init}" if recipe.begins_with else "")
    rows: list[tuple[str, ...]] = [("setting", "recipe", "otherwise")]
    names = [name for name in vars(usual) if name in recipe.settings and name not in ("mean", "std", "channel_order")]
    rows += [(option(key), *(shown(getattr(settings, key)) for settings in (config, usual))) for key in names]
    rows.append(("--preprocessing", config.preprocessing, usual.preprocessing))
    lines = [
        f"{name}: {recipe.about}",
        *(f"  {what:<11}  {text}" for what, text in facts.items()),
        "",
        in_columns(rows),
    ]
    return "\n".join(lines if config.optimizer == "adam" else [*lines, "", translated(config, size or recipe.size)])


def shown(value: Any) -> str:
    """Write the value of a setting, or whether a flag is set."""
    return ("no", "yes")[value] if isinstance(value, bool) else written(value)
