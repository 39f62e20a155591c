"""How the learning rate falls: it depends on the number of the step alone, so resuming needs no state."""

from __future__ import annotations

from minifcn.errors import UserError
from minifcn.optim import Optimizer
from minifcn.training.config import Config


class Schedule:
    """The learning rates of a run.

    Parameters
    ----------
    config : Config
    optimizer : Optimizer
        Its groups have the rates of the first step.
    batches : int
        Of an epoch.

    Raises
    ------
    UserError
        If all batches of the run are too few for one step.

    Examples
    --------
    >>> from minifcn import Tensor, optim
    >>> sgd = optim.SGD([Tensor([1.0], requires_grad=True)], lr=0.1)
    >>> schedule = Schedule(Config(epochs=2, schedule="poly"), sgd, batches=5)
    >>> [round(schedule.lr(iteration), 4) for iteration in (0, 5, 9)]
    [0.1, 0.0536, 0.0126]
    """

    def __init__(self, config: Config, optimizer: Optimizer, batches: int):
        self.kind, self.optimizer = config.schedule, optimizer
        self.steps = config.epochs * batches // config.accumulate
        if batches and not self.steps:
            raise UserError(
                f"--accumulate is {config.accumulate}, but the run has {config.epochs * batches} batches in all, too "
                "few for one step; ask for less, or for more --epochs"
            )
        self.first_lrs = [group["lr"] for group in optimizer.param_groups]

    def factor(self, iteration: int) -> float:
        """Give the factor of the learning rates in a step, counted from 0."""
        return 1.0 if self.kind != "poly" else max(0.0, 1 - iteration / self.steps) ** 0.9

    def lr(self, iteration: int) -> float:
        """Give the learning rate of the weights in a step."""
        return self.first_lrs[0] * self.factor(iteration)

    def set(self, iteration: int) -> None:
        """Give the optimizer the learning rates of a step."""
        for group, lr in zip(self.optimizer.param_groups, self.first_lrs, strict=True):
            group["lr"] = lr * self.factor(iteration)
