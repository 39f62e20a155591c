"""Batches: samples stacked for a training step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

import numpy as np

from minifcn.check import kind


class Prepared(NamedTuple):
    """A sample as a batch takes it.

    Parameters
    ----------
    image : float32 array (C, H, W)
        Normalised.
    label : integer array (H, W)
    name : str
    geometric : integer array (H, W) or None
    """

    image: np.ndarray
    label: np.ndarray
    name: str
    geometric: np.ndarray | None = None


@dataclass(frozen=True, repr=False)
class Batch:
    """Samples stacked for a step; ``images, labels = batch`` unpacks what a step needs.

    Images of different sizes, where they are let into one batch, are padded at the right and at the bottom: the
    normalised image with 0, the label with the ignore index.

    Parameters
    ----------
    images : float32 array (N, 3, H, W), channels-last in memory
        With more channels where the samples have depth too.
    labels : uint8 array (N, H, W)
    names : tuple of N str
    sizes : tuple of N (height, width)
        The size of each image without its padding.
    geometric : uint8 array (N, H, W) or None
        The second labels, where the samples have two.

    Examples
    --------
    >>> from minifcn.data import DataLoader, Shapes
    >>> (batch,) = DataLoader(Shapes(2, size=(32, 48)), batch_size=2).epoch(0)
    >>> batch.images.shape, batch.labels.shape, batch.sizes
    ((2, 3, 32, 48), (2, 32, 48), ((32, 48), (32, 48)))
    >>> images, labels = batch
    >>> images is batch.images, labels is batch.labels
    (True, True)
    """

    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    geometric: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.images, self.labels))

    def __getitem__(self, index: object) -> NoReturn:
        raise TypeError(f"Batch: there is no batch[{index!r}]; write images, labels = batch, or batch.images[i] of one")

    def __repr__(self) -> str:
        images, labels = kind(self.images), kind(self.labels)
        return f"Batch(images {images}, labels {labels}, names={self.names}, sizes={self.sizes})"


def stack(samples: Sequence[Prepared], ignore_index: int) -> Batch:
    """Make a batch of samples, those that are smaller than another one padded.

    Examples
    --------
    >>> sizes = [(2, 5), (4, 3)]
    >>> samples = [Prepared(np.ones((3, *size)), np.zeros(size, np.uint8), "grey") for size in sizes]
    >>> batch = stack(samples, ignore_index=255)
    >>> batch.images.shape, batch.sizes, batch.labels[0, :, 0].tolist()
    ((2, 3, 4, 5), ((2, 5), (4, 3)), [0, 0, 255, 255])
    """
    sizes = tuple((sample.label.shape[0], sample.label.shape[1]) for sample in samples)
    height, width = np.max(sizes, axis=0)
    images = np.zeros((len(samples), height, width, len(samples[0].image)), np.float32).transpose(0, 3, 1, 2)
    for image, sample, (h, w) in zip(images, samples, sizes, strict=True):
        image[:, :h, :w] = sample.image

    def stacked(maps: Sequence[np.ndarray]) -> np.ndarray:
        labels = np.full((len(samples), height, width), ignore_index, np.uint8)
        for label, map_, (h, w) in zip(labels, maps, sizes, strict=True):
            label[:h, :w] = map_
        return labels

    second = [sample.geometric for sample in samples if sample.geometric is not None]
    labels, names = stacked([sample.label for sample in samples]), tuple(sample.name for sample in samples)
    return Batch(images, labels, names, sizes, stacked(second) if second else None)


def rows_of(rank: int, ranks: int, images: int) -> slice:
    """Give the images of a batch that one of so many ranks takes: as many as the others, the first ones one more.

    >>> [rows_of(rank, 3, 5) for rank in range(3)]
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    each, more = divmod(images, ranks)
    start = rank * each + min(rank, more)
    return slice(start, start + each + (rank < more))


def nothing() -> Batch:
    """Make a batch of no images: what is left for a rank where there are more ranks than images.

    >>> len(nothing())
    0
    """
    return Batch(np.zeros((0, 3, 0, 0), np.float32), np.zeros((0, 0, 0), np.uint8), (), ())


def padded(batch: Batch, size: tuple[int, int], ignore_index: int) -> Batch:
    """Pad a batch at the right and at the bottom to a size, as `stack` pads its images.

    >>> batch = stack([Prepared(np.ones((3, 2, 2)), np.zeros((2, 2), np.uint8), "grey")], ignore_index=255)
    >>> padded(batch, (2, 4), ignore_index=255).labels.tolist()
    [[[0, 0, 255, 255], [0, 0, 255, 255]]]
    """
    if batch.labels.shape[1:] == size or not len(batch):
        return batch
    second = [None] * len(batch) if batch.geometric is None else batch.geometric
    samples = map(Prepared, batch.images, batch.labels, batch.names, second)
    void = np.full(size, ignore_index, np.uint8)
    largest = Prepared(np.zeros((batch.images.shape[1], *size)), void, "", None if batch.geometric is None else void)
    stacked = stack([*samples, largest], ignore_index)
    images, labels, geometric = (None if a is None else a[:-1] for a in (*stacked, stacked.geometric))
    return Batch(images, labels, batch.names, batch.sizes, geometric)  # type: ignore[arg-type]
