"""Caffe's names: .caffemodel files, and what was made of them for Chainer and PyTorch (github.com/wkentaro/fcn)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from minifcn.data.normalize import PREPROCESSINGS
from minifcn.errors import UserError
from minifcn.text import printable
from minifcn.weights.published.recognised import Recognised, md5, told
from minifcn.weights.published.reference import trained_on, with_what_is_behind, without_part

if TYPE_CHECKING:
    from minifcn.weights.source import Source

VGG16 = tuple(f"conv{stage}_{n}" for stage, count in enumerate((2, 2, 3, 3, 3), 1) for n in range(1, count + 1))
CAFFENET = tuple(f"conv{n}" for n in range(1, 6))
SCORES = ("score_fr", "score_pool4", "score_pool3")
UPSAMPLING = ("upscore", "upscore2", "upscore16", "upscore_pool4", "upscore8")
FULLY_CONNECTED = ("fc6", "fc7", "fc8")
SCALES = {"scale_pool4": 0.01, "scale_pool3": 0.0001}  # voc-fcn8s-atonce/net.py

# The nets of the CVPR paper had other names for some layers, and a bias on the first upsampling.
_OF_2015 = {"score2": "upscore2", "score4": "upscore_pool4"}
_SKIPS = {"upscore2": "score_pool4.bias", "upscore_pool4": "score_pool3.bias"}  # upsampled, they meet these scores
_BY_KERNEL = {64: "upscore", 32: "upscore16", 16: "upscore8"}
# Normalisation of what a convolution of the trunk gives: conv1_1_bn, bn_conv1, batchnorm3_2.
_NORMALISED = re.compile(r"conv[1-5](_\d)?.?(bn|batch_?norm).*|(bn|batch_?norm).?(conv)?[1-5](_\d)?", re.IGNORECASE)
_WITH_A_SLASH = ("conv1/7x7_s2", "conv2/3x3_reduce", "conv2/3x3", "loss3/classifier")  # and no inceptions
_WITH_TYPES = ("caffemodel", "MAT-file 5")  # of layers; what others say of themselves is text of any kind
# How each container writes the weight and the bias of a layer.
_PARTS = (
    ("caffemodel", re.compile(r"(.+)/([01])"), {"0": "weight", "1": "bias"}),
    ("npz", re.compile(r"(.+)/([Wb])"), {"W": "weight", "b": "bias"}),
    ("", re.compile(r"(.+)\.(weight|bias)"), {"weight": "weight", "bias": "bias"}),
)
# fcn32s, fcn16s, fcn8s and fcn8s-atonce_from_caffe.pth, by how their MD5 sums begin.
_FROM_CAFFE = {"d3eb467a": "fcn32s", "a2d4035f": "fcn16s", "de93e540": "fcn8s", "bfed4437": "fcn8s-atonce"}


def recognise(source: Source, preprocessing: str = "") -> Recognised | None:
    """Recognise Caffe's names, whoever wrote the file."""
    spelling, parts = _parts(source.arrays)
    layers = {layer for layer, _ in parts.values()}
    what = network(layers)
    if not what:
        return None
    refuse_others(source, layers)
    names, added = caffe_names(source.arrays, parts)
    by, at_once = f"Caffe's names {_some(names)}", _at_once(source.arrays, parts)
    trained = trained_on(source, layers)
    seen, whose = trained.preprocessing if trained else PREPROCESSINGS["caffe"], "of Caffe"
    inputs = trained.inputs if trained else "color"
    if not spelling and (known := _FROM_CAFFE.get(md5(source)[:8], "")):
        by, at_once = f"{by}, and the MD5 of {known}_from_caffe.pth", known.endswith("atonce")
    elif spelling != "caffemodel":
        if spelling == "npz":
            by += ", written as Chainer does (/W, /b)"
        else:
            seen = with_what_is_behind(told(source, f"Caffe's {what}", preprocessing), inputs)
            whose, trained = "with Caffe's names", None
        if what == "FCN-8s" and not at_once:  # both have the same arrays
            at_once = "atonce" in source.path.name
            by += f", and {'at-once' if at_once else 'not at-once'} by the name of the file"
    by += taken_for_caffenet(source, layers)
    what = f"{what}{' at once' if at_once else ''} {whose}"
    if trained:
        what, by = f"{what}, on {trained}", f"{by}, and {trained} by {trained.by}"
    left = {name: "the network itself has these numbers" for name, (layer, _) in parts.items() if layer in SCALES}
    data = trained.data if trained else ""
    return Recognised(what, by, names, seen, left=left, added=added, at_once=at_once, inputs=inputs, data=data)


