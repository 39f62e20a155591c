"""A look at the data before they are trained on: what `minifcn check-data` finds, as far as some seconds show it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from minifcn.cli.output import say
from minifcn.data import Dataset
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
    names = [config.train_split, config.val_split]
    every = shlex.join(["minifcn", "check-data", config.data, *(["--split", *names] if names != [*splits] else [])])
    try:
        warnings = look(splits)
    except UserError as error:
        raise UserError(f"{error}; {every} lists all") from None
    for warning in warnings:
        say(f"{warning} ({every} looks at all)")
