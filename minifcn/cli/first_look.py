"""A look at the data before they are trained on: what `minifcn check-data` finds, as far as some seconds show it."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping

from minifcn.cli.output import say
from minifcn.data import Dataset
from minifcn.data.catalogue import usual_splits
from minifcn.data.folders import Report, refuse
from minifcn.data.inspection import look_at
from minifcn.data.transforms import with_longer_side
from minifcn.errors import UserError
from minifcn.text import counted, in_short
from minifcn.training import Config
from minifcn.training.checkpoint import file_of
from minifcn.training.images_list import trained_on
from minifcn.training.start import files_of

_LARGE = 500_000  # pixels of an image: CamVid at 360x480 has a third of that
_SIDE = 512  # what is advised instead


def look_first(config: Config, splits: Mapping[str, Dataset]) -> frozenset[int]:
    """Refuse what training would stop at, and say what stands out.

    Parameters
    ----------
    config : Config
    splits : mapping from names to data sets
        The first one is the one to train on.

    Returns
    -------
    frozenset of int
        The classes that are known to be in no training label.
    """
    try:
        warnings, absent = look_at(splits)
    except UserError as error:
        raise UserError(f"{error}; {_command(config)} lists all") from None
    for number, warning in enumerate(warnings, 1):
        say(f"{warning} ({_command(config)} looks at all)" if number == len(warnings) else warning)
    return absent


def say_if_large(config: Config, dataset: Dataset) -> None:
    """Say that photographs are trained on as large as they are, if nothing makes them smaller: it takes minutes a step.

    Parameters
    ----------
    config : Config
    dataset : Dataset
        The one to train on, some of whose images are opened.
    """
    if config.size or config.longer_side or config.crop:
        return
    some = {0, len(dataset) // 2, len(dataset) - 1}
    height, width = max((dataset[index].image.shape[:2] for index in some), key=math.prod)
    if height * width > _LARGE:
        less = height * width / math.prod(with_longer_side((height, width), _SIDE))
        say(
            f"images of {width} x {height} are trained on at full size; --longer-side {_SIDE} would be about "
            f"{less:.0f} times less work"
        )


def refusing(config: Config) -> Report:
    """Give what refuses the first fault of a data set that is opened, and names the command that lists all."""
    return lambda fault: refuse(f"{fault}; {_command(config)} lists all")


def _command(config: Config) -> str:
    names = [config.train_split, config.val_split]
    split = [] if names == [*usual_splits(config.data)][:2] else ["--split", *names]
    inputs = [] if config.inputs == "color" else ["--inputs", config.inputs]
    return shlex.join(["minifcn", "check-data", config.data, *split, *inputs])


def known_already(config: Config, valid: Dataset) -> list[str]:
    """Tell that images to measure on are among those that the weights of --init have learned from."""
    for init in files_of(config.init) if config.init else ():
        folder = file_of(init).parent
        if known := trained_on(folder / "images.csv", valid):
            return [
                f"{len(known)} of the {counted(len(valid), 'validation image')} {'is' if len(known) == 1 else 'are'} "
                f"among those that the run in {folder} has learned from ({in_short(known)}), so what is measured on "
                f"them is too good; to measure on the same images as that run, name them in val.txt, and the others "
                f"in train.txt, in the folder of the data ({folder / 'images.csv'} lists them)"
            ]
    return []
