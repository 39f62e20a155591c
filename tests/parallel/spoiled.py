"""The command minifcn, in which the last rank has a fault of its own.

python tests/parallel/spoiled.py FAULT ARGUMENT ...
"""

import os
import signal
import sys
import time

import minifcn
import minifcn.pictures
from minifcn.backend.joining import launched
from minifcn.backend.ranks import Ranks
from minifcn.cli import jobs, main, train
from minifcn.data import Shapes
from minifcn.errors import UserError
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


def before_mpi(happens):

    def joining(*arguments):
        happens()
        return join(*arguments)

    join, jobs.join = jobs.join, joining


def wrong():
    raise UserError("photo.png: is damaged")


def at_the_command(happens):
    train.run = lambda args: happens()


def while_the_first_draws():
    """This rank waits for the first one then, which takes a minute for every picture."""
    rest = Ranks.rest

    def resting(self, *args, **settings):
        if settings and not os.environ.get("STOPPED"):
            os.environ["STOPPED"] = "yes"
            os.kill(os.getpid(), signal.SIGTERM)
        return rest(self, *args, **settings)

    Ranks.rest = resting


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
    "terminate before MPI": lambda: before_mpi(lambda: os.kill(os.getpid(), signal.SIGTERM)),
    "error at first": lambda: at_the_command(wrong),
    "misspelt": lambda: sys.argv.extend(["--lrr", "0.5"]),
    "folder": lambda: sys.argv.extend(["--out", "elsewhere"]),
    "terminate while the first one draws": while_the_first_draws,
    "none": lambda: None,
}


if __name__ == "__main__":
    slow = time.sleep if sys.argv[1].endswith("draws") else lambda seconds: None
    for name in ("save_curves", "save_ious", "save_panel", "save_confusion"):  # which take longer than the steps
        setattr(minifcn.pictures, name, lambda path, *rest: [slow(60), path.touch()])
    rank, size = launched()
    if rank == size - 1:
        FAULTS[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