def network(layers: set[str]) -> str:
    """Say which network has these layers of Caffe; nothing if none has.

    >>> network({"conv1", "conv2", "conv3", "conv4", "conv5", "fc6"}), network({*VGG16, "score_fr", "score_pool4"})
    ('CaffeNet', 'FCN-16s')
    """
    layers = {without_part(layer) for layer in layers}
    base = {
        "VGG16": set(VGG16) <= layers,
        "CaffeNet": set(CAFFENET) <= layers,
        "GoogLeNet": bool({"conv1/7x7_s2", "conv1_7x7_s2"} & layers),
    }
    names = [name for name, found in base.items() if found]
    if not names:
        return ""
    if "score-fr" in layers or "score_fr" in layers:
        pool3, pool4 = ({f"score_pool{n}", f"score-pool{n}"} & layers for n in (3, 4))
        net = "FCN-8s" if pool3 else "FCN-16s" if pool4 else "FCN-32s"
        return net if names[0] == "VGG16" else f"{net} on {names[0]}"
    return names[0]


def refuse_others(source: Source, layers: set[str]) -> None:
    """Say of networks that have all layers of VGG16 or CaffeNet why they are none: their scores would be others.

    Parameters
    ----------
    source : Source
    layers : set of str
        By Caffe's names, whoever wrote the file.

    Raises
    ------
    UserError
        If it is a deeper VGG, one with batch normalisation, or bvlc_alexnet.
    """
    why = ""
    deeper = sorted(layer for layer in layers if re.fullmatch(r"conv[1-5]_\d", layer) and layer not in VGG16)
    normalised = sorted(layer for layer in layers if _NORMALISED.fullmatch(layer))
    if deeper:
        why = f"a deeper VGG than VGG16: it has {deeper[0]}; take VGG_ILSVRC_16_layers, or vgg16 of the same publisher"
    elif normalised:
        why = f"a network with batch normalisation ({printable(normalised[0])}), which the paper's have not"
    elif _is_alexnet(source, layers):
        why = (
            "bvlc_alexnet, which normalises before it pools; FCN-AlexNet is made from CaffeNet "
            "(bvlc_reference_caffenet), whose shapes are the same, but which pools first"
        )
    if why:
        raise UserError(f"this is {why}")


def taken_for_caffenet(source: Source, layers: set[str]) -> str:
    """Say of a CaffeNet that the file would look the same if it were bvlc_alexnet; nothing if its layers tell.

    >>> from types import SimpleNamespace
    >>> source = SimpleNamespace(container="caffemodel", about={"layers": [("pool", "Pooling"), ("lrn", "LRN")]})
    >>> taken_for_caffenet(source, {*CAFFENET})
    ''
    """
    if not set(CAFFENET) <= layers or _normalises_first(source) is not None:
        return ""
    return ", and taken for CaffeNet (bvlc_alexnet has the same shapes, with the pools behind the normalisation)"


def _is_alexnet(source: Source, layers: set[str]) -> bool:
    if not set(CAFFENET) <= layers:
        return False
    named = source.about.get("net") == "AlexNet" or source.path.name.lower().startswith("bvlc_alexnet")
    first = _normalises_first(source)
    return named if first is None else first


def _normalises_first(source: Source) -> bool | None:
    """Whether a normalisation comes before the first pool; None if the file says nothing of normalisations.

    A layer has any name, but its type says what it does: LRN and Pooling, or dagnn.LRN and dagnn.Pooling.
    """
    if source.container not in _WITH_TYPES:
        return None
    types = [kind for _, kind in source.about.get("layers", ())]
    normalises, pools = ([n for n, kind in enumerate(types) if what in kind] for what in ("LRN", "Pooling"))
    return not pools or normalises[0] < pools[0] if normalises else None


