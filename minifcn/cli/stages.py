"""`minifcn train --staged`: FCN-32s first, then FCN-16s from it, then FCN-8s, as the paper trains them (section 4.2).

Each stage is a run in a folder of its own. What all of them are to be stands in stages.json before the first begins.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from minifcn.cli.settings import new_config, open_init
from minifcn.errors import UserError
from minifcn.files import atomic_write
from minifcn.training import Checkpoint, recipes
from minifcn.training.config import Config
from minifcn.training.start import taken_over

NETWORKS = ("fcn32s", "fcn16s", "fcn8s")
FILE = "stages.json"
_LIMIT = 1 << 20  # bytes of it
_FALL = 100  # of the learning rate, for each skip that is added


def are_in(folder: Path) -> bool:
    """Say if a staged training has begun in a folder."""
    return (folder / FILE).is_file()


def new_stages(given: dict[str, Any], out: Path, overwrite: bool = False) -> list[Config]:
    """Make the settings of every stage: its own recipe's, or those that are given with a learning rate that falls.

    Parameters
    ----------
    given : dict
        What the user has typed, for the last of them.
    out : Path
        The folder above those of the stages.
    overwrite : bool
        Whether this folder and those of the stages will be emptied.

    Returns
    -------
    list of Config
        Each begins with the best network of the one before.
    """
    if given.get("at_once"):
        raise UserError(
            "--at-once trains all streams together, and --staged one after the other; choose one of the two"
        )
    start = open_init(given, [out, *(out / name for name in NETWORKS)] if overwrite else [])
    if "recipe" in given:
        if "model" in given:
            raise UserError("--staged takes the networks of the --recipe; leave --model out")
        changes: list[dict[str, Any]] = [{"recipe": name} for name in recipes.stages(given["recipe"])]
    else:
        model = new_config(given, start).model
        if model not in NETWORKS:
            raise UserError(f"--staged leads to fcn16s or fcn8s, and not to {model}")
        changes = [{"model": name} for name in NETWORKS[: NETWORKS.index(model) + 1]]
    if len(changes) == 1:
        raise UserError("--staged leads from fcn32s to fcn16s and fcn8s; this training has one stage, so leave it out")
    first = new_config(given | changes[0], start)
    configs = [first]
    for skips, change in enumerate(changes[1:], 1):
        alike = taken_over(Checkpoint(first, {}))
        del alike["model"]
        if "lr" in given or "recipe" not in given:
            change["lr"] = first.lr / _FALL**skips
        configs.append(new_config(given | alike | change | {"init": str(out / configs[-1].model)}))
    return configs


def of_all(given: dict[str, Any], configs: list[Config]) -> dict[str, Any]:
    """Leave out of what is given on --resume the settings of one stage, where they are those that it began with.

    So the command that began the stages continues them too.
    """
    first, last = configs[0], configs[-1]
    of_one = {"recipe": last.recipe, "model": last.model, "lr": first.lr, "init": first.init}
    return {name: value for name, value in given.items() if name not in of_one or value != of_one[name]}


def write(folder: Path, configs: list[Config]) -> None:
    """Write the settings of all stages to the folder above theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / FILE) as file:
        file.write(json.dumps({"stages": [config.to_dict() for config in configs]}, indent=2).encode() + b"\n")


def read(folder: Path) -> list[Config]:
    """Read what `write` wrote; UserError, naming the file, if it is something else."""
    path = folder / FILE
    if not path.is_file():
        raise UserError(f"{folder} has no {FILE}, so no staged training to --resume; leave --staged out, or begin one")
    if path.stat().st_size > _LIMIT:
        raise UserError(f"{path}: is larger than a list of settings can be")
    try:
        configs = [Config.from_dict(settings) for settings in json.loads(path.read_bytes())["stages"]]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: does not hold the settings of stages ({error})") from error
    if [config.model for config in configs] != [*NETWORKS[: len(configs)]]:
        raise UserError(f"{path}: does not hold the settings of stages, which lead from fcn32s to fcn16s and fcn8s")
    return configs
