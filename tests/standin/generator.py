"""cupy.random: a generator with CuPy's methods, and never the numbers that NumPy draws from the same seed."""

from __future__ import annotations

import numpy as np

from standin import api
from standin.functions import stand_in


class Generator:
    """Stands in for cupy.random.Generator, which has no normal, choice, permutation or shuffle."""

    def __init__(self, bit_generator: np.random.Generator):
        self._numpy = bit_generator


def default_rng(seed: int | None = None) -> Generator:
    """Stand in for cupy.random.default_rng."""
    return Generator(np.random.default_rng(None if seed is None else [0xC0FFEE, seed]))


def _draw(name: str):
    def host(self, *args, dtype=None, **kwargs):
        numbers = getattr(self._numpy, name)(*args, **kwargs)
        return numbers if dtype is None else np.asarray(numbers, dtype)

    return host


for _name, _entry in api.NAMES["cupy.random.Generator"].items():
    if _entry["kind"] == "function":
        setattr(Generator, _name, stand_in(f"cupy.random.Generator.{_name}", _entry, _draw(_name)))
