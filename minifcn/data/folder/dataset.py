"""Images and masks in the folders of a user: what is there is found out, and said in one line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minifcn.data.classes import RUN, Classes, find_classes
from minifcn.data.folder.doubts import doubts, of_drawn, of_numbered, of_unlisted
from minifcn.data.folder.json_files import is_annotation
from minifcn.data.folder.layout import Part, find_parts
from minifcn.data.folder.meaning import Meaning, fault, find_meaning
from minifcn.data.folder.pairs import find_pairs
from minifcn.data.folder.splits import Drawing, Splits, divide
from minifcn.data.folder.values import MaskValues, scan
from minifcn.data.folders import FolderDataset, ImageAndLabel, Report, listing, look_at_image, refuse, unknown_split
from minifcn.data.images import unread
from minifcn.data.labels import is_predicted, read_colour_label
from minifcn.errors import UserError
from minifcn.text import counted, in_short

_NOTHING_DRAWN = Drawing()


class Folder(FolderDataset):
    """Images with masks, in any of the layouts in which people keep them.

    - Folders: `images/` with `masks/` (or `labels/`, `annotations/`; `JPEGImages/` with `SegmentationClass/`), each
      with a folder for each split or without; `train/images/` with `train/masks/`; `train/` with `train_masks/`;
      `images_prepped_train/` with `annotations_prepped_train/`; or NAME.jpg beside NAME_mask.png.
    - Masks: PNG files with class indices, with the colours of classes, or black and white (0 and 255). A mask has the
      name of its image, and perhaps a suffix that all masks have.
    - Classes: of `classes.csv` (name,r,g,b), `classes.txt` or labelme's `class_names.txt`, or what the masks hold. The
      index 255 is ignored, and the class void, unlabelled, ignore or unknown.
    - Splits: of folders, of lists (`train.txt`, `val.txt`), or drawn at random.

    Parameters
    ----------
    root : str or path
    split : str
        "train", "val", "test" as far as they are there, or "all".
    drawing : Drawing
        How the validation images are drawn, if the folder does not say which they are.
    classes : Classes or None
        What the classes are if the folder lists none: those of a run. None: what the masks hold.
    report : callable
        What is told each fault; `folders.refuse` raises a UserError.

    Attributes
    ----------
    description : str
        One line that says what was found.
    drawn : tuple of str
        The names of the validation images if they were drawn.
    warnings : tuple of str
        What the masks leave open.

    Raises
    ------
    UserError
        If the folder has no images with masks, leaves open what is meant, or a file is wrong.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> root, mask = Path(tempfile.mkdtemp()), Image.fromarray(np.eye(4, dtype=np.uint8))
    >>> for name, picture in (("images", mask.convert("RGB")), ("masks", mask)):
    ...     (root / name).mkdir()
    ...     picture.save(root / name / "a.png")
    ...     picture.save(root / name / "b.png")
    >>> folder = Folder(root, "train")
    >>> folder.description.split("; ")[0]
    'folder: 2 images in images/, masks in masks/ (class indices, grey), 2 classes from the masks'
    >>> len(folder), folder[0].label[0].tolist()
    (1, [1, 0, 0, 0])
    """

    turns = True

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
        parts, told = find_parts(root, report), []

        def tell(fault: str) -> None:
            told.append(fault)
            report(fault)

        pairs = {part.split: find_pairs(part, tell) for part in parts}
        every = [pair for found in pairs.values() for pair in found]
        if not every:
            told += [why for part in parts for path in listing(part.images) if (why := unread(path))]
            # What was reported is said again, and no summary of it, which would count as one fault more.
            raise UserError([*told, f"{root}: there is no image with a mask; give each image a mask of its name"][0])
        splits = divide(root, pairs, split, drawing, report)
        own = _of_split(root, split, splits, report)
        faults: list[str] = []
        if wrong := _predicted_over_drawings(every):
            report(wrong)
        masks = scan([mask for _, mask in every], {mask for _, mask in own}, faults.append)
        for wrong in faults:
            report(wrong)
        if not masks:  # likewise
            none = f"{root}: none of its {counted(len(every), 'mask')} can be read; save masks as PNG again"
            raise UserError(faults[0] if faults else none)
        listed = find_classes(root, report)
        self._meaning = find_meaning(masks, listed or classes, root, report, listed=listed is not None)
        self.class_names, _, self.ignore_index, _ = self._meaning.classes
        self.palette = self._meaning.palette
        self.drawn = splits.drawn
        known = listed is not None or classes is not None
        self.warnings = (
            *of_unlisted(splits.unlisted, root),
            *of_drawn(() if drawing.names else splits.drawn, root),
            *of_numbered(self._meaning.classes),
            *doubts(masks, self._meaning, known=known),
        )
        drawn = sum(1 for image, _ in every if is_annotation(image.with_suffix(".json")))
        self.description = (
            f"folder: {counted(len(every), 'image')} {_found(root, parts, splits, masks, self._meaning)}"
            + (f"; masks count, not {counted(drawn, '.json file')} of labelme beside the images" if drawn else "")
        )
        super().__init__(_sound(own, masks, self._meaning, report))

    def _read_label(self, path: Path) -> np.ndarray:
        kind, classes = self._meaning
        if kind == "colours":
            return read_colour_label(path, self.palette, classes.source, grey=True)
        label = super()._read_label(path)
        if kind == "black and white":
            return np.where(label == 255, np.uint8(1), label)
        return np.where(label == 255, np.uint8(self.ignore_index), label)


def _of_split(root: Path, split: str, splits: Splits, report: Report) -> list[ImageAndLabel]:
    if split not in splits.pairs:
        raise unknown_split(split, [*splits.pairs, "all"], root)
    if not splits.pairs[split] and "drawn at random" not in splits.how:  # for a drawing that was reported already
        report(f"{root}: the split {split!r} has no images; put some into it")
    return splits.pairs[split]


def _sound(
    pairs: list[ImageAndLabel], masks: dict[Path, MaskValues], meaning: Meaning, report: Report
) -> list[ImageAndLabel]:
    """The pairs whose masks mean something; the others are reported."""
    sound = []
    for image, mask in pairs:
        wrong = fault(mask, masks[mask], meaning) if mask in masks else ""
        if wrong:
            if meaning.classes.source == RUN:  # none that a look at the data alone would find
                raise UserError(wrong)
            report(wrong)
        if wrong or mask not in masks:  # those were reported when they were looked through
            look_at_image(image, report)
        else:
            sound.append((image, mask))
    return sound


def _predicted_over_drawings(every: Sequence[ImageAndLabel]) -> str:
    """Say that masks which a network made take the place of what was drawn by hand, or ""."""
    masks = [mask for image, mask in every if is_predicted(mask) and is_annotation(image.with_suffix(".json"))]
    if not masks:
        return ""
    were, have = ("was", "its photograph has") if len(masks) == 1 else ("were", "their photographs have")
    return (
        f"{masks[0].parent}: {counted(len(masks), 'mask')} ({in_short([mask.name for mask in masks], 3)}) {were} "
        f"written by minifcn predict, and {have} drawings of labelme; move such masks elsewhere, so that these count"
    )


def _found(root: Path, parts: Sequence[Part], splits: Splits, masks: dict[Path, MaskValues], meaning: Meaning) -> str:
    """Say where the images are, what the masks mean, and how many there are in each split."""
    counts = ", ".join(f"{split} {len(pairs)}" for split, pairs in splits.pairs.items())
    where = (
        f"in {_where(root, [part.images for part in parts])}, masks in {_where(root, [part.masks for part in parts])}"
    )
    if all(part.images == part.masks for part in parts):
        where = "with masks beside them"
    return (
        f"{where} ({_kind(masks, meaning)}), "
        f"{len(meaning.classes.names)} classes from {meaning.classes.source}{_ignored(masks, meaning)}; "
        f"{counts}" + (f" ({splits.how})" if splits.how else "")
    )


def _where(root: Path, folders: list[Path]) -> str:
    """Name the folders, "images/train/, images/val/"."""
    return ", ".join(f"{path.relative_to(root)}/" for path in folders)


def _kind(masks: dict[Path, MaskValues], meaning: Meaning) -> str:
    if meaning.kind != "index":
        return meaning.kind
    palettes = sum(values.palette for values in masks.values())
    return "class indices, " + {0: "grey", len(masks): "palette"}.get(palettes, "grey and palette")


def _ignored(masks: dict[Path, MaskValues], meaning: Meaning) -> str:
    kind, classes = meaning
    if classes.ignore_index < len(classes.names):
        return f" ({classes.names[classes.ignore_index]} ignored)"
    ignored = kind == "index" and any(255 in (values.indices or {}) for values in masks.values())
    return " (255 ignored)" if ignored else ""
