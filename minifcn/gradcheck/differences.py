"""What a function does when an input is moved a little: derivatives by differences, and the kinks among them.

Let v be a random weight for every output. The gradient of <v, f(x)> that `backward` computes must be what f itself
does: <v, f(x + h) - f(x - h)> / 2h. The weights are random because a plain sum of the outputs hides errors: that of a
softmax is always 1, so even a gradient of zeros would pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minifcn.gradcheck.guess import guess
from minifcn.gradcheck.pair import Pair
from minifcn.gradcheck.report import Entry, Kink, Row

DIRECTIONS = 5  # in directional mode, for each input
_LARGEST = 64.0
# Steps of a second look, in units of eps: larger ones against rounding, smaller ones against kinks and sharp bends.
_FACTORS = (1.0, 1 / 64, 8.0, _LARGEST, 1 / 8, 1 / 512, 1 / 4096)
_BEND = 1e-4  # jump of a one-sided derivative, relative to its size, from which a second look is due
_ENOUGH = 64  # wrong numbers of an input that get a second look


class Direction(NamedTuple):
    """Where an input is moved to: x + step·reach·vector."""

    index: Any
    vector: np.ndarray
    reach: float


class Point:
    """The function <v, f> around one point."""

    def __init__(self, pair: Pair, outputs: list[np.ndarray], rng: np.random.Generator, eps: float):
        self.pair, self.eps, self.here = pair, eps, outputs
        # A whole-number output (the indices of a pool) has no derivative; its weight is 0.
        self.weights = [nonzero(rng, y.shape) * (y.dtype.kind == "f") for y in outputs]
        # Rounding of the outputs, as far as it can show in their weighted sum.
        self.rounding = np.finfo(np.float64).eps * sum(
            float(np.linalg.norm(w) * abs(y).max(initial=0.0)) for w, y in zip(self.weights, outputs, strict=True)
        )

    def slopes(self, i: int, direction: Direction, factor: float = 1.0) -> tuple[float, float]:
        """One-sided derivatives of <v, f> when input i is moved by factor·eps: to the left, to the right."""
        sides = []
        for h in (-factor * self.eps * direction.reach, factor * self.eps * direction.reach):
            inputs = list(self.pair.inputs)
            inputs[i] = inputs[i] + h * direction.vector
            # The differences first: where nothing has changed they are exactly 0.
            terms = zip(self.weights, self.pair.outputs(inputs), self.here, strict=True)
            with np.errstate(all="ignore"):
                sides.append(sum(float((w * (moved - y)).sum()) for w, moved, y in terms) / h + 0.0)  # no -0
        return sides[0], sides[1]

    def noise(self, reach: Any, factor: float = 1.0) -> Any:
        """What rounding amounts to in such a derivative."""
        return self.rounding / (factor * self.eps * reach)


class Look(NamedTuple):
    """A second look at one derivative."""

    numeric: float
    right: bool
    ground: str  # "smooth", "kink" or "gap"
    left: float
    right_side: float


def nonzero(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw numbers of both signs, none near zero: each has its say."""
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)


def directions(x: np.ndarray, mode: str, rng: np.random.Generator) -> Iterator[Direction]:
    """Yield each number of x by itself, or all of them in random directions; large numbers take large steps."""
    size = np.maximum(1.0, abs(x))
    if mode == "full":
        for index in np.ndindex(x.shape):
            vector = np.zeros(x.shape)
            vector[index] = 1
            yield Direction(index, vector, float(size[index]))
        return
    for k in range(DIRECTIONS):
        yield Direction(f"direction {k}", nonzero(rng, x.shape) * size, 1.0)


def numeric_gradient(point: Point, i: int) -> np.ndarray:
    """Differences for every number of input i."""
    x = point.pair.inputs[i]
    slopes = [point.slopes(i, direction, 8.0) for direction in directions(x, "full", np.random.default_rng(0))]
    return np.array([sum(pair) / 2 for pair in slopes]).reshape(x.shape)


