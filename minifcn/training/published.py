"""A file of published weights as if a run had left it: with the configuration of the network that it is of."""

from __future__ import annotations

import dataclasses
import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minifcn import weights
from minifcn.data import Dataset
from minifcn.data.normalize import Preprocessing
from minifcn.data.nyud import NYUDv2
from minifcn.data.siftflow import SIFTFlow
from minifcn.data.voc import VOCSegmentation, voc_palette
from minifcn.errors import UserError
from minifcn.models import BACKBONES
from minifcn.text import counted, in_short, printable, shortened
from minifcn.training import build, checkpoint
from minifcn.training.about import about
from minifcn.training.checkpoint import Checkpoint
from minifcn.training.config import Config
from minifcn.weights import Source, Weights
from minifcn.weights.conversion import first_layer
from minifcn.weights.outcomes import COPIED, Move
from minifcn.weights.published import Recognised

_LECTURE = "conv1.0.weight"  # the first layer of VGG16 in the lecture's listing
_TRUNKS = {
    **{
        "conv1_1.weight": "vgg16",
        "conv1_1color.weight": "vgg16",
        "conv1.weight": "alexnet",
        "conv1_7x7_s2.weight": "googlenet",
    },
    _LECTURE: "vgg16",
}
# Of each trunk the layers with the most channels, of which a file may lack the first, and their number at width 1.
_WIDEST = {
    "vgg16": (
        *(("fc7.weight", 4096), ("fc7.0.weight", 4096), ("fc7color.weight", 4096)),
        *(("conv5_3.weight", 512), ("conv1_1.weight", 64)),
    ),
    "alexnet": (("fc7.weight", 4096), ("conv3.weight", 384), ("conv1.weight", 96)),
    "googlenet": (("inception_5b.conv1x1.weight", 384), ("conv1_7x7_s2.weight", 64)),
}
# Of an FCN, of the first of two heads, of the first of two streams; and of the lecture's.
_HEADS = ("score_fr.weight", "score_fr_sem.weight", "score_frcolor.weight", "score.weight")
_SECOND_HEAD = "score_fr_geo.weight"
_SCORES = (
    *(("score_pool3.weight", "fcn8s"), ("score_pool4.weight", "fcn16s")),
    *(("score_pool3_sem.weight", "fcn8s"), ("score_pool4_sem.weight", "fcn16s")),
    *(("conv1x1_conv3.weight", "fcn8s"), ("conv1x1_conv4.weight", "fcn16s")),
    *((head, "fcn32s") for head in _HEADS),
)
# What is known of the classes of the data that a network was trained on; those of PASCAL-Context are in its own files.
_DATA: dict[str, type[Dataset]] = {"": VOCSegmentation, "nyud": NYUDv2, "siftflow": SIFTFlow}
_SETTINGS = (
    *("model", "backbone", "variant", "width", "at_once", "inputs", "geometric_names", "class_names", "palette"),
    *("size", "longer_side", "crop"),
)


@dataclass(repr=False)
class Published(Checkpoint):
    """Weights that somebody published, as a checkpoint.

    Parameters
    ----------
    config, model, optimizer, position, random, gradients
        As in Checkpoint. Nothing of a training is in the file.
    weights : Weights
        The file that they were read from. A classifier has no class names: its scores are not those of pixels.
    """

    weights: Weights = dataclasses.field(kw_only=True)

    def named(self, config: Config, dataset: Dataset) -> Config:
        """Give a configuration the classes of a data set, if the file has as many but does not name them."""
        if config.class_names != _numbered(len(dataset.class_names)):
            return config
        palette = tuple(map(tuple, dataset.palette.tolist()))
        return dataclasses.replace(config, class_names=tuple(dataset.class_names), palette=palette)


def open_weights(path: str | Path, preprocessing: str = "") -> Checkpoint:
    """Read a checkpoint, or a file of weights in any of the formats that are known.

    Parameters
    ----------
    path : path of a file, or of the folder of a run, which stands for its best.npz
    preprocessing : str, optional
        As in `weights.published.recognise`.

    Returns
    -------
    Checkpoint
        Of what is no checkpoint of minifcn, a `Published` one.

    Raises
    ------
    UserError
        If the file is missing or damaged, of an unknown kind, or holds nobody's weights.
    """
    path = checkpoint.file_of(path)
    if _is_checkpoint(path):
        return checkpoint.load(path)
    return published(weights.convert(weights.read(path), preprocessing))


