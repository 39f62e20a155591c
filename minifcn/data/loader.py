"""Batches, loaded ahead of the training step."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn

import numpy as np

from minifcn import named_otherwise
from minifcn.check import as_whole, kind
from minifcn.data.dataset import Dataset, Sample, check_sample
from minifcn.data.normalize import Normalize
from minifcn.data.transforms import Transform, check_transform
from minifcn.text import counted

# The first word of each seed keeps the two streams of random numbers apart.
_ORDER, _AUGMENTATION = 0, 1


@dataclass(frozen=True, repr=False)
class Batch:
    """Samples stacked for a step; ``images, labels = batch`` unpacks what a step needs.

    Images of different sizes, where they are let into one batch, are padded at the right and at the bottom: the
    normalised image with 0, the label with the ignore index.

    Parameters
    ----------
    images : float32 array (N, 3, H, W), channels-last in memory
    labels : uint8 array (N, H, W)
    names : tuple of N str
    sizes : tuple of N (height, width)
        The size of each image without its padding.

    Examples
    --------
    >>> from minifcn.data import Shapes
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

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.images, self.labels))

    def __getitem__(self, index: object) -> NoReturn:
        raise TypeError(f"Batch: there is no batch[{index!r}]; write images, labels = batch, or batch.images[i] of one")

    def __repr__(self) -> str:
        images, labels = kind(self.images), kind(self.labels)
        return f"Batch(images {images}, labels {labels}, names={self.names}, sizes={self.sizes})"


class DataLoader:
    """Batches of a data set, in an order and with an augmentation that depend on nothing but seed, epoch and index.

    So training resumes bit for bit from two numbers, the epoch and the batch: what was drawn before leaves no trace.
    ``for batch in loader`` takes the next epoch each time: the first such loop is that over ``loader.epoch(0)``, the
    second that over ``loader.epoch(1)``.

    Parameters
    ----------
    dataset : Dataset
        At least one sample, at most 255 classes and an ignore index of 0..255: labels are uint8 in a batch.
    batch_size : int
    transform : callable (sample, rng) -> sample, optional
        Augmentation; see `minifcn.data.transforms`.
    normalize : callable (uint8 image (H, W, 3)) -> float32 (3, H, W)
    shuffle : bool
        A new order in each epoch.
    seed : int
        Of the order and the augmentation, 0 or more.
    drop_last : bool
        Leave out the last batch of an epoch if it is not full.
    pad : bool
        Let images of different sizes share a batch, the smaller ones padded, so that a training step always sees
        `batch_size` images. Padding reaches no loss, but a network sees it: the scores near the right and the bottom
        edge are other ones than those of the image alone, up to half a receptive field away. Without it, each size
        that comes up among `batch_size` images makes a batch of its own, and every image is scored as if alone.
    prefetch : int
        How many batches a background thread loads ahead; 0 loads each when it is asked for.

    Examples
    --------
    >>> from minifcn.data import Shapes
    >>> loader = DataLoader(Shapes(5, num_classes=2), batch_size=2, shuffle=True)
    >>> [batch.images.shape for batch in loader.epoch(0)]
    [(2, 3, 96, 96), (2, 3, 96, 96), (1, 3, 96, 96)]
    >>> loader
    DataLoader(Shapes(5 samples, 2 classes: background, disc), batch_size=2, shuffle=True)  # 3 batches an epoch
    >>> for epoch in range(2):
    ...     print(*[name[-1] for batch in loader for name in batch.names])
    2 4 3 0 1
    1 3 4 2 0
    """

    @named_otherwise.arguments
    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        transform: Transform | None = None,
        normalize: Callable[[np.ndarray], np.ndarray] = Normalize(),  # noqa: B008 (never changed)
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        pad: bool = False,
        prefetch: int = 2,
    ):
        _check_dataset(dataset)
        self.dataset = dataset
        self.batch_size = _whole("batch_size", batch_size, 1)
        self.transform = None if transform is None else check_transform(transform, "DataLoader")
        self.normalize = normalize
        for name, value in (("shuffle", shuffle), ("drop_last", drop_last), ("pad", pad)):
            if not isinstance(value, bool | np.bool_):
                raise ValueError(f"DataLoader: {name} is True or False, got {value!r}")
        self.shuffle = shuffle
        self.seed = _whole("seed", seed, 0)
        self.drop_last = drop_last
        self.pad = pad
        self.prefetch = _whole("prefetch", prefetch, 0)
        self.loops = 0  # that were begun over the loader itself, each of which is an epoch

        if not len(self):
            raise ValueError(
                f"DataLoader: drop_last leaves out the only batch, as the data set has {len(dataset)} samples and "
                f"batch_size is {batch_size}; take a smaller batch_size, or drop_last=False"
            )

    def __len__(self) -> int:
        """The number of batches in an epoch; without `pad`, there are more where sizes are mixed."""
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Generator[Batch, None, None]:
        number, self.loops = self.loops, self.loops + 1
        return self.epoch(number)

    def __repr__(self) -> str:
        chosen = {"seed": self.seed, "shuffle": self.shuffle, "drop_last": self.drop_last, "pad": self.pad}
        parts = [f"{name}={value}" for name, value in chosen.items() if value]
        made_of = ", ".join([repr(self.dataset), f"batch_size={self.batch_size}", *parts])
        return f"DataLoader({made_of})  # {counted(len(self), 'batch', 'batches')} an epoch"

    def epoch(self, number: int, start: int = 0) -> Generator[Batch, None, None]:
        """Iterate over the batches of an epoch.

        Parameters
        ----------
        number : int
            The epoch, 0 or more.
        start : int
            The first batch to load, 0..len(loader); the ones before it are skipped, not loaded. Those of several
            sizes count as the one that they would be with `pad`.

        Returns
        -------
        generator of Batch
            An exception in the background thread is raised here; `close()` stops the thread.
        """
        if any(as_whole(value) is None for value in (number, start)) or number < 0 or not 0 <= start <= len(self):
            raise ValueError(
                f"DataLoader.epoch: number is at least 0 and start is 0..{len(self)} (the batches of an "
                f"epoch), got number={number}, start={start}"
            )
        order = np.arange(len(self.dataset))
        if self.shuffle:
            np.random.default_rng([_ORDER, self.seed, number]).shuffle(order)
        batches = [order[i * self.batch_size : (i + 1) * self.batch_size] for i in range(start, len(self))]
        loaded = (self._load(number, batch) for batch in batches)
        return self._each(self._load_ahead(number, batches) if self.prefetch else loaded)

    @staticmethod
    def _each(loaded: Generator[list[Batch], None, None]) -> Generator[Batch, None, None]:
        with closing(loaded):
            for batches in loaded:
                yield from batches

    def _load_ahead(self, epoch: int, batches: list[np.ndarray]) -> Generator[list[Batch], None, None]:
        pool, process = ThreadPoolExecutor(max_workers=1, thread_name_prefix="minifcn-loader"), os.getpid()
        submitted = (pool.submit(self._load, epoch, batch) for batch in batches)
        loading = deque(islice(submitted, self.prefetch))
        try:
            for batch in batches:
                if os.getpid() != process:  # a forked child, which has not got the thread
                    yield self._load(epoch, batch)
                    continue
                loaded = loading.popleft().result()
                loading.extend(islice(submitted, 1))  # keeps the thread busy while the consumer works
                yield loaded
        finally:
            if os.getpid() == process:
                pool.shutdown(cancel_futures=True)

    def _load(self, epoch: int, indices: np.ndarray) -> list[Batch]:
        samples = [self._sample(epoch, index) for index in indices.tolist()]
        if self.pad:
            return [self._stack(samples)]
        by_size: dict[tuple[int, ...], list[Sample]] = {}
        for sample in samples:
            by_size.setdefault(sample.label.shape, []).append(sample)
        return [self._stack(alike) for alike in by_size.values()]

    def _sample(self, epoch: int, index: int) -> Sample:
        sample = self.dataset[index]
        source = f"dataset[{index}]"
        if self.transform is not None and isinstance(sample, Sample):
            sample = self.transform(sample, np.random.default_rng([_AUGMENTATION, self.seed, epoch, index]))
            source = f"transform({source})"
        check_sample(sample, self.dataset, source)
        return sample

    def _stack(self, samples: list[Sample]) -> Batch:
        sizes = tuple((sample.label.shape[0], sample.label.shape[1]) for sample in samples)
        height, width = np.max(sizes, axis=0)
        images = np.zeros((len(samples), height, width, 3), np.float32).transpose(0, 3, 1, 2)
        labels = np.full((len(samples), height, width), self.dataset.ignore_index, np.uint8)
        for image, label, sample, (h, w) in zip(images, labels, samples, sizes, strict=True):
            normalized = self.normalize(sample.image)
            if np.shape(normalized) != (3, h, w):
                raise ValueError(
                    f"DataLoader: normalize makes (3, H, W) of an image (H, W, 3), but of {sample.image.shape} it made "
                    f"{np.shape(normalized)} (sample {sample.name})"
                )
            image[:, :h, :w] = normalized
            label[:h, :w] = sample.label
        return Batch(images, labels, tuple(sample.name for sample in samples), sizes)


