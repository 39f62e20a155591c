"""What a function does when an input is moved a little: derivatives by differences.

Let v be a random weight for every output. The gradient of <v, f(x)> that `backward` computes must be what f itself
does: <v, f(x + h) - f(x - h)> / 2h. The weights are random because a plain sum of the outputs hides errors: that of a
softmax is always 1, so even a gradient of zeros would pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minifcn.gradcheck.function import Function

DIRECTIONS = 5  # in directional mode, for each input
_EPS, _LARGEST = float(np.finfo(np.float64).eps), float(np.finfo(np.float64).max)


class Direction(NamedTuple):
    """Where an input is moved to: one number of it by step·reach, or several by step·vector.

    Parameters
    ----------
    index : tuple of int, or str
        Of the number that is moved; a name where several are.
    reach : float
        What the step is multiplied with, 1 where several numbers are moved.
    vector : array like the input, or None
    """

    index: Any
    reach: float
    vector: np.ndarray | None = None

    def moved(self, x: np.ndarray, step: float) -> tuple[np.ndarray, float]:
        """Move x, and say how far it went: x + h is rounded, and h with it."""
        if self.vector is not None:
            moved = x + step * self.vector
            return moved, step if (moved != x).any() else 0.0
        moved = x.copy(order="K")
        moved[self.index] += step * self.reach
        return moved, float(moved[self.index]) - float(x[self.index])

    def along(self, gradient: np.ndarray) -> float:
        """Give the derivative in this direction that a gradient stands for."""
        if self.vector is None:
            return float(gradient[self.index])
        return float((gradient * self.vector).sum())

    def smallest(self, x: np.ndarray) -> float:
        """Smallest step that moves a number of x other than 0 by its own size; 0 if there is none."""
        if self.vector is None:
            return float(abs(x[self.index])) / self.reach
        moved = (x != 0) & (self.vector != 0)
        return float((abs(x[moved]) / abs(self.vector[moved])).min()) if moved.any() else 0.0

    def largest(self, x: np.ndarray) -> float:
        """Largest number of x in units of its step, which is rounded as finely as that; 0 for a single one."""
        if self.vector is None:
            return 0.0
        moved = self.vector != 0
        return float((abs(x[moved]) / abs(self.vector[moved])).max(initial=0.0))


class Slopes(NamedTuple):
    """One-sided derivatives, and how far they can be trusted.

    Parameters
    ----------
    left, right : float
    size : float
        How much the single outputs contribute, without sign.
    noise : float
        What rounding amounts to.
    low, high : float
        On a kink of several outputs each may choose a side of its own: the range that this gives.
    """

    left: float
    right: float
    size: float
    noise: float
    low: float = np.nan
    high: float = np.nan

    @property
    def central(self) -> float:
        return (self.left + self.right) / 2

    @property
    def jump(self) -> float:
        return abs(self.right - self.left)


class Neighbourhood:
    """The function <v, f> around one point, where `function` has its inputs.

    Parameters
    ----------
    function : Function
    outputs : list of arrays
        Its outputs at the point.
    weights : list of arrays
        The v of each output.
    eps : float
        The step that is tried first.

    Attributes
    ----------
    here : list of float64 arrays
        The outputs at the point.
    shortest : float
        Steps below it are not tried.
    inner : float
        What the numbers of an input, times their derivatives, amount to: it is rounded as well.
    reactions : list of arrays
        How much each output changed, times its weight, when an input was moved by eps.
    rounding : float
        The smallest change of <v, f> that shows beside the rounding of all outputs.
    """

    def __init__(self, function: Function, outputs: list[np.ndarray], weights: list[np.ndarray], eps: float):
        self.function, self.eps, self.weights = function, eps, weights
        self.here = [y.astype(np.float64) for y in outputs]  # booleans and unsigned integers cannot be subtracted
        with np.errstate(over="ignore"):
            sizes = [np.minimum(abs(w * y), _LARGEST) for w, y in zip(weights, self.here, strict=True)]
        self._largest = max((float(x.max(initial=0.0)) for x in sizes), default=0.0) or 1.0
        self._squares = [(x / self._largest).ravel() ** 2 for x in sizes]  # so that 1e200 has one
        self.shortest = self.inner = 0.0
        self.reactions = [np.zeros(y.shape) for y in outputs]
        self.rounding = 16 * _EPS * self._largest * float(np.sqrt(sum(square.sum() for square in self._squares)))

    def slopes(self, i: int, direction: Direction, step: float, touched: list[np.ndarray] | None = None) -> Slopes:
        """One-sided derivatives of <v, f> when input i is moved by the step, to the left and to the right.

        Outputs that are changed are rounded; so are those that are `touched`.
        """
        sides, sizes, noises, choices = [], [], [], []
        uneven = direction.largest(self.function.inputs[i])
        for sign in (-1, 1):
            inputs = list(self.function.inputs)
            inputs[i], h = direction.moved(inputs[i], sign * step)
            if h == 0:  # x + h is x
                return Slopes(np.nan, np.nan, np.nan, np.inf)
            slope = size = square = 0.0
            terms = []
            with np.errstate(all="ignore"):
                for k, moved in enumerate(self.function.outputs(inputs)):
                    # The differences first: where nothing has changed they are exactly 0, and rounding is not at work.
                    term = self.weights[k] * (moved - self.here[k])
                    change = abs(term)
                    if touched is not None:
                        terms.append(term / h)
                    slope += float(term.sum())
                    size += float(change.sum())
                    rounded = term != 0 if touched is None else (term != 0) | touched[k]
                    square += float(self._squares[k] @ rounded.ravel())
                    if step == self.eps:
                        np.fmax(self.reactions[k], change, out=self.reactions[k])
            choices.append(terms)
            sides.append(slope / h + 0.0)  # no -0
            sizes.append(size / abs(h))
            noises.append(_EPS * (self._largest * square**0.5 + self.inner + size * uneven / step) / abs(h))
        slopes = Slopes(sides[0], sides[1], max(sizes), max(noises))
        if touched is None:
            return slopes
        pairs = list(zip(*choices, strict=True))
        low, high = (float(sum(of(a, b).sum() for a, b in pairs)) for of in (np.minimum, np.maximum))
        return slopes._replace(low=low, high=high)

    def touched(self, i: int, direction: Direction, steps: tuple[float, ...]) -> list[np.ndarray]:
        """Which outputs change with any of the steps."""
        touched = [np.zeros(y.shape, bool) for y in self.here]
        for step in (*steps, *(-step for step in steps)):
            inputs = list(self.function.inputs)
            inputs[i], _ = direction.moved(inputs[i], step)
            for mask, moved, y in zip(touched, self.function.outputs(inputs), self.here, strict=True):
                mask |= moved != y
        return touched


def random_weights(outputs: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Draw a weight for every number; a whole-number output (the indices of a pool) has no derivative: 0."""
    return [nonzero(rng, y.shape) * (y.dtype.kind == "f") for y in outputs]


def nonzero(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw numbers of both signs, none near zero: each has its say."""
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)


def directions(x: np.ndarray, mode: str, rng: np.random.Generator) -> Iterator[Direction]:
    """Yield each number of x by itself, or all of them in random directions; large numbers take large steps."""
    size = np.maximum(1.0, abs(x))
    if mode == "full":
        for index in np.ndindex(x.shape):
            yield Direction(index, float(size[index]))
        return
    for k in range(DIRECTIONS):
        yield Direction(f"direction {k}", 1.0, nonzero(rng, x.shape) * size)


def numeric_gradient(around: Neighbourhood, i: int) -> np.ndarray:
    """Differences for every number of input i."""
    x = around.function.inputs[i]
    moves = directions(x, "full", np.random.default_rng(0))
    slopes = [around.slopes(i, direction, 8.0 * around.eps).central for direction in moves]
    return np.array(slopes).reshape(x.shape)
