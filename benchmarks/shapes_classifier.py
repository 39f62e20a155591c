"""Train the classifier of shapes that is in the package, and write its file.

    python benchmarks/shapes_classifier.py minifcn/models/trained/shapes-classifier.npz

VGG16 with 0.055 of its channels, on crops of 64x64 pixels with one shape each: first on crops alone, then half on
mosaics of nine. VGG16 pads every convolution. On crops alone it learns what a shape looks like with zeros around the
crop, and in a larger image, where there are none, it is wrong too often to show where things are.

Twice on one kind of machine gives the same bytes: it computes with one thread, and draws everything from one seed.
"""

import os
import sys

# Before NumPy is imported: on how many threads share a sum, its last bits depend.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MINIFCN_THREADS": "1"}

import numpy as np

import minifcn.functional as F
from minifcn import Tensor, data, models, no_grad, optim, weights
from minifcn.backend import caches

STEPS, BATCH, LR = 700, 32, 2e-3
MOSAIC_STEPS, MOSAICS, CROPS, MOSAIC_LR = 350, 4, 16, 1e-3
SIDE = 3  # crops
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


def mosaic_of(crops, first):
    """Give nine crops as one image, and a label for each place of the grid: only those of the nine count."""
    numbers = np.arange(first, first + SIDE**2).reshape(SIDE, SIDE)
    image = np.block([[[crops[i].image] for i in row] for row in numbers])
    labels = np.full((2 * SIDE - 1, 2 * SIDE - 1), 255)
    labels[::2, ::2] = [[crops.kind(i) for i in row] for row in numbers]
    return NORMALIZE(image), labels


def learning(net, lr, steps):
    """Yield the number of each step, and take it with the gradients there are then; the rate falls along a cosine."""
    optimizer = optim.Adam(net.parameters(), lr=lr)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * (1 + np.cos(np.pi * step / steps)) / 2
        optimizer.zero_grad()
        yield step
        optimizer.step()


def train_on_crops(net):
    """Train on crops that it sees once each."""
    crops, losses = data.ShapeCrops(STEPS * BATCH, size=64, seed=1), []
    for step in learning(net, LR, STEPS):
        images, kinds = batch_of(crops, range(step * BATCH, (step + 1) * BATCH))
        loss = F.softmax_cross_entropy(net(images), kinds)
        loss.backward()
        losses.append(loss.item())
        if step % 50 == 49:
            print(f"step {step + 1}: loss {np.mean(losses[-50:]):.4f}", flush=True)


def train_on_mosaics(net):
    """Train the fully convolutional form, whose weights are those of the classifier, on mosaics and on crops."""
    whole = models.convolutionalize(net)
    crops = data.ShapeCrops(MOSAIC_STEPS * CROPS, size=64, seed=3)
    tiles, losses = data.ShapeCrops(MOSAIC_STEPS * MOSAICS * SIDE**2, size=64, seed=4), []
    for step in learning(whole, MOSAIC_LR, MOSAIC_STEPS):
        images, kinds = batch_of(crops, range(step * CROPS, (step + 1) * CROPS))
        firsts = range(step * MOSAICS * SIDE**2, (step + 1) * MOSAICS * SIDE**2, SIDE**2)
        scenes, labels = zip(*(mosaic_of(tiles, first) for first in firsts), strict=True)
        loss = F.softmax_cross_entropy(whole(images), kinds[:, None, None])
        loss = loss + F.softmax_cross_entropy(whole(Tensor(np.stack(scenes))), np.stack(labels))
        loss.backward()
        losses.append(loss.item())
        if step % 50 == 49:
            print(f"mosaics, step {step + 1}: loss {np.mean(losses[-50:]):.4f}", flush=True)


def in_mosaics(net, count=50):
    """Give the share of crops whose class is found in the middle of the grid of a mosaic."""
    whole, tiles = models.convolutionalize(net), data.ShapeCrops(count * SIDE**2, size=64, seed=5)
    right = []
    for first in range(0, len(tiles), SIDE**2):
        scene, labels = mosaic_of(tiles, first)
        with no_grad():
            found = whole(Tensor(scene[None])).data[0].argmax(axis=0)
        right.append((found == labels)[labels != 255])
    return float(np.mean(right))


def report(net):
    """Print how often it is right."""
    alone = accuracy(net, data.ShapeCrops(1000, size=64, seed=2))
    print(f"right: {alone:.1%} of 1000 new crops alone, {in_mosaics(net):.1%} of 450 in mosaics", flush=True)


def write(net, path):
    """Write the weights in half the bytes, and what one has to know to use them."""
    crops = data.ShapeCrops(1)
    about = {"network": NETWORK, "class_names": crops.class_names, "palette": crops.palette.tolist()}
    about |= {"mean": NORMALIZE.mean.tolist(), "std": NORMALIZE.std.tolist()}
    weights.write(path, {name: array.astype(np.float16) for name, array in net.state_dict().items()}, about)


if __name__ == "__main__":
    caches.cache_kind = lambda: "small"  # what is chosen by a processor's caches is chosen alike on all
    net = models.classifier(**NETWORK, rng=np.random.default_rng(0))
    for train in (train_on_crops, train_on_mosaics):
        train(net)
        report(net)
    write(net, sys.argv[1])
