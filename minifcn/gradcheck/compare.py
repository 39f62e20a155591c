"""Holds the gradient of an input, as `backward` gives it, against differences, number by number."""

from __future__ import annotations

import numpy as np

from minifcn.gradcheck.differences import Direction, Neighbourhood
from minifcn.gradcheck.guess import guess
from minifcn.gradcheck.report import Entry, InputCheck, Kink
from minifcn.gradcheck.steps import TRUSTED, Look, bent, look_again

_ENOUGH = 64  # wrong numbers of an input that get a second look
_SPREAD = 1e4  # how much larger one output may be than another before the small one needs a larger weight
COARSE = 2e-2  # rtol for weights that are large: rounding inside backward is multiplied by them


def check_input(
    around: Neighbourhood, i: int, position: int, gradient: np.ndarray, moves: list[Direction], rtol: float, atol: float
) -> InputCheck:
    """Hold the gradient of input i, number `position` for the user, against differences along the moves."""
    reach = np.array([move.reach for move in moves])
    analytic = np.array([move.along(gradient) for move in moves])
    own = np.array([move.smallest(around.function.inputs[i]) for move in moves]) * reach
    own[own == 0] = reach[own == 0]
    around.inner = 0.0
    first = [around.slopes(i, move, around.eps) for move in moves]
    numeric = np.array([s.central for s in first])
    # What a derivative may be off because inputs and outputs are rounded, and so is what lies between them.
    around.inner = float(np.nanmax(abs(numeric) * own, initial=0.0))
    lost = around.rounding + 64 * np.finfo(np.float64).eps * around.inner
    rounding = lost / reach
    size = np.where(np.isfinite(numeric), abs(numeric), abs(analytic))
    near_zero = atol * np.minimum(1.0, np.nan_to_num([s.size for s in first], nan=np.inf))
    tolerance = rtol * size + near_zero + rounding

    with np.errstate(invalid="ignore"):  # NaN is suspicious
        suspicious = ~(abs(analytic - numeric) <= tolerance) | np.array([bent(s) for s in first], bool)
        excess = np.nan_to_num(abs(analytic - numeric) / np.maximum(tolerance, 1e-300), nan=np.inf)
    scale = float(np.nanmax(abs(numeric * reach), initial=0.0))
    wrong, hidden = suspicious & (excess > 1), np.zeros(len(moves), bool)
    looks: dict[int, Look] = {}
    confirmed = 0
    for k in sorted(np.flatnonzero(suspicious).tolist(), key=lambda k: -excess[k]):
        if confirmed == _ENOUGH:
            break
        looks[k] = look = look_again(around, i, moves[k], rtol, atol, float(rounding[k]))
        numeric[k] = look.numeric
        absolute = atol * min(1.0, look.size) + rounding[k]
        coarse = max(atol * min(1.0, scale / reach[k]), 8 * rounding[k])
        wrong[k], hidden[k] = _verdict(look, float(analytic[k]), rtol, float(absolute), coarse)
        # If its whole size moves the outputs so little, nothing could tell three digits of its derivative.
        small = bool(abs(analytic[k]) * max(own[k], around.eps * reach[k]) <= 10 * lost / TRUSTED)
        rounded = bool(abs(analytic[k]) <= 4 * look.hides)
        stays = look.numeric == 0 and bool(small or rounded or around.shortest)  # or so it seems, as it is rounded
        if wrong[k] and stays:
            wrong[k], hidden[k] = False, True
        hidden[k] &= not small
        confirmed += bool(wrong[k])

    scale = float(np.nanmax(abs(numeric), initial=0.0))
    largest = np.fmax(abs(analytic), abs(numeric))
    row = InputCheck(position, around.function.names[i], around.function.inputs[i].shape, scale, len(moves))
    row.vacuous = bool(moves) and bool((largest <= 10 * rounding).all())
    row.drowned = row.vacuous and bool((largest > 0).any()) and bool((rounding > atol).any())
    _fill(row, moves, analytic, numeric, wrong, hidden, looks)
    if row.wrong:
        row.cause = _uneven_ground(np.flatnonzero(wrong).tolist(), looks) or guess(row.analytic, row.numeric, rtol)
    elif shared := _shared_wrongly(around, i, gradient, row.kinks, rtol, atol):
        row.wrong, row.worst = [shared._replace(input=position)], shared._replace(input=position)
        row.cause = "where equal numbers compete, one of them gets the gradient, or all of them get shares of it"
    return row


