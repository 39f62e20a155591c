"""An FCN-32s and an FCN-16s beside the trained FCN-8s: on its trunk, with score layers of their own."""

from __future__ import annotations

import numpy as np

from minifcn import models
from minifcn.models import FCN, FCN8s, trained

COARSER = {"FCN-32s": models.FCN32s, "FCN-16s": models.FCN16s}
FILE = "shapes-coarser"


def on_the_trunk_of(fine: FCN8s, name: str) -> FCN:
    """Make a coarser network whose trunk is that of another one, and whose score layers are zero.

    Its upsampling is bilinear and fixed, as always in the paper's variant.

    Parameters
    ----------
    fine : FCN8s
        Of the paper's variant, as `in_the_papers_geometry` gives it.
    name : "FCN-32s" | "FCN-16s"

    Returns
    -------
    FCN
        Of the same dtype, and in evaluation mode.

    Examples
    --------
    >>> fine = models.FCN8s(3, variant="paper", width=1 / 64)
    >>> on_the_trunk_of(fine, "FCN-16s").crop_offsets
    {'score_pool4': 5, 'score': 27}
    """
    trunk = fine.trunk
    net = COARSER[name](fine.num_classes, backbone=type(trunk), variant="paper", width=trunk.width, dropout=0)
    net.load_state_dict(net.state_dict() | {key: array for key, array in fine.state_dict().items() if _of_trunk(key)})
    return net.astype(fine.dtype).eval()


def side_by_side(fine: FCN8s) -> dict[str, FCN]:
    """Give FCN-32s, FCN-16s and FCN-8s on one trunk, each with the score layers that were trained for it.

    Parameters
    ----------
    fine : FCN8s
        The trained one of the package, in the paper's geometry.

    Returns
    -------
    dict of str to FCN
        By name, from coarse to fine.
    """
    _, scores = trained.read(FILE)
    nets: dict[str, FCN] = {}
    for name in COARSER:
        nets[name] = on_the_trunk_of(fine, name)
        own = {key.removeprefix(f"{name}."): array for key, array in scores.items() if key.startswith(name)}
        nets[name].load_state_dict(nets[name].state_dict() | own)
    return nets | {"FCN-8s": fine}


def score_layers(net: FCN) -> dict[str, np.ndarray]:
    """Give the weights of the score layers alone, by their names in the network."""
    return {key: array for key, array in net.state_dict().items() if key.startswith("score")}


def _of_trunk(key: str) -> bool:
    return not key.startswith(("score", "upscore"))
