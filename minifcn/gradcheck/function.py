"""A forward and a backward function, called on copies and held to what they promise besides right numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

_SAME = 1e-10  # relative difference of two calls that the order of a sum on a GPU may make


class Problem(Exception):
    """What makes a comparison of numbers pointless."""


class Function:
    """A forward function with its backward function, and the inputs at which both are called.

    Parameters
    ----------
    forward : callable
        ``forward(*inputs)`` gives the output, or a tuple of outputs.
    backward : callable
        ``backward(grad_output, *inputs)`` gives a gradient for each input.
    inputs : list of float64 arrays
    names : sequence of str
        What messages call the inputs.
    """

    def __init__(self, forward: Callable, backward: Callable, inputs: list[np.ndarray], names: Sequence[str]):
        self.forward, self.backward, self.inputs, self.names = forward, backward, inputs, names
        self.several = False  # whether the output is a tuple

    def outputs(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Call forward."""
        output = self._call("forward", self.forward, self.names, inputs)
        self.several = isinstance(output, tuple | list)
        return [checked_array(f"output {k}" if self.several else "the output", y) for k, y in enumerate(listed(output))]

    def reliable_outputs(self) -> list[np.ndarray]:
        """Call forward twice; the outputs must be finite, in double precision, and the same."""
        first, second = self.outputs(self.inputs), self.outputs(self.inputs)
        if not any(y.dtype.kind == "f" for y in first):
            found = ", ".join(sorted({str(y.dtype) for y in first})) or "nothing"
            raise Problem(f"forward returns {found}, which has no derivative; return at least one array of float64")
        if not any(y.size for y in first if y.dtype.kind == "f"):
            raise Problem(
                f"nothing can be compared: the output is empty, of shape {first[0].shape}; choose inputs for which "
                "there is an output"
            )
        for k, y in enumerate(first):
            _expect_finite(f"output {k}", y, "check where all is finite")
            if y.dtype.kind == "f" and y.dtype.itemsize < 8:
                raise Problem(
                    f"output {k} has dtype {y.dtype}, but the inputs float64; some step of forward loses precision, "
                    "and differences would drown in rounding"
                )
        if len(first) != len(second):
            raise Problem(f"forward is not deterministic: it returns {len(first)} outputs once and {len(second)} then")
        _expect_same("forward", [f"output {k}" for k in range(len(first))], first, second)
        return first

    def gradients(self, weights: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Call backward with a weight for each number of the outputs; there must be an array for each input."""
        names = [f"grad_output[{k}]" if self.several else "grad_output" for k in range(len(weights))]
        given = self._call("backward", self._backward, [*names, *self.names], [*weights, *self.inputs])
        count = len(self.inputs)
        if isinstance(given, np.ndarray | np.number | float) and count == 1:
            given = (given,)
        if not isinstance(given, tuple | list) or len(given) != count:
            found = len(given) if isinstance(given, tuple | list) else f"a {type(given).__name__}"
            raise Problem(
                f"backward gives {found} for {count} inputs; it must return a tuple with one gradient for each"
            )
        if any(g is None for g in given):
            missing = self.names[[g is None for g in given].index(True)]
            raise Problem(f"backward gives None for {missing}; return zeros if the output does not depend on it")
        return [checked_array(f"the gradient of {name}", g) for name, g in zip(self.names, given, strict=True)]

    def reliable_gradients(self, weights: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Call backward twice; the gradients must be finite, in double precision, and the same. Any shape passes."""
        first, second = self.gradients(weights), self.gradients(weights)
        for name, g in zip(self.names, first, strict=True):
            if g.dtype != np.float64:
                raise Problem(
                    f"the gradient of {name} has dtype {g.dtype}, but the input float64; some step of backward loses "
                    "precision"
                )
            advice = "the output is finite, so look for a division by 0 or the logarithm of 0 in backward"
            _expect_finite(f"the gradient of {name}", g, advice)
        _expect_same("backward", [f"the gradient of {name}" for name in self.names], first, second)
        return first

    def _backward(self, *arrays: np.ndarray) -> Any:
        count = len(arrays) - len(self.inputs)
        return self.backward(tuple(arrays[:count]) if self.several else arrays[0], *arrays[count:])

    def _call(self, role: str, function: Callable, names: Sequence[str], arrays: Sequence[np.ndarray]) -> Any:
        copies = [x.copy(order="K") for x in arrays]
        with np.errstate(all="ignore"):  # what is not finite is reported with its index
            result = function(*copies)
        for name, before, now in zip(names, arrays, copies, strict=True):
            if not ((now == before).all() or np.array_equal(now, before, equal_nan=True)):  # the first is much faster
                raise Problem(f"{role} changes {name}; it must compute in a copy")
        return result


def checked_array(name: str, value: Any) -> np.ndarray:
    """Copy what a function returns: it may write into the same memory in its next call."""
    if value is None:
        raise Problem(f"{name} is None; does the function return what it computes?")
    if isinstance(value, dict):
        raise Problem(f"{name} is a dict; return its values, tuple(d.values())")
    try:
        array = np.array(np.ma.filled(value, np.nan) if np.ma.is_masked(value) else value)
    except ValueError:
        array = np.array(value, object)
    if array.dtype.kind == "c":
        raise Problem(f"{name} is complex ({array.dtype}); return its real and its imaginary part as two outputs")
    if array.dtype.kind not in "fiub":
        raise Problem(f"{name} is a {type(value).__name__} of {array.dtype}, not of numbers; return arrays of float64")
    return array


def _expect_finite(name: str, values: np.ndarray, advice: str) -> None:
    if not np.isfinite(values).all():
        at = first_index(~np.isfinite(values))
        raise Problem(f"{name} is {values[at]} at index {at}; {advice}")


def _expect_same(role: str, names: list[str], first: list[np.ndarray], second: list[np.ndarray]) -> None:
    advice = "if it draws random numbers, make a new generator with a fixed seed in every call"
    for name, a, b in zip(names, first, second, strict=True):
        if a.shape != b.shape:
            raise Problem(
                f"{role} is not deterministic: of two calls with the same inputs, {name} has shape {a.shape} in one "
                f"and {b.shape} in the other; {advice}"
            )
        difference = abs(a * 1.0 - b * 1.0)  # booleans and unsigned integers cannot be subtracted
        if (difference > _SAME * abs(a).max(initial=0.0)).any():
            at = np.unravel_index(int(difference.argmax()), a.shape)
            raise Problem(
                f"{role} is not deterministic: called twice with the same inputs, {name} differs by "
                f"{difference[at]:.3g} at index {tuple(map(int, at))}; {advice}"
            )


def first_index(mask: np.ndarray) -> tuple[int, ...]:
    """Index of the first True."""
    return tuple(int(n) for n in np.argwhere(mask)[0])


def listed(values: Any) -> list:
    """Make a list of one value or several."""
    return list(values) if isinstance(values, tuple | list) else [values]
