"""Caffe's SGD solver, number by number and in its order: the slow twin of `optim.CaffeSGD` and of `--accumulate`.

From ``sgd_solver.cpp`` and ``solver.cpp``: every forward and backward pass of an iteration adds to the same gradients,
then come ClipGradients, and for each parameter Normalize, Regularize and ComputeUpdateValue, and last the update.
"""

from dataclasses import dataclass, field
from math import sqrt


@dataclass
class Blob:
    """One number that is learned, with the multipliers that stand in net.prototxt."""

    data: float
    lr_mult: float = 1.0
    decay_mult: float = 1.0
    diff: float = 0.0
    history: float = 0.0


@dataclass
class CaffeSolver:
    """The settings of solver.prototxt."""

    blobs: list[Blob] = field(default_factory=list)
    base_lr: float = 0.01
    momentum: float = 0.0
    weight_decay: float = 0.0
    iter_size: int = 1
    clip_gradients: float = -1.0

    def step(self, backward):
        """One iteration; `backward(i)` gives the gradients of all blobs for the image number i of the iteration."""
        for blob in self.blobs:
            blob.diff = 0.0
        for i in range(self.iter_size):
            for blob, gradient in zip(self.blobs, backward(i), strict=True):
                blob.diff += gradient
        self.clip()
        for blob in self.blobs:
            self.normalize(blob)
            self.regularize(blob)
            self.compute_update_value(blob)
        for blob in self.blobs:
            blob.data -= blob.diff

    def clip(self):
        if self.clip_gradients < 0:
            return
        norm = sqrt(sum(blob.diff**2 for blob in self.blobs))
        if norm > self.clip_gradients:
            for blob in self.blobs:
                blob.diff *= self.clip_gradients / norm

    def normalize(self, blob):
        blob.diff *= 1 / self.iter_size

    def regularize(self, blob):
        blob.diff += self.weight_decay * blob.decay_mult * blob.data

    def compute_update_value(self, blob):
        blob.history = self.momentum * blob.history + self.base_lr * blob.lr_mult * blob.diff
        blob.diff = blob.history
