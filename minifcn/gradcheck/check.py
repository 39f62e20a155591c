"""Holds a gradient against finite differences: what `gradcheck` and `gradcheck_arrays` do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minifcn.autograd import Tensor
from minifcn.backend import array_module, to_device, to_host
from minifcn.gradcheck.arguments import Settings, checked_input, names_of
from minifcn.gradcheck.compare import COARSE, balanced, check_input, merged
from minifcn.gradcheck.diagnosis import explain, explain_shape, fault_of_weights, single_precision
from minifcn.gradcheck.differences import Neighbourhood, directions, nonzero, random_weights
from minifcn.gradcheck.function import Function, Problem, checked_array, listed
from minifcn.gradcheck.report import GradcheckError, GradcheckReport, InputCheck
from minifcn.gradients import grad


def of_tensors(
    function: Callable, inputs: Sequence[Any] | Tensor, names: Sequence[str] | None, settings: Settings, order: int
) -> GradcheckReport:
    """Check what autograd computes; of order 2, the gradient of the gradient as well."""
    given = listed(inputs)
    names = names_of(names, len(given))
    tensors = [x if isinstance(x, Tensor) else _leaf(name, x) for name, x in zip(names, given, strict=True)]
    if not any(t.requires_grad for t in tensors):
        raise ValueError("gradcheck: no input requires a gradient; pass arrays, or Tensors with requires_grad=True")
    if order not in (1, 2):
        raise ValueError(f"gradcheck: order must be 1 or 2, got {order!r}")
    report = _check_tensors(function, tensors, names, settings)
    if order == 2 and report.ok:
        second = _check_tensors(*_first_derivative(function, tensors, names, settings.seed), settings)
        second.pass_over(report.kinks)
        if not second.ok:
            second.message = f"the gradient is right, but not the gradient of the gradient: {second.message}"
            report = second
    return report


def of_arrays(
    forward: Callable,
    backward: Callable,
    inputs: Sequence[np.ndarray],
    names: Sequence[str] | None,
    settings: Settings,
    order: int,
) -> GradcheckReport:
    """Check a pair of functions of arrays."""
    if order != 1:
        raise ValueError(
            "gradcheck_arrays: order must be 1, because arrays remember no history; for the gradient of a gradient "
            "write the function with Tensors and use gradcheck"
        )
    arrays = listed(inputs)
    return _check(forward, backward, arrays, names_of(names, len(arrays)), range(len(arrays)), settings)


def result(report: GradcheckReport, raise_exception: bool) -> GradcheckReport:
    """Give the report, or raise it."""
    if raise_exception and not report.ok:
        raise GradcheckError(str(report))
    return report


def _check_tensors(
    function: Callable, tensors: list[Tensor], names: Sequence[str], settings: Settings
) -> GradcheckReport:
    """Turn a function of Tensors, and autograd, into a pair of functions of arrays."""
    moved = [i for i, t in enumerate(tensors) if t.requires_grad]
    devices = [tensors[i].device for i in moved]

    def call(arrays: Sequence[np.ndarray]) -> tuple[list[Tensor], list[Tensor]]:
        leaves = [Tensor(to_device(x, device), True) for x, device in zip(arrays, devices, strict=True)]
        values = dict(zip(moved, leaves, strict=True))
        return leaves, _outputs(function(*(values.get(i, tensor) for i, tensor in enumerate(tensors))))

    def forward(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(to_host(y.data) for y in call(arrays)[1])

    def backward(weights: Sequence[np.ndarray], *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        leaves, outputs = call(arrays)
        grads = [Tensor(to_device(w, y.device)) for w, y in zip(weights, outputs, strict=True)]
        return tuple(to_host(g.data) for g in _gradients(outputs, leaves, grads))

    arrays = [to_host(tensors[i].data) for i in moved]
    return _check(forward, backward, arrays, [names[i] for i in moved], moved, settings)


def _leaf(name: str, x: Any) -> Tensor:
    x = x if hasattr(x, "dtype") else np.asarray(x)
    if x.dtype.kind != "f":
        checked_input(name, x)  # says what is wrong with it
    return Tensor(x, True)


def _outputs(given: Any) -> list[Tensor]:
    """What a function of Tensors returned; an array of whole numbers or a mask has no gradient to lose."""
    outputs = []
    for k, y in enumerate(listed(given)):
        name = f"output {k}" if isinstance(given, tuple | list) else "the output"
        if isinstance(y, Tensor):
            outputs.append(y)
            continue
        y = checked_array(name, y)
        if y.dtype.kind == "f":
            raise Problem(
                f"{name} is no Tensor but a {type(y).__name__} of {y.dtype}, through which no gradient flows; return "
                "what Tensors compute, without .data, .numpy() or .item()"
            )
        outputs.append(Tensor(y))
    return outputs


def _first_derivative(
    function: Callable, tensors: list[Tensor], names: Sequence[str], seed: int
) -> tuple[Callable, list[Tensor], list[str]]:
    """Give the gradient as a function of the inputs and, behind them, of the weights of the outputs."""
    leaves = [Tensor(t.data, t.requires_grad) for t in tensors]
    rng, weights, weighted = np.random.default_rng(seed), [], []
    for k, y in enumerate(_outputs(function(*leaves))):
        if y.requires_grad:
            weights.append(Tensor(to_device(nonzero(rng, y.shape), y.device), True))
            weighted.append(k)

    def gradient(*inputs: Tensor) -> list[Tensor]:
        outputs = _outputs(function(*inputs[: len(tensors)]))
        wanted = [x for x in inputs[: len(tensors)] if x.requires_grad]
        return _gradients([outputs[k] for k in weighted], wanted, inputs[len(tensors) :], create_graph=True)

    return gradient, leaves + weights, [*names, *(f"grad_output[{k}]" for k in weighted)]


def _gradients(
    outputs: Sequence[Tensor], leaves: Sequence[Tensor], weights: Sequence[Tensor], create_graph: bool = False
) -> list[Tensor]:
    """As `grad`, but outputs that depend on nothing may be among them."""
    recorded = [(y, w) for y, w in zip(outputs, weights, strict=True) if y.requires_grad]
    if not recorded:
        return [Tensor(array_module(x.data).zeros_like(x.data)) for x in leaves]
    kept, kept_weights = zip(*recorded, strict=True)
    return grad(kept, leaves, kept_weights, create_graph)


def _check(
    forward: Callable,
    backward: Callable,
    inputs: Sequence[Any],
    names: Sequence[str],
    positions: Sequence[int],
    settings: Settings,
) -> GradcheckReport:
    if not inputs:
        raise ValueError("gradcheck: there are no inputs, so no gradients; pass a list with at least one array")
    function = Function(forward, backward, [checked_input(n, x) for n, x in zip(names, inputs, strict=True)], names)
    rng = np.random.default_rng(settings.seed)
    try:
        outputs = function.reliable_outputs()
        weights = random_weights(outputs, rng)
        around = Neighbourhood(function, outputs, weights, settings.eps)
        gradients = function.reliable_gradients(weights)
        for i, gradient in enumerate(gradients):
            if gradient.shape != function.inputs[i].shape:
                raise Problem(explain_shape(around, i, gradient))
        fault = fault_of_weights(function, weights, gradients)
        moves = [list(directions(x, settings.mode, rng)) for x in function.inputs]

        def rows_of(around: Neighbourhood, gradients: list[np.ndarray], rtol: float) -> list[InputCheck]:
            several = enumerate(zip(positions, gradients, moves, strict=True))
            return [check_input(around, i, position, g, m, rtol, settings.atol) for i, (position, g, m) in several]

        rows = rows_of(around, gradients, settings.rtol)
        if (other := balanced(around)) is not None:
            function.outputs(function.inputs)  # a backward that remembers its last forward finds this point again
            rows = merged(rows, rows_of(other, function.gradients(other.weights), max(settings.rtol, COARSE)))
        explain(rows, around, gradients, fault)
        fault = fault or single_precision(function, gradients)
        if fault and not any(row.wrong for row in rows):
            raise Problem(fault)
    except Problem as problem:
        return GradcheckReport([], str(problem), settings.seed)
    return GradcheckReport(rows, seed=settings.seed)
