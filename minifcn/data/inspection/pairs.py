"""One pair of a data set, with everything that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from minifcn.data.dataset import Dataset, FirstImages, Sample, check_label, check_sample
from minifcn.data.folders import FolderDataset
from minifcn.data.inspection.borders import Borders, find_borders
from minifcn.errors import UserError


@dataclass
class OpenedPair:
    """What came of opening a pair.

    Parameters
    ----------
    name : str
        The path of the label, or the name of a sample that is no file.
    image_name : str
        The path of the image, or that name.
    sample : Sample or None
        None, if the pair has a fault.
    faults : list of str
    borders : Borders or None
        Of the label; None, if that cannot be read.
    """

    name: str
    image_name: str
    sample: Sample | None = None
    faults: list[str] = field(default_factory=list)
    borders: Borders | None = None


def read_pair(dataset: Dataset, index: int) -> OpenedPair:
    """Read a pair; where its image has a fault, its label is looked at all the same."""
    files = files_behind(dataset)
    paths = files.pairs[index] if files else None
    name = str(paths[1]) if paths else f"sample {index}"
    pair = OpenedPair(name, str(paths[0]) if paths else name)
    try:
        sample = dataset[index]
        check_sample(sample, dataset, f"dataset[{index}]")
    except UserError as error:
        pair.faults.append(str(error))
        if files and paths:
            _look_at_label(files, paths[1], pair)
        return pair
    if not paths:
        pair.name = pair.image_name = sample.name
    pair.sample, pair.borders = sample, find_borders(sample.label)
    return pair


def read_label(dataset: Dataset, index: int) -> np.ndarray:
    """Read the label of a pair and, if that saves time, not its image."""
    files = files_behind(dataset)
    if files is None:
        return dataset[index].label
    path = files.pairs[index][1]
    label = files._read_label(path)
    check_label(label, dataset.num_classes, dataset.ignore_index, str(path))
    return label


def files_behind(dataset: Dataset) -> FolderDataset | None:
    """Give the data set behind this one whose samples are files, if there is one."""
    while isinstance(dataset, FirstImages):
        dataset = dataset.dataset
    return dataset if isinstance(dataset, FolderDataset) else None


def _look_at_label(files: FolderDataset, path: Path, pair: OpenedPair) -> None:
    try:
        label = files._read_label(path)
        pair.borders = find_borders(label)
        check_label(label, files.num_classes, files.ignore_index, str(path))
    except UserError as error:
        if str(error) not in pair.faults:
            pair.faults.append(str(error))
    if pair.borders and pair.borders.smoothed and pair.faults[-1].startswith(str(path)):
        example = f" ({pair.borders.example})" if pair.borders.example else ""
        pair.faults[-1] += f"; it looks resized with interpolation or saved as JPEG{example}"
