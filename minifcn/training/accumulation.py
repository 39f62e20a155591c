"""One step from the gradients of several batches, which need not be in memory at once: Caffe's iter_size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from minifcn.autograd import Tensor
from minifcn.backend import array_module, to_host
from minifcn.errors import UserError
from minifcn.nn import Module
from minifcn.optim import Optimizer


class Accumulation:
    """Adds up the gradients of so many batches, and divides them by their number.

    Parameters
    ----------
    model : Module
    optimizer : Optimizer
        Of the parameters of the model.
    batches : int
        How many make a step.

    Attributes
    ----------
    done : int
        Batches of the step in hand, 0..batches - 1.

    Notes
    -----
    Caffe divides at the end (Normalize, in ``sgd_solver.cpp``), before weight decay is added; so does this.
    """

    def __init__(self, model: Module, optimizer: Optimizer, batches: int):
        self.optimizer, self.batches, self.done = optimizer, batches, 0
        self.learned = {name: p for name, p in model.named_parameters() if p.requires_grad}

    def backward(self, loss: Tensor) -> bool:
        """Add the gradients of a batch; gives whether they are complete, and then they are divided."""
        if self.done == 0:
            self.optimizer.zero_grad()
        loss.backward()
        self.done = (self.done + 1) % self.batches
        if self.done:
            return False
        if self.batches > 1:
            for parameter in self.learned.values():
                if parameter.grad is not None:
                    parameter.grad = parameter.grad * (1 / self.batches)
        return True

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copy the sums to the host: of a step that is complete there are none."""
        if not self.done:
            return {}
        return {name: np.array(to_host(p.grad.data)) for name, p in self.learned.items() if p.grad is not None}

    def load_state_dict(self, state: Mapping[str, np.ndarray], done: int, path: Path) -> None:
        """Go on with so many batches of a step done; UserError, naming the path, if the sums do not fit the model."""
        wanted = {name: (p.shape, p.dtype) for name, p in self.learned.items()} if done else {}
        found = {name: (array.shape, array.dtype) for name, array in state.items()}
        differ = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        if differ:
            raise UserError(
                f"{path}: stands {done} of {self.batches} batches into a step, but its sum of gradients does not fit "
                f"that ({differ[0]})"
            )
        for name, array in state.items():
            data = self.learned[name].data
            self.learned[name].grad = Tensor(array_module(data).asarray(array))
        self.done = done
