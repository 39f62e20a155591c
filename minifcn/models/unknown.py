"""What a geometry does not know: the values of a map, and at first the channels of the image."""

from __future__ import annotations

from typing import Any

import numpy as np

NO_VALUES = (
    "the values of a map are asked for, but a geometry has none, and what a pixel sees behind this is not known; "
    "use the operations of minifcn.functional, without return_indices"
)


class NoValues:
    """Stands where the values of a geometry would be, and refuses to be used as them."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape, self.ndim = shape, len(shape)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError(NO_VALUES)

    def __array_ufunc__(self, *inputs: Any, **settings: Any) -> None:
        raise TypeError(NO_VALUES)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(NO_VALUES)


class AnyChannels(int):
    """A number of channels that is not known yet, and so fits any layer."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __mod__(self, other: int) -> int:
        return 0

    __hash__ = int.__hash__


class FirstLayer(Exception):
    """Says how many channels the first layer of a network takes that does not take any number."""

    def __init__(self, channels: int):
        self.channels = int(channels)
