"""The settings of a run: checked once, kept in config.json and in every checkpoint."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

from minifcn.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from minifcn.errors import UserError


@dataclass(frozen=True)
class Config:
    """What a run was started with, and what the data set said about its classes.

    Parameters
    ----------
    data : str
        A data set as `data.open_dataset` takes it: "shapes", "folder:PATH", "camvid:PATH", "voc:PATH".
    model, backbone, variant, width, dropout
        As in `models.create`.
    size : (height, width) or None
        Every image is resized to it; None keeps the images as they are.
    longer_side : int or None
        The longer side of every image after resizing, in pixels; the proportions stay. One of this and `size`.
    mirror : bool
    crop : (height, width) or None
    scale : (low, high) or None
        Range of the random scale; with `mirror` and `crop`, the augmentation of the training images.
    images : int or None
        Only the first so many images of each split.
    train_split, val_split : str
        The splits of the data to train on and to validate on, such as "train_aug".
    val_share : float or None
        The share of the images of folder:PATH that validation gets, where the folder does not say which those are;
        None is 0.2.
    val_names : tuple of str
        The names of the images that were drawn for it; a run that continues, or is evaluated, takes these.
    epochs, batch_size, seed : int
    patience : int or None
        Training stops when so many epochs have had no better network than the best one; None: never. A run may
        continue with another.
    optimizer : "adam" or "sgd"
    lr, momentum, weight_decay : float
        Momentum belongs to SGD only.
    schedule : "constant" or "poly"
        "poly" lets the learning rate fall to 0, as lr (1 - t / T)^0.9 at step t of T (DeepLab, Chen et al. 2017).
    class_weights : "none", "balanced", "median", or a path
        What the classes weigh in the loss; see `weigh_classes`.
    loss_weights : tuple of float
        The weights themselves, one for each class; empty if all weigh the same.
    init : str or None
        The checkpoint whose weights the run began with. It is not read again.
    freeze : tuple of str
        Patterns of layers and parameters that are not learned; see `freeze`.
    dtype : "float32" or "float64"
    recompute : bool
        As in `models.create`. It changes memory and time, and no number: a run may continue without it, or with it.
    class_names, palette, ignore_index
        Of the data set.
    mean, std : three floats, R, G, B, of 0..255
        The normalisation of the images.

    Raises
    ------
    UserError
        If a value breaks its rule; the message names the command-line option.

    Examples
    --------
    >>> config = Config(model="fcn16s", epochs=3)
    >>> config.lr, config.schedule
    (0.001, 'constant')
    >>> Config(epochs=0)
    Traceback (most recent call last):
    minifcn.errors.UserError: --epochs must be a whole number from 1 up, but is 0
    """

    data: str = "shapes"
    model: str = "fcn8s"
    backbone: str = "vgg16"
    variant: str = "aligned"
    width: float = 0.25
    dropout: float = 0.5
    size: tuple[int, int] | None = None
    longer_side: int | None = None
    mirror: bool = False
    crop: tuple[int, int] | None = None
    scale: tuple[float, float] | None = None
    images: int | None = None
    train_split: str = "train"
    val_split: str = "val"
    val_share: float | None = None
    val_names: tuple[str, ...] = ()
    epochs: int = 5
    batch_size: int = 8
    optimizer: str = "adam"
    lr: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    patience: int | None = None
    seed: int = 0
    class_weights: str = "none"
    loss_weights: tuple[float, ...] = ()
    init: str | None = None
    freeze: tuple[str, ...] = ()
    dtype: str = "float32"
    recompute: bool = False
    class_names: tuple[str, ...] = ()
    palette: tuple[tuple[int, int, int], ...] = ()
    ignore_index: int = 255
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self):
        for name, (holds, rule) in _RULES.items():
            value = getattr(self, name)
            if not _holds(holds, value):
                raise UserError(f"{option(name)} must be {rule}, but is {value!r}")
        if self.size and self.longer_side:
            raise UserError(f"--size is {self.size} and --longer-side {self.longer_side}; give one of the two")
        if len(self.palette) != len(self.class_names):
            raise UserError(f"the palette has {len(self.palette)} colours for {len(self.class_names)} class names")
        if self.loss_weights and len(self.loss_weights) != len(self.class_names):
            raise UserError(f"loss_weights has {len(self.loss_weights)} weights for {len(self.class_names)} classes")
        if self.loss_weights and self.class_weights == "none":
            raise UserError('there are loss_weights, but class_weights is "none"; say where they come from: "by hand"')

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    def to_dict(self) -> dict[str, Any]:
        """Give the settings as JSON can hold them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, settings: Any) -> Config:
        """Check and take settings that were read from a file; UserError if they are not those of a run."""
        names = {field.name for field in dataclasses.fields(cls)}
        if isinstance(settings, dict):
            settings = _EARLIER | settings
        if not isinstance(settings, dict) or set(settings) != names:
            found = sorted(set(settings) ^ names) if isinstance(settings, dict) else type(settings).__name__
            raise UserError(f"the configuration is not that of a minifcn run (differs in: {found})")
        return cls(**{name: _tuples(value) for name, value in settings.items()})


