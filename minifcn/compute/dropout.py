"""What dropout keeps: random words that depend on a key and on the place of a number alone.

Philox is a cipher that counts: word j is what becomes of the counter j under the key, without the words before it. So a
kernel of a GPU computes the word of its own element, with the bits that NumPy's Philox has for the host, and no mask is
uploaded (Salmon, Moraes, Dror and Shaw 2011, "Parallel Random Numbers: As Easy as 1, 2, 3": Philox4x64-10).
"""

from __future__ import annotations

import functools
import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from minifcn.backend import device_of, on_vectors, to_device


@dataclass(frozen=True)
class Mask:
    """The factors of a dropout: 1 / (1 - p) where a word is at least p of the largest, and 0 elsewhere.

    Parameters
    ----------
    key : int
        128 bits; another one for every call, from the generator that the user gives.
    p : float
        Probability of 0.
    shape : tuple of int
        (N, C, ...) as that of x, or with ones where a number stands for all of an axis. Words are counted
        channels-last, as maps lie in memory, whatever layout x has.
    first : int
        Where the images are a part of a batch, the number in it of the first: they have the words that they have there.
    """

    key: int
    p: float
    shape: tuple[int, ...]
    first: int = 0

    @property
    def least_kept(self) -> int:
        """The least of 32-bit words that is kept."""
        return round(self.p * 2**32)

    @property
    def first_word(self) -> int:
        """The number of the word of the first element."""
        return self.first * math.prod(self.shape[1:])

    @functools.cached_property
    def kept(self) -> Any:
        """Where there is no 0, on the host."""
        last = (self.shape[0], *self.shape[2:], self.shape[1]) if len(self.shape) > 1 else self.shape
        kept = words(self.key, math.prod(last), self.first_word).reshape(last) >= self.least_kept
        return np.moveaxis(kept, -1, 1) if kept.ndim > 1 else kept

    def times(self, x):
        """Give x times the mask, which is uploaded where x is on a GPU; a kernel needs none (kernels.py beside)."""
        scale, kept = x.dtype.type(1 / (1 - self.p)), to_device(self.kept, device_of(x))
        return on_vectors(operator.mul, x, on_vectors(operator.mul, kept, scale))


class PartOfBatch(np.random.Generator):
    """A generator for the images of a batch that one of several processes has: they get the masks of the whole batch.

    Parameters
    ----------
    bit_generator : BitGenerator

    Attributes
    ----------
    first : int
        The number in the batch of the first image of the part.
    """

    first = 0


def words(key: int, count: int, first: int = 0) -> np.ndarray:
    """Give 32-bit words under a key, from one on: NumPy's 64-bit ones, of which each is two, the lower half first.

    >>> words(1, 3).tolist() == words(1, 5).tolist()[:3], words(2, 1) == words(1, 1)
    (True, array([False]))
    >>> words(1, 5, first=11).tolist() == words(1, 16).tolist()[11:]
    True
    """
    generator, (block, at) = np.random.Philox(key=key), divmod(first, 8)
    generator.advance(block)
    pairs = generator.random_raw(-(-(at + count) // 2))
    return pairs.astype("<u8", copy=False).view("<u4")[at : at + count]
