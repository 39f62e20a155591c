"""The rule of each setting of a run: what holds, and how a message says it."""

from __future__ import annotations

import json
import math
from typing import Any

from minifcn.data.nyud import INPUTS


def holds(rule: Any, value: Any) -> bool:
    """Say if a value, of whatever type, keeps the rule."""
    try:
        return bool(rule(value))
    except (TypeError, ValueError, OverflowError):
        return False


def _count(value: Any, low: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value < 2**63


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _size(value: Any) -> bool:
    return value is None or (len(value) == 2 and all(_count(n) and n <= 16384 for n in value))


def _scale(value: Any) -> bool:
    return value is None or (len(value) == 2 and all(map(_number, value)) and 0.1 <= value[0] <= value[1] <= 10)


def _channels(value: Any) -> bool:
    return len(value) in (3, 4, 6) and all(map(_number, value))


def _names(value: Any) -> bool:
    return not isinstance(value, str) and len(value) <= 255 and all(isinstance(name, str) for name in value)


def _name(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable()


def _val_names(value: Any) -> bool:
    """Whether these are names, and a checkpoint's text has room for them."""
    return not isinstance(value, str) and all(isinstance(n, str) for n in value) and len(json.dumps(value)) <= 500_000


def _texts(value: Any) -> bool:
    return not isinstance(value, str) and all(isinstance(text, str) and text for text in value)


def _weights(value: Any) -> bool:
    return all(_number(w) and (w == 0 or 1e-30 <= w <= 1e30) for w in value) and (any(value) or not value)


def _path(value: Any) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value


def _colours(value: Any) -> bool:
    return all(len(colour) == 3 and all(_count(c, 0) and c <= 255 for c in colour) for colour in value)


RULES = {
    "data": (lambda v: isinstance(v, str) and "\0" not in v, "the name of a data set, such as shapes or camvid:FOLDER"),
    "recipe": (lambda v: v is None or _name(v), "the name of a recipe, such as voc-fcn32s"),
    "model": (lambda v: isinstance(v, str), "the name of a model, such as fcn8s"),
    "backbone": (lambda v: isinstance(v, str), "the name of a trunk, such as vgg16"),
    "variant": (lambda v: v in ("aligned", "paper", "lecture"), "aligned, paper or lecture"),
    "width": (lambda v: _number(v) and 0 < v <= 4, "a number above 0 and at most 4 (1 is the paper's network)"),
    "dropout": (lambda v: _number(v) and 0 <= v < 1, "a number from 0 up to, but not, 1"),
    "at_once": (lambda v: isinstance(v, bool), "true or false"),
    "upsampling": (lambda v: v in ("fixed", "learned", None), "fixed or learned"),
    "inputs": (lambda v: isinstance(v, str) and v in INPUTS, ", ".join(INPUTS)),
    "size": (_size, "HEIGHTxWIDTH, two whole numbers from 1 to 16384, such as 360x480"),
    "longer_side": (lambda v: v is None or (_count(v) and v <= 16384), "a whole number from 1 to 16384, such as 256"),
    "mirror": (lambda v: isinstance(v, bool), "true or false"),
    "crop": (_size, "HEIGHTxWIDTH, two whole numbers from 1 to 16384, such as 320x320"),
    "scale": (_scale, "LOW,HIGH with 0.1 <= LOW <= HIGH <= 10, such as 0.75,1.5"),
    "images": (lambda v: v is None or _count(v), "a whole number from 1 up"),
    "train_split": (_name, "the name of a split, such as train"),
    "val_split": (_name, "the name of a split, such as val"),
    "val_share": (lambda v: v is None or (_number(v) and 0 < v < 1), "a number between 0 and 1, such as 0.2"),
    "val_names": (_val_names, "names of at most 500000 characters in all; list the images in train.txt and val.txt"),
    "epochs": (_count, "a whole number from 1 up"),
    "iterations": (lambda v: v is None or _count(v), "a whole number from 1 up"),
    "batch_size": (_count, "a whole number from 1 up"),
    "accumulate": (lambda v: _count(v) and v <= 10**6, "a whole number from 1 to 1000000"),
    "optimizer": (lambda v: v in ("adam", "sgd", "caffe-sgd"), "adam, sgd or caffe-sgd"),
    # SGD doubles it for biases, and that is to be finite too.
    "lr": (lambda v: _number(v) and 0 < v <= 1e300, "a number above 0 and at most 1e300, such as 0.001"),
    "momentum": (lambda v: _number(v) and 0 <= v < 1, "a number from 0 up to, but not, 1"),
    "weight_decay": (lambda v: _number(v) and v >= 0, "a number from 0 up, such as 0.0005"),
    "bias_rates": (lambda v: v in ("doubled", "scores", "alike"), "doubled, scores or alike"),
    "reduction": (lambda v: v in ("mean", "batch"), "mean or batch"),
    "schedule": (lambda v: v in ("constant", "poly"), "constant or poly"),
    "patience": (lambda v: v is None or _count(v), "a whole number of epochs from 1 up"),
    "seed": (lambda v: _count(v, 0), "a whole number from 0 up"),
    "class_weights": (_path, "none, balanced, median or a file of weights"),
    "loss_weights": (_weights, "numbers from 0 to 1e30, above 0 at least 1e-30, and not all of them 0"),
    "init": (lambda v: v is None or _path(v), "a checkpoint, such as runs/first/best.npz"),
    "freeze": (_texts, "patterns of names, such as conv1_*"),
    "dtype": (lambda v: v in ("float32", "float64"), "float32 or float64"),
    "recompute": (lambda v: isinstance(v, bool), "true or false"),
    "class_names": (_names, "at most 255 names"),
    "geometric_names": (_names, "at most 255 names"),
    "palette": (_colours, "R, G, B colours of 0..255"),
    "ignore_index": (lambda v: _count(v, 0) and v <= 255, "a whole number of 0..255"),
    # float32 holds them, and what the normalisation makes of a pixel.
    "mean": (lambda v: _channels(v) and all(abs(m) <= 1e6 for m in v), "three, four or six numbers of -1e6..1e6"),
    "std": (lambda v: _channels(v) and all(1e-6 <= s <= 1e6 for s in v), "three, four or six numbers of 1e-6..1e6"),
    "channel_order": (lambda v: v in ("rgb", "bgr"), "rgb or bgr"),
}
