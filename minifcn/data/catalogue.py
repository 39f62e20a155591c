"""Data sets by name, as the command line gives them: `shapes`, `folder:PATH`, `camvid:PATH`, `voc:PATH` and others."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minifcn.data.camvid import CamVid
from minifcn.data.classes import Classes
from minifcn.data.dataset import Dataset, FirstImages
from minifcn.data.folder import AnnotatedFolder, Drawing, Folder, is_annotated
from minifcn.data.folders import Report, refuse, unknown_split
from minifcn.data.nyud import NYUDv2
from minifcn.data.pascal_context import PASCALContext
from minifcn.data.shapes import Shapes
from minifcn.data.siftflow import SIFTFlow
from minifcn.data.voc import VOCSegmentation
from minifcn.errors import UserError
from minifcn.text import did_you_mean

_SHAPES_LENGTHS = {"train": 1800, "val": 100, "test": 100}


def open_dataset(spec: str, split: str, *, report: Report = refuse, **options: Any) -> Dataset:
    """Open a data set by its name.

    Parameters
    ----------
    spec : str
        "shapes", "folder:PATH", "camvid:PATH", "voc:PATH" (the path of VOCdevkit), "nyud:PATH", "siftflow:PATH" or
        "pascalcontext:PATH"; a shell leaves a ~ in it as it is, so that it is expanded here.
    split : str
        "train", "val" ...
    report : callable
        What is told each fault of the files, in one line; `folders.refuse` raises a UserError. After one that returns,
        such as `list.append`, the data set lacks the pairs that have a fault.
    **options
        Of shapes: length, size, num_classes, seed. Of folder: drawing, classes. Of voc: year. Of nyud: inputs.

    Returns
    -------
    Dataset

    Raises
    ------
    UserError
        If the name, the path, the split or an option is wrong.

    Examples
    --------
    >>> dataset = open_dataset("shapes", "val", length=3)
    >>> len(dataset), dataset[0].image.shape
    (3, (96, 96, 3))
    >>> open_dataset("voc", "val")
    Traceback (most recent call last):
    minifcn.errors.UserError: the data set voc is written voc:PATH, got 'voc'
    """
    name, _, path = spec.partition(":")
    if name not in _OPENERS:
        forms = ", ".join(form for form, _ in _OPENERS.values())
        is_folder = spec and os.path.isdir(os.path.expanduser(spec))
        near = did_you_mean(name, _OPENERS, lambda name: _OPENERS[name][0])
        meant = f"; did you mean folder:{spec}?" if is_folder else near
        raise UserError(f"there is no data set {name!r}; write one of: {forms}{meant}")
    form, opener = _OPENERS[name]
    if bool(path) != (":" in form):
        raise UserError(f"the data set {name} is written {form}, got {spec!r}")
    known = list(inspect.signature(opener).parameters)[3:]
    for option in options:
        if option not in known:
            raise UserError(f"the data set {name} has no option {option!r}; it has: {', '.join(known) or 'none'}")
    return opener(os.path.expanduser(path), split, report, **options)


def open_split(name: str, split: str, images: int | None = None, *, report: Report = refuse, **options: Any) -> Dataset:
    """Open one split of a data set, or only its first images.

    Parameters
    ----------
    name : str
        As in `open_dataset`.
    split : str
    images : int or None
        How many; None: all.
    report, **options
        As in `open_dataset`.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> len(open_split("shapes", "val")), len(open_split("shapes", "val", images=3))
    (100, 3)
    """
    dataset = open_dataset(name, split, report=report, **options)
    return dataset if images is None else FirstImages(dataset, images)


def _open_shapes(
    path: str,
    split: str,
    report: Report,
    length: int | None = None,
    size: int | tuple[int, int] = (96, 96),
    num_classes: int = 6,
    seed: int = 0,
) -> Shapes:
    splits = list(_SHAPES_LENGTHS)
    if split not in splits:
        raise unknown_split(split, splits, "shapes")
    if isinstance(seed, int) and seed < 0:
        raise UserError(f"shapes: seed is at least 0, got {seed}")
    # Seed 0 gives the splits the generators 0, 1, 2; seed 1 gives 3, 4, 5: no picture is ever in two of them.
    generator = len(splits) * seed + splits.index(split)
    return Shapes(_SHAPES_LENGTHS[split] if length is None else length, size, num_classes, generator)


def _open_folder(
    path: str, split: str, report: Report, drawing: Drawing | None = None, classes: Classes | None = None
) -> Dataset:
    kind = AnnotatedFolder if is_annotated(Path(path)) else Folder
    return kind(path, split, drawing=drawing or Drawing(), classes=classes, report=report)


def _open_camvid(path: str, split: str, report: Report) -> CamVid:
    return CamVid(path, split, report=report)


def _open_voc(path: str, split: str, report: Report, year: int | str | None = None) -> VOCSegmentation:
    return VOCSegmentation(path, year, split, report=report)


def _open_nyud(path: str, split: str, report: Report, inputs: str = "color") -> NYUDv2:
    return NYUDv2(path, split, inputs, report=report)


def _open_siftflow(path: str, split: str, report: Report) -> SIFTFlow:
    return SIFTFlow(path, split, report=report)


def _open_pascalcontext(path: str, split: str, report: Report) -> PASCALContext:
    return PASCALContext(path, split, report=report)


def usual_splits(spec: str) -> tuple[str, ...]:
    """Name the splits that a data set usually has, the one to train on first.

    >>> usual_splits("siftflow:/data/sift-flow"), usual_splits("shapes")
    (('trainval', 'test'), ('train', 'val', 'test'))
    """
    return ("trainval", "test") if spec.partition(":")[0] in ("nyud", "siftflow") else ("train", "val", "test")


# How the command line writes each data set, and what opens it.
_OPENERS: dict[str, tuple[str, Callable[..., Dataset]]] = {
    "shapes": ("shapes", _open_shapes),
    "folder": ("folder:PATH", _open_folder),
    "camvid": ("camvid:PATH", _open_camvid),
    "voc": ("voc:PATH", _open_voc),
    "nyud": ("nyud:PATH", _open_nyud),
    "siftflow": ("siftflow:PATH", _open_siftflow),
    "pascalcontext": ("pascalcontext:PATH", _open_pascalcontext),
}
