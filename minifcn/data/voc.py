"""Pascal VOC segmentation."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from minifcn.data.dataset import FolderDataset, check_folder, check_pairs, unknown_split
from minifcn.errors import UserError

CLASS_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip


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
        "train", "val", "trainval", or any other list in `ImageSets/Segmentation/`.

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

    def __init__(self, root: str | os.PathLike[str], year: int | str, split: str):
        root = Path(root)
        check_folder(root)
        folder = root / f"VOC{year}"
        lists = folder / "ImageSets" / "Segmentation"
        if not lists.is_dir():
            years = sorted(path.name for path in root.glob("VOC*") if path.is_dir())
            raise UserError(
                f"{root}: expected VOC{year}/ImageSets/Segmentation/ in this folder (VOCdevkit), found "
                f"{', '.join(years) or 'no VOC folder'}; give the path of VOCdevkit and a year it has"
            )
        splits = sorted(path.stem for path in lists.glob("*.txt"))
        if split not in splits:
            raise unknown_split(split, splits, lists)
        names = (lists / f"{split}.txt").read_text(encoding="utf-8", errors="replace").split()
        pairs = [
            (folder / "JPEGImages" / f"{name}.jpg", folder / "SegmentationClass" / f"{name}.png") for name in names
        ]
        check_pairs(pairs, split, folder)
        super().__init__(pairs)
