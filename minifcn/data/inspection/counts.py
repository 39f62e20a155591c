"""What a split holds: pairs, sizes, and the pixels and images of each class."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np


@dataclass
class SplitCounts:
    """What was counted in the pairs of one split that can be read.

    Parameters
    ----------
    pixels : int64 array (num_classes,)
        Of each class.
    images : int64 array (num_classes,)
        In how many images each class occurs.
    ignored : int
        Pixels that do not count.
    pairs : int
    empty : int
        Pairs none of whose pixels count.
    sizes : Counter of (height, width)

    Examples
    --------
    >>> counts = SplitCounts.of(3)
    >>> counts.add(np.array([[0, 0, 2, 255]]), ignore_index=255)
    >>> counts.pixels.tolist(), counts.images.tolist(), counts.ignored
    ([2, 0, 1], [1, 0, 1], 1)
    >>> counts.shares.round(2).tolist()
    [0.67, 0.0, 0.33]
    """

    pixels: np.ndarray
    images: np.ndarray
    ignored: int = 0
    pairs: int = 0
    empty: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)

    @classmethod
    def of(cls, num_classes: int) -> SplitCounts:
        """Make the counts of no pair, for so many classes."""
        return cls(np.zeros(num_classes, np.int64), np.zeros(num_classes, np.int64))

    def add(self, label: np.ndarray, ignore_index: int) -> None:
        """Count a label that holds the classes and the ignore index alone."""
        counted = label[label != ignore_index].astype(np.intp)
        pixels = np.bincount(counted, minlength=len(self.pixels))
        self.pixels += pixels
        self.images += pixels > 0
        self.ignored += label.size - counted.size
        self.empty += not counted.size
        self.pairs += 1
        height, width = label.shape
        self.sizes[height, width] += 1

    @property
    def shares(self) -> np.ndarray:
        """The share of each class of the pixels that count; 0 if none does."""
        return self.pixels / max(1, self.pixels.sum())

    @property
    def image_shares(self) -> np.ndarray:
        """The share of the images in which each class occurs."""
        return self.images / max(1, self.pairs)

    @property
    def ignored_share(self) -> float:
        """The share of all pixels that do not count."""
        return self.ignored / max(1, self.ignored + int(self.pixels.sum()))
