"""Train the network of the package on the generated pictures, and write its file.

    python benchmarks/pretrained.py runs/shapes-fcn8s minifcn/models/trained/shapes-fcn8s.npz

Twice on one kind of machine gives the same bytes: it computes with one thread, and draws everything from one seed.
Options of `minifcn train` may follow, such as --epochs 1.
"""

import os
import sys

# Before NumPy is imported: on how many threads share a sum, its last bits depend.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MINIFCN_THREADS": "1"}

import numpy as np

from minifcn.backend import caches
from minifcn.cli import main
from minifcn.training import checkpoint
from minifcn.training.about import about
from minifcn.weights import writers

SETTINGS = "--data shapes --model fcn8s --width 0.11 --batch-size 4 --epochs 12 --lr 0.004 --schedule poly --dropout 0"


def write(folder, path):
    """Write the best weights of a run in half the bytes."""
    state = checkpoint.load(folder)
    half = {name: array.astype(np.float16) for name, array in state.model.items()}
    writers.write(path, half, about(state.config))


if __name__ == "__main__":
    caches.cache_kind = lambda: "small"  # what is chosen by a processor's caches is chosen alike on all
    folder, path, *further = sys.argv[1:]
    status = main(["train", *SETTINGS.split(), "--device", "cpu", "--overwrite", "--out", folder, *further])
    if status == 0:
        write(folder, path)
    sys.exit(status)
