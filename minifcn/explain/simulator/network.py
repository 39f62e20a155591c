"""The trained network of the package in the paper's geometry, and every map that it makes of an image."""

from __future__ import annotations

import numpy as np

from minifcn import Tensor, models, no_grad
from minifcn.models import FCN8s


def in_the_papers_geometry(trained: FCN8s) -> FCN8s:
    """Give a trained network of the aligned variant the padding of 100, and so crops at 5, 9 and 31.

    All weights stay as they are: those of the upsamplings have the paper's sizes, only their padding goes; and the 1x1
    fc6 becomes the middle of a 7x7 one. It computes the same away from the border, on a grid that begins elsewhere.

    Parameters
    ----------
    trained : FCN8s
        Of the aligned variant, with a 1x1 fc6.

    Returns
    -------
    FCN8s
        In float64, and in evaluation mode.

    Examples
    --------
    >>> in_the_papers_geometry(models.FCN8s(3, width=1 / 64)).crop_offsets
    {'score_pool4': 5, 'score_pool3': 9, 'score': 31}
    """
    trunk = trained.trunk
    paper = models.FCN8s(trained.num_classes, backbone=type(trunk), variant="paper", width=trunk.width, dropout=0)
    state = dict(trained.state_dict())
    middle = np.zeros_like(paper.state_dict()["fc6.weight"])
    centre = middle.shape[2] // 2
    middle[:, :, centre, centre] = state["fc6.weight"][:, :, 0, 0]
    paper.load_state_dict(state | {"fc6.weight": middle})
    return paper.astype(np.float64).eval()


def maps_of(net: FCN8s, x: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the maps of a network down to its three scores, each of which is a map of one image.

    Parameters
    ----------
    net : FCN8s
    x : array (3, H, W)
        Normalised.

    Returns
    -------
    dict of str to array (C, h, w)
        By the names of the layers, in the order of the network; without the dropouts, which change nothing.

    Examples
    --------
    >>> net = in_the_papers_geometry(models.FCN8s(3, width=1 / 64))
    >>> list(maps_of(net, np.zeros((3, 8, 8))))[-5:]
    ['fc6', 'fc7', 'score_fr', 'score_pool4', 'score_pool3']
    """
    found: dict[str, Tensor] = {}
    with no_grad():
        current = Tensor(x[None])
        for name in (name for stage in net.trunk.layers for name in stage if not name.startswith("drop")):
            current = found[name] = getattr(net, name)(current)
        found["score_fr"] = net.score_fr(found["fc7"])
        found["score_pool4"] = net.score_pool4(found["pool4"])
        found["score_pool3"] = net.score_pool3(found["pool3"])
    return {name: map_.data[0] for name, map_ in found.items()}
