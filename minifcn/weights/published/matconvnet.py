"""MatConvNet's names: those of Caffe, followed by _filter and _bias, or by f and b."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from minifcn.data.normalize import IMAGENET_MEAN, Preprocessing
from minifcn.weights.published.caffe import caffe_names, network, refuse_others, taken_for_caffenet
from minifcn.weights.published.recognised import Recognised

if TYPE_CHECKING:
    from minifcn.weights.source import Source

_SPELLINGS = (re.compile(r"(.+)_(filter|bias)"), re.compile(r"(.+)([fb])"))
_PARTS = {"filter": "weight", "f": "weight", "bias": "bias", "b": "bias"}


def recognise(source: Source, preprocessing: str = "") -> Recognised | None:
    """Recognise an FCN or a VGG16 of MatConvNet, whose kernels are H, W, in, out, and whose images are R, G, B.

    A transposed convolution has its inputs and outputs the other way round, (H, W, out, in), as it has here.
    """
    for pattern in _SPELLINGS:
        parts = {name: (m[1], _PARTS[m[2]]) for name in source.arrays if (m := pattern.fullmatch(name))}
        layers = {layer for layer, _ in parts.values()}
        what = network(layers)
        if what:
            break
    else:
        return None
    refuse_others(source, layers)
    names, added = caffe_names(source.arrays, parts, "HWIO")
    first, *_, last = names
    by = f"MatConvNet's names {first} ... {last}{taken_for_caffenet(source, layers)}"
    return Recognised(f"{what} of MatConvNet", by, names, _seen(source), axes="HWIO", added=added)


def _seen(source: Source) -> Preprocessing:
    """Take the mean image of the file, if it has one: of one pixel, or of a whole image."""
    normalization = source.about.get("normalization")  # of another container it may be a text
    mean = normalization.get("averageImage") if isinstance(normalization, dict) else None
    if not isinstance(mean, np.ndarray) or mean.size % 3 or not mean.size:
        return Preprocessing(IMAGENET_MEAN, (1.0, 1.0, 1.0), "rgb", "only minus the mean, R, G, B")
    r, g, b = (float(value) for value in mean.reshape(-1, 3).mean(axis=0))
    return Preprocessing((r, g, b), (1.0, 1.0, 1.0), "rgb", "only minus the mean of the file, R, G, B")
