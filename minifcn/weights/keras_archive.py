"""Keras 3's .keras files: an uncompressed zip of the model, config.json, and of its weights, model.weights.h5.

The weights are numbered there by the kind of their layer: layers/conv2d_3/vars/0. The model says how it is called.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.errors import UserError
from minifcn.weights import keras_file

_MODEL, _WEIGHTS = "config.json", "model.weights.h5"
_KINDS = {"Conv2D": "conv2d", "Dense": "dense"}  # the layers of a VGG16 that have weights
_PARTS = {"0": "kernel", "1": "bias"}
_LONGEST_MODEL = 1 << 20  # bytes; that of VGG16 has 22,000
_AGAIN = "save it again with Keras: model.save(FILE)"


def recognises(head: bytes, members: Sequence[str]) -> bool:
    """Tell whether an archive has a model, and its weights."""
    return {_MODEL, _WEIGHTS} <= {*members}


def read(path: Path) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
    """Read the weights, those of layers under the names of an .h5 file: block1_conv1/kernel."""
    with zipfile.ZipFile(path) as archive:
        weights = _member(archive, _WEIGHTS, path.stat().st_size)
        called = _called(_member(archive, _MODEL, _LONGEST_MODEL))
    arrays = keras_file.datasets(io.BytesIO(weights), len(weights))
    named: dict[str, np.ndarray] = {}
    for place, array in arrays.items():
        layer, _, part = place.rpartition("/vars/")
        name = f"{called[layer]}/{_PARTS[part]}" if layer in called and part in _PARTS else place
        if name in named:
            raise UserError(f"it has two layers of one name, for {name}; {_AGAIN}")
        named[name] = array
    return "Keras archive", named, {}


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise UserError(f"{name} is compressed, which Keras does not do; {_AGAIN}")
    if info.file_size > most:
        raise UserError(f"{name} claims {info.file_size:,} bytes, more than {most:,}; {_AGAIN}")
    return archive.read(info)


def _called(model: bytes) -> dict[str, str]:
    try:
        return dict(_layers(json.loads(model)))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError(
            f"{_MODEL} must be a JSON text that has under config its layers, each with class_name and config.name, "
            f"but is another; {_AGAIN}"
        ) from None


def _layers(model: Any) -> Iterator[tuple[str, str]]:
    """Give the place of each layer among the weights, and its name.

    >>> layers = [{"class_name": "Conv2D", "config": {"name": f"block1_conv{n}"}} for n in (1, 2)]
    >>> dict(_layers({"config": {"layers": layers}}))
    {'layers/conv2d': 'block1_conv1', 'layers/conv2d_1': 'block1_conv2'}
    """
    counted: Counter[str] = Counter()
    for layer in model["config"]["layers"]:
        kind = _KINDS.get(str(layer["class_name"]), "")
        if kind:
            number = f"_{counted[kind]}" if counted[kind] else ""
            counted[kind] += 1
            yield f"layers/{kind}{number}", str(layer["config"]["name"])
