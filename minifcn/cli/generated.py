"""Generated pictures in the place of photographs, and the network of the package that knows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minifcn import models
from minifcn.data import open_split
from minifcn.errors import UserError
from minifcn.models import FCN
from minifcn.training import Config

NETWORK = "shapes-fcn8s"


def draw(data: str, count: int) -> dict[Path, np.ndarray]:
    """Draw pictures of the test split, which no network is trained on; by the names for their results.

    >>> {str(name): image.shape for name, image in draw("shapes", 2).items()}
    {'shapes-2-0': (96, 96, 3), 'shapes-2-1': (96, 96, 3)}
    """
    if data != "shapes":
        raise UserError(
            f"--data of predict must be shapes, which are generated, got {data!r}; name other images as PHOTO"
        )
    dataset = open_split(data, "test")
    if count > len(dataset):
        raise UserError(f"--images must be at most {len(dataset)}, as the split test has no more pictures, got {count}")
    return {Path(sample.name): sample.image for sample in (dataset[i] for i in range(count))}


def network(device: str) -> tuple[FCN, Config]:
    """Give the network of the package, and what it was trained on."""
    net = models.pretrained(NETWORK).to(device)
    mean, std = net.normalize.mean.tolist(), net.normalize.std.tolist()
    colours = tuple(map(tuple, net.palette.tolist()))
    return net, Config(class_names=net.class_names, palette=colours, mean=tuple(mean), std=tuple(std))
