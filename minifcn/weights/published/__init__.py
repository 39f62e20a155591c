"""Whose weights are these? Of each naming a file, which knows its names and how its arrays lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minifcn.data.normalize import PREPROCESSINGS
from minifcn.errors import UserError
from minifcn.text import in_short, printable
from minifcn.weights.published import caffe, keras, lecture, matconvnet, own, torchvision
from minifcn.weights.published.recognised import Recognised

if TYPE_CHECKING:
    from minifcn.weights.source import Source

PUBLISHERS = (own, lecture, torchvision, caffe, matconvnet, keras)


def recognise(source: Source, preprocessing: str = "") -> Recognised:
    """Recognise whose weights a file holds.

    Parameters
    ----------
    source : Source
    preprocessing : str, optional
        The name of one, of `data.normalize.PREPROCESSINGS`: what images were made of for these weights. It is needed
        where names, shapes and the sum of the file do not tell.

    Returns
    -------
    Recognised

    Raises
    ------
    UserError
        If it holds nobody's, or a network that is often taken for one of the paper's and is none; or if another
        preprocessing is given than that of the file.

    Notes
    -----
    One name may belong to weights that expect different images; then the sum of the file decides, or the user.
    """
    for publisher in PUBLISHERS:
        recognised = publisher.recognise(source, preprocessing)
        if recognised is not None:
            _expect_same(recognised, preprocessing)
            return recognised
    names = in_short([printable(name) for name in source.arrays], 3) or "no arrays"
    if all(name.startswith("module.") for name in source.arrays):
        names += "; they are those of a torch.nn.DataParallel: save what is in it, model.module.state_dict()"
    raise UserError(
        "neither a checkpoint of minifcn, nor weights with names that are known (those of Caffe, torchvision, timm, "
        "MatConvNet and Keras for VGG16, CaffeNet, GoogLeNet, and the FCNs made of them, and those of the lecture's "
        f"listing); it has {names}"
    )


def _expect_same(found: Recognised, preprocessing: str) -> None:
    mean, std, order, _ = found.preprocessing
    if preprocessing and PREPROCESSINGS[preprocessing][:3] != (mean[:3], std[:3], order):  # of the colours
        raise UserError(
            f"this is {found.what} (by {found.by}), for which images were preprocessed otherwise than "
            f"{preprocessing}: {found.preprocessing.about}; leave --source-preprocessing out"
        )
