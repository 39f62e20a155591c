"""SGD with momentum, and Adam.

A parameter group is a dict: its parameters under "params", and settings that differ from the optimiser's. The paper
has two: weights, and biases with twice the learning rate and no weight decay.
"""

from typing import TYPE_CHECKING, NoReturn

from minifcn import named_otherwise
from minifcn.optim.optimizer import Optimizer
from minifcn.optim.rules import SGD, Adam, CaffeSGD

__all__ = ["SGD", "Adam", "CaffeSGD", "Optimizer"]


if not TYPE_CHECKING:  # which would take any name for one that is here

    def __getattr__(name: str) -> NoReturn:
        raise named_otherwise.in_room(__name__, name, named_otherwise.OPTIM, __all__)
