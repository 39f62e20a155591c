"""What gradcheck is called with: inputs, names, seed and settings, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minifcn.backend import device_of, to_host
from minifcn.gradcheck.function import first_index


@dataclass(frozen=True)
class Settings:
    """How a gradient is checked; the rules of `gradcheck` hold.

    Parameters
    ----------
    eps, rtol, atol : float
    mode : str
        "full" or "directional".
    seed : int
        Of the weights and directions.

    Raises
    ------
    ValueError
        If one breaks its rule.
    """

    eps: float
    rtol: float
    atol: float
    mode: str
    seed: int

    def __post_init__(self) -> None:
        if self.mode not in ("full", "directional"):
            raise ValueError(f'gradcheck: mode must be "full" or "directional", got {self.mode!r}')
        if not (isinstance(self.eps, int | float | np.number) and 0 < self.eps < 1):
            raise ValueError(f"gradcheck: eps must be a number above 0 and below 1, such as 1e-6, got {self.eps!r}")
        if 1 + self.eps == 1:
            raise ValueError(f"gradcheck: eps={self.eps!r} moves nothing, because 1 + eps is 1 in float64; take 1e-6")
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if not (isinstance(value, int | float | np.number) and 0 <= value < 1):
                raise ValueError(f"gradcheck: {name} must be a number from 0 up and below 1, got {value!r}")


def checked_input(name: str, x: Any) -> np.ndarray:
    """Take an array of finite float64 numbers, of any device, to the host."""
    x = to_host(x) if device_of(x) != "cpu" else np.asarray(x)
    if x.dtype.kind == "c":
        raise TypeError(f"gradcheck: {name} is {x.dtype}; pass its real and its imaginary part as two inputs")
    if x.dtype.kind != "f":
        advice = "which has no gradient; bind it, as in lambda x: function(x, labels)"
        raise TypeError(f"gradcheck: {name} is {x.dtype}, {advice}")
    if x.dtype != np.float64:
        advice = "its differences drown in rounding; check in float64, x.astype('float64')"
        raise TypeError(f"gradcheck: {name} is {x.dtype}; {advice}")
    if not np.isfinite(x).all():
        at = first_index(~np.isfinite(x))
        raise ValueError(f"gradcheck: {name} is {x[at]} at index {at}; check where all is finite")
    return x


def names_of(names: Sequence[str] | None, count: int) -> list[str]:
    """Take a name for each input, or name them by their numbers.

    >>> names_of(None, 2)
    ['input 0', 'input 1']
    """
    if names is not None and len(names) != count:
        raise ValueError(f"gradcheck: there are {len(names)} names for {count} inputs; give one for each")
    return [f"input {i}" for i in range(count)] if names is None else list(names)


def seed_of(rng: np.random.Generator | int | None) -> int:
    """Reduce the source of random numbers to one that a report can print."""
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**32))
    if rng is None:
        return 0
    if not isinstance(rng, int | np.integer) or rng < 0:
        raise ValueError(f"gradcheck: rng must be a numpy.random.Generator or a whole number from 0 up, got {rng!r}")
    return int(rng)
