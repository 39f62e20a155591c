"""Parameters of one network put into another: by their names, as far as shapes allow, with a table of what happened."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minifcn.autograd import Tensor
from minifcn.backend import to_host
from minifcn.errors import UserError
from minifcn.models.compound import Compound
from minifcn.nn import ConvTranspose2d, Module
from minifcn.text import in_short
from minifcn.weights import outcomes
from minifcn.weights.outcomes import Move, Shape

_NEW, _NOT_HERE = "new in this network", "not in this network"
_SHOWN = 4  # names of classes
_MEAN_OF_COLOURS = "the filters of what stands behind the colours are the mean of theirs"


@dataclass(frozen=True)
class Transplant:
    """What `transplant` did; its text is a table, in which neighbours with the same fate share a line.

    Parameters
    ----------
    moves : tuple of Move
        One for each parameter of the network, in its order, and then one for each array that was not used.

    Examples
    --------
    >>> Transplant((Move("fc8.bias", (1000,), None, "unused", "not in this network"),)).names("unused")
    ['fc8.bias']
    """

    moves: tuple[Move, ...]

    def names(self, outcome: str) -> list[str]:
        """List the arrays with this outcome."""
        return [move.name for move in self.moves if move.outcome == outcome]

    def after(self, earlier: Sequence[Move]) -> Transplant:
        """Count in what became of the arrays before, on their way from another file.

        >>> there = Move("fc6.weight", (18, 8), (8, 2, 3, 3), "transposed")
        >>> print(Transplant((Move("fc6.weight", (8, 2, 3, 3), (8, 2, 3, 3), "copied"),)).after([there]))
        transposed  fc6  (18, 8) there, (8, 2, 3, 3) here
        """
        before = {move.name: move for move in earlier if move.here is not None and move.outcome != outcomes.COPIED}
        moves = [
            replace(move, there=before[move.name].there, outcome=before[move.name].outcome, why=before[move.name].why)
            if move.name in before and move.outcome in (outcomes.COPIED, outcomes.RESHAPED)
            else move
            for move in self.moves
        ]
        return Transplant(outcomes.gathered([*moves, *(move for move in earlier if move.here is None)]))

    def __str__(self) -> str:
        return outcomes.table(self.moves)


def transplant(
    model: Module, state: Mapping[str, Any], *, classes: Sequence[str] = (), state_classes: Sequence[str] = ()
) -> Transplant:
    """Copy what fits from a state into a network; whatever does not fit keeps its first value.

    An array goes to the parameter of its name. It is reshaped where one of the two is the matrix of a fully connected
    layer and the other that of a convolution: fc6 (4096, 25088) of a classifier is fc6 (4096, 512, 7, 7) of an FCN.
    A first layer of more than three channels has the filters of the three colours, and their mean for what stands
    behind them. Where the class names differ, score layers and upsampling take over the classes that both have under
    one name, in whatever order. Numbers are converted to the dtype of the network.

    Parameters
    ----------
    model : Module
        Such as an FCN. Its parameters are changed.
    state : mapping of name to array
        As of `Module.state_dict`, `Checkpoint.model`, or from a file of published weights.
    classes, state_classes : sequence of str, optional
        Names of the classes of the network, and of the state. Unless both are given, shapes alone decide.

    Returns
    -------
    Transplant
        To print.

    Raises
    ------
    UserError
        If no weight of the trunk fits, or less than half of them and not the first, or an array does not hold finite
        numbers; the network is unchanged then.

    Notes
    -----
    The paper trains FCN-32s, then FCN-16s from it, and then FCN-8s; new score layers begin with zeros: section 4.3.

    Examples
    --------
    >>> from minifcn import models
    >>> coarse, fine = (models.create(name, num_classes=3, width=1 / 64) for name in ("fcn32s", "fcn16s"))
    >>> print(transplant(fine, coarse.state_dict()))
    copied       conv1_1 ... score_fr              16 layers, 8,615 parameters
    first value  upscore2, score_pool4, upscore16  new in this network
    unused       upscore                           not in this network
    """
    if not isinstance(state, Mapping):
        raise UserError(f"transplant: state must be a mapping of names to arrays, but is a {type(state).__name__}")
    renamed = classes and state_classes and tuple(classes) != tuple(state_classes)
    outside = _class_axes(model)
    arrays: dict[str, np.ndarray] = {}
    moves, parameters = [], dict(model.named_parameters())
    first = next(iter(parameters), "")
    for name, parameter in parameters.items():
        if name not in state:
            moves.append(Move(name, None, parameter.shape, outcomes.FIRST_VALUE, _NEW))
            continue
        given = _array(name, state[name])
        taken: np.ndarray | None
        if name == first and _is_of_colours(given.shape, parameter.shape):
            taken, outcome, why = _extended(given, parameter.shape[1]), outcomes.EXTENDED, _MEAN_OF_COLOURS
        elif renamed and name in outside:
            taken, outcome, why = _by_class(given, parameter, outside[name], state_classes, classes)
        else:
            taken, outcome, why = _as_it_is(given, parameter.shape)
        if taken is not None:
            arrays[name] = taken
        moves.append(Move(name, given.shape, parameter.shape, outcome, why))
    _expect_learned(moves, outside, state)
    try:
        model.load_state_dict(arrays, strict=False)
    except (TypeError, ValueError) as error:
        raise UserError(str(error)) from error
    unused = [name for name in state if name not in parameters]
    return Transplant(
        (*moves, *(Move(name, np.shape(state[name]), None, outcomes.UNUSED, _NOT_HERE) for name in unused))
    )


def _array(name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(to_host(value.data) if isinstance(value, Tensor) else value)
    except (ValueError, TypeError, RuntimeError) as error:  # RuntimeError: a tensor of PyTorch that needs a gradient
        raise UserError(f"{name} is no array ({error})") from None
    if array.dtype.kind not in "fiu":
        raise UserError(f"{name} must hold real numbers, but is {array.dtype}")
    if not np.isfinite(array).all():
        raise UserError(f"{name} holds inf or nan; nothing can be learned from there")
    return array


def _as_it_is(given: np.ndarray, shape: Shape) -> tuple[np.ndarray | None, str, str]:
    """Give what the parameter takes, or None, with outcome and reason."""
    if given.shape == shape:
        return given, outcomes.COPIED, ""
    if _is_same_matrix(given.shape, shape):
        return given.reshape(shape), outcomes.RESHAPED, ""
    return None, outcomes.FIRST_VALUE, outcomes.OTHER_SHAPE


def _is_of_colours(there: Shape, here: Shape) -> bool:
    """Say if one is the kernel (O, 3, KH, KW) of a layer on colours, and the other that of one on more channels."""
    return len(there) == len(here) == 4 and there[1] == 3 < here[1] and (there[0], there[2:]) == (here[0], here[2:])


def _extended(given: np.ndarray, channels: int) -> np.ndarray:
    """Add filters for what stands behind the colours, as nyud-fcn32s-color-d/solve.py does: the mean of theirs."""
    mean = given.mean(axis=1, keepdims=True)
    return np.concatenate([given, *[mean] * (channels - 3)], axis=1)


def _is_same_matrix(there: Shape, here: Shape) -> bool:
    """Say if one is a kernel (O, I, KH, KW) and the other its matrix (O, I·KH·KW), or the same behind axes of length 1.

    Older files of Caffe have a matrix as (1, 1, O, I), and a bias as (1, 1, 1, O).
    """
    matrix_there, matrix_here = (
        (shape[0], math.prod(shape[1:])) if len(shape) > 1 else shape for shape in (there, here)
    )
    axes = len(matrix_here)
    behind_ones = there[-axes:] == matrix_here and math.prod(there[:-axes]) == 1
    return behind_ones or matrix_there == here


def _class_axes(model: Any) -> dict[str, tuple[int, ...]]:
    """Give the axes that count classes: one of the scores, both of the upsampling, none within the trunk."""
    if not hasattr(model, "trunk"):
        return {}
    compound = isinstance(model, Compound)
    trunk = model.trunk_names if compound else {name for stage in model.trunk.layers for name in stage}
    axes: dict[str, tuple[int, ...]] = {}
    for name, module in model.named_modules():
        if name and name.partition(".")[0] not in trunk:
            axes |= {f"{name}.weight": (0, 1) if isinstance(module, ConvTranspose2d) else (0,), f"{name}.bias": (0,)}
    return axes


def _by_class(
    given: np.ndarray, parameter: Tensor, axes: tuple[int, ...], there: Sequence[str], here: Sequence[str]
) -> tuple[np.ndarray | None, str, str]:
    """Copy the classes that have one name in both; the others have what the parameter has."""
    value = np.array(to_host(parameter.data))
    rest = [n for axis, n in enumerate(given.shape) if axis not in axes]
    if (
        given.ndim != value.ndim
        or rest != [n for axis, n in enumerate(value.shape) if axis not in axes]
        or any(given.shape[axis] != len(there) or value.shape[axis] != len(here) for axis in axes)
    ):
        return None, outcomes.FIRST_VALUE, outcomes.OTHER_SHAPE
    both = [name for name in dict.fromkeys(here) if name in there]
    if not both:
        return None, outcomes.FIRST_VALUE, "none of its classes is here"

    def places(names: Sequence[str], shape: Shape) -> Any:
        rows = [names.index(name) for name in both]
        return np.ix_(*(rows if axis in axes else range(n) for axis, n in enumerate(shape)))

    value[places(here, value.shape)] = given[places(there, given.shape)]
    listed = ", ".join(both[:_SHOWN]) + (f" and {len(both) - _SHOWN} more" if len(both) > _SHOWN else "")
    new = f"; the other {len(here) - len(both)} as at first" if len(both) < len(here) else ""
    return value, outcomes.BY_CLASS, f"{len(both)} of {len(there)}: {listed}{new}"


def _expect_learned(moves: Sequence[Move], outside: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Refuse a state of which no weight of the trunk fits, or few and not the first: they were learned behind that."""
    weights = [move for move in moves if move.here and len(move.here) > 1 and move.name not in outside]
    taken = [move.name for move in weights if move.outcome in outcomes.TAKEN]
    if taken and (weights[0].name in taken or 2 * len(taken) >= len(weights)):
        return
    if taken:
        why = "is not in it" if weights[0].there is None else f"is {weights[0].there} there, but {weights[0].here} here"
        raise UserError(
            f"little of what was learned fits: {weights[0].name}, with which the network sees the image, {why}, "
            f"and what is behind it ({in_short(taken, 3)}) was learned on another one's maps"
        )
    misfit = next((move for move in weights if move.there is not None), None)
    if misfit:
        raise UserError(f"nothing that was learned fits: {misfit.name} is {misfit.there} there, but {misfit.here} here")
    names = (", ".join([*map(str, listed)][:3]) or "nothing" for listed in (state, (move.name for move in weights)))
    raise UserError("no weight in it is called as one here: it has {} ..., the network {} ...".format(*names))
