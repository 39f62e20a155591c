"""Batches, loaded ahead of the training step."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

import numpy as np

from minifcn import named_otherwise
from minifcn.check import as_whole
from minifcn.data.batch import Batch, Prepared, nothing, rows_of, stack
from minifcn.data.dataset import Dataset, Sample, check_sample
from minifcn.data.normalize import Normalize
from minifcn.data.transforms import Transform, check_transform
from minifcn.data.workers import MOST_WORKERS, in_order
from minifcn.text import counted

# The first word of each seed keeps the two streams of random numbers apart.
_ORDER, _AUGMENTATION = 0, 1


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
    workers : int
        Threads that load, transform and normalise samples, 0..64. Order and bits are the same for every number. Above
        1, several threads call the data set, the transform and `normalize` at once; those of this room may be. 0: the
        thread that asks for a batch loads it, as is good to debug.
    prefetch : int or None
        How many batches the workers load ahead; 0 loads each when it is asked for, without threads. None: 2, or as many
        as give each worker a sample.

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
        workers: int = 1,
        prefetch: int | None = None,
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
        self.workers = _whole("workers", workers, 0, MOST_WORKERS)
        ahead = max(2, -(-self.workers // self.batch_size)) if prefetch is None else prefetch
        self.prefetch = _whole("prefetch", ahead, 0)
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

    def epoch(self, number: int, start: int = 0, part: tuple[int, int] = (0, 1)) -> Generator[Batch, None, None]:
        """Iterate over the batches of an epoch.

        Parameters
        ----------
        number : int
            The epoch, 0 or more.
        start : int
            The first batch to load, 0..len(loader); the ones before it are skipped, not loaded. Those of several
            sizes count as the one that they would be with `pad`.
        part : (rank, ranks)
            Load only the images of each batch that this one of so many processes takes; there may be none.

        Returns
        -------
        generator of Batch
            An exception in a worker is raised here, in the place of its batch, with a note that names the sample;
            `close()` ends the threads.
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
        own = (batch[rows_of(*part, len(batch))].tolist() for batch in batches)
        samples = [[(number, index) for index in batch] for batch in own]
        return self._each(in_order(self._prepare, self._stack, samples, self.workers, self.prefetch))

    @staticmethod
    def _each(loaded: Generator[list[Batch], None, None]) -> Generator[Batch, None, None]:
        with closing(loaded):
            for batches in loaded:
                yield from batches

    def _prepare(self, sample: tuple[int, int]) -> Prepared:
        epoch, index = sample
        try:
            return self._normalized(self._sample(epoch, index))
        except Exception as error:
            error.add_note(f"in sample {index} of the data set (dataset[{index}])")
            raise

    def _sample(self, epoch: int, index: int) -> Sample:
        sample = self.dataset[index]
        source = f"dataset[{index}]"
        if self.transform is not None and isinstance(sample, Sample):
            sample = self.transform(sample, np.random.default_rng([_AUGMENTATION, self.seed, epoch, index]))
            source = f"transform({source})"
        check_sample(sample, self.dataset, source)
        return sample

    def _normalized(self, sample: Sample) -> Prepared:
        image = self.normalize(sample.image)
        channels = sample.image.shape[2]
        if np.shape(image) != (channels, *sample.label.shape):
            raise ValueError(
                f"DataLoader: normalize makes ({channels}, H, W) of an image (H, W, {channels}), but of "
                f"{sample.image.shape} it made {np.shape(image)} (sample {sample.name})"
            )
        return Prepared(image, sample.label, sample.name, sample.geometric)

    def _stack(self, samples: list[Prepared]) -> list[Batch]:
        by_size: dict[tuple[int, ...], list[Prepared]] = {}
        for sample in samples:
            by_size.setdefault(() if self.pad else sample.label.shape, []).append(sample)
        return [stack(alike, self.dataset.ignore_index) for alike in by_size.values()] or [nothing()]


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


def _whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """The value as an int, if it is a whole number that is neither too small nor too large."""
    if (number := as_whole(value)) is None:
        raise ValueError(f"DataLoader: {name} is a whole number, got {value!r}")
    if number < least:
        raise ValueError(f"DataLoader: {name} is at least {least}, got {value}")
    if most is not None and number > most:
        raise ValueError(f"DataLoader: {name} is at most {most}, got {value}")
    return number
