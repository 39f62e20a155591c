"""torchvision's names, and timm's, which are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from minifcn.data.normalize import PREPROCESSINGS, Preprocessing
from minifcn.errors import UserError
from minifcn.weights.published.caffe import VGG16
from minifcn.weights.published.recognised import Recognised, md5, told

if TYPE_CHECKING:
    from minifcn.weights.source import Source

_FEATURES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # between them ReLUs and pools
_CONVS = {f"features.{n}": layer for n, layer in zip(_FEATURES, VGG16, strict=True)}
_HEADS = {
    "torchvision": {"classifier.0": "fc6", "classifier.3": "fc7", "classifier.6": "fc8"},
    "timm": {"pre_logits.fc1": "fc6", "pre_logits.fc2": "fc7", "head.fc": "fc8"},
}
_TORCHVISION = "397923af"  # vgg16-397923af.pth: how its SHA-256 begins stands in its name
_AMDEGROOT = "88682ab5"  # vgg16_features-amdegroot-88682ab5.pth
_FROM_CAFFE = "aa75b158f4181e7f6230029eb96c1b13"  # MD5 of vgg16_from_caffe.pth (github.com/wkentaro/fcn)
_NOT_VALID = "values of the classifier are not valid in this file (torchvision's documentation)"


def recognise(source: Source, preprocessing: str = "") -> Recognised | None:
    """Recognise a VGG16 with torchvision's names or timm's; UserError for those of their networks that are others."""
    _refuse(source.arrays)
    layers = {name.rpartition(".")[0] for name in source.arrays}
    if not layers >= _CONVS.keys():
        return None
    whose, head = next(((w, head) for w, head in _HEADS.items() if head.keys() & layers), ("torchvision", {}))
    layers_here = _CONVS | head
    names = {
        name: f"{layers_here[layer]}.{part}"
        for name in source.arrays
        for layer, _, part in [name.rpartition(".")]
        if layer in layers_here and part in ("weight", "bias")
    }
    by = f"{whose}'s names features.0 ... {[*layers_here][-1]}"
    if whose == "timm":
        return Recognised("VGG16 of timm", by, names, PREPROCESSINGS["torchvision"])
    return _by_sum(source, by, names, preprocessing)


def _by_sum(source: Source, by: str, names: dict[str, str], preprocessing: str) -> Recognised:
    """Tell apart files with the same names and shapes, whose images were preprocessed in different ways."""
    if source.sha256.startswith(_TORCHVISION):
        by = f"{by}, and the SHA-256 of vgg16-{_TORCHVISION}.pth"
        return Recognised("VGG16 of torchvision", by, names, PREPROCESSINGS["torchvision"])
    if source.sha256.startswith(_AMDEGROOT):
        by = f"{by}, and the SHA-256 of vgg16_features-amdegroot-{_AMDEGROOT}.pth"
        left = {name: _NOT_VALID for name in names if name.startswith("classifier.")}
        names = {name: here for name, here in names.items() if name not in left}
        seen = Preprocessing((123.0, 117.0, 104.0), (1.0, 1.0, 1.0), "rgb", "only minus the mean, R, G, B")
        return Recognised("VGG16 of amdegroot, the features", by, names, seen, left=left)
    if md5(source) == _FROM_CAFFE:
        by = f"{by}, and the MD5 of vgg16_from_caffe.pth"
        return Recognised("VGG16 of Caffe", by, names, PREPROCESSINGS["caffe"])
    seen = told(source, "torchvision's VGG16", preprocessing)
    return Recognised("VGG16 with torchvision's names", by, names, seen)


def _refuse(arrays: Mapping[str, np.ndarray]) -> None:
    """Say of networks that are often taken for those of the paper why they cannot be."""
    why = ""
    first = arrays.get("features.0.weight")
    if "features.1.running_mean" in arrays:
        why = "a VGG with batch normalisation, which the paper's network has not; take vgg16, not vgg16_bn"
    elif first is not None and first.ndim == 4 and first.shape[2:] == (11, 11):
        why = (
            f"torchvision's AlexNet, which cannot fill CaffeNet: {first.shape[0]} first maps instead of 96, no groups, "
            "no normalisation; take bvlc_reference_caffenet.caffemodel"
        )
    elif "conv1.conv.weight" in arrays and any(name.startswith("inception3a.") for name in arrays):
        why = (
            "torchvision's GoogLeNet, another network than the paper's: batch normalisation, and 3x3 kernels where "
            "that has 5x5; take bvlc_googlenet.caffemodel"
        )
    elif any(name.startswith("backbone.layer1.") for name in arrays):
        why = "torchvision's fcn_resnet, a dilated ResNet with another head, not the paper's network"
    elif first is not None and any(name.startswith("features.") for name in arrays):
        expected = {f"{layer}.weight" for layer in _CONVS}
        found = {name for name in arrays if name.startswith("features.") and name.endswith(".weight")}
        if found != expected:
            why = f"a VGG of another depth: {len(found)} convolutions, not the 13 of VGG16"
    if why:
        raise UserError(f"this is {why}")
