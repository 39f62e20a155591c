"""Causes that show only in several inputs together, in a second call of backward, or in a wrong shape."""

from __future__ import annotations

import numpy as np

from minifcn.gradcheck.differences import Neighbourhood, numeric_gradient
from minifcn.gradcheck.function import Function, first_index
from minifcn.gradcheck.guess import guess_shape
from minifcn.gradcheck.report import InputCheck

_LARGEST_INPUT = 4096  # numbers of an input that is differentiated in full to explain a wrong shape


def explain(rows: list[InputCheck], around: Neighbourhood, gradients: list[np.ndarray], fault: str) -> None:
    """Give wrong rows a cause that their own numbers do not show; `fault` is that of the weights, "" if none."""
    if not any(row.wrong for row in rows):
        return
    doubled = around.function.gradients([2 * w for w in around.weights])
    for row, once, twice in zip(rows, gradients, doubled, strict=True):
        if row.wrong:
            others = [other for other in rows if other is not row and other.numeric.shape == row.analytic.shape]
            row.cause = (
                _swapped(row.analytic, {other.name: other.numeric for other in others})
                or _linear(once, twice)
                or fault
                or row.cause
            )


def fault_of_weights(function: Function, weights: list[np.ndarray], gradients: list[np.ndarray]) -> str:
    """Say where backward is not linear in grad_output, "" if it is: for both signs, large numbers and small ones.

    A backward with abs(grad_output) or max(grad_output, 0) is right for some weights; a scalar output has only one.
    The factors are powers of 2, so that nothing is rounded otherwise.
    """
    for factor in (-1.0, -(2.0**20), 2.0**-20):
        scaled = function.gradients([factor * w for w in weights])
        for name, once, now in zip(function.names, gradients, scaled, strict=True):
            with np.errstate(all="ignore"):
                expected = factor * once
                apart = abs(now - expected) > 1e-6 * abs(expected) + 1e-10 * abs(expected).max(initial=0.0)
            apart |= np.isnan(now)
            if apart.any() and np.isfinite(expected).all():
                at = first_index(apart)
                return (
                    f"backward is not linear in grad_output: {factor:g} times it must give {factor:g} times the "
                    f"gradient, but that of {name} goes from {once[at]:.6g} to {now[at]:.6g} at {at}"
                )
    return ""


def single_precision(function: Function, gradients: list[np.ndarray]) -> str:
    """Say which gradient has the digits of float32 only, "" if none; the weights in it are random to the last digit."""
    for name, gradient in zip(function.names, gradients, strict=True):
        with np.errstate(all="ignore"):
            short = gradient.any() and (gradient == gradient.astype(np.float32)).all()
        if short:
            return (
                f"the gradient of {name} is float64, but every number of it has the digits of float32 only; some step "
                "of backward loses precision"
            )
    return ""


def explain_shape(around: Neighbourhood, i: int, gradient: np.ndarray) -> str:
    """Say that the gradient of input i has the wrong shape, and what was forgotten if its numbers tell."""
    names, inputs = around.function.names, around.function.inputs
    hint = guess_shape(gradient, numeric_gradient(around, i)) if inputs[i].size <= _LARGEST_INPUT else ""
    if not hint:
        fitting = [j for j, x in enumerate(inputs) if x.shape == gradient.shape and x.size <= _LARGEST_INPUT]
        hint = _swapped(gradient, {names[j]: numeric_gradient(around, j) for j in fitting})
    what = f"the gradient of {names[i]} has shape {gradient.shape}, the input {inputs[i].shape}"
    return f"{what}; {hint}" if hint else what


def _swapped(gradient: np.ndarray, others: dict[str, np.ndarray]) -> str:
    for name, other in others.items():
        if other.any() and np.allclose(gradient, other, rtol=1e-4, atol=1e-6 * np.nanmax(abs(other))):
            return f"it is the gradient of {name}: backward returns them in the wrong order"
    return ""


def _linear(once: np.ndarray, twice: np.ndarray) -> str:
    """Whether twice the grad_output gives twice the gradient, as it must."""
    size = 1e-9 * float(abs(once).max(initial=0.0))
    if size and (abs(twice - once) <= size).all():
        return "backward does not use grad_output: multiply by it"
    if (abs(twice - 2 * once) > size).any():
        return "backward is not linear in grad_output: twice of it must give twice the gradient"
    return ""
