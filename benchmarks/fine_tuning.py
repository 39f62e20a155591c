"""Train FCN-8s on generated pictures from the weights of their classifier and from random ones, and draw the curves.

    python benchmarks/fine_tuning.py minifcn/models/trained/shapes-classifier.npz docs/images/fine-tuning.png

Everything is the same but the first weights of the trunk, in which the classifier's are put: the pictures, their order,
the optimiser, the number of steps. A pair of runs for each seed.
"""

import os
import sys

# Before NumPy is imported: on how many threads share a sum, its last bits depend.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MINIFCN_THREADS": "1"}

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import minifcn.functional as F
from minifcn import Tensor, data, models, optim, training, weights
from minifcn.backend import caches

SEEDS, STEPS, EVERY, BATCH, LR = range(5), 300, 30, 4, 1e-3
WIDTH, SIZE = 0.055, 64  # those of the classifier
STARTS = {"classifier": ("#0072B2", "-"), "random": ("#D55E00", "--")}


def run(state, seed, steps=STEPS, every=EVERY, held_out=60):
    """Train once; gives the mean IoU on held-out pictures before the first step and after every so many."""
    pictures = data.Shapes(steps * BATCH, size=SIZE, seed=100 + seed)
    batches = data.DataLoader(pictures, batch_size=BATCH, shuffle=True, seed=seed).epoch(0)
    unseen = data.DataLoader(data.Shapes(held_out, size=SIZE, seed=99), batch_size=10)
    net = models.FCN8s(6, width=WIDTH, dropout=0, rng=np.random.default_rng(seed))
    if state is not None:
        training.transplant(net, state)
    optimizer = optim.Adam(net.parameters(), lr=LR)
    found = [mean_iou(net, unseen)]
    for step, (images, labels) in enumerate(batches, start=1):
        optimizer.zero_grad()
        F.softmax_cross_entropy(net(Tensor(images)), labels).backward()
        optimizer.step()
        if step % every == 0:
            found.append(mean_iou(net, unseen))
    return found


def mean_iou(net, loader):
    """Measure on pictures that are not trained on."""
    matrix, _ = training.evaluate(net, loader.epoch(0))
    return float(matrix.mean_iou)


def draw(curves, path, every=EVERY):
    """Draw the median over the seeds of each start, and the range of all."""
    figure = Figure(figsize=(7, 4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for start, (colour, line) in STARTS.items():
        runs = np.array(curves[start])
        steps = every * np.arange(runs.shape[1])
        label = "the classifier's weights" if start == "classifier" else "random weights"
        axes.plot(steps, np.median(runs, axis=0), line, color=colour, lw=2.2, label=f"{label}, median")
        axes.fill_between(steps, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.15, lw=0)
    axes.set_xlabel("step", fontsize=12)
    axes.set_ylabel("mean IoU, held-out pictures", fontsize=12)
    axes.set_ylim(0, None)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=11, frameon=False, loc="upper left")
    figure.savefig(path)


if __name__ == "__main__":
    caches.cache_kind = lambda: "small"  # what is chosen by a processor's caches is chosen alike on all
    state = weights.read(sys.argv[1]).arrays
    curves = {start: [] for start in STARTS}
    for seed in SEEDS:
        for start, first in (("classifier", state), ("random", None)):
            curves[start].append(run(first, seed))
            print(f"seed {seed}, {start}: {' '.join(f'{iou:.3f}' for iou in curves[start][-1])}", flush=True)
    for start, runs in curves.items():
        print(f"{start}: median {np.median(runs, axis=0)[-1]:.3f} after {STEPS} steps")
    draw(curves, sys.argv[2])
