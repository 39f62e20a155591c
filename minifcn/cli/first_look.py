"""A look at the data before they are trained on: what `minifcn check-data` finds, as far as some seconds show it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from minifcn.cli.output import say
from minifcn.data import Dataset
from minifcn.data.folders import Report, refuse
from minifcn.data.inspection import look
from minifcn.errors import UserError
from minifcn.training import Config


def look_first(config: Config, splits: Mapping[str, Dataset]) -> None:
    """Refuse what training would stop at, and say what stands out.

    Parameters
    ----------
    config : Config
    splits : mapping from names to data sets
        The first one is the one to train on.
    """
    try:
        warnings = look(splits)
    except UserError as error:
        raise UserError(f"{error}; {_command(config)} lists all") from None
    for number, warning in enumerate(warnings, 1):
        say(f"{warning} ({_command(config)} looks at all)" if number == len(warnings) else warning)


def refusing(config: Config) -> Report:
    """Give what refuses the first fault of a data set that is opened, and names the command that lists all."""
    return lambda fault: refuse(f"{fault}; {_command(config)} lists all")


def _command(config: Config) -> str:
    names = [config.train_split, config.val_split]
    split = [] if names == ["train", "val"] else ["--split", *names]
    return shlex.join(["minifcn", "check-data", config.data, *split])
