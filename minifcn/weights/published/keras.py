"""Keras' names of VGG16: block1_conv1 ... block5_conv3, fc1, fc2, predictions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from minifcn.data.normalize import Preprocessing
from minifcn.errors import UserError
from minifcn.weights.published.caffe import VGG16, refuse_others
from minifcn.weights.published.recognised import Recognised

if TYPE_CHECKING:
    from minifcn.weights.source import Source

_LAYERS = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}
_NAME = re.compile(r"(?:.*/)?(block[1-5]_conv\d|fc[12]|predictions)(?:_(W|b)(?:_\d+)?|/(kernel|bias))(?::0)?")
_PARTS = {"W": "weight", "b": "bias", "kernel": "weight", "bias": "bias"}
_NUMBERED = re.compile(r"(_layer_checkpoint_dependencies|layers)/conv2d(_\d+)?/vars/0")
# Of a whole model that was trained: what its optimiser keeps of the weights, in .h5 and in .keras.
_OPTIMISER = ("optimizer_weights/", "optimizer/")
# keras.applications.vgg16.preprocess_input: B, G, R minus 103.939, 116.779, 123.68.
_SEEN = Preprocessing((123.68, 116.779, 103.939), (1.0, 1.0, 1.0), "bgr", "only minus the mean, B, G, R")


def recognise(source: Source, preprocessing: str = "") -> Recognised | None:
    """Recognise the VGG16 of Keras, alone or in a model: kernels are H, W, in, out, and matrices list H, W, C."""
    if any(_NUMBERED.fullmatch(name) for name in source.arrays):
        raise UserError(
            "these are weights of Keras 3 without their model, which number layers and do not name them; save the "
            "model with them: model.save('model.keras')"
        )
    names: dict[str, str] = {}
    for name in source.arrays:
        if not name.startswith(_OPTIMISER) and (match := _NAME.fullmatch(name)):
            layer, part = match[1], _PARTS[match[2] or match[3]]
            here = _LAYERS.get(layer, f"conv{layer[5:6]}_{layer[-1]}")  # block1_conv2 is conv1_2
            names[name] = f"{here}.{part}"
    layers = {here.partition(".")[0] for here in names.values()}
    if not layers >= {*VGG16}:
        return None
    refuse_others(source, layers)
    names = dict(sorted(names.items(), key=lambda each: (each[1].partition(".")[0], each[1].endswith("bias"))))
    first, *_, last = names
    left = {name: "of the optimiser, which begins anew" for name in source.arrays if name.startswith(_OPTIMISER)}
    return Recognised("VGG16 of Keras", f"Keras' names {first} ... {last}", names, _SEEN, axes="HWIO", left=left)
