"""What a data set is: a sequence of samples with class names, colours and an ignore index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minifcn.data.images import read_image, read_index_label
from minifcn.errors import UserError

_SUFFIXES = {".png", ".jpg", ".jpeg"}


@dataclass(frozen=True)
class Sample:
    """One image and its label.

    Attributes
    ----------
    image : uint8 array (H, W, 3), RGB
    label : uint8 array (H, W)
        The class index of each pixel, or `ignore_index`.
    name : str
        The name of the file without its suffix, or of the generated picture.
    ignore_index : int
        The label of the pixels that do not count.

    Examples
    --------
    >>> from minifcn.data import Shapes
    >>> sample = Shapes(1, size=(32, 48))[0]
    >>> sample.image.shape, sample.label.shape, sample.image.dtype
    ((32, 48, 3), (32, 48), dtype('uint8'))
    """

    image: np.ndarray
    label: np.ndarray
    name: str
    ignore_index: int = 255


class Dataset(ABC):
    """A sequence of samples: `len(dataset)` and `dataset[i]`.

    Attributes
    ----------
    class_names : tuple of str
    palette : uint8 array (num_classes, 3)
        The colour in which each class is drawn, RGB.
    ignore_index : int
        The label of the pixels that do not count.

    Examples
    --------
    >>> class Black(Dataset):
    ...     class_names, palette = ("nothing",), np.zeros((1, 3), np.uint8)
    ...
    ...     def __len__(self):
    ...         return 2
    ...
    ...     def __getitem__(self, index):
    ...         return Sample(np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8), f"black {index}")
    >>> Black().num_classes, Black()[1].name
    (1, 'black 1')
    """

    class_names: tuple[str, ...]
    palette: np.ndarray
    ignore_index: int = 255

    @property
    def num_classes(self) -> int:
        """The number of classes, that is of scores a model must give per pixel."""
        return len(self.class_names)

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> Sample: ...


class FolderDataset(Dataset):
    """A data set whose images and labels are files; every label is checked as it is read.

    Parameters
    ----------
    pairs : sequence of (image path, label path)
    """

    def __init__(self, pairs: Sequence[tuple[Path, Path]]):
        self.pairs = list(pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        image_path, label_path = self.pairs[index]
        # A label has no EXIF orientation: its pixels go with the pixels of the image as they are stored.
        image, label = read_image(image_path, upright=False), self._read_label(label_path)
        if label.shape != image.shape[:2]:
            raise UserError(
                f"{label_path}: a label has the size of its image, but it is {_size(label)} and "
                f"{image_path} is {_size(image)} (width x height); scale the label with nearest neighbour"
            )
        check_label(label, self.num_classes, self.ignore_index, str(label_path))
        return Sample(image, label, image_path.stem, self.ignore_index)

    def _read_label(self, path: Path) -> np.ndarray:
        return read_index_label(path)


def check_label(label: np.ndarray, num_classes: int, ignore_index: int, source: str) -> None:
    """Raise if a label holds anything but class indices and the ignore index.

    Parameters
    ----------
    label : integer array (H, W)
    num_classes : int
    ignore_index : int
    source : str
        Where the label comes from, for the message.

    Raises
    ------
    UserError
        Naming the first wrong value and its pixel.

    Examples
    --------
    >>> check_label(np.array([[0, 1], [255, 7]]), 3, 255, "a")
    Traceback (most recent call last):
    minifcn.errors.UserError: a: label value 7 at row 1, column 1 is out of range; allowed are 0..2 and 255 (ignored)
    """
    if label.ndim != 2 or label.dtype.kind not in "iu":
        raise UserError(f"{source}: a label is an integer array (H, W), but this one is {label.dtype} {label.shape}")
    wrong = ((label < 0) | (label >= num_classes)) & (label != ignore_index)
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        ignored = f" and {ignore_index} (ignored)" if not 0 <= ignore_index < num_classes else ""
        raise UserError(
            f"{source}: label value {label[row, column]} at row {row}, column {column} is out of range; "
            f"allowed are 0..{num_classes - 1}{ignored}"
        )


def check_folder(root: Path) -> None:
    """Raise a UserError if the folder of a data set is missing."""
    if not root.is_dir():
        found = "is a file" if root.exists() else "does not exist"
        raise UserError(f"{root}: the folder of the data set {found}; give its path")


def image_files(folder: Path) -> list[Path]:
    """Give the images of a folder in the order of their names."""
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
    )


def check_pairs(pairs: Sequence[tuple[Path, Path]], split: str, source: Path) -> None:
    """Raise a UserError if a split is empty or files of it are missing."""
    if not pairs:
        raise UserError(
            f"{source}: the split {split!r} has no images; look whether the data set was unpacked completely"
        )
    for kind, paths in zip(("image", "label"), zip(*pairs, strict=True), strict=True):
        missing = [path for path in paths if not path.is_file()]
        if missing:
            raise UserError(
                f"{source}: {len(missing)} of {len(pairs)} {kind}s of the split {split!r} are missing, "
                f"the first is {missing[0]}; add the files or remove the others of the pair"
            )


def unknown_split(split: str, splits: Iterable[str], source: str | Path) -> UserError:
    """Make the error for a split that is not there, naming those that are."""
    return UserError(f"{source}: there is no split {split!r}; there are: {', '.join(splits) or 'none'}")


def _size(array: np.ndarray) -> str:
    return f"{array.shape[1]} x {array.shape[0]}"
