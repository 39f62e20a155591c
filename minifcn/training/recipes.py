"""Recipes: the settings under a name with which the reference networks, and those of the courses, were trained.

Every solver of the reference implementation is here, under the name of its folder. It draws its images with replacement
and counts steps; here an epoch shows every image once, and there are as many epochs as have so many steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minifcn.data.normalize import (
    HHA_MEAN,
    IMAGENET_MEAN,
    LOG_DEPTH_MEAN,
    NYUD_MEAN,
    PASCAL_CONTEXT_MEAN,
    SIFT_FLOW_MEAN,
)
from minifcn.errors import UserError
from minifcn.text import did_you_mean


@dataclass(frozen=True)
class Recipe:
    """The settings of a training, and where they are from.

    Parameters
    ----------
    about : str
        The network, in a few words.
    data : str
        What it was trained on.
    num_classes : int
        Of the semantic ones, where it has geometric ones too.
    settings : dict
        Of a `Config`, by name; what is not there is as ever.
    begins_with : str
        Whose weights; empty for random ones.
    after : str
        The recipe of the stage before, whose network it begins with.
    opens : str
        How to name the data to `--data`.
    size : (height, width)
        Of its images, or of many of them: what a learning rate is translated for.
    geometric_classes : int
        Of a second head.
    source : str

    Examples
    --------
    >>> recipe = RECIPES["voc-fcn16s"]
    >>> recipe.about, recipe.after, recipe.settings["lr"]
    ('FCN-16s, heavy', 'voc-fcn32s', 1e-12)
    """

    about: str
    data: str
    num_classes: int
    settings: dict[str, Any]
    begins_with: str = ""
    after: str = ""
    opens: str = "folder:PATH"
    size: tuple[int, int] = (375, 500)
    geometric_classes: int = 0
    source: str = "shelhamer/fcn.berkeleyvision.org at 1305c73, in its folder: net.py, solver.prototxt, solve.py"

    @property
    def classes(self) -> str:
        """How many classes, as it is shown.

        >>> RECIPES["siftflow-fcn8s"].classes, RECIPES["voc-fcn8s"].classes
        ('33 + 3', '21')
        """
        return f"{self.num_classes}" + (f" + {self.geometric_classes}" if self.geometric_classes else "")


# What all nets of the reference implementation share: its networks, Caffe's SGD, single images as large as they are.
_REFERENCE: dict[str, Any] = {
    "backbone": "vgg16",
    "variant": "paper",
    "width": 1.0,
    "dropout": 0.5,
    "at_once": False,
    "upsampling": "fixed",
    "mean": IMAGENET_MEAN,
    "std": (1.0, 1.0, 1.0),
    "channel_order": "bgr",
    "size": None,
    "mirror": False,
    "batch_size": 1,
    "optimizer": "caffe-sgd",
    "weight_decay": 0.0005,
    "bias_rates": "doubled",
    "schedule": "constant",
}
# "Heavy": a step for each image, and a momentum that remembers a hundred of them; the loss is not normalised.
_HEAVY = _REFERENCE | {"accumulate": 1, "momentum": 0.99, "reduction": "batch", "iterations": 100_000}
# "Accumulated": a step for twenty images, and the mean loss over their pixels.
_ACCUMULATED = _REFERENCE | {"accumulate": 20, "momentum": 0.9, "reduction": "mean", "iterations": 100_000}

_VGG16 = "VGG16 of ImageNet, its fully connected layers made convolutions"
_VOC: dict[str, Any] = {
    "data": "PASCAL VOC 2011, the 8,498 training images of SBD",
    "num_classes": 21,
    "opens": "voc:VOCDEVKIT",
}
# Rows 46 to 470 and columns 41 to 600, inside the border of a Kinect's images (nyu-hooks/cropIt.m).
_NYUD: dict[str, Any] = {
    "data": "NYUDv2, 795 images of 425x560",
    "num_classes": 40,
    "opens": "nyud:PATH",
    "size": (425, 560),
}
_SIFT: dict[str, Any] = {
    "data": "SIFT Flow, 2,486 images of 256x256",
    "num_classes": 33,
    "opens": "siftflow:PATH",
    "size": (256, 256),
    "geometric_classes": 3,
}
_CONTEXT: dict[str, Any] = {
    "data": "PASCAL-Context, 59 classes and background",
    "num_classes": 60,
    "opens": "pascalcontext:PATH",
}

_BOTH: dict[str, Any] = {"train_split": "trainval", "val_split": "test"}
_NYUD_COLOUR: dict[str, Any] = _BOTH | {"inputs": "color", "mean": NYUD_MEAN}
# The three channels of HHA are no colours, and stay in their order.
_NYUD_HHA: dict[str, Any] = _BOTH | {"inputs": "hha", "mean": HHA_MEAN, "channel_order": "rgb"}
_NYUD_DEPTH: dict[str, Any] = _BOTH | {
    "inputs": "color-d",
    "mean": NYUD_MEAN + LOG_DEPTH_MEAN,
    "std": (1.0,) * 4,
}
_NYUD_STREAMS: dict[str, Any] = _BOTH | {"inputs": "color-hha", "mean": NYUD_MEAN + HHA_MEAN, "std": (1.0,) * 6}
_SIFT_COLOUR: dict[str, Any] = _BOTH | {"mean": SIFT_FLOW_MEAN}
_CONTEXT_COLOUR: dict[str, Any] = {"mean": PASCAL_CONTEXT_MEAN}

# The listing of the lecture (docs/lecture.md), and its experiments.
_LECTURE = "a lecture's listing and experiments; what they do not say is ours: size, batch, preprocessing"
_COURSE: dict[str, Any] = {
    "model": "fcn8s",
    "variant": "lecture",
    "width": 1.0,
    "optimizer": "adam",
    "lr": 0.001,
    "epochs": 100,
}

RECIPES = {
    "voc-fcn32s": Recipe(
        "FCN-32s, heavy", **_VOC, begins_with=_VGG16, settings=_HEAVY | {"model": "fcn32s", "lr": 1e-10}
    ),
    "voc-fcn16s": Recipe(
        "FCN-16s, heavy", **_VOC, after="voc-fcn32s", settings=_HEAVY | {"model": "fcn16s", "lr": 1e-12}
    ),
    "voc-fcn8s": Recipe("FCN-8s, heavy", **_VOC, after="voc-fcn16s", settings=_HEAVY | {"model": "fcn8s", "lr": 1e-14}),
    "voc-fcn8s-atonce": Recipe(
        "FCN-8s, heavy, all streams at once, those of pool4 and pool3 scaled",
        **_VOC,
        begins_with=_VGG16,
        settings=_HEAVY | {"model": "fcn8s", "at_once": True, "lr": 1e-10, "iterations": 300_000},
    ),
    "voc-fcn-alexnet": Recipe(
        "FCN-32s on AlexNet, accumulated; only the biases of its scores learn faster",
        **_VOC,
        begins_with="AlexNet (CaffeNet) of ImageNet, its fully connected layers made convolutions",
        settings=_ACCUMULATED | {"model": "fcn32s", "backbone": "alexnet", "lr": 1e-4, "bias_rates": "scores"},
    ),
    "nyud-fcn32s-color": Recipe(
        "FCN-32s, heavy, on colour",
        **_NYUD,
        begins_with=_VGG16,
        settings=_HEAVY | _NYUD_COLOUR | {"model": "fcn32s", "lr": 1e-10},
    ),
    "nyud-fcn32s-hha": Recipe(
        "FCN-32s, heavy, on HHA: three channels made of depth",
        **_NYUD,
        begins_with=_VGG16,
        settings=_HEAVY | _NYUD_HHA | {"model": "fcn32s", "lr": 1e-10},
    ),
    "nyud-fcn32s-color-d": Recipe(
        "FCN-32s, heavy, on colour and depth",
        **_NYUD,
        begins_with=f"{_VGG16}; the filters of depth are the mean of those of colour",
        settings=_HEAVY | _NYUD_DEPTH | {"model": "fcn32s", "lr": 1e-10},
    ),
    "nyud-fcn32s-color-hha": Recipe(
        "two FCN-32s, heavy, of colour and of HHA, whose scores are averaged",
        **_NYUD,
        begins_with="nyud-fcn32s-color and nyud-fcn32s-hha",
        settings=_HEAVY | _NYUD_STREAMS | {"model": "fcn32s", "lr": 1e-12},
    ),
    "siftflow-fcn32s": Recipe(
        "FCN-32s, heavy, with two heads: 33 semantic and 3 geometric classes",
        **_SIFT,
        begins_with=_VGG16,
        settings=_HEAVY | _SIFT_COLOUR | {"model": "fcn32s", "lr": 1e-10},
    ),
    "siftflow-fcn16s": Recipe(
        "FCN-16s, heavy, with two heads: 33 semantic and 3 geometric classes",
        **_SIFT,
        after="siftflow-fcn32s",
        settings=_HEAVY | _SIFT_COLOUR | {"model": "fcn16s", "lr": 1e-12},
    ),
    "siftflow-fcn8s": Recipe(
        "FCN-8s, heavy, with two heads: 33 semantic and 3 geometric classes",
        **_SIFT,
        after="siftflow-fcn16s",
        settings=_HEAVY | _SIFT_COLOUR | {"model": "fcn8s", "lr": 1e-12},
    ),
    "pascalcontext-fcn32s": Recipe(
        "FCN-32s, heavy",
        **_CONTEXT,
        begins_with=_VGG16,
        settings=_HEAVY | _CONTEXT_COLOUR | {"model": "fcn32s", "lr": 1e-10, "iterations": 400_000},
    ),
    "pascalcontext-fcn16s": Recipe(
        "FCN-16s, heavy",
        **_CONTEXT,
        after="pascalcontext-fcn32s",
        settings=_HEAVY | _CONTEXT_COLOUR | {"model": "fcn16s", "lr": 1e-12, "iterations": 400_000},
    ),
    "pascalcontext-fcn8s": Recipe(
        "FCN-8s, heavy",
        **_CONTEXT,
        after="pascalcontext-fcn16s",
        settings=_HEAVY | _CONTEXT_COLOUR | {"model": "fcn8s", "lr": 1e-14, "iterations": 400_000},
    ),
    "camvid-course": Recipe(
        "the lecture's FCN-8s, with Adam",
        "CamVid",
        32,
        _COURSE | {"size": (352, 480)},
        opens="camvid:PATH",
        size=(352, 480),
        source=_LECTURE,
    ),
    "voc-course": Recipe(
        "the lecture's FCN-8s, with Adam",
        "PASCAL VOC 2012",
        21,
        _COURSE | {"size": (384, 512)},
        opens="voc:VOCDEVKIT",
        size=(384, 512),
        source=_LECTURE,
    ),
}


def find_recipe(name: str) -> Recipe:
    """Give the recipe of a name; UserError if there is none.

    >>> find_recipe("voc-fcn32s").settings["momentum"]
    0.99
    """
    if name not in RECIPES:
        near = did_you_mean(name, RECIPES)
        raise UserError(f"there is no recipe {name!r}{near or ';'} `minifcn recipes` lists all")
    return RECIPES[name]


def stages(name: str) -> list[str]:
    """Give the recipes that lead to one, in their order, each beginning with the network of the one before.

    >>> stages("voc-fcn8s"), stages("voc-fcn8s-atonce")
    (['voc-fcn32s', 'voc-fcn16s', 'voc-fcn8s'], ['voc-fcn8s-atonce'])
    """
    before = find_recipe(name).after
    return [*(stages(before) if before else []), name]