def check_input(
    point: Point, i: int, position: int, gradient: np.ndarray, moves: list[Direction], rtol: float, atol: float
) -> Row:
    """Hold the gradient of input i, number `position` for the user, against differences along the moves."""
    reach = np.array([move.reach for move in moves])
    analytic = np.array([float((gradient * move.vector).sum()) for move in moves])
    left, right = np.array([point.slopes(i, move) for move in moves]).reshape(-1, 2).T
    numeric = (left + right) / 2
    scale = float(np.nanmax(abs(numeric), initial=0.0))
    size = np.where(np.isfinite(numeric), abs(numeric), abs(analytic))
    tolerance = rtol * size + atol * min(1.0, scale) + 4 * point.noise(reach, _LARGEST)

    with np.errstate(invalid="ignore"):  # NaN is suspicious
        wrong = ~(abs(analytic - numeric) <= tolerance)
        bent = abs(right - left) > _BEND * np.maximum(abs(left), abs(right)) + 10 * point.noise(reach)
    excess = np.nan_to_num(abs(analytic - numeric) / np.maximum(tolerance, 1e-300), nan=np.inf)
    worst_first = sorted(np.flatnonzero(wrong | bent).tolist(), key=lambda k: -excess[k])
    looks: dict[int, Look] = {}
    confirmed = 0
    for k in worst_first:
        if confirmed == _ENOUGH:
            break
        looks[k] = look = _look_again(point, i, moves[k], analytic[k], tolerance[k])
        numeric[k], wrong[k] = look.numeric, not look.right
        confirmed += not look.right

    vacuous = bool(moves) and bool((np.maximum(abs(analytic), size) <= 100 * point.noise(reach, _LARGEST)).all())
    row = Row(position, point.pair.names[i], point.pair.inputs[i].shape, scale, len(moves), vacuous)
    _fill(row, moves, analytic, numeric, wrong, looks)
    if row.wrong:
        row.cause = _uneven_ground(np.flatnonzero(wrong).tolist(), looks) or guess(row.analytic, row.numeric, rtol)
    return row


def _fill(
    row: Row,
    moves: list[Direction],
    analytic: np.ndarray,
    numeric: np.ndarray,
    wrong: np.ndarray,
    looks: dict[int, Look],
) -> None:
    """Write down what was found."""

    def entry(k: int) -> Entry:
        return Entry(row.input, moves[k].index, float(analytic[k]), float(numeric[k]))

    kinks = [k for k, look in sorted(looks.items()) if look.ground == "kink" and look.right]
    gaps = [k for k, look in looks.items() if look.ground == "gap"]
    row.kinks = [Kink(row.input, moves[k].index, float(analytic[k]), looks[k].left, looks[k].right_side) for k in kinks]
    row.wrong = [entry(k) for k in np.flatnonzero(wrong).tolist()]
    compared = wrong if wrong.any() else ~np.isin(np.arange(len(moves)), kinks)
    if compared.any():
        difference = np.nan_to_num(abs(analytic - numeric), nan=np.inf)
        row.worst = entry(int(np.where(compared, difference, -1.0).argmax()))
    shape = row.shape if all(isinstance(move.index, tuple) for move in moves) else (-1,)
    analytic, numeric = analytic.copy(), numeric.copy()
    analytic[kinks + gaps] = numeric[kinks + gaps] = np.nan  # says nothing about the cause
    row.analytic, row.numeric = analytic.reshape(shape), numeric.reshape(shape)


def _uneven_ground(wrong: list[int], looks: dict[int, Look]) -> str:
    """Explain what no backward function can get right."""
    if all(k in looks and looks[k].ground == "gap" for k in wrong):
        return "the output itself jumps there, so there is no gradient: choose another point"
    if all(k in looks and np.isnan(looks[k].numeric) for k in wrong):
        return "the output is not finite right beside this point: choose one inside the domain of the function"
    return ""


def _look_again(point: Point, i: int, move: Direction, analytic: float, tolerance: float) -> Look:
    """Tell a mistake from a kink, and from what a single step size cannot resolve.

    The one-sided derivatives differ by a jump. When the step shrinks 64 times, the jump stays at a kink; on smooth
    ground, however bent, it shrinks 64 times too, and beside a kink it vanishes; at a gap, where f itself jumps, it
    grows 64 times.
    """
    sides = np.array([point.slopes(i, move, factor) for factor in _FACTORS])
    central, jumps = sides.mean(axis=1), abs(sides[:, 1] - sides[:, 0])
    coarse, fine, (left, right) = jumps[0], jumps[1], sides[1]
    significant = fine > _BEND * max(abs(left), abs(right)) + 10 * point.noise(move.reach, _FACTORS[1])
    if significant and fine > coarse / 16:
        if fine >= 4 * coarse:
            return Look(central[1], False, "gap", left, right)
        fits = min(left, right) - tolerance <= analytic <= max(left, right) + tolerance
        return Look(central[1], bool(fits), "kink", left, right)
    sharp = np.array([point.noise(move.reach, factor) <= tolerance for factor in _FACTORS]) & np.isfinite(central)
    difference = np.where(sharp, abs(central - analytic), np.inf)
    if difference.min() <= tolerance:
        return Look(central[difference.argmin()], True, "smooth", left, right)
    return Look(float(np.median(central[sharp])) if sharp.any() else np.nan, False, "smooth", left, right)