# Of runs of before there were these settings.
_EARLIER = {
    "recompute": False,
    "backbone": "vgg16",
    "class_weights": "none",
    "loss_weights": (),
    "init": None,
    "longer_side": None,
    "val_share": None,
    "val_names": (),
    "train_split": "train",
    "val_split": "val",
    "freeze": (),
    "patience": None,
}


def option(name: str) -> str:
    """Give a setting's name on the command line.

    >>> option("batch_size")
    '--batch-size'
    """
    return "--" + name.replace("_", "-")


def written(value: Any) -> str:
    """Write the value of a setting as the command line has it.

    >>> written(("conv1_*", "fc6")), written((360, 480)), written((0.75, 1.5)), written(None)
    ('conv1_*,fc6', '360x480', '0.75,1.5', 'none')
    """
    if isinstance(value, tuple) and value:
        return ("x" if type(value[0]) is int else ",").join(map(written, value))
    return "none" if value in (None, ()) else f"{value:.6g}" if isinstance(value, float) else str(value)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _holds(rule: Any, value: Any) -> bool:
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
    return len(value) == 3 and all(map(_number, value))


def _names(value: Any) -> bool:
    return not isinstance(value, str) and len(value) <= 255 and all(isinstance(name, str) for name in value)


def _split(value: Any) -> bool:
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


_RULES = {
    "data": (lambda v: isinstance(v, str) and "\0" not in v, "the name of a data set, such as shapes or camvid:FOLDER"),
    "model": (lambda v: isinstance(v, str), "the name of a model, such as fcn8s"),
    "backbone": (lambda v: isinstance(v, str), "the name of a trunk, such as vgg16"),
    "variant": (lambda v: v in ("aligned", "paper", "lecture"), "aligned, paper or lecture"),
    "width": (lambda v: _number(v) and 0 < v <= 4, "a number above 0 and at most 4 (1 is the paper's network)"),
    "dropout": (lambda v: _number(v) and 0 <= v < 1, "a number from 0 up to, but not, 1"),
    "size": (_size, "HEIGHTxWIDTH, two whole numbers from 1 to 16384, such as 360x480"),
    "longer_side": (lambda v: v is None or (_count(v) and v <= 16384), "a whole number from 1 to 16384, such as 256"),
    "mirror": (lambda v: isinstance(v, bool), "true or false"),
    "crop": (_size, "HEIGHTxWIDTH, two whole numbers from 1 to 16384, such as 320x320"),
    "scale": (_scale, "LOW,HIGH with 0.1 <= LOW <= HIGH <= 10, such as 0.75,1.5"),
    "images": (lambda v: v is None or _count(v), "a whole number from 1 up"),
    "train_split": (_split, "the name of a split, such as train"),
    "val_split": (_split, "the name of a split, such as val"),
    "val_share": (lambda v: v is None or (_number(v) and 0 < v < 1), "a number between 0 and 1, such as 0.2"),
    "val_names": (_val_names, "names of at most 500000 characters in all; list the images in train.txt and val.txt"),
    "epochs": (_count, "a whole number from 1 up"),
    "batch_size": (_count, "a whole number from 1 up"),
    "optimizer": (lambda v: v in ("adam", "sgd"), "adam or sgd"),
    # SGD doubles it for biases, and that is to be finite too.
    "lr": (lambda v: _number(v) and 0 < v <= 1e300, "a number above 0 and at most 1e300, such as 0.001"),
    "momentum": (lambda v: _number(v) and 0 <= v < 1, "a number from 0 up to, but not, 1"),
    "weight_decay": (lambda v: _number(v) and v >= 0, "a number from 0 up, such as 0.0005"),
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
    "palette": (_colours, "R, G, B colours of 0..255"),
    "ignore_index": (lambda v: _count(v, 0) and v <= 255, "a whole number of 0..255"),
    # float32 holds them, and what the normalisation makes of a pixel.
    "mean": (lambda v: _channels(v) and all(abs(m) <= 1e6 for m in v), "three numbers of -1e6..1e6"),
    "std": (lambda v: _channels(v) and all(1e-6 <= s <= 1e6 for s in v), "three numbers of 1e-6..1e6"),
}