def open_network(path: str | Path) -> Checkpoint:
    """Read a checkpoint, or a file of weights, of a network that scores pixels; UserError if it is of a classifier."""
    state = open_weights(path)
    return of_network(state) if isinstance(state, Published) else state


def of_network(state: Published) -> Published:
    """Leave out what a network of pixels has no use for; UserError if these weights are of none."""
    if not state.config.class_names:
        path = state.weights.source.path
        raise UserError(
            f"{path}: {state.weights.recognised.what} gives scores of images, not of pixels; train a network that "
            f"begins with it: minifcn train --init {path}"
        )
    used, dtype = build.parameter_shapes(state.config), state.config.dtype
    with np.errstate(over="ignore"):  # said below
        arrays = {name: array.astype(dtype, copy=False) for name, array in state.model.items() if name in used}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise UserError(f"{state.weights.source.path}: {name} holds inf or nan in {dtype}; download it again")
    return dataclasses.replace(state, model=arrays)


def published(found: Weights) -> Published:
    """Give weights the configuration of the network that their names and shapes are of.

    A classifier is configured as the network that would begin with it: its fc6 of 7x7 pixels is that of the paper's
    variant.
    """
    arrays = dict(found.arrays)
    mean, std, order, _ = found.recognised.preprocessing
    settings = _seen_from(found) | _classes(found) | _said(found)
    if "class_names" in settings and "variant" not in settings:
        raise UserError(
            f"{found.source.path}: neither names nor shapes tell which variant of {found.recognised.what} this is; "
            "take the file that minifcn wrote, .npz, .safetensors or .pth, which says it"
        )
    if settings.get("backbone") not in BACKBONES:
        raise UserError(f"{found.source.path}: minifcn has no trunk that begins as this one, {found.recognised.what}")
    try:
        config = Config(**settings, mean=mean, std=std, channel_order=order)
    except UserError as error:  # such as a width of 100, or of 5,000 classes, with the names of all
        raise UserError(f"{found.source.path}: {shortened(str(error), 300)}") from error
    _expect_fit(found, config)
    return Published(config, arrays, weights=found)


def _seen_from(found: Weights) -> dict[str, Any]:
    """Give the settings of the network that follow from names and shapes."""
    arrays = found.arrays
    backbone = _TRUNKS.get(first_layer(arrays), "")
    settings: dict[str, Any] = {"backbone": backbone, "at_once": found.recognised.at_once}
    settings["inputs"] = found.recognised.inputs
    settings |= next(({"width": len(arrays[name]) / n} for name, n in _WIDEST.get(backbone, ()) if name in arrays), {})
    settings |= next(({"model": model} for score, model in _SCORES if score in arrays), {})
    fc6 = arrays.get("fc6.weight", arrays.get("fc6color.weight"))
    kernel = fc6.shape[2] if fc6 is not None and fc6.ndim == 4 else 0
    kernels = BACKBONES[backbone].fc6_kernels if backbone else {}
    variant = next((name for name in ("paper", "aligned") if kernel in kernels.get(name, ())), "")
    if kernels and not variant and _head(arrays):
        variant = "paper"
    if _LECTURE in arrays:
        variant = "lecture"
    return settings | ({"variant": variant} if variant else {})


def _expect_fit(found: Weights, config: Config) -> None:
    """Hold the shapes against those of the network, before anything of its size is made: few numbers can claim many."""
    classes = config.class_names or ("any",)
    whole = dataclasses.replace(config, class_names=classes, palette=config.palette or ((0, 0, 0),))
    try:
        shapes = build.parameter_shapes(whole)
    except (UserError, ValueError) as error:  # what a file of minifcn says may be nonsense
        raise UserError(f"{found.source.path}: {shortened(str(error), 300)}") from error
    for name, shape in shapes.items():
        given = found.arrays.get(name)
        if name == "fc6.weight" and not config.class_names:
            continue  # a classifier of small images has a small map below it
        if given is not None and given.shape != shape:
            network = f"{config.model} on {config.backbone}, {config.variant}, width {config.width:g}"
            raise UserError(f"{found.source.path}: {name} has shape {given.shape}, but that of a {network} has {shape}")


