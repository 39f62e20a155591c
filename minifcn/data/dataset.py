"""What a data set is: a sequence of samples with class names, colours and an ignore index."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from minifcn.check import kind
from minifcn.errors import UserError
from minifcn.text import counted


@dataclass(frozen=True, repr=False)
class Sample:
    """One image and its label.

    Parameters
    ----------
    image : uint8 array (H, W, 3), RGB
        With depth behind its colours float32, (H, W, 4), and with HHA (H, W, 6).
    label : integer array (H, W)
        The class index of each pixel, or `ignore_index`.
    name : str
        The name of the file without its suffix, or of the generated picture.
    ignore_index : int
        The label of the pixels that do not count; that of its data set.
    geometric : integer array (H, W) or None
        A second label, of the `geometric_names` of its data set.

    Raises
    ------
    UserError
        If image or label have another type or shape, or differ in size.

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
    geometric: np.ndarray | None = None

    def __repr__(self) -> str:
        image, label = kind(self.image), kind(self.label)
        return f"Sample(image {image}, label {label}, name={self.name!r}, ignore_index={self.ignore_index})"

    def __post_init__(self) -> None:
        _check_image(self.image, self.name)
        for label in [self.label] if self.geometric is None else [self.label, self.geometric]:
            _check_map(label, self.name)
            if label.shape != self.image.shape[:2]:
                raise UserError(
                    f"{self.name}: a label has the size of its image, but it is {_size(label)} and the image is "
                    f"{_size(self.image)} (width x height); scale the label with nearest neighbour"
                )


class Dataset(ABC):
    """A sequence of samples: `len(dataset)` and `dataset[i]`.

    Attributes
    ----------
    class_names : tuple of str
        At most 255 for a `DataLoader`, whose labels are uint8.
    palette : uint8 array (num_classes, 3)
        The colour in which each class is drawn, RGB.
    ignore_index : int
        The label of the pixels that do not count; 0..255 for a `DataLoader`.
    description : str
        What was found in files, in one line; "" if there is nothing to say.
    drawn : tuple of str
        The names of the validation images if they were drawn at random.
    warnings : tuple of str
        What stands out in its files, beyond what `inspect` finds in any data set; a sentence each.
    geometric_names : tuple of str
        The classes of the second label of its samples; empty if they have one label.

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
    >>> Black()
    Black(2 samples, 1 class: nothing)
    """

    class_names: tuple[str, ...]
    palette: np.ndarray
    ignore_index: int = 255
    description: str = ""
    drawn: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    geometric_names: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """The number of classes, that is of scores a model must give per pixel."""
        return len(self.class_names)

    def __repr__(self) -> str:
        names = tuple(getattr(self, "class_names", ()))
        shown = ", ".join(map(str, names[:3])) + ", ..." * (len(names) > 3)
        classes = f", {counted(len(names), 'class', 'classes')}: {shown}" if names else ""
        return f"{type(self).__name__}({counted(len(self), 'sample')}{classes})"

    def described_as(self, other: Dataset) -> None:
        """Take over what another data set says of its samples."""
        self.class_names, self.palette, self.ignore_index = other.class_names, other.palette, other.ignore_index
        self.description, self.drawn, self.warnings = other.description, other.drawn, other.warnings
        self.geometric_names = other.geometric_names

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> Sample: ...


class FirstImages(Dataset):
    """The first images of a data set.

    Parameters
    ----------
    dataset : Dataset
    count : int
        How many; all, if there are fewer.

    Examples
    --------
    >>> from minifcn.data import Shapes
    >>> few = FirstImages(Shapes(10), 3)
    >>> len(few), few[-1].name == Shapes(10)[2].name
    (3, True)
    """

    def __init__(self, dataset: Dataset, count: int):
        self.dataset, self.count = dataset, min(count, len(dataset))
        self.described_as(dataset)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        return self.dataset[position(index, self.count)]


