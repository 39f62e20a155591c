"""Decoded images that stay in memory, up to a size."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import replace

import numpy as np

from minifcn.check import as_whole
from minifcn.data.dataset import Dataset, Sample, position
from minifcn.text import in_bytes

_counting = threading.Lock()  # of all caches: it is held for no longer than an addition takes


class Cache:
    """Room for decoded samples, which several data sets may share.

    What comes when there is no room left is not kept, and nothing gives way to it: in epochs that take each image once,
    whatever had to give way would be wanted next.

    Parameters
    ----------
    size : int
        Bytes.

    Attributes
    ----------
    used : int
        Bytes that are taken, the objects around the pixels counted too; never more than `size`.

    Examples
    --------
    >>> from minifcn.data import Shapes
    >>> cache = Cache(100_000)
    >>> shapes = CachedDataset(Shapes(9), cache)
    >>> for sample in shapes:
    ...     pass
    >>> shapes.kept, 2 * 96 * 96 * (3 + 1) < cache.used <= cache.size
    (2, True)
    """

    def __init__(self, size: int):
        count = as_whole(size)
        if count is None or count < 0:
            raise ValueError(f"Cache: size is a whole number of bytes from 0 up, such as 2 * 2**30, got {size!r}")
        self.size, self.used = count, 0

    def __repr__(self) -> str:
        return f"Cache({in_bytes(self.used)} of {in_bytes(self.size)})"

    def keep(self, samples: list[Sample | None], place: int, sample: Sample) -> None:
        """Put a copy of a sample into its place among the samples of a data set, if that is empty and it has room."""
        if self.used + sum(array.nbytes for array in _arrays(sample)) > self.size:
            return
        copy = copied(sample)
        count = sum(map(sys.getsizeof, (*_arrays(copy), copy.name, copy, vars(copy))))
        with _counting:
            if samples[place] is None and self.used + count <= self.size:  # threads may read one image at once
                samples[place] = copy
                self.used += count


class CachedDataset(Dataset):
    """A data set whose samples are kept in memory once they were read, as far as the cache has room.

    Every sample that it gives is a copy, so that a transform may change it. A file that changes after it was read is
    not read again.

    Parameters
    ----------
    dataset : Dataset
    cache : Cache

    Attributes
    ----------
    kept : int
        How many samples are in memory.

    Examples
    --------
    >>> from minifcn.data import Shapes
    >>> shapes = CachedDataset(Shapes(3), Cache(2**20))
    >>> first, again = shapes[0], shapes[-3]
    >>> shapes.kept, (first.image == again.image).all(), first.image is again.image
    (1, np.True_, False)
    """

    def __init__(self, dataset: Dataset, cache: Cache):
        self.dataset, self.cache = dataset, cache
        self.described_as(dataset)
        self._samples: list[Sample | None] = [None] * len(dataset)  # a dict would grow with what it keeps

    @property
    def kept(self) -> int:
        return sum(sample is not None for sample in self._samples)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        place = position(index, len(self))
        kept = self._samples[place]
        if kept is not None:
            return copied(kept)
        sample = self.dataset[place]
        if isinstance(sample, Sample):  # what is none is refused by who takes it
            self.cache.keep(self._samples, place, sample)
        return sample


def copied(sample: Sample) -> Sample:
    """Give the sample with arrays of its own; a view would keep all of what it is a view of."""
    geometric = None if sample.geometric is None else sample.geometric.copy()
    return replace(sample, image=sample.image.copy(), label=sample.label.copy(), geometric=geometric)


def _arrays(sample: Sample) -> list[np.ndarray]:
    return [array for array in (sample.image, sample.label, sample.geometric) if array is not None]


if hasattr(os, "register_at_fork"):  # a child that is forked while another thread counts would wait for ever
    os.register_at_fork(before=_counting.acquire, after_in_parent=_counting.release, after_in_child=_counting.release)