def _check_dataset(dataset: Any) -> None:
    """Raise if this is no data set, or one whose labels uint8 cannot hold."""
    missing = [name for name in ("__len__", "__getitem__", "num_classes", "ignore_index") if not hasattr(dataset, name)]
    if missing:
        fix = "derive a class from Dataset"
        if isinstance(dataset, Dataset):
            fix = "give it the attribute class_names, such as ('background', 'cat'), and palette"
        raise ValueError(
            f"DataLoader: dataset is a minifcn.data.Dataset, but {type(dataset).__name__} has no {missing[0]}; {fix}"
        )
    if len(dataset) < 1:
        raise ValueError(
            f"DataLoader: the data set ({type(dataset).__name__}) has no samples; give one with at least 1"
        )
    if not 1 <= dataset.num_classes <= 255:
        raise ValueError(
            f"DataLoader: a data set has 1..255 classes, as labels are uint8 and one number is left for what does not "
            f"count, but this one has {dataset.num_classes}; join some of its classes"
        )
    ignored = dataset.ignore_index
    if not isinstance(ignored, int | np.integer) or not 0 <= ignored <= 255:
        raise ValueError(
            f"DataLoader: ignore_index is a whole number of 0..255, as labels are uint8, but that of the data set is "
            f"{ignored!r}; use 255 in its labels, label[label == {ignored!r}] = 255, and as its ignore_index"
        )


def _whole(name: str, value: Any, least: int) -> int:
    """The value as an int, if it is a whole number that is not too small."""
    if (number := as_whole(value)) is None:
        raise ValueError(f"DataLoader: {name} is a whole number, got {value!r}")
    if number < least:
        raise ValueError(f"DataLoader: {name} is at least {least}, got {value}")
    return number
