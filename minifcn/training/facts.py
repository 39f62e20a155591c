"""What all ranks of a training have to have in common, in short: before the first step they compare it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

import minifcn
from minifcn.data import Dataset
from minifcn.nn import Module
from minifcn.training.config import Config, option, written
from minifcn.training.images_list import entries
from minifcn.training.trainer import Trainer


def facts(config: Config, splits: Mapping[str, Dataset], trainer: Trainer) -> dict[str, str]:
    """Give what has to be the same in every rank, by its name.

    Parameters
    ----------
    config : Config
    splits : dict of str to Dataset
    trainer : Trainer
        As it begins, or goes on.
    """
    found = {"version of minifcn": minifcn.__version__}
    found |= {option(name): written(value) for name, value in config.to_dict().items()}
    found |= {f"data set in {split}": fingerprint(dataset) for split, dataset in splits.items()}
    model, optimizer = trainer.model.state_dict(), trainer.optimizer.state_dict()
    found["network to begin with"] = _digest(model[name] for name in sorted(model))
    found["state of the optimizer"] = _digest(optimizer[name] for name in sorted(optimizer))
    found["place in the run"] = str(trainer.position)
    return found


def facts_of_network(model: Module, dataset: Dataset) -> dict[str, str]:
    """Give what has to be the same in every rank that evaluates a network, by its name."""
    state = model.state_dict()
    found = {"version of minifcn": minifcn.__version__, "data set": fingerprint(dataset)}
    return found | {"network": _digest(state[name] for name in sorted(state))}


def fingerprint(dataset: Dataset) -> str:
    """Tell data sets apart by the number of their images, by their files and by what a few of them hold.

    >>> from minifcn.data import Shapes
    >>> fingerprint(Shapes(3)) == fingerprint(Shapes(3)), fingerprint(Shapes(3)) == fingerprint(Shapes(3, seed=1))
    (True, False)
    """
    few = [dataset[number] for number in sorted({0, len(dataset) // 2, len(dataset) - 1})]
    pixels = _digest(array for sample in few for array in (sample.image, sample.label))
    listed = hashlib.sha256(repr(entries(dataset)).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return f"{len(dataset)} images, {listed}, {pixels}"


def _digest(arrays: Any) -> str:
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype.str}{array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:12]
