"""From a file of published weights to parameters with minifcn's names, in minifcn's layout."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.data.normalize import Preprocessing
from minifcn.errors import UserError
from minifcn.text import printable
from minifcn.weights.outcomes import ADDED, COPIED, LEFT, RESHAPED, TRANSPOSED, UNUSED, Move, gathered
from minifcn.weights.published import Recognised, recognise

if TYPE_CHECKING:
    from minifcn.weights.source import Source

_MATRICES = ("fc8.weight", "loss3_classifier.weight")  # of a classifier; an FCN has no use for them
_ROWS = {  # how the matrix of fc6 lists its inputs
    "OIHW": "inputs C, H, W",
    "HWIO": "inputs H, W, C",
}
_FIRST = ("conv1_1.weight", "conv1.weight", "conv1_7x7_s2.weight", "conv1.0.weight", "conv1_1color.weight")
_LAST = ("conv5_3.bias", "conv5.bias")  # as many numbers as fc6 has input channels


@dataclass(frozen=True)
class Weights:
    """The weights of a published network: what minifcn has of them, and where they come from.

    Parameters
    ----------
    arrays : dict of str to array
        By minifcn's names, which are Caffe's: (outputs, inputs, height, width), of a transposed convolution (inputs,
        outputs, height, width).
    recognised : Recognised
        What they are, and what images have to be made of for them.
    source : Source
        The file.
    moves : tuple of Move
        What became of each array of the file.
    """

    arrays: dict[str, np.ndarray]
    recognised: Recognised
    source: Source
    moves: tuple[Move, ...] = ()


def convert(source: Source, preprocessing: str = "") -> Weights:
    """Recognise whose weights a file holds, and give them minifcn's names and layout.

    Parameters
    ----------
    source : Source
    preprocessing : str, optional
        As in `published.recognise`.

    Returns
    -------
    Weights
        Its arrays share their memory with those of the source where they can.

    Raises
    ------
    UserError
        If the file is not recognised, or an array has a shape that its name does not allow.

    Examples
    --------
    >>> from pathlib import Path
    >>> from minifcn.weights import Source
    >>> from minifcn.weights.published.caffe import VGG16
    >>> arrays = {f"{layer}/0": np.zeros((1, 3, 3, 3), "float32") for layer in VGG16}
    >>> found = convert(Source(Path("vgg16.caffemodel"), "caffemodel", arrays, {}, "9c4f"))
    >>> found.recognised.what, [*found.arrays][0], found.recognised.preprocessing.order
    ('VGG16 of Caffe', 'conv1_1.weight', 'bgr')
    """
    try:
        return _converted(source, recognise(source, preprocessing))
    except (UserError, ValueError) as error:
        raise UserError(f"{source.path}: {error}") from error


def _converted(source: Source, found: Recognised) -> Weights:
    arrays: dict[str, np.ndarray] = {}
    moves = []
    channels = _channels_into_fc6(source, found)
    _expect_one_each(found)
    for name in dict.fromkeys((*found.names, *source.arrays)):
        array = source.arrays[name]
        if here := found.names.get(name):
            try:
                arrays[here], outcome = laid_out(here, array, found.axes, channels)
            except ValueError as error:
                raise UserError(f"{name} {error}") from None
            why = _ROWS[found.axes] if here == "fc6.weight" and _is_matrix(array) else ""
            moves.append(Move(here, array.shape, arrays[here].shape, outcome, why))
        elif name in found.added:
            moves.append(Move(name, array.shape, None, ADDED, f"to {found.added[name]}"))
        elif name in found.left:
            moves.append(Move(name, array.shape, None, LEFT, found.left[name]))
        else:
            moves.append(Move(name, array.shape, None, UNUSED, "there is no place for it"))
    for name, here in found.added.items():
        bias = source.arrays[name].reshape(-1)
        if here not in arrays or arrays[here].shape != bias.shape:
            raise UserError(f"{name} is to be added to {here}, but there is none of {bias.size} numbers")
        arrays[here] = arrays[here] + bias
    return Weights(arrays, found, source, gathered(moves))


def _expect_one_each(found: Recognised) -> None:
    """Refuse two arrays for one parameter, such as the weights of a layer and what an optimiser keeps for them."""
    first: dict[str, str] = {}
    for name, here in found.names.items():
        if first.setdefault(here, name) != name:
            raise UserError(
                f"{printable(first[here])} and {printable(name)} are both {here}; save the weights of one network alone"
            )


def _is_matrix(array: np.ndarray) -> bool:
    """Whether there are two axes, but for those of length 1 before them."""
    return array.ndim >= 2 and array.size == array.shape[-2] * array.shape[-1]


def laid_out(name: str, array: np.ndarray, axes: str, channels: int = 0) -> tuple[np.ndarray, str]:
    """Bring an array into minifcn's layout.

    Parameters
    ----------
    name : str
        Here, such as "fc6.weight".
    array : array
    axes : "OIHW" | "HWIO"
        As in `Recognised`.
    channels : int
        Number of channels of the map that fc6 sees: its matrix lists them one after the other ("OIHW"), or the pixels
        ("HWIO").

    Returns
    -------
    array
        (O, I, H, W), or (O,) of a bias; of a classifier's last layer (O, I). A view where possible.
    outcome : "copied" | "reshaped" | "transposed"

    Raises
    ------
    ValueError
        If the name cannot have such a shape.

    Examples
    --------
    >>> laid_out("fc6.weight", np.zeros((64, 8 * 7 * 7)), "OIHW", 8)[0].shape
    (64, 8, 7, 7)
    >>> laid_out("conv1_1.weight", np.zeros((3, 3, 3, 64)), "HWIO")[1]
    'transposed'
    """
    if array.dtype.kind != "f":
        raise ValueError(f"must hold floating-point numbers, but is {array.dtype}")
    if name.endswith(".bias"):
        vector = array.reshape(-1)
        return vector, COPIED if array.ndim == 1 else RESHAPED
    there = array.shape
    if len(there) == 4 and there[:2] == (1, 1) and name.startswith("fc"):  # older files of Caffe
        array = array.reshape(there[2:])
    if array.ndim not in (2, 4):
        raise ValueError(f"must be a kernel or a matrix, but has shape {there}")
    if axes == "HWIO":
        return _from_pixels_first(name, array, channels)
    if array.ndim == 2 and name not in _MATRICES:
        array = array.reshape(len(array), *_window(name, array.shape[1], channels))
    return array, COPIED if array.shape == there else RESHAPED


def _from_pixels_first(name: str, array: np.ndarray, channels: int) -> tuple[np.ndarray, str]:
    """From (H, W, in, out), or a matrix (H·W·in, out)."""
    if array.ndim == 2:
        if name in _MATRICES:
            return array.T, TRANSPOSED
        inputs, height, width = _window(name, array.shape[0], channels)
        array = array.reshape(height, width, inputs, array.shape[1])
    return array.transpose(3, 2, 0, 1), TRANSPOSED


def _window(name: str, inputs: int, channels: int) -> tuple[int, int, int]:
    """Give the inputs of a matrix as channels, height and width: those of fc6 are a square of pixels."""
    if name != "fc6.weight":
        return inputs, 1, 1
    side = math.isqrt(inputs // channels) if channels else 0
    if side * side * channels != inputs:
        raise ValueError(f"has {inputs} inputs, which are no square of {channels} channels, the maps below it")
    return channels, side, side


def _channels_into_fc6(source: Source, found: Recognised) -> int:
    return next((source.arrays[name].size for name, here in found.names.items() if here in _LAST), 0)


def as_caffe(weights: Weights) -> Weights:
    """Let the first layer do what the preprocessing did: then images are B, G, R minus the mean, as Caffe's are.

    A network that saw (R - m) / s sees R - m if the weights of R are divided by s; and B, G, R if their order is
    turned. The mean stays the one of the weights: with another, only a bias could make up for it, and that would count
    in the padding too, where an image that lacks its mean is 0. So the scores are the same, at the borders as well.

    Parameters
    ----------
    weights : Weights

    Returns
    -------
    Weights
        With another first layer, and another preprocessing.

    Raises
    ------
    UserError
        If the first layer is not known, or has not three input channels.

    Examples
    --------
    >>> from pathlib import Path
    >>> from minifcn.weights import Source
    >>> about = {"about": '{"mean": [124, 117, 104], "std": [2, 2, 2]}'}
    >>> arrays = {"conv1_1.weight": np.arange(3.0).reshape(1, 3, 1, 1)}
    >>> found = as_caffe(convert(Source(Path("own.npz"), "npz", arrays, about, "9c4f")))
    >>> found.arrays["conv1_1.weight"].ravel().tolist(), found.recognised.preprocessing.order
    ([1.0, 0.5, 0.0], 'bgr')
    """
    mean, std, order, _ = weights.recognised.preprocessing
    name = first_layer(weights.arrays)
    if not name:
        raise UserError(f"{weights.source.path}: has no first layer that is known ({', '.join(_FIRST)})")
    first = weights.arrays[name]
    if first.ndim != 4 or first.shape[1] != 3:
        raise UserError(f"{weights.source.path}: {name} has shape {first.shape}, which is not for images of R, G, B")
    if len(mean) != 3:
        raise UserError(
            f"{weights.source.path}: is not for images of R, G, B alone, but of {len(mean)} channels; leave "
            "--preprocessing out"
        )
    turned = order != "bgr"
    scale = np.array(std, np.float64)[:: 1 if turned else -1].reshape(1, 3, 1, 1)
    changed = (first / scale)[:, :: -1 if turned else 1].astype(first.dtype)
    seen = Preprocessing(mean, (1.0, 1.0, 1.0), "bgr", "only minus the mean, B, G, R")
    recognised = replace(weights.recognised, preprocessing=seen)
    return replace(weights, arrays=weights.arrays | {name: changed}, recognised=recognised)


def described(weights: Weights) -> dict[str, Any]:
    """Say in plain numbers and texts where weights come from and what they need, for a file of them.

    Examples
    --------
    >>> from pathlib import Path
    >>> from minifcn.weights import Source
    >>> about = {"about": '{"mean": [124, 117, 104], "std": [2, 2, 2]}'}
    >>> described(convert(Source(Path("own.npz"), "npz", {}, about, "9c4f")))["mean"]
    [124.0, 117.0, 104.0]
    """
    found, source = weights.recognised, weights.source
    mean, std, order, _ = found.preprocessing
    return {
        "source": {
            "file": source.path.name,
            "container": source.container,
            "sha256": source.sha256,
            "recognised_as": found.what,
            "by": found.by,
        },
        "mean": list(mean),
        "std": list(std),
        "channel_order": order,
    }


def first_layer(arrays: Mapping[str, np.ndarray]) -> str:
    """Name the first layer, by which the trunk is known; nothing if there is none."""
    return next((name for name in _FIRST if name in arrays), "")
