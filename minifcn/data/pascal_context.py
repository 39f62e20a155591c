"""PASCAL-Context: the images of PASCAL VOC 2010 with a class for every pixel."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from minifcn.data.folders import FolderDataset, Report, check_folder, check_pairs, listing, refuse, unknown_split
from minifcn.data.lists import read_lines, read_names
from minifcn.data.matlab_labels import read_matlab_label
from minifcn.data.voc import voc_palette
from minifcn.errors import UserError

_TASK = 59  # classes, without background
_ALL, _OF_TASK = "labels.txt", "59_labels.txt"
# Two of the lists call some classes differently: in 59_labels.txt, and in labels.txt.
_OTHER_NAMES = {"diningtable": "table", "bedcloth": "bedclothes", "clothes": "cloth"}


class PASCALContext(FolderDataset):
    """PASCAL-Context with 59 classes and background, which is whatever else its more than 400 classes name.

    Parameters
    ----------
    root : str or path
        The folder that holds `VOC2010/` with `JPEGImages/` and `ImageSets/Main/`; and, there or in a folder
        `pascal-context/`, the annotations: `labels.txt`, `59_labels.txt` and `trainval/NAME.mat`.
    split : str
        "train", "val" or "trainval", by the lists in `ImageSets/Main/`.
    report : callable
        What is told that files are missing; `folders.refuse` raises a UserError.

    Raises
    ------
    UserError
        If folders, lists or files are missing; on access, if a file is damaged.

    Notes
    -----
    ``pascalcontext_layers.py`` of shelhamer/fcn.berkeleyvision.org.

    Examples
    --------
    >>> PASCALContext("no/folder", "train")
    Traceback (most recent call last):
    minifcn.errors.UserError: no/folder: the folder of the data set does not exist; give its path
    """

    palette = voc_palette(_TASK + 1)

    def __init__(self, root: str | os.PathLike[str], split: str, *, report: Report = refuse):
        root = Path(root)
        check_folder(root)
        voc, context = root / "VOC2010", _annotations(root)
        lists = voc / "ImageSets" / "Main"
        if not os.path.isdir(lists):
            raise UserError(f"{root}: expected VOC2010/ImageSets/Main/ in this folder; PASCAL-Context labels VOC 2010")
        # Those with a _ are of one class of objects each.
        splits = {p.stem: p for p in listing(lists) if p.suffix == ".txt" and "_" not in p.name}
        if split not in splits:
            raise unknown_split(split, splits, lists)
        self.class_names, self.index_of = _classes(context)
        names = [*read_names(splits[split], report)]
        pairs = [(voc / "JPEGImages" / f"{name}.jpg", context / "trainval" / f"{name}.mat") for name, _ in names]
        super().__init__(check_pairs(pairs, split, root, [place for _, place in names], report))

    def _read_label(self, path: Path) -> np.ndarray:
        label = read_matlab_label(path, "LabelMap")
        wrong = (label < 0) | (label >= len(self.index_of))
        if wrong.any():
            row, column = np.argwhere(wrong)[0].tolist()
            raise UserError(
                f"{path}: value {label[row, column]} at row {row}, column {column} is out of range; {_ALL} has the "
                f"classes 1..{len(self.index_of) - 1}"
            )
        return self.index_of[label]


def _annotations(root: Path) -> Path:
    for folder in (root, root / "pascal-context"):
        if os.path.isfile(folder / _ALL) and os.path.isfile(folder / _OF_TASK):
            return folder
    raise UserError(f"{root}: expected {_ALL} and {_OF_TASK} of PASCAL-Context in this folder, or in pascal-context/")


def _classes(folder: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Read the names of the task's classes, and which index each class of all has among them: 0 is background."""
    every, task = _numbered(folder / _ALL), _numbered(folder / _OF_TASK)
    if [*task.values()] != [*range(1, _TASK + 1)]:
        raise UserError(f"{folder / _OF_TASK}: it must number {_TASK} classes from 1 to {_TASK}; download it again")
    index_of = np.zeros(max(every.values()) + 1, np.uint8)
    for name, index in task.items():
        there = name if name in every else _OTHER_NAMES.get(name, name)
        if there not in every:
            raise UserError(f"{folder / _ALL}: it has no class {name}, which {folder / _OF_TASK} has; download both")
        index_of[every[there]] = index
    return ("background", *task), index_of


def _numbered(path: Path) -> dict[str, int]:
    """Read lines such as "12: table" into the number of each name, without its spaces; its first, if it has several."""
    numbers: dict[str, int] = {}
    for line, text in read_lines(path):
        number, _, name = text.partition(":")
        if not number.strip().isdecimal() or not 0 < int(number) <= 65535 or not name.strip():
            raise UserError(f"{path}: line {line} must be a number and a name, such as 12: table, but is {text!r}")
        numbers.setdefault(name.replace(" ", ""), int(number))
    if not numbers:
        raise UserError(f"{path}: it has no classes; download it again")
    return numbers
