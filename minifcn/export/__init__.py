"""Networks for other programs: a network in a file, with its graph (ONNX), or only its weights."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minifcn.export import onnx_file
from minifcn.nn import Module
from minifcn.weights import writers


def write_network(path: str | os.PathLike, model: Module, about: Mapping[str, Any]) -> None:
    """Write a network in the format that the ending of the path names.

    Parameters
    ----------
    path : path ending in .onnx, or in an ending of `weights.writers.write`, in an existing folder
        .onnx holds the whole network (`export.onnx_file`), the others its weights by their names.
    model : Module
    about : mapping
        Such as `training.about` gives.

    Raises
    ------
    UserError
        If the ending is another one, or ONNX does not know what the network does.

    Examples
    --------
    >>> import tempfile
    >>> from minifcn import models
    >>> path = Path(tempfile.mkdtemp()) / "net.safetensors"
    >>> write_network(path, models.FCN32s(2, width=1 / 64), {})
    >>> path.stat().st_size > 4 * 64 * 64
    True
    """
    if Path(path).suffix.lower() == ".onnx":
        onnx_file.write(path, model, about)
    else:
        writers.write(path, model.state_dict(), about)


__all__ = ["onnx_file", "write_network"]
