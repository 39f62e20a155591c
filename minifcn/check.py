"""What may be given as a setting or an argument, for any room: each rule once, and one way to say what was found.

A setting of a layer, a network or an optimiser is checked when the thing is made: TypeError if it is of the wrong kind,
ValueError if its value breaks the rule. An argument of a function is refused by a ValueError that says the whole rule.
"""

from __future__ import annotations

import math
import numbers
import operator
from typing import Any

import numpy as np


def as_whole(value: Any) -> int | None:
    """Give a whole number of any type as an int, and None for what is none: a boolean, or 2.0.

    Who computes a size that is not whole should decide how it is rounded.

    >>> as_whole(np.int64(3)), as_whole(3.0), as_whole(True)
    (3, None, None)
    """
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def whole(value: Any, name: str, least: int = 1) -> int:
    """Take a setting that is a whole number of at least `least`.

    >>> whole(np.int64(3), "channels")
    3
    """
    if (number := as_whole(value)) is None:
        raise TypeError(f"{name} must be a whole number, got {shown(value)}")
    if number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}")
    return number


def whole_argument(value: Any, name: str, least: int | None = None) -> int:
    """Take an argument that is a whole number, of at least `least` if that is given.

    >>> whole_argument(np.int64(3), "groups", 1)
    3
    """
    if (number := as_whole(value)) is None or (least is not None and number < least):
        rule = "" if least is None else f" of at least {least}"
        raise ValueError(f"{name} must be a whole number{rule}, got {value!r}")
    return number


def number(value: Any, name: str, least: float = -math.inf) -> float:
    """Take a finite real number of at least `least`.

    >>> number(np.float32(0.5), "momentum", least=0)
    0.5
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, got {shown(value)}")
    try:
        value = float(value)
    except OverflowError:  # an int
        raise ValueError(f"{name} must be finite, got a number beyond the range of floats") from None
    if not value >= least:  # so that nan is refused here
        rule = "a number" if least == -math.inf else f"at least {least}"
        raise ValueError(f"{name} must be {rule}, got {value}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    return value


def probability(value: Any, name: str) -> float:
    """Take a number in [0, 1).

    >>> probability(0, "p")
    0.0
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a probability in [0, 1), got {shown(value)}")
    if not 0 <= float(value) < 1:
        raise ValueError(f"{name} must be a probability in [0, 1), got {value}")
    return float(value)


def flag(value: Any, name: str) -> bool:
    """Take True or False; a number in its place is usually an argument that slipped by one.

    >>> flag(True, "bias")
    True
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def generator(value: Any, name: str, needed: bool = False) -> np.random.Generator | None:
    """Take a random generator, or, where it is not needed, None.

    >>> generator(None, "rng") is None
    True
    """
    if not isinstance(value, np.random.Generator) and (needed or value is not None):
        raise TypeError(
            f"{name} must be a numpy.random.Generator, such as numpy.random.default_rng(0), got {shown(value)}"
        )
    return value


def floating(value: Any, name: str) -> np.dtype:
    """Take a floating-point dtype.

    >>> floating("float64", "dtype")
    dtype('float64')
    """
    try:
        dtype = np.dtype(value)
    except TypeError:
        dtype = None
    if dtype is None or dtype.kind != "f":
        raise TypeError(f"{name} must be floating-point, such as 'float32' or 'float64', got {value!r}")
    return dtype


def shown(value: Any) -> str:
    """Say what was found: a number or a text as it is, of anything else its type.

    >>> shown("21"), shown([21]), shown(list)
    ("'21'", 'a list', 'the class list')
    """
    if isinstance(value, numbers.Number | str | None):
        return repr(value)
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def kind(value: Any) -> str:
    """Say what was found in the place of an array: dtype and shape, or, if it is none, its type.

    >>> kind(np.zeros((2, 3), np.uint8)), kind([2, 3])
    ('uint8 (2, 3)', 'a list')
    """
    plain = isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray)
    return f"{value.dtype} {value.shape}" if plain else f"a {type(value).__name__}"