def position(index: Any, length: int) -> int:
    """Give the place 0..length-1 of a sample, whose index may count from the end as in a list.

    Parameters
    ----------
    index : int
    length : int

    Raises
    ------
    TypeError
        If the index is no whole number.
    IndexError
        If there is no such sample.

    Examples
    --------
    >>> position(-1, 5)
    4
    """
    try:
        place = operator.index(index)  # True too, as in a list
    except TypeError:
        raise TypeError(
            f"a data set gives one sample for one whole number, got {index!r}; write "
            "[dataset[i] for i in range(1, 3)] for several"
        ) from None
    if not -length <= place < length:
        raise IndexError(f"the data set has the samples 0..{length - 1}, got index {place}")
    return place % length


def check_sample(sample: Any, dataset: Dataset, source: str) -> None:
    """Raise if this is no sample of the data set.

    Parameters
    ----------
    sample : Sample
    dataset : Dataset
    source : str
        What gave the sample, for the message.

    Raises
    ------
    UserError
        If it is no Sample, ignores another index than its data set, or has a label out of range.

    Examples
    --------
    >>> from minifcn.data import Shapes
    >>> check_sample(None, Shapes(1), "dataset[0]")
    Traceback (most recent call last):
    minifcn.errors.UserError: dataset[0] is a NoneType, not a Sample; return Sample(image, label, name)
    """
    if not isinstance(sample, Sample):
        raise UserError(f"{source} is a {type(sample).__name__}, not a Sample; return Sample(image, label, name)")
    if sample.ignore_index != dataset.ignore_index:
        raise UserError(
            f"{sample.name}: a sample ignores what its data set does, but it ignores {sample.ignore_index} and the "
            f"data set {dataset.ignore_index}; make it Sample(image, label, name, {dataset.ignore_index})"
        )
    check_label(sample.label, dataset.num_classes, dataset.ignore_index, sample.name)
    if sample.geometric is not None:
        check_label(sample.geometric, len(dataset.geometric_names), dataset.ignore_index, f"{sample.name}, geometric")


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
    _check_map(label, source)
    wrong = ((label < 0) | (label >= num_classes)) & (label != ignore_index)
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        ignored = f" and {ignore_index} (ignored)" if not 0 <= ignore_index < num_classes else ""
        mask = np.isin(label, (0, 255)).all()
        raise UserError(
            f"{source}: label value {label[row, column]} at row {row}, column {column} is out of range; "
            f"allowed are 0..{num_classes - 1}{ignored}"
            + ("; this is a mask of 0 and 255: save label // 255, the classes 0 and 1" if mask else "")
        )


_KINDS = {("uint8", 3), ("float32", 4), ("float32", 6)}  # of images, and the number of their channels


def _check_image(image: Any, source: str) -> None:
    array = isinstance(image, np.ndarray)
    if array and image.ndim == 3 and image.size and (str(image.dtype), image.shape[2]) in _KINDS:
        return
    fix = "give an array of that kind"
    if array and image.size:
        if image.ndim == 2:
            fix = "repeat the grey channel: np.repeat(image[..., None], 3, axis=2)"
        elif image.ndim == 3 and image.shape[2] == 4:
            fix = "leave out the alpha channel: image[..., :3]"
        elif image.ndim == 3 and image.shape[0] == 3 and image.shape[2] != 3:
            fix = "put the channels last: image.transpose(1, 2, 0)"
        elif image.dtype.kind == "f":
            fix = "of values 0..1 make (255 * image).round().astype(np.uint8)"
    raise UserError(f"{source}: an image is a uint8 array (H, W, 3), but this one is {kind(image)}; {fix}")


def _check_map(label: Any, source: str) -> None:
    """Raise if a label is no integer array (H, W)."""
    array = isinstance(label, np.ndarray) and not isinstance(label, np.ma.MaskedArray)
    if array and label.ndim == 2 and label.dtype.kind in "iu" and label.size:
        return
    fix = "give an array of that kind"
    if array and label.ndim == 3 and label.shape[2] == 1:
        fix = "take its only channel: label[..., 0]"
    elif array and label.ndim == 2 and label.dtype.kind in "bf":
        fix = "make whole numbers of its values: label.astype(np.uint8)"
    raise UserError(f"{source}: a label is an integer array (H, W), but this one is {kind(label)}; {fix}")


def _size(array: np.ndarray) -> str:
    return f"{array.shape[1]} x {array.shape[0]}"
