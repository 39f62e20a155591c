"""What a file of weights was recognised as."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from minifcn.data.normalize import PREPROCESSINGS, Preprocessing
from minifcn.errors import UserError
from minifcn.text import printable

if TYPE_CHECKING:
    from minifcn.weights.source import Source


@dataclass(frozen=True)
class Recognised:
    """Whose weights these are, and what has to be known to use them.

    Parameters
    ----------
    what : str
        Such as "VGG16 of torchvision".
    by : str
        What it was recognised by: names, shapes, or the sum of the file.
    names : mapping of str to str
        The arrays of the file that minifcn has a place for: their names there, and here.
    preprocessing : Preprocessing
        What images were made of for this network.
    axes : "OIHW" | "HWIO"
        The order of the axes of a kernel: outputs, inputs, height, width. A matrix of "OIHW" is (outputs, inputs), its
        inputs listed as C, H, W; one of "HWIO" is (inputs, outputs), listed as H, W, C.
    left : mapping of str to str
        Arrays that are not taken although there would be a place for them, and why.
    added : mapping of str to str
        Biases that are added to another one, by its name here: the sum of two maps does not know whose it was.
    at_once : bool
        If pool4 and pool3 are scaled before they are scored, as in the FCN-8s that is trained at once.
    about : mapping
        What a file of minifcn says of its network.
    inputs : str
        One of `data.nyud.INPUTS`: what the network is given of an image, where the file of another says it.
    data : str
        The data set that it was trained on, as ``--data`` calls it, where that is known and not PASCAL VOC.
    """

    what: str
    by: str
    names: Mapping[str, str]
    preprocessing: Preprocessing
    axes: str = "OIHW"
    left: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    at_once: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)
    inputs: str = "color"
    data: str = ""


def told(source: Source, what: str, preprocessing: str) -> Preprocessing:
    """Give the preprocessing that the user named, as names and shapes do not tell it; UserError if nobody named one."""
    if not preprocessing:
        file = shlex.quote(printable(str(source.path)))
        raise UserError(
            f"has the names of {what}, which do not say how its images were preprocessed; say so: minifcn convert "
            f"{file} --source-preprocessing torchvision (or caffe, imagenet, raw) --to weights.npz, and go on with "
            "weights.npz"
        )
    return PREPROCESSINGS[preprocessing]


def md5(source: Source) -> str:
    """Give the MD5 sum of the file, under which some publishers know theirs."""
    with open(source.path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
