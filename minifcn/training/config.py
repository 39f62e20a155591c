"""The settings of a run: checked once, kept in config.json and in every checkpoint."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from minifcn.data.normalize import IMAGENET_MEAN, IMAGENET_STD, PREPROCESSINGS
from minifcn.data.nyud import INPUTS
from minifcn.errors import UserError
from minifcn.text import did_you_mean
from minifcn.training import rules


@dataclass(frozen=True)
class Config:
    """What a run was started with, and what the data set said about its classes.

    Parameters
    ----------
    data : str
        A data set as `data.open_dataset` takes it: "shapes", "folder:PATH", "camvid:PATH", "voc:PATH".
    recipe : str or None
        The name of the recipe that the settings are from, where they were not given otherwise; see `RECIPES`.
    model, backbone, variant, width, dropout, at_once
        As in `models.create`.
    upsampling : "fixed", "learned" or None
        Whether the transposed convolutions stay bilinear; None: as the variant has it, fixed in "paper" and learned in
        the others.
    inputs : "color", "hha", "color-d" or "color-hha"
        What the network is given of a scene; all but the first two are of nyud:PATH. With "color-hha" it has two
        streams.
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
    iterations : int or None
        The steps of a recipe that counts them: `epochs` are then as many as have so many.
    accumulate : int
        Batches whose gradients are added up and divided by their number, for one step (Caffe's iter_size). Groups of
        batches go on from one epoch to the next; what is left of one at the end of the training takes no step.
    patience : int or None
        Training stops when so many epochs have had no better network than the best one; None: never. A run may
        continue with another.
    optimizer : "adam", "sgd" or "caffe-sgd"
    lr, momentum, weight_decay : float
        Momentum belongs to SGD only.
    bias_rates : "doubled", "scores" or "alike"
        Which biases SGD lets learn twice as fast and without decay; see `paper_groups`.
    reduction : "mean" or "batch"
        Of the loss over the pixels of a batch, as in `F.softmax_cross_entropy`: "batch" adds them up and divides by the
        number of images only, as Caffe does without normalisation.
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
    class_names, palette, ignore_index, geometric_names
        Of the data set. With geometric classes the network has a second head.
    mean, std : three floats, R, G, B, of 0..255; more, where `inputs` has more channels
    channel_order : "rgb" or "bgr"
        With `mean` and `std` the preprocessing of the images: `data.Normalize(mean, std, order=channel_order)`.

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
    recipe: str | None = None
    model: str = "fcn8s"
    backbone: str = "vgg16"
    variant: str = "aligned"
    width: float = 0.25
    dropout: float = 0.5
    at_once: bool = False
    upsampling: str | None = None
    inputs: str = "color"
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
    iterations: int | None = None
    batch_size: int = 8
    accumulate: int = 1
    optimizer: str = "adam"
    lr: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    bias_rates: str = "doubled"
    reduction: str = "mean"
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
    geometric_names: tuple[str, ...] = ()
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    channel_order: str = "rgb"

    def __post_init__(self):
        for name, (holds, rule) in rules.RULES.items():
            value = getattr(self, name)
            if not rules.holds(holds, value):
                raise UserError(f"{option(name)} must be {rule}, but is {value!r}")
        if self.size and self.longer_side:
            raise UserError(f"--size is {self.size} and --longer-side {self.longer_side}; give one of the two")
        if self.variant == "lecture" and (self.at_once or self.upsampling == "fixed"):
            wrong = "--at-once" if self.at_once else "--upsampling fixed"
            raise UserError(f"{wrong} is of the paper's networks, and --variant is lecture; leave one of the two out")
        if not len(self.mean) == len(self.std) == self.channels:
            raise UserError(
                f"--inputs {self.inputs} has {self.channels} channels, but the preprocessing is of {len(self.mean)}"
            )
        if len(self.palette) != len(self.class_names):
            raise UserError(f"the palette has {len(self.palette)} colours for {len(self.class_names)} class names")
        if self.loss_weights and len(self.loss_weights) != len(self.class_names):
            raise UserError(f"loss_weights has {len(self.loss_weights)} weights for {len(self.class_names)} classes")
        if self.loss_weights and self.class_weights == "none":
            raise UserError('there are loss_weights, but class_weights is "none"; say where they come from: "by hand"')

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def channels(self) -> int:
        """Number of channels of the images."""
        return INPUTS[self.inputs].channels

    @property
    def preprocessing(self) -> str:
        """The name of the preprocessing, as `--preprocessing` takes it; what it is, if it has none.

        >>> Config().preprocessing, Config(mean=(92, 97, 116), std=(1, 1, 1), channel_order="bgr").preprocessing
        ('imagenet', 'mean 92,97,116, std 1,1,1, bgr')
        """
        settings = (self.mean, self.std, self.channel_order)
        named = (name for name, known in PREPROCESSINGS.items() if known[:3] == settings)
        mean, std = (",".join(f"{number:.6g}" for number in numbers) for numbers in settings[:2])
        return next(named, f"mean {mean}, std {std}, {self.channel_order}")

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
    "channel_order": "rgb",
    "recipe": None,
    "at_once": False,
    "upsampling": None,
    "iterations": None,
    "accumulate": 1,
    "bias_rates": "doubled",
    "reduction": "mean",
    "inputs": "color",
    "geometric_names": (),
}


def option(name: str) -> str:
    """Give a setting's name on the command line.

    >>> option("batch_size")
    '--batch-size'
    """
    return "--" + name.replace("_", "-")


def preprocessing_settings(name: str) -> dict[str, Any]:
    """Give the settings that a named preprocessing stands for; UserError, if there is none of this name.

    >>> preprocessing_settings("raw")
    {'mean': (0.0, 0.0, 0.0), 'std': (1.0, 1.0, 1.0), 'channel_order': 'rgb'}
    """
    if name not in PREPROCESSINGS:
        near = did_you_mean(name, PREPROCESSINGS)
        raise UserError(f"--preprocessing must be one of {', '.join(PREPROCESSINGS)}, but is {name!r}{near}")
    mean, std, order, _ = PREPROCESSINGS[name]
    return {"mean": mean, "std": std, "channel_order": order}


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
