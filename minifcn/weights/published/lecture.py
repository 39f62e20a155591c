"""The names of the lecture's listing in PyTorch: conv1.0 ... conv5.4, fc6.0, fc7.0, score, up_score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from minifcn.errors import UserError
from minifcn.text import printable
from minifcn.weights.published.recognised import Recognised, told

if TYPE_CHECKING:
    from minifcn.weights.source import Source

_CONVS = tuple(f"conv{stage}.{2 * n}" for stage, count in enumerate((2, 2, 3, 3, 3), 1) for n in range(count))
_LAYERS = (*_CONVS, "fc6.0", "fc7.0", "score", "up_score")
_SKIPS = {"conv1x1_conv3": "FCN-8s", "conv1x1_conv4": "FCN-16s"}  # the finest one tells the network
_UPSAMPLING = ("up_score_conv5", "up_score_conv4_5")
# FCN-32s has its parts a second time, in self.fcn = nn.Sequential(conv1, ..., up_score).
_PARTS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "score", "up_score")


def recognise(source: Source, preprocessing: str = "") -> Recognised | None:
    """Recognise the FCN-32s, 16s or 8s of the listing, which `variant="lecture"` builds."""
    parts = {name: once for name in source.arrays if (once := _once(name))}
    layers = {once.rpartition(".")[0] for once in parts.values()}
    if not layers >= {*_LAYERS}:
        return None
    twice = _twice(source.arrays, parts)
    names = {name: once for name, once in parts.items() if name not in twice}
    skip = next((layer for layer in _SKIPS if layer in layers), "")
    model = _SKIPS.get(skip, "FCN-32s")
    by = f"the lecture's names conv1.0 ... {skip or 'score'}, up_score"
    left = dict.fromkeys(twice, "the same array as the one without fcn.")
    return Recognised(
        f"{model} of the lecture", by, names, told(source, f"the lecture's {model}", preprocessing), left=left
    )


def _once(name: str) -> str:
    """Give a parameter the name that it has outside of self.fcn; nothing if it is none of the listing.

    >>> _once("fcn.0.2.bias"), _once("fcn.7.weight"), _once("fc6.0.weight"), _once("optimizer.0")
    ('conv1.2.bias', 'score.weight', 'fc6.0.weight', '')
    """
    if name.startswith("fcn."):
        number, _, rest = name.removeprefix("fcn.").partition(".")
        name = f"{_PARTS[int(number)]}.{rest}" if number in map(str, range(len(_PARTS))) else ""
    layer, _, part = name.rpartition(".")
    return name if layer in (*_LAYERS, *_SKIPS, *_UPSAMPLING) and part in ("weight", "bias") else ""


def _twice(arrays: Mapping[str, np.ndarray], parts: Mapping[str, str]) -> list[str]:
    """List the arrays that are there under the other name too; UserError if the two differ."""
    twice = [name for name, once in parts.items() if name != once and once in arrays]
    for name in twice:
        if not np.array_equal(arrays[name], arrays[parts[name]]):
            raise UserError(
                f"{printable(name)} and {printable(parts[name])} must be the same array, as in the lecture's FCN-32s, "
                "but they differ; save the state dict again"
            )
    return twice