def caffe_names(
    arrays: Mapping[str, np.ndarray], parts: Mapping[str, tuple[str, str]], axes: str = "OIHW"
) -> tuple[dict[str, str], dict[str, str]]:
    """Give the names here of arrays whose layers have Caffe's names, and the biases that go to another layer.

    Parameters
    ----------
    arrays : mapping of str to array
    parts : mapping of str to (str, str)
        Of each name the layer and "weight" or "bias".
    axes : "OIHW" | "HWIO"

    Returns
    -------
    names, added : dict of str to str
        As in `Recognised`.

    Raises
    ------
    UserError
        If the last upsampling has a bias that is not 0: there is no place for it.
    """
    names: dict[str, str] = {}
    added: dict[str, str] = {}
    kernels = {  # whichever net it is of, it is called upsample in those of 2015
        layer: arrays[name].shape[-1 if axes == "OIHW" else 0]
        for name, (layer, part) in parts.items()
        if layer.startswith("upsample") and part == "weight" and arrays[name].ndim == 4
    }
    for name, (layer, part) in parts.items():
        here = _layer(layer) or _BY_KERNEL.get(kernels.get(layer, 0), "")
        if without_part(here) in UPSAMPLING and part == "bias":
            if here in _SKIPS:
                added[name] = _SKIPS[here]
            elif arrays[name].any():
                raise UserError(f"{name} is a bias of the last upsampling, which has none here, and is not 0")
        elif here:
            names[name] = f"{here}.{part}"
    return names, added


def _layer(name: str) -> str:
    """Give the name here of a layer; nothing if it has none."""
    plain = name.replace("-", "_")
    if plain in _OF_2015:
        return _OF_2015[plain]
    if without_part(plain) in (*VGG16, *CAFFENET, *SCORES, *UPSAMPLING, *FULLY_CONNECTED):
        return plain.removesuffix("_bgrd")
    return _of_googlenet(plain)


def _of_googlenet(name: str) -> str:
    """Give the name here of a layer of bvlc_googlenet: no name of Python has a /, or begins with a digit.

    >>> _of_googlenet("conv1/7x7_s2"), _of_googlenet("inception_3a/5x5_reduce"), _of_googlenet("loss1/fc")
    ('conv1_7x7_s2', 'inception_3a.conv5x5_reduce', '')
    """
    if match := re.fullmatch(r"(inception_[345][a-e])/(1x1|3x3|5x5|3x3_reduce|5x5_reduce|pool_proj)", name):
        return f"{match[1]}.{match[2] if match[2] == 'pool_proj' else f'conv{match[2]}'}"
    if re.fullmatch(r"conv1_7x7_s2|conv2_3x3(_reduce)?|inception_[345][a-e]\.\w+|loss3_classifier", name):
        return name  # as minifcn writes it
    return name.replace("/", "_") if name in _WITH_A_SLASH else ""


def _parts(arrays: Iterable[str]) -> tuple[str, dict[str, tuple[str, str]]]:
    """Split names into layer and part; the spelling is that of most of them."""
    found = [
        (spelling, {name: (m[1], part[m[2]]) for name in arrays if (m := pattern.fullmatch(name))})
        for spelling, pattern, part in _PARTS
    ]
    return max(found, key=lambda each: len(each[1]))


def _at_once(arrays: Mapping[str, np.ndarray], parts: Mapping[str, tuple[str, str]]) -> bool:
    """Whether the file has the layers that scale pool4 and pool3, with the numbers that they should have."""
    scales = {layer: arrays[name] for name, (layer, part) in parts.items() if layer in SCALES}
    for layer, array in scales.items():
        if not np.allclose(array, SCALES[layer], rtol=1e-6, atol=0):
            raise UserError(f"{layer} must be {SCALES[layer]:g}, as in FCN-8s at once, but is {array}")
    scored = {f"scale_{score.removeprefix('score_')}" for layer, _ in parts.values() for score in [_layer(layer)]}
    if scales and (lacking := sorted(SCALES.keys() & scored - scales.keys())):
        raise UserError(f"has no {lacking[0]}, which FCN-8s at once has beside {min(scales)}")
    return bool(scales)


def _some(names: Mapping[str, str]) -> str:
    first, *_, last = names
    return f"{first} ... {last}"
