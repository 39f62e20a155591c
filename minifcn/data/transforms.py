"""Resizing and augmentation of samples.

A transform is called as `transform(sample, rng)` and draws from `rng` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from PIL import Image

from minifcn import named_otherwise
from minifcn.check import as_whole
from minifcn.data.dataset import Sample
from minifcn.data.images import resized_image
from minifcn.data.normalize import Shown

Transform = Callable[[Sample, np.random.Generator], Sample]


class Compose(Shown):
    """Several transforms, one after the other.

    Parameters
    ----------
    transforms : sequence of transforms

    Examples
    --------
    >>> sample = Sample(np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8), "black")
    >>> augment = Compose([RandomScale(0.5, 2.0), RandomCrop((4, 4)), RandomMirror()])
    >>> augment(sample, np.random.default_rng(0)).label.shape
    (4, 4)
    """

    def __init__(self, transforms: Sequence[Transform]):
        if not isinstance(transforms, Iterable):
            raise ValueError(f"Compose: transforms is a sequence of them, got {transforms!r}; write Compose([...])")
        self.transforms = tuple(check_transform(transform, "Compose") for transform in transforms)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        for transform in self.transforms:
            sample = transform(sample, rng)
        return sample


class Resize(Shown):
    """Scale to a fixed size: the image bilinearly, the label by nearest neighbour.

    Parameters
    ----------
    size : (height, width)

    Examples
    --------
    >>> sample = Sample(np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8), "black")
    >>> Resize((8, 9))(sample, np.random.default_rng(0)).label.shape
    (8, 9)
    """

    def __init__(self, size: tuple[int, int]):
        self.size = _checked_size("Resize", size)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return _resized(sample, *self.size)


class ResizeLongerSide(Shown):
    """Scale so that the longer side has a fixed length and the picture keeps its proportions.

    The image is scaled bilinearly, the label by nearest neighbour.

    Parameters
    ----------
    side : int
        Pixels.

    Examples
    --------
    >>> sample = Sample(np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8), "black")
    >>> ResizeLongerSide(9)(sample, np.random.default_rng(0)).label.shape
    (6, 9)
    """

    def __init__(self, side: int):
        if (as_whole(side) or 0) < 1:
            raise ValueError(f"ResizeLongerSide: side is a number of whole pixels, at least 1, got {side!r}")
        self.side = int(side)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        height, width = sample.label.shape
        return _resized(sample, *with_longer_side((height, width), self.side))


def with_longer_side(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Give the size in the same proportions whose longer side is this.

    >>> with_longer_side((1200, 1600), 256)
    (192, 256)
    """
    height, width = (max(1, round(length * side / max(size))) for length in size)
    return height, width


class RandomMirror(Shown):
    """Mirror left and right with probability `p`.

    Parameters
    ----------
    p : float, 0..1

    Examples
    --------
    >>> sample = Sample(np.zeros((1, 3, 3), np.uint8), np.array([[0, 1, 2]], np.uint8), "row")
    >>> RandomMirror(p=1)(sample, np.random.default_rng(0)).label.tolist()
    [[2, 1, 0]]
    """

    def __init__(self, p: float = 0.5):
        if not 0 <= p <= 1:
            raise ValueError(f"RandomMirror: p is a probability, 0..1, got {p}")
        self.p = p

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if rng.random() >= self.p:
            return sample
        return _of_all(sample, lambda map_: map_[:, ::-1])


class RandomCrop(Shown):
    """Cut out a window of a fixed size at a random place.

    An image smaller than the window is padded at the right and at the bottom with its mean colour, its label with the
    ignore index.

    Parameters
    ----------
    size : (height, width)

    Examples
    --------
    >>> sample = Sample(np.zeros((1, 3, 3), np.uint8), np.array([[0, 1, 2]], np.uint8), "row")
    >>> RandomCrop((2, 2))(sample, np.random.default_rng(0)).label.tolist()
    [[1, 2], [255, 255]]
    """

    def __init__(self, size: tuple[int, int]):
        self.size = _checked_size("RandomCrop", size)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        height, width = self.size
        sample = _padded(sample, height, width)
        top = rng.integers(sample.label.shape[0] - height + 1)
        left = rng.integers(sample.label.shape[1] - width + 1)
        window = slice(top, top + height), slice(left, left + width)
        return _of_all(sample, lambda map_: map_[window])


