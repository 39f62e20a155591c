"""Pascal VOC segmentation."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from minifcn.data.folders import (
    FolderDataset,
    Report,
    check_folder,
    check_pairs,
    listing,
    refuse,
    spelled,
    unknown_split,
)
from minifcn.data.lists import read_voc_list
from minifcn.errors import UserError

CLASS_NAMES = (
    "background",
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)


def voc_palette(num_classes: int = 21) -> np.ndarray:
    """The colours of Pascal VOC: the bits of the class index, dealt in turn to red, green and blue.

    Parameters
    ----------
    num_classes : int
        At most 256.

    Returns
    -------
    uint8 array (num_classes, 3)
        Bits 0, 3, 6 of the index become bits 7, 6, 5 of red; bits 1, 4, 7 those of green; bits 2, 5 those of blue.

    Examples
    --------
    >>> voc_palette(4).tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    """
    index = np.arange(num_classes)
    palette = np.zeros((num_classes, 3), np.uint8)
    for bit in range(8):
        palette[:, bit % 3] |= ((index >> bit & 1) << (7 - bit // 3)).astype(np.uint8)
    return palette


class VOCSegmentation(FolderDataset):
    """Pascal VOC segmentation: 20 classes of objects and background; 255, the void border, is ignored.

    Parameters
    ----------
    root : str or path
        The folder VOCdevkit, which holds `VOC2012/` with `JPEGImages/`, `SegmentationClass/` and
        `ImageSets/Segmentation/`.
    year : int or str
        2007 .. 2012.
    split : str
        "train", "val", "trainval", or any other list in `ImageSets/Segmentation/`: one name a line, with or without
        its ending; or pairs `/JPEGImages/NAME.jpg /SegmentationClassAug/NAME.png`, as in train_aug.
    report : callable
        What is told wrong lines of the list and missing files; `folders.refuse` raises a UserError.

    Raises
    ------
    UserError
        If folders, lists or files are missing; on access, if a file is damaged or a label is out of range.

    Examples
    --------
    >>> VOCSegmentation("no/folder", 2012, "train")
    Traceback (most recent call last):
    minifcn.errors.UserError: no/folder: the folder of the data set does not exist; give its path
    """

    class_names = CLASS_NAMES
    palette = voc_palette(len(CLASS_NAMES))

    def __init__(self, root: str | os.PathLike[str], year: int | str, split: str, *, report: Report = refuse):
        root = Path(root)
        check_folder(root)
        folder = root / f"VOC{year}"
        lists = folder / "ImageSets" / "Segmentation"
        if not os.path.isdir(lists):
            years = [path.name for path in listing(root) if path.name.startswith("VOC") and os.path.isdir(path)]
            raise UserError(
                f"{root}: expected VOC{year}/ImageSets/Segmentation/ in this folder (VOCdevkit), found "
                f"{', '.join(years) or 'no VOC folder'}; give the path of VOCdevkit and a year it has"
            )
        splits = [path.stem for path in listing(lists) if path.suffix == ".txt" and os.path.isfile(path)]
        splits = [name for name in splits if not name.startswith(".")]  # such as ._train of a Mac
        if split not in splits:
            raise unknown_split(split, splits, lists)
        pairs, places = [], []
        for line, name, stem, labels in read_voc_list(lists / f"{split}.txt", report):
            images = folder / "JPEGImages"
            if not os.path.isfile(spelled(images / f"{name}.jpg")):
                name = stem
            pairs.append((spelled(images / f"{name}.jpg"), spelled(folder / labels / f"{name}.png")))
            places.append(f"{lists / split}.txt: line {line}")
        super().__init__(check_pairs(pairs, split, folder, places, report))
