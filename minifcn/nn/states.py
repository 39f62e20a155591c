"""What `Module.load_state_dict` reads, and how it says what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from minifcn.autograd import Tensor
from minifcn.backend import to_host


class IncompatibleKeys(NamedTuple):
    """What `Module.load_state_dict` did not load.

    Parameters
    ----------
    missing_keys : list of str
        Parameters that the state does not have.
    unexpected_keys : list of str
        Names in the state that are no parameters of the module.

    Examples
    --------
    >>> IncompatibleKeys([], ["fc8.weight"]).unexpected_keys
    ['fc8.weight']
    """

    missing_keys: list[str]
    unexpected_keys: list[str]


def some(names: list[str]) -> str:
    """Show the first names of a list."""
    shown = f"{sorted(names, key=str)[:3]}" if names else "nothing"
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def way_out(parameters: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    """Say what to do with a state of other names."""
    if any(f"model/{name}" in state for name in parameters):
        return (
            "this is a checkpoint of a training: saved = training.checkpoint.load(path), and then "
            "training.load_model(saved.config, saved.model) gives the network"
        )
    return "build the network the state was saved from, or pass strict=False"


def readable(name: str, value: Any, target: Any) -> np.ndarray:
    """Take an array of a state as one of the parameter's shape and dtype, on the host; ValueError if it cannot be."""
    value = value.data if isinstance(value, Tensor) else value
    try:
        array = to_host(value) if hasattr(getattr(value, "dtype", None), "kind") else np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:  # RuntimeError: a tensor of PyTorch that needs a gradient
        raise ValueError(f"load_state_dict: {name} is no array in the state ({error})") from None
    if array.shape != target.shape:
        raise ValueError(
            f"load_state_dict: {name} has shape {array.shape} in the state, but {target.shape} here; "
            "build the network with the same classes, width and variant"
        )
    if not getattr(target.flags, "writeable", True):  # CuPy's arrays always are
        raise ValueError(
            f"load_state_dict: {name} holds a read-only array here; give it a copy: Parameter(array.copy())"
        )
    if array.dtype.kind not in "fiu":
        raise ValueError(f"load_state_dict: {name} must hold numbers, but is {array.dtype} in the state")
    with np.errstate(over="ignore"):
        converted = array.astype(target.dtype, copy=False)
    if array.dtype.itemsize > converted.dtype.itemsize and np.isinf(converted).sum() > np.isinf(array).sum():
        raise ValueError(
            f"load_state_dict: {name} has numbers in {array.dtype} that {target.dtype} cannot hold; "
            f"convert the network with .astype('{array.dtype}') first"
        )
    return converted
