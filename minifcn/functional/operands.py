"""What is given to operations, as Tensors and numbers; an operation refuses every mistake by a ValueError.

The settings of layers, networks and optimisers are checked by minifcn/check.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.autograd import Tensor, as_tensors
from minifcn.backend import array_module


def expect(holds: bool, message: str) -> None:
    """Raise ValueError with a message that names the argument, what was found, the rule and the fix."""
    if not holds:
        raise ValueError(message)


def given(x: Any, name: str) -> Tensor:
    """Give x as a Tensor, also if it is an array or a list; a geometry (models/geometry.py) as it is.

    What only chooses among its numbers (`relu`, `max_pool2d`, `max_unpool2d`) keeps their type, whatever it is.
    """
    (x,) = as_tensors([x], name)
    return x


def floating(x: Any, name: str) -> Tensor:
    """Give x as a Tensor of floating-point numbers; whole ones and booleans become float64, as in NumPy's mean.

    So do all operations that divide or take exponentials: `avg_pool2d`, `softmax`, `log_softmax`,
    `softmax_cross_entropy`, `local_response_norm`, and `dropout` while it trains.
    """
    x = given(x, name)
    return x if x.dtype.kind == "f" else Tensor(x.data.astype("float64"))


def number(value: Any, name: str) -> float:
    """Give a number as a float, inf and nan too; a Tensor or array of one element is one here."""
    if isinstance(value, str) or not hasattr(value, "__float__"):
        raise ValueError(f"{name} must be a number, got {value!r}")
    return float(value)


def array(values: Any) -> Any:
    """Give the array of a Tensor, an array of NumPy or CuPy itself, and of all else what NumPy makes of it."""
    values = values.data if isinstance(values, Tensor) else values
    try:
        array_module(values)
    except TypeError:  # an array of another library
        return np.asarray(values)
    return values if hasattr(values, "dtype") else np.asarray(values)
