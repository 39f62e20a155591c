"""Networks in MATLAB's .mat files of level 5, as MatConvNet saves them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minifcn import matlab
from minifcn.errors import UserError
from minifcn.text import in_short


def recognises(head: bytes, members: Sequence[str]) -> bool:
    """Tell whether a file begins as MATLAB's of level 5 do."""
    return head.startswith(matlab.BEGIN)


def read(path: Path) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
    """Read params(k).value under the name params(k).name, with the indices in MATLAB's order, height first.

    The params may be those of a structure named net. The file says of itself the names and types of its
    "layers" in their order, and the "normalization" of its images. Objects and functions in it are passed over.
    """
    variables = matlab.variables(path)
    if len(network := _records(variables.get("net"))) == 1:
        variables = network[0]
    arrays: dict[str, np.ndarray] = {}
    for param in _records(variables.get("params")):
        name, value = param.get("name"), param.get("value")
        if not isinstance(name, str) or not isinstance(value, np.ndarray) or name in arrays:
            raise UserError(
                f"a parameter of its network, {name!r}, has no name of its own or no numbers; save it again"
            )
        arrays[name] = value
    if not arrays:
        raise UserError(
            f"it has no params of a MatConvNet network, but {in_short([*variables]) or 'nothing'}; in MATLAB, make it "
            "a DagNN (dagnn.DagNN.fromSimpleNN), and save that: net = net.saveobj(); save(FILE, '-struct', 'net')"
        )
    layers = [(str(layer.get("name")), str(layer.get("type"))) for layer in _records(variables.get("layers"))]
    about: dict[str, Any] = {"layers": layers}
    for meta in _records(variables.get("meta")):
        for normalization in _records(meta.get("normalization")):
            about["normalization"] = normalization
    return "MAT-file 5", arrays, about


def _records(structure: Any) -> list[dict[str, Any]]:
    return [record for record in structure if isinstance(record, dict)] if isinstance(structure, list) else []
