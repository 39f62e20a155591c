"""The second look at one derivative: many steps, from large to tiny, and how far their differences can be trusted.

A central difference is off by c·h² + d·h⁴ + ..., and by rounding, which grows like 1/h. When the step shrinks four
times, (16·D(h/4) - D(h)) / 15 is free of h²; from two of these h⁴ goes in the same way (Richardson). Whatever agrees
with the next larger and the next smaller step is a derivative, to within what they differ by.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from minifcn.gradcheck.differences import Direction, Neighbourhood, Slopes

TRUSTED = 1e-3  # relative error up to which a difference is called a derivative
BEND = 1e-4  # jump of a one-sided derivative, relative to its size, from which a second look is due
_SHRINK = 4.0
_STEPS = 10  # in a ladder: from its top to a 262144th of it
_CORNER = 4  # steps at the lower end over which the jump of a kink must stay
_FAR, _NEAR = 0.25, 64.0  # tops of ladders, in units of the reach of a direction and of eps


class Look(NamedTuple):
    """A derivative with its error, or what is there instead of one.

    Parameters
    ----------
    numeric, error : float
    ground : str
        "smooth", "kink", "gap", or "edge" where the output is not finite beside the point.
    left, right, low, high : float
        As of `Slopes`, on a kink or a gap.
    size : float
        What the single outputs contribute, without sign.
    hides : float
        Of a derivative of 0: the largest one that the steps in which outputs are rounded would hide.
    """

    numeric: float
    error: float
    ground: str
    left: float = np.nan
    right: float = np.nan
    low: float = np.nan
    high: float = np.nan
    size: float = np.inf
    hides: float = 0.0


def look_again(around: Neighbourhood, i: int, move: Direction, rtol: float, atol: float, rounding: float) -> Look:
    """Find the derivative to within rtol·abs(d) + atol·min(1, its size) + rounding, if any step allows it."""
    alike, seen = False, list[tuple[float, Slopes]]()
    still = True  # whether f is the same for all steps but the largest
    best, best_top, finite = Look(np.nan, np.inf, "smooth"), 0.0, around.shortest > 0
    # Outputs that a large step changes are rounded at a small one too, where they seem to stay.
    touched = around.touched(i, move, (_FAR, _NEAR * around.eps))
    for steps, may_be_kink in _ladders(around, i, move):
        ladder = [around.slopes(i, move, step, touched) for step in steps]
        finite |= any(np.isfinite(s.central) for s in ladder)
        unsure = not best.error <= TRUSTED * abs(best.numeric)
        if may_be_kink and unsure and (corner := _corner(ladder)):
            return corner
        known = [(step, s) for step, s in zip(steps, ladder, strict=True) if np.isfinite(s.central)]
        seen += known
        # Where nothing changes, though larger steps change f to both sides alike, the change is lost in rounding.
        alike |= any(s.left != 0 and s.jump <= 0.5 * abs(s.central) for s in ladder)
        still &= steps[0] == _FAR or not any(s.left or s.right for s in ladder)
        found = _extrapolated([(step, s) for step, s in known if s.left or s.right or not alike], seen)
        # Larger steps may look past what is here, and must agree with the smaller ones.
        agrees = np.isinf(best.error) or steps[0] < best_top or abs(found.numeric - best.numeric) <= 4 * best.error
        if found.error < best.error and agrees:
            best, best_top = found, steps[0]
        tolerance = rtol * abs(best.numeric) + atol * min(1.0, best.size) + rounding
        if best.error <= 0.25 * tolerance and any(s.left or s.right for _, s in seen):
            break
    if not finite:
        return best._replace(ground="edge")
    if best.numeric == 0:
        best = best._replace(hides=_hidden_by(seen))
    # Flat up to here, and a slope from afar: steps in f, as rounding makes them.
    return best._replace(error=np.inf) if still and alike and best.numeric == 0 else best


def _hidden_by(seen: list[tuple[float, Slopes]]) -> float:
    """Smallest change of f, over the largest step up to which it does not change at all."""
    flat = max((step for step, s in seen if s.left == s.right == 0), default=0.0)
    changes = [abs(side) * step for step, s in seen for side in (s.left, s.right) if side and step > flat]
    return min(changes) / flat if changes and flat else 0.0


def _ladders(around: Neighbourhood, i: int, move: Direction) -> Iterator[tuple[list[float], bool]]:
    """Yield steps; and whether the lower end is so near that a jump there must be a kink."""

    def ladder(top: float, shortest: float = around.shortest) -> list[float]:
        steps = [top / _SHRINK**k for k in range(_STEPS)]
        return [step for step in steps if step >= shortest]

    near = _NEAR * around.eps
    size = move.smallest(around.function.inputs[i])
    if 0 < size < 1e-2:  # a small number: steps that fit it, and do not reach across 0
        yield ladder(_FAR * size, 0.0), False
    yield ladder(near), around.shortest == 0
    yield ladder(_FAR), False
    if around.shortest == 0:
        for k in (1, 2) if size < 1e-2 else (1,):
            yield ladder(near / _SHRINK ** (k * (_STEPS - 2))), False


def bent(s: Slopes) -> bool:
    """Whether the one-sided derivatives differ by more than rounding; so does NaN."""
    return not s.jump <= BEND * max(abs(s.left), abs(s.right)) + 10 * s.noise


def _corner(ladder: list[Slopes]) -> Look | None:
    """Tell a kink, whose jump stays as the step shrinks, and a gap, where f itself jumps and the slopes only grow.

    On smooth ground, however bent, the jump shrinks with the step; beside a kink it vanishes.
    """
    jumps = np.array([s.jump for s in ladder])
    if not np.isfinite(jumps).all() or not all(bent(s) for s in ladder[-_CORNER:]):
        return None
    end, growth = ladder[-_CORNER], jumps[1:] / np.maximum(jumps[:-1], 1e-300)
    last = jumps[-_CORNER:]
    if last.max() <= 1.2 * last.min():
        return Look(end.central, 0.0, "kink", end.left, end.right, end.low, end.high, end.size)
    steep = jumps[0] > 0.1 * abs(ladder[0].central)  # not so where f(x) itself is rounded, which looks the same
    if steep and (growth[-2 * _CORNER + 1 :] >= 1.5).all():
        return Look(end.central, 0.0, "gap", end.left, end.right)
    return None


def _extrapolated(ladder: list[tuple[float, Slopes]], seen: list[tuple[float, Slopes]]) -> Look:
    """Give the derivative on which neighbouring steps agree best, and from which finer ones differ by rounding only."""
    if not ladder:
        return Look(np.nan, np.inf, "smooth")
    all_steps, all_values = np.array([(step, s.central) for step, s in seen]).T
    step, value, noise, jump = np.array([(step, s.central, s.noise, s.jump) for step, s in ladder]).T
    smooth = np.array([not bent(s) for _, s in ladder])
    smooth[:-1] |= jump[1:] <= 0.5 * jump[:-1]
    spread = float(np.ptp(all_values)) if len(seen) > 2 else np.inf  # fewer steps agree by chance
    best = Look(float(np.median(value)), 4 * (spread + float(noise.max())), "smooth")
    for order in range(3):
        if order:
            power = _SHRINK ** (2 * order)
            value = (power * value[1:] - value[:-1]) / (power - 1)
            smooth, noise, step = smooth[1:] & smooth[:-1], noise[1:], step[1:]
        for k in range(1, len(value) - 1):
            finer = all_steps < step[k]
            rounding = (abs(all_values - value[k]) * all_steps / step[k])[finer].max(initial=0.0)
            error = max(abs(value[k] - value[k - 1]), abs(value[k] - value[k + 1]), rounding) + 4 * noise[k]
            if smooth[k] and error < best.error:
                best = Look(float(value[k]), float(error), "smooth", size=ladder[k + order][1].size)
    return best
