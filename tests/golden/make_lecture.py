"""Freeze scores and gradients of the lecture's listing in PyTorch, as make_golden.py does for the other networks.

python tests/golden/make_lecture.py
"""

from pathlib import Path

import numpy as np
from make_golden import digest

from minifcn import models

HERE = Path(__file__).parent
IMAGE_SHAPE = (1, 3, 32, 64)


def network(name):
    return models.create(name, num_classes=2, variant="lecture", width=1 / 32).astype("float64").eval()


def points(model):
    """An image, weights by name, and weights of the scores."""
    random = np.random.RandomState(1411)
    weights = {name: random.uniform(-1, 1, a.shape) * a[0].size ** -0.5 for name, a in model.state_dict().items()}
    return random.uniform(-1, 1, IMAGE_SHAPE), weights, random.uniform(-1, 1, (1, 2, *IMAGE_SHAPE[2:]))


def lecture():
    """Scores of every network, and digests of the gradients of its image and its parameters."""
    import lecture_listing
    import torch

    arrays = {}
    for name in models.NETWORKS:
        image, weights, v = points(network(name))
        listing = lecture_listing.network(name, 2, 1 / 32)
        listing.load_state_dict({key: torch.tensor(array) for key, array in weights.items()}, strict=False)
        x, parameters = torch.tensor(image, requires_grad=True), dict(listing.named_parameters())
        scores = listing(x)
        scores.backward(torch.tensor(v))
        gradients = [x.grad, *(parameters[key].grad for key in weights)]
        arrays[f"{name}/scores"] = scores.detach().numpy()
        arrays[f"{name}/gradients"] = np.array([digest(g.numpy()) for g in gradients])
    return arrays


if __name__ == "__main__":
    np.savez_compressed(HERE / "lecture.npz", **lecture())
