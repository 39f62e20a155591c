"""Data-parallel training: the batch is split over ranks, their gradients are summed, and all take the same step.

The loss of a batch is a sum over its pixels, divided by what counts in all of it. So its gradient is the sum of the
gradients of the parts, as long as each part is divided by what counts in the whole batch. That is all; the rest of
this file is about when to send what.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import minifcn.functional as F
from minifcn.autograd import Tensor, backward_pass
from minifcn.backend import array_module, to_host
from minifcn.backend.ranks import Ranks
from minifcn.backend.sums import Sums, sums_for
from minifcn.nn import Module
from minifcn.optim import Optimizer
from minifcn.training.accumulation import Accumulation
from minifcn.training.config import Config

PIECE = 1 << 24  # bytes of gradients that are summed at once: by then the time to begin counts little


def counted_in(labels: np.ndarray, config: Config) -> float:
    """Add up the weights of the pixels that count: their number, where all classes weigh the same.

    >>> counted_in(np.array([[0, 0, 2, 255]], np.uint8), Config())
    3.0
    """
    pixels = np.bincount(labels.ravel(), minlength=256)
    pixels[config.ignore_index] = 0
    weights = np.asarray(config.loss_weights, config.dtype) if config.loss_weights else np.ones(len(pixels))
    return float(pixels[: len(weights)] @ weights)


def partial_objective(
    scores: Tensor, labels: Any, weight: Any, config: Config, images: int, counted: float
) -> tuple[Tensor, Any]:
    """Compute what a part of a batch adds to `objective` of the whole.

    Parameters
    ----------
    scores, labels, weight, config
        As in `objective`, of the part.
    images : int
        In the whole batch.
    counted : float
        `counted_in` the whole batch.

    Returns
    -------
    Tensor, array of no axes
        As in `objective`: those of all parts add up to those of the batch.

    Examples
    --------
    >>> from minifcn.training.objective import objective
    >>> scores, labels, config = Tensor(np.eye(3).reshape(3, 3, 1, 1)), np.array([0, 0, 255]).reshape(3, 1, 1), Config()
    >>> whole, _ = objective(scores, labels, None, config)
    >>> parts = [partial_objective(scores[n : n + 1], labels[n : n + 1], None, config, 3, 2.0)[0] for n in range(3)]
    >>> bool(np.isclose(whole.item(), sum(part.item() for part in parts)))
    True
    """
    total = F.softmax_cross_entropy(scores, labels, weight, config.ignore_index, "sum")
    mean = total * (1 / (counted or 1))
    return (mean if config.reduction == "mean" else total * (1 / images)), mean.data


def in_order_of_completion(loss: Tensor) -> list[Tensor]:
    """List the leaves in the order in which a backward pass completes their gradients, and have it hand them out so.

    A pass hands out first what was made last. A gradient is complete behind the first operation that used the leaf; as
    if the leaf had been made just before it.

    Examples
    --------
    >>> first, second = (Tensor(2.0, requires_grad=True) for _ in range(2))
    >>> leaves = in_order_of_completion(Tensor(3.0) * first * second)
    >>> [leaf is second for leaf in leaves]
    [True, False]
    """
    users: dict[Tensor, list[int]] = {}
    seen, waiting = {loss}, [loss]
    while waiting:
        tensor = waiting.pop()
        for x in tensor.inputs:
            if x.requires_grad and x.is_leaf:
                users.setdefault(x, []).append(tensor.order)
            elif x.requires_grad and x not in seen:
                seen.add(x)
                waiting.append(x)
    for leaf, orders in users.items():
        leaf.order = min(orders) - 1
    return sorted(users, key=lambda leaf: -leaf.order)


class SummedGradients(Accumulation):
    """Adds up the gradients of so many batches, and those of all ranks.

    Parameters
    ----------
    model, optimizer, batches
        As in `Accumulation`.
    ranks : Ranks
    early : bool
        Begin to add up pieces while the backward pass goes on; else when it is done.

    Attributes
    ----------
    loss : float64 number, or array of no axes
        The mean that was shown last, of all ranks.
    sums : Sums or None
        How arrays are added up, when that was chosen.
    """

    def __init__(self, model: Module, optimizer: Optimizer, batches: int, ranks: Ranks, early: bool = False):
        super().__init__(model, optimizer, batches)
        self.ranks, self.early = ranks, early
        self.sums: Sums | None = None
        self.loss: Any = 0.0
        self.places: dict[Tensor, Any] = {}  # of each parameter its part of `whole`, in the order of the pieces
        self.pieces: list[Any] = []
        self.united: dict[str, np.ndarray] = {}

    def connect(self) -> Sums:
        """Choose, once, how arrays are added up; all ranks do."""
        self.sums = self.sums or sums_for(next(iter(self.learned.values())).device, self.ranks)
        return self.sums

    def backward_part(self, loss: Tensor | None, mean: Any) -> bool:
        """Do as `backward`, with what a part of a batch adds to loss and mean; a rank without images has no loss."""
        if self.done == 0:
            self.optimizer.zero_grad()
        self.done = (self.done + 1) % self.batches
        if self.done:
            if loss is not None:
                loss.backward()
            self.loss = self.ranks.total(float(mean))
            return False
        gradients = self._arriving(loss)
        if not self.places:
            self._arrange(loss)
        self._sum(gradients, mean)
        return True

    def _arriving(self, loss: Tensor | None) -> Iterator[tuple[Tensor, Any]]:
        """Yield the parameters, each with its complete gradient of this rank."""
        if loss is None:
            return
        in_order_of_completion(loss)
        for tensor, g in backward_pass([loss], [None]):
            if tensor in self.places:
                yield tensor, g.data if tensor.grad is None else tensor.grad.data + g.data

    def _sum(self, gradients: Iterable[tuple[Tensor, Any]], mean: Any) -> None:
        """Put gradients into the pieces as they come, add up each piece that is full, and hand out the sums."""
        left, behind, ends, sums = dict(self.places), list(self.pieces), list(self.ends), self.connect()
        for parameter, gradient in gradients:
            place = left.pop(parameter)
            if self.batches == 1:
                place[...] = gradient
            else:
                array_module(place).multiply(gradient, 1 / self.batches, out=place)
            while self.early and sums.early and len(behind) > 1 and not ends[0] & left.keys():
                sums.start(behind.pop(0))
                ends.pop(0)
        for parameter, place in left.items():  # of a rank without images in this batch
            place[...] = 0 if parameter.grad is None else parameter.grad.data * (1 / self.batches)
        self.whole[-1:] = mean
        for piece in behind:
            sums.start(piece)
        sums.finish(self.whole, self.pieces)
        self.loss = self.whole[-1].astype(np.float64)
        for parameter, place in self.places.items():
            parameter.grad = Tensor(place)

    def _arrange(self, loss: Tensor | None) -> None:
        """Make the pieces, in the order in which the first rank, which always has images, completes gradients."""
        names: dict[Tensor, str] = {parameter: name for name, parameter in self.learned.items()}
        order = [] if loss is None else [names[leaf] for leaf in in_order_of_completion(loss) if leaf in names]
        parameters = [self.learned[name] for name in self.ranks.from_first(order)]
        xp, dtype = array_module(parameters[0].data), parameters[0].dtype
        self.whole = xp.zeros(sum(p.data.size for p in parameters) + 1, dtype)  # and the loss
        self.ends: list[set[Tensor]] = []
        start = end = 0
        for parameter in parameters:
            if not self.ends or (end - start) * dtype.itemsize >= PIECE:
                self.ends.append(set())
                if end:
                    self.pieces.append(self.whole[start:end])
                start = end
            self.places[parameter] = laid_out_as(parameter.data, self.whole[end : end + parameter.data.size])
            self.ends[-1].add(parameter)
            end += parameter.data.size
        self.pieces.append(self.whole[start:])

    def unite(self) -> None:
        """Have the sums of a step that is not complete added up, for `state_dict`; all ranks do."""
        self.united = {}
        if self.done:
            for name, parameter in self.learned.items():
                g = np.zeros(parameter.shape, parameter.dtype) if parameter.grad is None else parameter.grad.data
                self.united[name] = self.ranks.add(np.array(to_host(g), order="C"))

    def state_dict(self) -> dict[str, np.ndarray]:
        """Give the sums of a step that is not complete, of all ranks, as `unite` has found them."""
        return self.united

    def load_state_dict(self, state: Mapping[str, np.ndarray], done: int, path: Path) -> None:
        """Go on as `Accumulation` does: the first rank has what all of them had."""
        super().load_state_dict(state, done, path)
        if not self.ranks.first:
            self.optimizer.zero_grad()


def laid_out_as(array: Any, flat: Any) -> Any:
    """Give a vector the shape of an array, and its layout: where neighbours in memory are neighbours too.

    >>> laid_out_as(np.zeros((2, 3)).T, np.arange(6))
    array([[0, 3],
           [1, 4],
           [2, 5]])
    """
    axes = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    return flat.reshape([array.shape[axis] for axis in axes]).transpose(np.argsort(axes).tolist())
