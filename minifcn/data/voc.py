"""Pascal VOC segmentation, and data sets of other classes in its folders."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from minifcn import named_otherwise
from minifcn.data.classes import find_classes
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
from minifcn.data.images import ENDINGS
from minifcn.data.lists import read_voc_list
from minifcn.errors import UserError

CLASS_NAMES = (
    "background",
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
_LISTS = "ImageSets/Segmentation"


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

    Other classes stand in `classes.csv` (name,r,g,b), `classes.txt` or `class_names.txt`, in the folder of the year or
    in VOCdevkit.

    Parameters
    ----------
    root : str or path
        The folder VOCdevkit, which holds `VOC2012/` with `JPEGImages/`, `SegmentationClass/` and
        `ImageSets/Segmentation/`; or that of a year itself.
    year : int, str or None
        2007 .. 2012, or whatever follows VOC in the name of the folder; None: 2012, or the only one that is there.
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

    class_names: tuple[str, ...] = CLASS_NAMES
    palette = voc_palette(len(CLASS_NAMES))

    @named_otherwise.arguments
    def __init__(self, root: str | os.PathLike[str], year: int | str | None, split: str, *, report: Report = refuse):
        root = Path(root)
        check_folder(root)
        folder = _folder_of_year(root, year)
        lists = folder / _LISTS
        splits = [path.stem for path in listing(lists) if path.suffix == ".txt" and os.path.isfile(path)]
        splits = [name for name in splits if not name.startswith(".")]  # such as ._train of a Mac
        if split not in splits:
            raise unknown_split(split, splits, lists)
        images = folder / "JPEGImages"
        by_name = {path.stem: path for path in reversed(image_files(images, ENDINGS))} if images.is_dir() else {}
        pairs, places = [], []
        for line, name, stem, labels in read_voc_list(lists / f"{split}.txt", report):
            if not os.path.isfile(spelled(images / f"{name}.jpg")) and name not in by_name:
                name = stem
            jpeg = spelled(images / f"{name}.jpg")
            pairs.append(
                (jpeg if os.path.isfile(jpeg) else by_name.get(name, jpeg), spelled(folder / labels / f"{name}.png"))
            )
            places.append(f"{lists / split}.txt: line {line}")
        classes = find_classes(folder, report) or find_classes(root, report)
        if classes is not None:
            self.class_names, colours, self.ignore_index, _ = classes
            self.palette = voc_palette(len(classes.names)) if colours is None else colours
        super().__init__(check_pairs(pairs, split, folder, places, report))

    def _read_label(self, path: Path) -> np.ndarray:
        label = super()._read_label(path)
        return np.where(label == 255, np.uint8(self.ignore_index), label)  # 255 is void whatever the classes are


def _folder_of_year(root: Path, year: int | str | None) -> Path:
    """The folder that holds JPEGImages and the lists."""
    if os.path.isdir(root / _LISTS) and (year is None or root.name == f"VOC{year}"):
        return root
    years = [path.name for path in listing(root) if path.name.startswith("VOC") and os.path.isdir(path)]
    complete = [name for name in years if os.path.isdir(root / name / _LISTS)]
    wanted = f"VOC{year}"
    if year is None:
        wanted = complete[0] if len(complete) == 1 else "VOC2012"
        if len(complete) > 1 and wanted not in complete:
            raise UserError(
                f"{root}: it has {', '.join(complete)}; give the path of one of them, such as {root / complete[0]}"
            )
    if wanted not in complete:
        raise UserError(
            f"{root}: expected {wanted}/{_LISTS}/ in this folder (VOCdevkit), found "
            f"{', '.join(years) or 'no VOC folder'}; give the path of VOCdevkit and a year it has; "
            "images and masks of your own are folder:PATH"
        )
    return root / wanted
