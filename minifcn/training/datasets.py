"""The data of a run: the same images in each split and the same classes, whenever it is opened."""

from __future__ import annotations

import numpy as np

from minifcn.data import Dataset, open_split
from minifcn.data.classes import RUN, Classes
from minifcn.data.folder import Drawing
from minifcn.data.folders import Report, refuse
from minifcn.errors import UserError
from minifcn.training.config import Config


def open_data(config: Config, split: str, images: int | None = None, *, report: Report = refuse) -> Dataset:
    """Open one split of the data of a run.

    Validation images that were drawn stay the ones that were drawn, and classes that the masks told stay the same.

    Parameters
    ----------
    config : Config
    split : str
    images : int or None
        Only the first so many.
    report : callable
        What is told each fault of the files, as in `data.open_dataset`.

    Returns
    -------
    Dataset

    Raises
    ------
    UserError
        As `data.open_dataset`; or if validation images are asked for of data that are not folder:PATH.

    Examples
    --------
    >>> len(open_data(Config(data="shapes"), "val", 3))
    3
    >>> open_data(Config(data="shapes", val_share=0.1), "val")
    Traceback (most recent call last):
    minifcn.errors.UserError: --val-share draws images of folder:PATH, but --data is shapes; leave it out
    """
    kind = config.data.partition(":")[0]
    folder = kind == "folder"
    if config.channels > 3 and kind != "nyud":
        raise UserError(f"--inputs {config.inputs} is of nyud:PATH, but --data is {config.data}; leave it out")
    if config.val_share is not None and (not folder or config.val_split != "val"):
        what = f"draws the split val, but --val-split is {config.val_split}"
        if not folder:
            what = f"draws images of folder:PATH, but --data is {config.data}"
        raise UserError(f"--val-share {what}; leave it out")
    if not folder:
        options = {"inputs": config.inputs} if kind == "nyud" else {}
        return open_split(config.data, split, images, report=report, **options)
    drawing = Drawing(config.val_share if config.val_split == "val" else 0.0, config.seed, config.val_names)
    classes = None
    if config.class_names:
        classes = Classes(config.class_names, np.array(config.palette, np.uint8), config.ignore_index, RUN)
    return open_split(config.data, split, images, report=report, drawing=drawing, classes=classes)