def open_converted(path: str | Path, preprocessing: str = "") -> Weights:
    """Read a file as `open_weights` does, for what its arrays are, and not for a network to be made of them.

    Of a checkpoint of minifcn, the network's parameters. UserError if the shapes are not those of the network that the
    names are of.
    """
    path = checkpoint.file_of(path)
    if not _is_checkpoint(path):
        found = weights.convert(weights.read(path), preprocessing)
        published(found)  # names alone may be those of another network
        return found
    state = checkpoint.load(path)
    config, said = state.config, about(state.config)
    seen = Preprocessing(config.mean, config.std, config.channel_order, "as in the run")
    what = f"{config.model} on {config.backbone}, {counted(config.num_classes, 'class', 'classes')}"
    names = {name: name for name in state.model}
    recognised = Recognised(what, "what minifcn wrote into the file", names, seen, about=said)
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    source = Source(path, "minifcn checkpoint", state.model, {}, digest)
    moves = (Move(name, array.shape, array.shape, COPIED) for name, array in state.model.items())
    return Weights(state.model, recognised, source, tuple(moves))


def text_about(found: Weights) -> dict[str, Any]:
    """Say of weights what a file of them should say: whence they are, what they need, and of an FCN how it is made."""
    said = found.recognised.about
    if not said and _head(found.arrays):
        said = about(published(found).config)
    return {**said, **weights.described(found)}


def recognition(found: Weights) -> str:
    """Say in three lines what a file was recognised as, by what, and which file it is; in four, of which part of it."""
    recognised, source = found.recognised, found.source
    what, by = (shortened(printable(text), 200) for text in (recognised.what, recognised.by))
    said = f"{what}\n  by {by}\n  {source.container}, SHA-256 {source.sha256}"
    if "other parts" not in source.about or not source.container.startswith("torch.save"):
        return said
    others = in_short([printable(name) for name in source.about["other parts"]]) or "none"
    return f"{said}\n  of its parts, {printable(source.about['part'])}; left out: {others}"


def _is_checkpoint(path: Path) -> bool:
    """Whether minifcn's trainer wrote this. So is what is not there, or damaged: `checkpoint.load` says so best."""
    return not path.is_file() or holds_a_run(path, damaged=path.suffix == ".npz")


def holds_a_run(path: Path, damaged: bool = False) -> bool:
    """Whether minifcn's trainer wrote a file; `damaged` of one that cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.startswith("model/") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return damaged


def _classes(found: Weights) -> dict[str, Any]:
    """Give the classes that an FCN scores: those of the data set, if they are as many, and else they have no names."""
    head = _head(found.arrays)
    if not head:
        return {}
    count, data = len(found.arrays[head]), _DATA.get(found.recognised.data)
    classes: dict[str, Any] = {"class_names": _numbered(count), "palette": voc_palette(count)}
    if data and count == len(data.class_names):
        classes = {"class_names": data.class_names, "palette": data.palette}
    classes["palette"] = tuple(map(tuple, classes["palette"].tolist()))
    if _SECOND_HEAD in found.arrays:
        count, names = len(found.arrays[_SECOND_HEAD]), data.geometric_names if data else ()
        classes["geometric_names"] = names if count == len(names) else _numbered(count)
    return classes


def _head(arrays: dict[str, np.ndarray]) -> str:
    """Name the scores of fc7; nothing if these arrays are of a classifier."""
    return next((name for name in _HEADS if name in arrays), "")


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"class {n}" for n in range(count))


def _said(found: Weights) -> dict[str, Any]:
    """Take what a file of minifcn says of its network."""
    text = found.recognised.about
    network = text.get("network", {})
    if not isinstance(network, dict):
        raise UserError(f"{found.source.path}: says of its network {str(network)[:200]!r}, not its settings")
    name = network.get("name")
    said = {"model": name, **network, **text}
    if isinstance(name, str) and name in BACKBONES:  # a classifier has the name of its trunk, and classes of images
        said = {"backbone": name, "width": network.get("width")}
    settings = {name: said[name] for name in _SETTINGS if said.get(name) is not None}
    seen = {"mean": found.recognised.preprocessing.mean, "std": found.recognised.preprocessing.std}
    try:
        return {name: Config.from_dict(Config().to_dict() | settings | seen).to_dict()[name] for name in settings}
    except (UserError, TypeError) as error:
        raise UserError(f"{found.source.path}: {shortened(str(error), 300)}") from error