def _shared_wrongly(
    around: Neighbourhood, i: int, gradient: np.ndarray, kinks: list[Kink], rtol: float, atol: float
) -> Entry | None:
    """Move equal numbers on kinks together: the largest of two has a kink in each, but none in both.

    So the sum of what they get is determined, though not how they share it.
    """
    x = around.function.inputs[i]
    places = [kink.index for kink in kinks if isinstance(kink.index, tuple)]
    for value in list(dict.fromkeys(float(x[place]) for place in places))[:_ENOUGH]:
        equal = [place for place in places if x[place] == value]
        vector = np.zeros(x.shape)
        for place in equal:
            vector[place] = max(1.0, abs(value))
        move = Direction(f"the {len(equal)} numbers {value:.6g} together", 1.0, vector)
        if len(equal) < 2 or bent(around.slopes(i, move, around.eps)):
            continue
        look, analytic = look_again(around, i, move, rtol, atol, around.rounding), move.along(gradient)
        absolute = atol * min(1.0, look.size) + around.rounding
        if look.ground == "smooth" and _verdict(look, analytic, rtol, absolute, absolute)[0]:
            size = max(1.0, abs(value))
            return Entry(i, move.index, analytic / size, look.numeric / size)
    return None


def _verdict(look: Look, analytic: float, rtol: float, absolute: float, coarse: float) -> tuple[bool, bool]:
    """Whether a number is wrong, and whether the differences are too inexact to tell."""
    if look.ground in ("gap", "edge"):
        return True, False
    if look.ground == "kink":
        margin = rtol * max(abs(look.low), abs(look.high)) + absolute
        return not look.low - margin <= analytic <= look.high + margin, False
    size = max(abs(look.numeric), abs(analytic))
    if not np.isfinite(look.error):
        return False, True
    if not abs(analytic - look.numeric) <= rtol * abs(look.numeric) + absolute + 4 * look.error:
        return True, False
    return False, look.error > max(TRUSTED * size, absolute, coarse)


def _fill(
    row: InputCheck,
    moves: list[Direction],
    analytic: np.ndarray,
    numeric: np.ndarray,
    wrong: np.ndarray,
    hidden: np.ndarray,
    looks: dict[int, Look],
) -> None:
    """Write down what was found."""

    def entry(k: int) -> Entry:
        return Entry(row.input, moves[k].index, float(analytic[k]), float(numeric[k]))

    kinks = [k for k, look in sorted(looks.items()) if look.ground == "kink" and not wrong[k]]
    gaps = [k for k, look in looks.items() if look.ground == "gap"]
    row.kinks = [Kink(row.input, moves[k].index, float(analytic[k]), looks[k].left, looks[k].right) for k in kinks]
    row.wrong = [entry(k) for k in np.flatnonzero(wrong).tolist()]
    row.unresolved = [entry(k) for k in np.flatnonzero(hidden).tolist()]
    compared = wrong if wrong.any() else ~(np.isin(np.arange(len(moves)), kinks) | hidden)
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
        return "the output itself jumps there, or is infinitely steep, so there is no gradient: choose another point"
    if all(k in looks and looks[k].ground == "edge" for k in wrong):
        return "the output is not finite right beside this point: choose one inside the domain of the function"
    return ""


def balanced(around: Neighbourhood) -> Neighbourhood | None:
    """Give weights that let a tiny output speak beside a huge one, None if all are of similar size.

    Beside an output of 1e20, one of 1 drowns in rounding, and its gradient in that of the other. Here the weight of
    an output is divided by its size, that is, by its value and by what the moves change it, whichever is larger; an
    output that no move changes is left out. Steps below eps would leave more of them unchanged.
    """
    with np.errstate(all="ignore"):
        sizes = [
            np.where(reaction > 0, np.fmax(abs(y), reaction / abs(w) / around.eps), 0.0)
            for y, reaction, w in zip(around.here, around.reactions, around.weights, strict=True)
        ]
    values = [abs(y) for y, w in zip(around.here, around.weights, strict=True) if w.any()]
    largest = max(float(np.max(x, initial=0.0, where=np.isfinite(x))) for x in [*sizes, *values])
    if not any(((size > 0) & (size < largest / _SPREAD)).any() for size in sizes):
        return None
    weights = [
        np.where(size > 0, w / np.maximum(size, 1e-100), 0.0) for w, size in zip(around.weights, sizes, strict=True)
    ]
    other = Neighbourhood(around.function, around.here, weights, around.eps)
    other.shortest = around.eps / 4
    return other


def merged(rows: list[InputCheck], others: list[InputCheck]) -> list[InputCheck]:
    """Join the rows of two vectors of weights: what either finds wrong is wrong, what either verifies is verified."""
    result = []
    for row, other in zip(rows, others, strict=True):
        if other.wrong and not row.wrong:
            result.append(other)
            continue
        doubted = {entry.index for entry in other.unresolved}
        row.unresolved = [entry for entry in row.unresolved if entry.index in doubted]
        row.vacuous, row.drowned = row.vacuous and other.vacuous, row.drowned and other.drowned
        result.append(row)
    return result
