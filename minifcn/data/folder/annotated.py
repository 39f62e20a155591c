"""Photographs as they were drawn on in labelme: IMG_1.jpg with IMG_1.json beside it, and no masks yet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minifcn.data.classes import IGNORED, RUN, Classes, find_classes
from minifcn.data.dataset import Sample, position
from minifcn.data.folder.annotations import BACKGROUND, Annotation, draw_label, read_annotation, unknown_names
from minifcn.data.folder.doubts import of_drawn, of_numbered, of_unlisted
from minifcn.data.folder.drawings import find_drawings
from minifcn.data.folder.layout import folders_without_masks
from minifcn.data.folder.remarks import remarks
from minifcn.data.folder.splits import Drawing, Splits, divide
from minifcn.data.folders import FolderDataset, Report, look_at_image, refuse, unknown_split
from minifcn.data.images import read_image, unread
from minifcn.data.voc import voc_palette
from minifcn.errors import UserError
from minifcn.text import counted, did_you_mean, in_short

DRAWN = "the drawings"  # where the classes are from that no file lists
_NAMED = 8  # classes in a sentence
_NOTHING_DRAWN = Drawing()


class AnnotatedFolder(FolderDataset):
    """Photographs that were drawn on in labelme, each with its .json file beside it; labels are made as they are read.

    Where nothing was drawn is the class background. The other classes are those of `labels.txt`, `classes.txt` or
    `classes.csv` in the folder, or the names in the drawings in the order of the alphabet; outlines named `__ignore__`
    do not count. A photograph without a .json file is left out.

    Parameters
    ----------
    root : str or path
        A folder of photographs, or one that has folders `train/`, `val/` of them.
    split : str
        As in `Folder`.
    drawing : Drawing
        As in `Folder`.
    classes : Classes or None
        As in `Folder`.
    report : callable
        As in `Folder`.

    Attributes
    ----------
    description : str
        One line that says what was found.
    drawn : tuple of str
        The names of the validation images if they were drawn.
    warnings : tuple of str
        What is allowed in labelme, but was hardly meant.

    Raises
    ------
    UserError
        If no photograph has a .json file of labelme, or one is wrong.

    Examples
    --------
    >>> AnnotatedFolder("minifcn", "train")
    Traceback (most recent call last):
    minifcn.errors.UserError: minifcn: there is no photograph with a .json file of labelme beside it
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str,
        *,
        drawing: Drawing = _NOTHING_DRAWN,
        classes: Classes | None = None,
        report: Report = refuse,
    ):
        root = Path(root)
        found = {name: find_drawings(folder, report) for name, folder in folders_without_masks(root).items()}
        every = [pair for drawings in found.values() for pair in drawings.pairs]
        if not every:
            not_read = [path for drawings in found.values() for path in drawings.unread]
            none = f"{root}: there is no photograph with a .json file of labelme beside it"
            raise UserError(unread(not_read[0]) if not_read else none)
        splits = divide(root, {name: drawings.pairs for name, drawings in found.items()}, split, drawing, report)
        if split not in splits.pairs:
            raise unknown_split(split, [*splits.pairs, "all"], root)
        annotations = _read_all([path for _, path in every], {path for _, path in splits.pairs[split]}, report)
        found_classes = _classes(root, annotations, find_classes(root, report) or classes)
        self.class_names, colours, self.ignore_index, source = found_classes
        self.palette = voc_palette(len(self.class_names)) if colours is None else colours
        self._background = _background(self.class_names)
        self.drawn = splits.drawn
        bare = [path for drawings in found.values() for path in drawings.bare]
        self.description = _description(len(every), len(bare), found_classes, splits)
        self.warnings = (
            *of_unlisted(splits.unlisted, root),
            *of_drawn(() if drawing.names else splits.drawn, root),
            *of_numbered(found_classes),
            *remarks(annotations, bare, root, named_freely=found_classes.source == DRAWN),
        )
        sound = []
        for image, path in splits.pairs[split]:
            unknown = [_unknown(path, name, found_classes) for name in self._unknown_names(annotations.get(path))]
            if unknown and source == RUN:  # none that a look at the data alone would find
                raise UserError(unknown[0])
            for fault in unknown:
                report(fault)
            if path in annotations and not unknown:
                sound.append((image, path))
            else:
                look_at_image(image, report)
        super().__init__(sound)

    def __getitem__(self, index: int) -> Sample:
        image_path, path = self.pairs[position(index, len(self))]
        image, annotation = read_image(image_path), read_annotation(path)  # labelme shows photographs upright
        if image.shape[:2] != annotation.size:
            height, width = annotation.size
            raise UserError(
                f"{path}: it was drawn on a photograph of {width} x {height}, but {image_path} is {image.shape[1]} x "
                f"{image.shape[0]} (width x height, upright); put the photograph back that was drawn on"
            )
        return Sample(image, self._label(annotation, path), image_path.stem, self.ignore_index)

    def _unknown_names(self, annotation: Annotation | None) -> list[str]:
        return unknown_names(annotation, self.class_names) if annotation else []

    def _read_label(self, path: Path) -> np.ndarray:
        return self._label(read_annotation(path), path)

    def _label(self, annotation: Annotation, path: Path) -> np.ndarray:
        try:
            return draw_label(annotation, self.class_names, self.ignore_index, self._background)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None


