"""What gradcheck is called with: inputs, names, seed and settings, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minifcn.backend import device_of, to_host
from minifcn.gradcheck.pair import first_index


def check_settings(eps: float, rtol: float, atol: float) -> None:
    if not (isinstance(eps, int | float | np.number) and 0 < eps < 1):
        raise ValueError(f"gradcheck: eps must be a number above 0 and below 1, such as 1e-6, got {eps!r}")
    if 1 + eps == 1:
        raise ValueError(f"gradcheck: eps={eps!r} moves nothing, because 1 + eps is 1 in float64; take 1e-6")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not (isinstance(value, int | float | np.number) and 0 <= value < 1):
            raise ValueError(f"gradcheck: {name} must be a number from 0 up and below 1, got {value!r}")


def checked_input(name: str, x: Any) -> np.ndarray:
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
