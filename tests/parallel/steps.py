"""Takes fifty steps of every case, alone or under mpiexec, and leaves the parameters in a folder.

python tests/parallel/steps.py FOLDER [CASE ...]
"""

import contextlib
import dataclasses
import sys
import tempfile
from pathlib import Path

import numpy as np

from minifcn.backend.joining import join
from minifcn.data import Sample, Shapes
from minifcn.data.dataset import Dataset
from minifcn.training import Config, Trainer, build
from minifcn.training.parallel_trainer import ParallelTrainer

STEPS = 50


class Pictures(Dataset):
    """Generated images, of which some have no pixel that counts, or are of another size."""

    def __init__(self, images=9, ignored=(), smaller=()):
        self.shapes, self.ignored, self.smaller = Shapes(images, (32, 32), 3), ignored, smaller
        self.class_names, self.palette = self.shapes.class_names, self.shapes.palette

    def __len__(self):
        return len(self.shapes)

    def __getitem__(self, index):
        sample = self.shapes[index]
        label = np.full_like(sample.label, 255) if index in self.ignored else sample.label
        side = 21 if index in self.smaller else 32
        return Sample(sample.image[:side, :side], label[:side, :side], sample.name)


SHAPES = Shapes(1, num_classes=3)
CONFIG = Config(
    width=1 / 64,
    batch_size=3,
    epochs=1000,
    dtype="float64",
    mirror=True,
    class_names=SHAPES.class_names,
    palette=tuple(map(tuple, SHAPES.palette.tolist())),
)
WEIGHTS = {"class_weights": "by hand", "loss_weights": (0.3, 1.0, 2.5)}
SGD = {"optimizer": "sgd", "lr": 0.02, "weight_decay": 5e-4}
HEAVY = {"optimizer": "caffe-sgd", "lr": 1e-5, "momentum": 0.99, "reduction": "batch"}
# Of each, settings of the run and of the images. A batch of 3 is split unevenly by 2 and 4 ranks; the last rank of 4
# has no image then. Of 10 images, the last batch has one.
CASES = {
    "adam": ({}, {}),
    "sgd": (SGD, {}),
    "class weights": (SGD | WEIGHTS, {}),
    "summed loss": (HEAVY, {}),
    "summed loss, class weights": (HEAVY | WEIGHTS, {}),
    "accumulated": ({"accumulate": 2, **SGD}, {"images": 10}),
    "batches of five": ({"batch_size": 5}, {"images": 8}),
    "only ignored pixels": ({}, {"ignored": (0, 1, 4, 5, 8)}),
    "all pixels ignored": (SGD, {"ignored": range(8)}),
    "sizes": ({}, {"smaller": (1, 2, 6)}),
    "frozen": ({"freeze": ("conv[12].*",), "model": "fcn32s", "variant": "lecture"}, {}),
    "recomputed": ({"recompute": True, "batch_size": 2}, {}),
}


def parameters(case, ranks, steps=STEPS, **more):
    """The parameters after some steps, the losses on the way, and what an evaluation finds then."""
    settings, images = CASES[case]
    config, pictures = dataclasses.replace(CONFIG, **settings), Pictures(**images)
    model = build.build_model(config)
    loaders = build.train_loader(config, pictures), build.valid_loader(config, pictures)
    parts = (config, model, build.build_optimizer(config, model), *loaders, tempfile.gettempdir())
    trainer = ParallelTrainer(*parts, ranks=ranks, **more) if ranks.size > 1 else Trainer(*parts)
    model.train()
    losses = []
    for number in range(steps * config.accumulate):
        epoch, at = divmod(number, len(trainer.train_loader))
        with contextlib.closing(trainer.train_loader.epoch(epoch, at)) as batches:
            losses.append(float(trainer.step(next(batches))))
        trainer.position.iteration += not trainer.accumulation.done
    found = trainer.evaluate("validation", config.loss_weights or None)
    measured = {"losses": losses, "matrix": found.matrix.matrix, "loss": found.loss, "iou": found.image_iou}
    return model.state_dict() | {name: np.asarray(value) for name, value in measured.items()}


if __name__ == "__main__":
    ours, folder = join(), Path(sys.argv[1])
    for name in sys.argv[2:] or CASES:
        for early in (False, True) if name == "adam" and ours.size > 1 else (False,):
            found = parameters(name, ours, **({"early": early} if ours.size > 1 else {}))
            if ours.first:
                np.savez(folder / f"{name}{', early' if early else ''}.npz", **found)