def is_annotated(root: Path) -> bool:
    """Say if a folder, or its folders of splits, have photographs with .json files of labelme."""
    every = [find_drawings(folder, lambda _: None) for folder in folders_without_masks(root).values()]
    return any(found.pairs or found.drawn_unread for found in every)


def _read_all(paths: Sequence[Path], wanted: set[Path], report: Report) -> dict[Path, Annotation]:
    """Read every file once, for the names in it; report what is wrong with those of the split, and leave them out."""
    annotations = {}
    for path in paths:
        faults: list[str] = []
        try:
            annotation = _without_masks(read_annotation(path, faults.append))
        except UserError as error:
            faults.append(str(error))
        if not faults:
            annotations[path] = annotation
        for fault in faults if path in wanted else ():
            report(fault)
    return annotations


def _without_masks(annotation: Annotation) -> Annotation:
    """Let go of the pixels of masks: those of a whole folder would not fit into memory."""
    return annotation._replace(outlines=[outline._replace(mask=None) for outline in annotation.outlines])


def _classes(root: Path, annotations: dict[Path, Annotation], listed: Classes | None) -> Classes:
    """The classes that are listed, or those whose names were drawn; always with a background."""
    if listed is None:
        names = {outline.name for annotation in annotations.values() for outline in annotation.outlines}
        names = {name for name in names if name.lower() not in (*IGNORED, *BACKGROUND)}
        if not 1 <= len(names) <= 254:
            raise UserError(
                f"{root}: a data set has 2..255 classes, background is one, and the .json files name {len(names)} "
                "more; draw what is to be found in labelme, with one name for each kind of thing"
            )
        listed = Classes(tuple(sorted(names)), None, 255, DRAWN)
    if _background(listed.names) >= 0:
        return listed
    if listed.source == RUN:
        raise UserError(
            f"{root}: what nothing was drawn on is background, but the run was trained on the classes "
            f"{in_short(listed.names, _NAMED)}, and none of them is that; train a run of its own on these photographs, "
            "or save masks that hold the classes of the run"
        )
    ignored = listed.ignore_index + (listed.ignore_index < len(listed.names))
    return Classes(("background", *listed.names), None, ignored, listed.source)


def _unknown(path: Path, name: str, classes: Classes) -> str:
    """Say that an outline has the name of no class, and what to do."""
    known = in_short([known for known in classes.names if known.lower() not in BACKGROUND], _NAMED)
    if classes.source == RUN:
        there, fix = (
            f"the run was trained on {known} and what is background",
            "train a run of its own on these photographs",
        )
    else:
        there, fix = f"{classes.source} lists {known}", "list it there"
    return (
        f"{path}: an outline is named {name!r}, but {there}"
        f"{did_you_mean(name, classes.names) or f'; rename it in labelme, or {fix}'}"
    )


def _background(names: Sequence[str]) -> int:
    """The class of what was not drawn on, or -1."""
    return next((index for index, name in enumerate(names) if name.lower() in BACKGROUND), -1)


def _description(photographs: int, bare: int, classes: Classes, splits: Splits) -> str:
    counts = ", ".join(f"{split} {len(pairs)}" for split, pairs in splits.pairs.items())
    listed = f" of {classes.source}" if classes.source != DRAWN else ""
    return (
        f"folder: {counted(photographs, 'photograph')} drawn on in labelme"
        + (f" ({bare} without a .json file left out)" if bare else "")
        + f"; classes{listed} {', '.join(classes.names)}; {counts}"
        + (f" ({splits.how})" if splits.how else "")
    )
