"""Data sets whose images and labels are files in folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from minifcn.data.dataset import Dataset, Sample, check_label, position
from minifcn.data.images import read_image, read_stored_image
from minifcn.data.labels import read_index_label
from minifcn.data.paths import broken_link
from minifcn.errors import UserError
from minifcn.text import counted_of

_SUFFIXES = {".png", ".jpg", ".jpeg"}

# The path of an image, and that of its label.
ImageAndLabel = tuple[Path, Path]
# What is told each fault of a data set, in one line as a UserError has it.
Report = Callable[[str], None]


def refuse(fault: str) -> None:
    """Raise a UserError: a data set with a fault is not opened.

    Whatever opens a data set takes this or another function as `report`. One that returns, such as `list.append`, is
    told every fault; what has one is left out, and the rest goes on.

    Examples
    --------
    >>> refuse("a.png: the file is empty (0 bytes); copy or download it again")
    Traceback (most recent call last):
    minifcn.errors.UserError: a.png: the file is empty (0 bytes); copy or download it again
    """
    raise UserError(fault)


class FolderDataset(Dataset):
    """A data set whose images and labels are files; every label is checked as it is read.

    Parameters
    ----------
    pairs : sequence of (image path, label path)

    Attributes
    ----------
    turns : bool
        Whether an image is turned upright if only then it has the shape of its label.
    """

    turns = False

    def __init__(self, pairs: Sequence[ImageAndLabel]):
        self.pairs = list(pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        image_path, label_path = self.pairs[position(index, len(self))]
        # A label has no EXIF orientation: its pixels go with the pixels of the image as they are stored.
        image, orientation = self._read_image(image_path)
        label = self._read_label(label_path)
        if self.turns and orientation >= 5 and image.shape[:2] != label.shape == image.shape[1::-1]:
            image, orientation = read_image(image_path), 1
        _check_fit(image, image_path, orientation, label, label_path)
        check_label(label, self.num_classes, self.ignore_index, str(label_path))
        return Sample(image, label, image_path.stem, self.ignore_index, self._read_geometric(label_path))

    def _read_image(self, path: Path) -> tuple[np.ndarray, int]:
        return read_stored_image(path)

    def _read_geometric(self, path: Path) -> np.ndarray | None:
        """Read the second label that belongs to the label at this path, if the data set has such."""
        return None

    def _read_label(self, path: Path) -> np.ndarray:
        return read_index_label(path)


def _check_fit(image: np.ndarray, image_path: Path, orientation: int, label: np.ndarray, label_path: Path) -> None:
    """Raise if the label is not of the image's size, or if it may be turned against it."""
    height, width = image.shape[:2]
    sideways = orientation >= 5  # height and width change places
    if label.shape == (height, width):
        # A label for the turned image would have another shape if turning gave the image another shape.
        if orientation == 1 or (sideways and height != width):
            return
        raise UserError(
            f"{image_path}: the image has EXIF orientation {orientation}, and {label_path} fits it turned or not; save "
            "the image without the orientation, turned as its label is (PIL.ImageOps.exif_transpose turns it upright)"
        )
    found = (
        f"{label_path}: a label has the size of its image, but it is {label.shape[1]} x {label.shape[0]} and "
        f"{image_path} is {width} x {height} (width x height)"
    )
    if label.shape != (width, height):
        raise UserError(f"{found}; scale the label with nearest neighbour")
    if sideways:
        raise UserError(
            f"{found} as it is stored, before its EXIF orientation {orientation} turns it; save the image upright "
            "(PIL.ImageOps.exif_transpose), as its label is"
        )
    raise UserError(
        f"{found}; the label is turned by 90 degrees, or its height and width have changed places; "
        "save it again as its image lies"
    )


def look_at_image(path: Path, report: Report) -> None:
    """Report what is wrong with the image of a pair that is left out for its label: else it would show only later."""
    try:
        read_stored_image(path)
    except UserError as error:
        report(str(error))


def check_folder(root: Path) -> None:
    """Raise a UserError if the folder of a data set is missing."""
    if not os.path.isdir(root):
        if why := broken_link(root):
            raise UserError(why)
        found = "is a file" if os.path.exists(root) else "does not exist"
        raise UserError(f"{root}: the folder of the data set {found}; give its path")


def listing(folder: Path) -> list[Path]:
    """Give what is in a folder in the order of the names."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        fix = "look whether the data set was unpacked completely"
        raise UserError(broken_link(folder) or f"{folder}: there is no such folder; {fix}") from None
    except OSError as error:
        raise UserError(f"{folder}: the folder cannot be read ({error.strerror}); allow reading it") from None


def image_files(folder: Path, endings: Collection[str] = _SUFFIXES) -> list[Path]:
    """Give the images of a folder in the order of their names."""
    return [path for path in listing(folder) if path.suffix.lower() in endings and not path.name.startswith(".")]


def spelled(path: Path) -> Path:
    """Give the path, or the one with its ending in capitals if only that is there: NAME.PNG, as some programs write."""
    capitals = path.with_suffix(path.suffix.upper())
    return path if os.path.isfile(path) or not os.path.isfile(capitals) else capitals


def check_pairs(
    pairs: Sequence[ImageAndLabel],
    split: str,
    source: Path,
    places: Sequence[str] | None = None,
    report: Report = refuse,
) -> list[ImageAndLabel]:
    """Give the pairs of a split without those that lack a file, or have one that another pair has; report those.

    `places` says where each pair is listed; it is the path of the image if there is no list.
    """
    if not pairs:
        report(f"{source}: the split {split!r} has no images; look whether the data set was unpacked completely")
    places = places or [str(image) for image, _ in pairs]
    left_out: set[int] = set()
    for kind, paths in zip(("image", "label"), zip(*pairs, strict=True), strict=False):
        missing = [number for number, path in enumerate(paths) if not os.path.isfile(path)]
        for number in missing:
            path, place = paths[number], places[number]
            if number == missing[0]:
                are, files = ("are missing, the first is", "files") if len(missing) > 1 else ("is missing,", "file")
                report(
                    f"{source}: {counted_of(len(missing), len(pairs), kind)} of the split {split!r} {are} {path} (for "
                    f"{place}); add the {files} or remove the {'others' if len(missing) > 1 else 'other'} of the pair"
                )
            else:
                report(f"{path}: this {kind} is missing too (for {place}); add it or remove the other of the pair")
        left_out.update(missing)
        seen: dict[Path, str] = {}
        for number, (path, place) in enumerate(zip(paths, places, strict=True)):
            if path in seen:
                report(f"{place}: it has the {kind} {path}, as {seen[path]} has; a split has each once")
                left_out.add(number)
            seen.setdefault(path, place)
    return [pair for number, pair in enumerate(pairs) if number not in left_out]


class UnknownSplit(UserError):
    """There is no split of this name; the data set may have others."""


def unknown_split(split: str, splits: Iterable[str], source: str | Path) -> UnknownSplit:
    """Make the error for a split that is not there, naming those that are."""
    return UnknownSplit(f"{source}: there is no split {split!r}; there are: {', '.join(splits) or 'none'}")
