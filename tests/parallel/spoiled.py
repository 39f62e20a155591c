"""The command minifcn, in which the last rank has a fault of its own, or all of them take long.

python tests/parallel/spoiled.py FAULT ARGUMENT ...
"""

import atexit
import os
import signal
import sys
import time
from pathlib import Path

import minifcn
import minifcn.pictures
from minifcn.backend.launchers import launched, launcher_of
from minifcn.backend.ranks import Ranks
from minifcn.cli import jobs, main, train
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


def before_mpi(happens):

    def joining(*arguments):
        happens()
        return join(*arguments)

    join, jobs.join = jobs.join, joining


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def killed_among_others():
    """Another rank has begun to look for this one, which has not come."""
    launcher, _ = launcher_of(rank)
    while f"@minifcn {os.getuid()} {launcher} " not in Path("/proc/net/unix").read_text():
        time.sleep(0.01)
    time.sleep(0.2)
    killed()


def behind_its_work(happens):
    """After the command, and before MPI ends."""
    run = train.run

    def running(args):
        atexit.register(happens)
        return run(args)

    train.run = running


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
    "kill": lambda: at_a_step(killed),
    "kill before MPI": lambda: before_mpi(killed_among_others),
    "kill before anything is saved": lambda: at_the_command(killed),
    "kill behind the work": lambda: behind_its_work(killed),
    "interrupt": lambda: at_a_step(lambda: os.kill(os.getpid(), signal.SIGINT)),
    "terminate": lambda: at_a_step(lambda: os.kill(os.getpid(), signal.SIGTERM)),
    "version": lambda: setattr(minifcn, "__version__", "0.0"),
    "setting": lambda: sys.argv.extend(["--lr", "0.5"]),
    "images": other_images,
    "terminate before MPI": lambda: before_mpi(lambda: os.kill(os.getpid(), signal.SIGTERM)),
    "misspelt": lambda: sys.argv.extend(["--lrr", "0.5"]),
    "folder": lambda: sys.argv.extend(["--out", "elsewhere"]),
    "terminate while the first one draws": while_the_first_draws,
    "none": lambda: None,
}


def slow_pictures():
    for name in PICTURES:
        setattr(minifcn.pictures, name, lambda path, *rest: time.sleep(60))


def slow_last_evaluation():
    evaluate = ParallelTrainer.evaluate

    def evaluating(self, title, *rest, **settings):
        time.sleep(60 if title == "best.npz" else 0)
        return evaluate(self, title, *rest, **settings)

    ParallelTrainer.evaluate = evaluating


# What all ranks have, and not the last one alone.
SLOW = {
    "terminate while the first one draws": slow_pictures,
    "slow pictures": slow_pictures,
    "slow last evaluation": slow_last_evaluation,
}
PICTURES = ("save_curves", "save_ious", "save_panel", "save_confusion")  # which take longer than the steps


def without_pictures():
    for name in PICTURES:
        setattr(minifcn.pictures, name, lambda path, *rest: path.touch())


if __name__ == "__main__":
    without_pictures()
    SLOW.get(sys.argv[1], FAULTS["none"])()
    rank, size = launched()
    if rank == size - 1:
        FAULTS.get(sys.argv[1], FAULTS["none"])()
    sys.exit(main(sys.argv[2:]))
