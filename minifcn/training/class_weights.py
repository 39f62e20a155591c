"""Weights of the classes in the loss, so that rare ones are learned too: from the training labels, or from a file."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from minifcn.data import Batch, Dataset
from minifcn.data.lists import read_lines
from minifcn.errors import UserError
from minifcn.progress import show_progress
from minifcn.text import counted, did_you_mean, in_columns, in_short
from minifcn.training import build
from minifcn.training.config import Config


@dataclass(frozen=True)
class LabelCounts:
    """How often each of C classes occurs in the labels of some images.

    Parameters
    ----------
    pixels : int64 array (C,)
        Pixels of the class.
    images : int64 array (C,)
        Images in which it occurs.
    around : int64 array (C,)
        Pixels of those images, of any class; ignored ones are counted nowhere.

    Examples
    --------
    Two images of 4 pixels; a road, class 0, is in both and a pole, class 1, in one of them:

    >>> counts = LabelCounts(np.array([7, 1]), np.array([2, 1]), np.array([8, 4]))
    >>> balanced(counts).round(3), median_frequency(counts).round(3)
    (array([0.571, 4.   ]), array([0.643, 2.25 ]))
    """

    pixels: np.ndarray
    images: np.ndarray
    around: np.ndarray


def count_labels(batches: Iterable[Batch], num_classes: int, *, ignore_index: int = 255) -> LabelCounts:
    """Count the pixels of each class.

    Parameters
    ----------
    batches : iterable of Batch
        Such as `loader.epoch(0)`.
    num_classes : int
    ignore_index : int
        Label of the pixels that do not count.

    Returns
    -------
    LabelCounts

    Raises
    ------
    UserError
        If a label is neither a class nor `ignore_index`.

    Examples
    --------
    >>> from minifcn.data import DataLoader, Shapes
    >>> counts = count_labels(DataLoader(Shapes(3, (32, 32), 3), 2).epoch(0), 3)
    >>> counts.images, int(counts.pixels.sum()) <= 3 * 32 * 32
    (array([3, 3, 1]), True)
    """
    pixels, images, around = np.zeros((3, num_classes), np.int64)
    for batch in batches:
        for label in batch.labels:
            here = np.bincount(label[label != ignore_index], minlength=num_classes)
            if len(here) > num_classes:
                raise UserError(
                    f"label {len(here) - 1} is neither a class 0..{num_classes - 1} nor ignore_index {ignore_index}; "
                    "give the ignore_index of the data set"
                )
            pixels += here
            images += here > 0
            around += (here > 0) * here.sum()
    return LabelCounts(pixels, images, around)


def balanced(counts: LabelCounts) -> np.ndarray:
    """Weigh each class by 1 / its pixels, so that all classes have the same share of the loss.

    The weights are N / (C·n): of all N pixels of C classes, n are of this one. scikit-learn calls them "balanced". A
    class without pixels has weight 0, and is not counted in C.

    Examples
    --------
    >>> balanced(LabelCounts(np.array([6, 2, 0]), np.array([1, 1, 0]), np.array([8, 8, 0]))).round(3)
    array([0.667, 2.   , 0.   ])
    """
    occurs = counts.pixels > 0
    weights = counts.pixels.sum() / (max(1, occurs.sum()) * np.maximum(counts.pixels, 1))
    return np.where(occurs, weights, 0.0)


def median_frequency(counts: LabelCounts) -> np.ndarray:
    """Weigh each class by the median of all frequencies / its frequency.

    The frequency of a class is its share of the pixels in the images in which it occurs; so a class that is large but
    seldom weighs less than with `balanced`. A class without pixels has weight 0, and its frequency does not count.

    Notes
    -----
    Eigen and Fergus 2015, "Predicting Depth, Surface Normals and Semantic Labels with a Common Multi-Scale
    Convolutional Architecture"; SegNet (Badrinarayanan et al. 2017) is trained so on CamVid.

    Examples
    --------
    >>> median_frequency(LabelCounts(np.array([6, 1, 0]), np.array([2, 1, 0]), np.array([8, 4, 0]))).round(3)
    array([0.667, 2.   , 0.   ])
    """
    occurs = counts.pixels > 0
    if not occurs.any():
        return np.zeros(len(occurs))
    frequency = counts.pixels / np.maximum(counts.around, 1)
    return np.where(occurs, np.median(frequency[occurs]) / np.where(occurs, frequency, 1), 0.0)


_STEEP = 500  # ratio of weights that is worth a word; CamVid's is 110
RULES = {"balanced": balanced, "median": median_frequency}


def weigh_classes(
    config: Config, dataset: Dataset, *, workers: int = 1, stream: TextIO | None = None
) -> tuple[Config, str]:
    """Fill in the weights that `config.class_weights` asks for.

    For "balanced" and "median" the labels of the whole training split are counted once, resized as configured and
    without augmentation.

    Parameters
    ----------
    config : Config
        With the classes of the data set.
    dataset : Dataset
        The training images.
    workers : int
        Threads that read them, as in `data.DataLoader`.
    stream : text stream or None
        Where progress is shown.

    Returns
    -------
    Config
        With `loss_weights`, unless it has them already or asks for none.
    str
        A table of the weights; empty if there are none.

    Raises
    ------
    UserError
        If the file of weights cannot be read or has other classes, or if no class occurs in the labels.

    Examples
    --------
    >>> from minifcn.data import Shapes
    >>> shapes = Shapes(3, (32, 32), 3)
    >>> colours = tuple(map(tuple, shapes.palette.tolist()))
    >>> config = Config(class_weights="median", class_names=shapes.class_names, palette=colours)
    >>> config, table = weigh_classes(config, shapes)
    >>> print(table)
    class       pixels  images  weight
    background   61.8%       3    0.52
    disc         32.3%       3    1.00
    square        5.9%       1    1.82
    """
    if config.class_weights == "none" or config.loss_weights:
        listed = [*zip(config.class_names, map(_shown, config.loss_weights), strict=False)]
        return config, in_columns([("class", "weight"), *listed]) if listed else ""
    if config.class_weights not in RULES:
        weights = read_weights(config.class_weights, config.class_names)
        return weigh_classes(dataclasses.replace(config, loss_weights=weights), dataset)
    loader = build.valid_loader(config, dataset, workers)
    with closing(loader.epoch(0)) as epoch:
        batches = show_progress("class weights", epoch, len(dataset), stream)
        counts = count_labels(batches, config.num_classes, ignore_index=config.ignore_index)
    if not counts.pixels.any():
        raise UserError(
            f"--class-weights {config.class_weights}: every pixel of the training labels is to be ignored "
            f"({config.ignore_index}), so there is nothing to weigh and nothing to learn; look at the labels"
        )
    weights = tuple(RULES[config.class_weights](counts).tolist())
    total = counts.pixels.sum()
    rows = [("class", "pixels", "images", "weight")]
    for name, pixels, images, weight in zip(config.class_names, counts.pixels, counts.images, weights, strict=True):
        rows.append((name, f"{pixels / total:.1%}", str(images), _shown(weight)))
    remarks = [] if counts.pixels.all() else ["weight 0: not in the training images, so it cannot be learned"]
    names = dict(zip(weights, config.class_names, strict=True))
    most, least = max(names), min(weight for weight in names if weight)
    if most > _STEEP * least:
        remarks.append(
            f"a pixel of {names[most]} weighs {most / least:,.0f} times one of {names[least]}, so that few pixels "
            "steer the steps; a file with a smaller weight is steadier"
        )
    return dataclasses.replace(config, loss_weights=weights), "\n".join([in_columns(rows), *remarks])


def read_weights(path: str | Path, class_names: Sequence[str]) -> tuple[float, ...]:
    """Read a table with a line `class,weight` for each class, in any order; a heading may stand above.

    Parameters
    ----------
    path : path of the file
        Commas, semicolons or tabs part the two.
    class_names : sequence of str
        All of them must be there, and no other.

    Returns
    -------
    tuple of float
        In the order of the names.

    Raises
    ------
    UserError
        If the file cannot be read, a name is wrong, missing or twice, or a weight is not a finite number from 0 up.
    """
    if not Path(path).is_file():
        near = did_you_mean(path, ["none", *RULES])
        raise UserError(
            f"--class-weights {path}: there is no such file; write none, balanced, median or a file's name{near}"
        )
    weights: dict[str, float] = {}
    faults: dict[int, str] = {}
    for line, text in read_lines(Path(path)):
        try:
            name, weight = _read_line(text, class_names, weights)
        except UserError as error:
            faults[line] = str(error)
        else:
            weights |= {name: weight} if name else {}
    if faults:
        (first, fault), *others = faults.items()
        more = f" ({counted(len(others), 'more line is', 'more lines are')} wrong: " if others else ""
        more += f"{in_short([str(line) for line, _ in others])})" if others else ""
        raise UserError(f"{path}: line {first}: {fault}{more}")
    missing = [name for name in class_names if name not in weights]
    if missing:
        raise UserError(f"{path}: has no weight for {', '.join(missing)}; write a line class,weight for each class")
    if not any(weights.values()):
        raise UserError(f"{path}: all weights are 0, so nothing would be learned; give at least one class another")
    return tuple(weights[name] for name in class_names)


def _read_line(text: str, class_names: Sequence[str], before: Mapping[str, float]) -> tuple[str, float]:
    """Read the name and the weight of a line; no name of a heading."""
    if not re.search("[,;\t]", text):
        raise UserError(f"a line reads class,weight, such as {class_names[0]},0.5, but it is {text[:40]!r}")
    name, weight = _parted(text)
    if not before and weight.lower() == "weight":
        return "", 0.0
    if name not in class_names:
        near = did_you_mean(name, class_names)
        raise UserError(f"there is no class {name!r}; the classes are {', '.join(class_names)}{near}")
    if name in before:
        raise UserError(f"{name!r} has a weight already; list each class once")
    if not re.fullmatch(r"[0-9]*\.?[0-9]+([eE][+-]?[0-9]{1,3})?", weight) or not math.isfinite(float(weight)):
        raise UserError(f"a weight is a number from 0 up, such as 0.5, but found {weight!r}")
    if float(weight) and not 1e-30 <= float(weight) <= 1e30:  # float32 holds these
        raise UserError(f"a weight is 0, or from 1e-30 to 1e30, but found {weight}")
    return name, float(weight)


def _parted(text: str) -> tuple[str, str]:
    """Part a line into name and weight, at its last comma, semicolon or tab: a name may have some of its own."""
    name, _, weight = text.rpartition(max(",;\t", key=text.rfind))
    name = name.strip()
    return (name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name), weight.strip()


def _shown(weight: float) -> str:
    return f"{weight:.2f}" if 0.01 <= weight < 1000 else f"{weight:.3g}"
