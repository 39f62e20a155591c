"""Train the score layers of an FCN-32s and an FCN-16s on the trunk of the network of the package, and write their file.

    python benchmarks/coarser_scores.py minifcn/models/trained/shapes-coarser.npz

The trunk stays as it is, in the paper's geometry, so its maps are computed once. What is trained is a 1x1 convolution
of fc7, and of pool4 for FCN-16s; the upsampling is bilinear and fixed. It takes 2 to 4 minutes.

Twice on one kind of machine gives the same bytes: it computes with one thread, and draws everything from one seed.
Other numbers of pictures, a multiple of 10, and of epochs may follow.
"""

import os
import sys

# Before NumPy is imported: on how many threads share a sum, its last bits depend.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MINIFCN_THREADS": "1"}

import numpy as np

import minifcn.functional as F
from minifcn import Tensor, metrics, models, no_grad, optim, weights
from minifcn.backend import caches
from minifcn.data import open_split
from minifcn.explain.simulator.coarser import COARSER, on_the_trunk_of, score_layers
from minifcn.explain.simulator.network import in_the_papers_geometry

IMAGES, EPOCHS, BATCH, LR = 600, 20, 10, 3e-3


def looked_at(fine, normalize, samples):
    """Give the maps of a trunk by their strides, and the labels, of all samples."""
    found, labels = {8: [], 16: [], 32: []}, []
    with no_grad():
        for sample in samples:
            maps = fine.by_stride(Tensor(normalize(sample.image)[None]))
            for stride, kept in found.items():
                kept.append(maps[stride].data)
            labels.append(sample.label)
    return {stride: np.concatenate(kept) for stride, kept in found.items()}, np.stack(labels)


def scores_of(net, maps, labels, indices):
    """Give the scores of some of the images: of an image itself, a network that has its maps needs the size only."""
    image = Tensor(np.zeros((len(indices), 3, *labels.shape[1:]), np.float32))
    return net(image, {stride: Tensor(map_[indices]) for stride, map_ in maps.items()})


def train(net, maps, labels, epochs):
    """Train all that scores, and nothing else; the rate falls to 0."""
    learned = [parameter for name, parameter in net.named_parameters() if name.startswith("score")]
    optimizer, rng = optim.Adam(learned, lr=LR), np.random.default_rng(0)
    batches = [batch for _ in range(epochs) for batch in rng.permutation(len(labels)).reshape(-1, BATCH)]
    losses = []
    for step, batch in enumerate(batches):
        optimizer.param_groups[0]["lr"] = LR * (1 - step / len(batches))
        optimizer.zero_grad()
        loss = F.softmax_cross_entropy(scores_of(net, maps, labels, batch), labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.mean(losses[-len(labels) // BATCH :])


def measured(net, maps, labels):
    """Count what a network is right about."""
    confusion = metrics.ConfusionMatrix(net.num_classes)
    with no_grad():
        for batch in np.arange(len(labels)).reshape(-1, BATCH):
            confusion.update(labels[batch], scores_of(net, maps, labels, batch).data.argmax(axis=1))
    return confusion


def main(path, images=IMAGES, epochs=EPOCHS):
    """Train both, write them in half precision, and say how good what was written is."""
    trained = models.pretrained("shapes-fcn8s")
    fine = in_the_papers_geometry(trained).astype(np.float32).eval()
    splits = ("train", images), ("val", min(images, 100)), ("test", min(images, 100))
    seen = {split: looked_at(fine, trained.normalize, open_split("shapes", split, count)) for split, count in splits}
    half, nets = {}, {"FCN-8s": fine}
    for name in COARSER:
        net = nets[name] = on_the_trunk_of(fine, name)
        loss = train(net, *seen["train"], epochs)
        print(f"{name}: loss {loss:.4f} in the last epoch", flush=True)
        rounded = {key: array.astype(np.float16) for key, array in score_layers(net).items()}
        net.load_state_dict(net.state_dict() | {key: array.astype(np.float32) for key, array in rounded.items()})
        half |= {f"{name}.{key}": array for key, array in rounded.items()}
    weights.write(path, half, {"trunk": "shapes-fcn8s", "variant": "paper"})
    for name, net in nets.items():
        for split in ("val", "test"):
            confusion = measured(net, *seen[split])
            found = f"pixel accuracy {confusion.pixel_accuracy:.3f}, mean IoU {confusion.mean_iou:.4f}"
            print(f"{name}, {split} split: {found}", flush=True)


if __name__ == "__main__":
    caches.cache_kind = lambda: "small"  # what is chosen by a processor's caches is chosen alike on all
    main(sys.argv[1], *map(int, sys.argv[2:]))
