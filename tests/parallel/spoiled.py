"""The command minifcn, in which the last rank has a fault of its own.

python tests/parallel/spoiled.py FAULT ARGUMENT ...
"""

import os
import signal
import sys

import minifcn
import minifcn.pictures
from minifcn.backend.ranks import launched
from minifcn.cli import main
from minifcn.data import Shapes
from minifcn.training.parallel_trainer import ParallelTrainer

AT = 1  # the step of the fault, in the first epoch


def at_a_step(happens):
    take = ParallelTrainer.step

    def step(self, batch):
        if self.position.iteration == AT:
            happens()
        return take(self, batch)

    ParallelTrainer.step = step


def unreadable():
    raise OSError(5, "Input/output error", "photo.png")


def other_images():
    get = Shapes.__getitem__

    def changed(self, index):
        sample = get(self, index)
        sample.image[0, 0] += 1
        return sample

    Shapes.__getitem__ = changed


FAULTS = {
    "error": lambda: at_a_step(unreadable),
    "kill": lambda: at_a_step(lambda: os.kill(os.getpid(), signal.SIGKILL)),
    "interrupt": lambda: at_a_step(lambda: os.kill(os.getpid(), signal.SIGINT)),
    "terminate": lambda: at_a_step(lambda: os.kill(os.getpid(), signal.SIGTERM)),
    "version": lambda: setattr(minifcn, "__version__", "0.0"),
    "setting": lambda: sys.argv.extend(["--lr", "0.5"]),
    "images": other_images,
    "none": lambda: None,
}


if __name__ == "__main__":
    for name in ("save_curves", "save_ious", "save_panel", "save_confusion"):  # which take longer than the steps
        setattr(minifcn.pictures, name, lambda path, *rest: None)
    rank, size = launched()
    if rank == size - 1:
        FAULTS[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
