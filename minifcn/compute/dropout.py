"""What dropout keeps: a random word, which depends on a key and on the place of a number alone, says so of each.

Words are Philox's (backend/philox.py), so that a kernel of a GPU finds those of the host, and no mask is uploaded.
"""

from __future__ import annotations

import functools
import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from minifcn.backend import array_module, device_of, has_kernels, on_vectors, philox, to_device
from minifcn.backend.launch import launch, vector

DROP = (
    f"T x, {philox.KEY}, uint64 first, uint32 C, uint32 pixels, uint64 least, float64 scale",
    "T y",
    f"""
    unsigned int n = i; unsigned long long j = n / (C * pixels) * C + n % C + first;
    {philox.WORD}
    y = x * (word >= least ? T(scale) : T(0));""",
)


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
        kept = philox.words(self.key, math.prod(last), self.first_word).reshape(last) >= self.least_kept
        return np.moveaxis(kept, -1, 1) if kept.ndim > 1 else kept

    def times(self, x):
        """Give x times the mask; a GPU draws it there, unless it runs no kernels: then it is uploaded."""
        if has_kernels(array_module(x)):
            return self._drawn_there(x)
        scale, kept = x.dtype.type(1 / (1 - self.p)), to_device(self.kept, device_of(x))
        return on_vectors(operator.mul, x, on_vectors(operator.mul, kept, scale))

    def _drawn_there(self, x):
        """Give x times the mask, channels-last."""
        xp, share = array_module(x), math.prod(x.shape) // max(1, math.prod(self.shape))  # of x, that has one word
        last = xp.moveaxis(x, 1, -1) if x.ndim > 1 else x
        y = xp.empty(last.shape, x.dtype)
        settings = (last.shape[-1] if x.ndim else 1, share, np.uint64(self.least_kept), 1 / (1 - self.p))
        launch(DROP, vector(last), *philox.halves(self.key), np.uint64(self.first_word), *settings, y.reshape(-1))
        return xp.moveaxis(y, -1, 1) if x.ndim > 1 else y


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
