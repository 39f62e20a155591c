"""Freeze what PyTorch computes, so that the tests compare with it where it is not installed.

Writes operations.npz, networks.npz and trunks.npz beside this file, or those that are named. It needs PyTorch, in
float64 on the CPU:

    python tests/golden/make_golden.py [operations] [networks] [trunks]
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np

from minifcn import models

HERE = Path(__file__).parent
IMAGE_SHAPE = (1, 3, 19, 23)
TRUNKS = ("alexnet", "googlenet")

# Name: function, shapes of the inputs, settings; both have the same names in minifcn and in PyTorch. A new one stands
# at the end, as inputs are drawn in this order.
OPERATIONS = {
    "conv2d": ("conv2d", [(2, 3, 6, 7), (4, 3, 3, 3), (4,)], {}),
    "conv2d of VGG": ("conv2d", [(1, 4, 5, 6), (3, 4, 3, 3), (3,)], {"padding": 1}),
    "conv2d, pointwise": ("conv2d", [(2, 5, 3, 4), (2, 5, 1, 1), (2,)], {}),
    "conv2d, every setting": (
        "conv2d",
        [(2, 4, 9, 8), (6, 2, 3, 2), (6,)],
        {"stride": [2, 1], "padding": [1, 2], "dilation": [2, 3], "groups": 2},
    ),
    "conv_transpose2d": ("conv_transpose2d", [(2, 3, 4, 3), (3, 2, 3, 3), (2,)], {}),
    "conv_transpose2d by 2": ("conv_transpose2d", [(1, 2, 3, 4), (2, 2, 4, 4)], {"stride": 2, "padding": 1}),
    "conv_transpose2d, every setting": (
        "conv_transpose2d",
        [(2, 4, 3, 4), (4, 2, 2, 3), (4,)],
        {"stride": [3, 2], "padding": [1, 0], "output_padding": [2, 1], "groups": 2, "dilation": [2, 1]},
    ),
    "max_pool2d in ceil mode": ("max_pool2d", [(1, 2, 7, 5)], {"kernel_size": 2, "ceil_mode": True}),
    "max_pool2d, every setting": (
        "max_pool2d",
        [(2, 2, 10, 9)],
        {"kernel_size": [3, 2], "stride": [2, 3], "padding": [1, 1], "dilation": [1, 2], "ceil_mode": True},
    ),
    "avg_pool2d, every setting": (
        "avg_pool2d",
        [(2, 2, 8, 9)],
        {"kernel_size": [3, 2], "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False},
    ),
    "local_response_norm": ("local_response_norm", [(2, 7, 2, 3)], {"size": 5, "alpha": 0.2, "beta": 0.75, "k": 1.5}),
    "linear": ("linear", [(4, 5), (3, 5), (3,)], {}),
    "relu": ("relu", [(3, 4)], {}),
    "softmax": ("softmax", [(2, 5, 2, 3)], {}),
    "log_softmax": ("log_softmax", [(2, 5, 2, 3)], {}),
    "softmax_cross_entropy": ("softmax_cross_entropy", [(2, 5, 3, 4)], {"reduction": "mean"}),
    "softmax_cross_entropy, weighted": (
        "softmax_cross_entropy",
        [(2, 5, 3, 4)],
        {"weight": [0.5, 1.0, 2.0, 0.25, 4.0], "reduction": "mean"},
    ),
}


def labels(shape, classes=5):
    """Labels that run through all classes, and every seventh pixel void."""
    labels = np.arange(shape[0] * shape[2] * shape[3]) % classes
    labels[::7] = 255
    return labels.reshape(shape[0], *shape[2:])


def points(model):
    """An image, weights by name, and weights of the scores; NumPy promises never to change RandomState."""
    random = np.random.RandomState(1411)
    image, weights = random.uniform(-1, 1, IMAGE_SHAPE), model.state_dict()
    for name, weight in weights.items():
        if not name.startswith("upscore"):  # these stay bilinear
            scale = (6 / max(1, int(np.prod(weight.shape[1:])))) ** 0.5
            weights[name] = scale * random.uniform(-1, 1, weight.shape)
    return image, weights, random.uniform(-1, 1, (1, model.num_classes, *IMAGE_SHAPE[2:]))


def digest(array):
    """Two numbers for an array: its inner product with a random one, and its norm."""
    return [np.vdot(np.random.RandomState(4038).uniform(-1, 1, array.shape), array), np.linalg.norm(array)]


def network(name, variant, backbone="vgg16"):
    model = models.create(name, num_classes=2, backbone=backbone, variant=variant, width=1 / 32)
    return model.astype("float64").eval()


def operations():
    """Inputs, random weights v of the output, and PyTorch's output and gradients."""
    import torch
    import torch.nn.functional as TF

    def cross_entropy(x, weight=None, reduction="mean"):
        weight = None if weight is None else torch.tensor(weight, dtype=x.dtype)
        return TF.cross_entropy(x, torch.from_numpy(labels(x.shape)), weight, ignore_index=255, reduction=reduction)

    named_otherwise = {
        "softmax": lambda x: TF.softmax(x, dim=1),
        "log_softmax": lambda x: TF.log_softmax(x, dim=1),
        "softmax_cross_entropy": cross_entropy,
    }
    random, arrays = np.random.RandomState(0), {}
    for name, (function, shapes, settings) in OPERATIONS.items():
        inputs = [np.round(random.uniform(-2, 2, shape), 2) for shape in shapes]
        leaves = [torch.tensor(x, requires_grad=True) for x in inputs]
        y = (named_otherwise.get(function) or getattr(TF, function))(*leaves, **settings)
        v = np.round(random.uniform(-2, 2, tuple(y.shape)), 2)
        y.backward(torch.tensor(v))
        arrays |= {f"{name}/y": y.detach().numpy(), f"{name}/v": v}
        for i, (x, leaf) in enumerate(zip(inputs, leaves, strict=True)):
            arrays |= {f"{name}/x{i}": x, f"{name}/gradient{i}": leaf.grad.numpy()}
    return arrays


def networks(forward, backbone="vgg16"):
    """Scores of every network, and digests of the gradients of its image and its parameters."""
    import torch
    from train_with_pytorch import tensors

    arrays = {}
    for name in models.NETWORKS:
        for variant in ("aligned", "paper"):
            image, weights, v = points(network(name, variant, backbone))
            x, leaves = torch.tensor(image, requires_grad=True), tensors(weights)
            scores = forward(name, leaves, x, paper=variant == "paper")
            scores.backward(torch.tensor(v))
            gradients = np.array([digest(t.grad.numpy()) for t in (x, *leaves.values())])
            arrays |= {f"{name} {variant}/scores": scores.detach().numpy(), f"{name} {variant}/gradients": gradients}
    return arrays


def trunks():
    """The same on the other trunks, whose names stand before the network's."""
    import trunks_in_pytorch

    arrays = {}
    for backbone in TRUNKS:
        found = networks(partial(trunks_in_pytorch.forward, backbone), backbone)
        arrays |= {f"{backbone} {key}": array for key, array in found.items()}
    return arrays


if __name__ == "__main__":
    sys.path += [str(HERE.parents[1] / "benchmarks"), str(HERE.parent / "oracle")]
    from train_with_pytorch import forward

    parts = {"operations": operations, "networks": partial(networks, forward), "trunks": trunks}
    for part in sys.argv[1:] or parts:
        np.savez_compressed(HERE / f"{part}.npz", **parts[part]())
