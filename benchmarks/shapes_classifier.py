"""Train the classifier of shapes that is in the package, and write its file.

    python benchmarks/shapes_classifier.py minifcn/models/trained/shapes-classifier.npz

VGG16 with 0.055 of its channels, on crops of 64x64 pixels with one shape each. Twice on one kind of machine gives the
same bytes: it computes with one thread, and draws everything from one seed.
"""

import os
import sys

# Before NumPy is imported: on how many threads share a sum, its last bits depend.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MINIFCN_THREADS": "1"}

import numpy as np

import minifcn.functional as F
from minifcn import Tensor, data, models, no_grad, optim

STEPS, BATCH, LR = 700, 32, 2e-3
NETWORK = {"name": "vgg16", "num_classes": 6, "width": 0.055, "crop_size": 64, "fc6_kernel": 2, "dropout": 0.0}
NORMALIZE = data.Normalize()


def batch_of(crops, indices):
    """Give images (N, 3, 64, 64) and their classes (N,)."""
    images = np.stack([NORMALIZE(crops[i].image) for i in indices])
    return Tensor(images), np.array([crops.kind(i) for i in indices])


def accuracy(net, crops):
    """Give the share of crops whose class is found."""
    with no_grad():
        right = [
            net(images).data.argmax(axis=1) == kinds
            for images, kinds in (batch_of(crops, range(i, i + 50)) for i in range(0, len(crops), 50))
        ]
    return float(np.mean(right))


def trained(steps=STEPS, report=print):
    """Train the classifier on pictures that it sees once each; the learning rate falls along half a cosine."""
    net = models.classifier(**NETWORK, rng=np.random.default_rng(0))
    crops = data.ShapeCrops(steps * BATCH, size=64, seed=1)
    optimizer, losses = optim.Adam(net.parameters(), lr=LR), []
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = LR * (1 + np.cos(np.pi * step / steps)) / 2
        optimizer.zero_grad()
        images, kinds = batch_of(crops, range(step * BATCH, (step + 1) * BATCH))
        loss = F.softmax_cross_entropy(net(images), kinds)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 50 == 49:
            report(f"step {step + 1}: loss {np.mean(losses[-50:]):.4f}", flush=True)
    return net.eval()


def write(net, path):
    """Write the weights in half the bytes, and what one has to know to use them."""
    from minifcn.weights import plain

    crops = data.ShapeCrops(1)
    about = {"network": NETWORK, "class_names": crops.class_names, "palette": crops.palette.tolist()}
    about |= {"mean": NORMALIZE.mean.tolist(), "std": NORMALIZE.std.tolist()}
    plain.write(path, {name: array.astype(np.float16) for name, array in net.state_dict().items()}, about)


if __name__ == "__main__":
    net = trained()
    print(f"of 1000 new crops {accuracy(net, data.ShapeCrops(1000, size=64, seed=2)):.1%} are right")
    write(net, sys.argv[1])