class RandomScale(Shown):
    """Scale by a random factor: the image bilinearly, the label by nearest neighbour.

    Parameters
    ----------
    low, high : float
        The factor is drawn evenly between them.

    Examples
    --------
    >>> sample = Sample(np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3), np.uint8), "black")
    >>> RandomScale(2.0, 2.0)(sample, np.random.default_rng(0)).label.shape
    (4, 6)
    """

    def __init__(self, low: float, high: float):
        if not 0 < low <= high < np.inf:
            raise ValueError(f"RandomScale: 0 < low <= high, finite, got low={low}, high={high}")
        self.low, self.high = low, high

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        factor = rng.uniform(self.low, self.high)
        height, width = (max(1, round(length * factor)) for length in sample.label.shape)
        return _resized(sample, height, width)


def check_transform(transform: Any, owner: str) -> Transform:
    """Give back the transform, if it is one."""
    if isinstance(transform, type):
        raise ValueError(f"{owner}: {transform.__name__} is a class; make a transform of it: {transform.__name__}(...)")
    if not callable(transform):
        raise ValueError(
            f"{owner}: a transform is called as transform(sample, rng), but {transform!r} cannot be; of several "
            "make one with Compose([...])"
        )
    return transform


def _checked_size(owner: str, size: tuple[int, int]) -> tuple[int, int]:
    if not isinstance(size, Sequence) or len(size) != 2 or any((as_whole(n) or 0) < 1 for n in size):
        raise ValueError(f"{owner}: size is (height, width) in whole pixels, at least 1, got {size!r}")
    return int(size[0]), int(size[1])


def _resized(sample: Sample, height: int, width: int) -> Sample:
    if sample.label.shape == (height, width):
        return sample
    geometric = None if sample.geometric is None else _nearest(sample.geometric, height, width)
    image, label = resized_image(sample.image, (height, width)), _nearest(sample.label, height, width)
    return replace(sample, image=image, label=label, geometric=geometric)


def _nearest(label: np.ndarray, height: int, width: int) -> np.ndarray:
    label = np.ascontiguousarray(label)
    if label.dtype == np.uint8:
        return np.array(Image.fromarray(label).resize((width, height), Image.Resampling.NEAREST))
    # Of the other integers Pillow resizes int32 alone: it gives the row and the column of each nearest pixel.
    rows, columns = (np.arange(length, dtype=np.int32) for length in label.shape)
    rows = np.array(Image.fromarray(rows[:, None]).resize((1, height), Image.Resampling.NEAREST))
    columns = np.array(Image.fromarray(columns[None]).resize((width, 1), Image.Resampling.NEAREST))
    return label[rows, columns]


def _of_all(sample: Sample, change: Callable[[np.ndarray], np.ndarray]) -> Sample:
    """Change the image of a sample and its labels alike."""
    geometric = None if sample.geometric is None else change(sample.geometric)
    return replace(sample, image=change(sample.image), label=change(sample.label), geometric=geometric)


def _padded(sample: Sample, height: int, width: int) -> Sample:
    """The sample, grown at the right and at the bottom to at least this size."""
    below, right = max(0, height - sample.label.shape[0]), max(0, width - sample.label.shape[1])
    if below == right == 0:
        return sample

    def grown(label: np.ndarray) -> np.ndarray:
        dtype = np.promote_types(label.dtype, np.min_scalar_type(sample.ignore_index))
        return np.pad(label.astype(dtype), ((0, below), (0, right)), constant_values=sample.ignore_index)

    label, mean = grown(sample.label), sample.image.mean((0, 1))
    image = np.empty((*label.shape, len(mean)), sample.image.dtype)
    image[:] = mean.round() if image.dtype == np.uint8 else mean
    image[: sample.image.shape[0], : sample.image.shape[1]] = sample.image
    geometric = None if sample.geometric is None else grown(sample.geometric)
    return replace(sample, image=image, label=label, geometric=geometric)


if not TYPE_CHECKING:  # which would take any name for one that is here

    def __getattr__(name: str) -> NoReturn:
        raise named_otherwise.in_room(__name__, name, named_otherwise.TRANSFORMS, globals())
