"""The trained networks of the package: a file of weights beside this one for each, at most 1 MB.

The weights are kept in float16, and computed with in float32. Commands in benchmarks/ make the files anew.
shapes-coarser.npz is no network but the score layers of two more on the trunk of shapes-fcn8s, for `explain`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from minifcn.nn import Module

AnyModule = TypeVar("AnyModule", bound=Module)


def load(name: str, make: Callable[..., AnyModule]) -> AnyModule:
    """Make a network of the package, with its weights, and with what one needs to use it.

    Parameters
    ----------
    name : str
        Of its file, without .npz.
    make : callable
        Makes the network out of the settings in the file.

    Returns
    -------
    Module
        In evaluation mode, with the further attributes `class_names`, `palette` and `normalize`.
    """
    from minifcn.data import Normalize  # a network that is not trained needs no data

    about, state = read(name)
    network = make(**about["network"])
    network.load_state_dict(state)
    knows: dict[str, Any] = {
        "class_names": tuple(about["class_names"]),
        "palette": np.array(about["palette"], np.uint8),
        "normalize": Normalize(about["mean"], about["std"]),
    }
    vars(network).update(knows)
    return network.eval()


def read(name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Give what a file of this folder says of itself, and its arrays in float32."""
    with np.load(file_of(name), allow_pickle=False) as file:
        about = json.loads(file["about"].item())
        return about, {key: file[key].astype(np.float32) for key in file.files if key != "about"}


def file_of(name: str) -> Path:
    """Give the file of a network of the package."""
    return Path(__file__).with_name(f"{name}.npz")
