"""Holds a gradient against finite differences: the two functions that everybody calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minifcn.autograd import Tensor
from minifcn.backend import array_module, to_device, to_host
from minifcn.gradcheck.arguments import check_settings, checked_input, names_of, seed_of
from minifcn.gradcheck.compare import COARSE, balanced, check_input, merged
from minifcn.gradcheck.diagnosis import explain, explain_shape, fault_of_weights, single_precision
from minifcn.gradcheck.differences import Point, directions, nonzero, random_weights
from minifcn.gradcheck.pair import Pair, Problem, checked_array, listed
from minifcn.gradcheck.report import GradcheckError, GradcheckReport, Row
from minifcn.gradients import grad


def gradcheck(
    function: Callable,
    inputs: Sequence[Any] | Tensor,
    *,
    eps: float = 1e-6,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    mode: str = "full",
    order: int = 1,
    rng: np.random.Generator | int | None = None,
    raise_exception: bool = True,
    names: Sequence[str] | None = None,
) -> GradcheckReport:
    """Check the gradients that autograd computes for a function of Tensors.

    Where a number does not agree, or the slopes to the left and right differ, many steps are tried, from a quarter of
    the number down to its last digits, and extrapolated (Richardson). The spread of neighbouring steps tells how far
    their derivative can be trusted; where that is less than three digits, `ok` is False and the message says so. The
    gradient must be linear in the weights of the outputs, for both signs, large ones and small ones; and an output
    that is tiny beside others is weighted up and compared a second time, to two percent.

    Parameters
    ----------
    function : callable
        Takes the inputs, and returns a Tensor or several.
    inputs : sequence of float64 Tensors or arrays
        Where to check. All arrays, and the Tensors with ``requires_grad=True``, are moved; the others are kept.
    eps : float
        How far a number x is moved first, in units of max(1, abs(x)); above 0 and below 1.
    rtol, atol : float
        A derivative d is right within rtol·abs(d) + atol·min(1, s), and rounding; s is the sum of what the single
        outputs contribute to d, without their signs.
    mode : "full" | "directional"
        Move every number of every input by itself; or each input as a whole, in 5 random directions, which takes the
        same time however large it is. A direction adds up the mistakes of all numbers, each times its size, max(1,
        abs(x)), and a random factor between 0.5 and 1.5 of either sign. So mistakes that are smaller than the
        tolerance of the sum are missed, one number of a million that is off by a thousandth, say; and so are mistakes
        that cancel, in all 5 directions: with a probability of at most (t / e)⁵, where e is the largest mistake times
        its size and t the tolerance of a direction. For e = 10·t that is 1 in 100,000.
    order : 1 | 2
        2 checks the gradient of the gradient as well.
    rng : numpy.random.Generator or int, optional
        Draws the weights and directions. The report names the seed that repeats it, 0 unless given.
    raise_exception : bool
        Raise if a gradient is wrong, with the report as the message.
    names : sequence of str, optional
        What the report calls the inputs; "input 0" and so on unless given.

    Returns
    -------
    GradcheckReport

    Raises
    ------
    GradcheckError
        If a gradient is wrong and `raise_exception` is True; it is an AssertionError.
    TypeError
        If an input is not float64.
    ValueError
        If there is no input that requires a gradient, an input is not finite, or a setting is out of its range.

    Examples
    --------
    >>> import minifcn.functional as F
    >>> gradcheck(F.softmax, [np.random.default_rng(0).normal(size=(2, 5))]).ok
    True
    """
    given = listed(inputs)
    names = names_of(names, len(given))
    tensors = [x if isinstance(x, Tensor) else _leaf(name, x) for name, x in zip(names, given, strict=True)]
    if not any(t.requires_grad for t in tensors):
        raise ValueError("gradcheck: no input requires a gradient; pass arrays, or Tensors with requires_grad=True")
    if order not in (1, 2):
        raise ValueError(f"gradcheck: order must be 1 or 2, got {order!r}")
    seed = seed_of(rng)
    settings: dict[str, Any] = {"eps": eps, "rtol": rtol, "atol": atol, "mode": mode, "seed": seed}
    report = _check_tensors(function, tensors, names, settings)
    if order == 2 and report.ok:
        second = _check_tensors(*_first_derivative(function, tensors, names, seed), settings)
        second.pass_over(report.kinks)
        if not second.ok:
            second.message = f"the gradient is right, but not the gradient of the gradient: {second.message}"
            report = second
    return _result(report, raise_exception)


def gradcheck_arrays(
    forward: Callable,
    backward: Callable,
    inputs: Sequence[np.ndarray],
    *,
    eps: float = 1e-6,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    mode: str = "full",
    order: int = 1,
    rng: np.random.Generator | int | None = None,
    raise_exception: bool = True,
    names: Sequence[str] | None = None,
) -> GradcheckReport:
    """Check anybody's gradient: a pair of functions of NumPy arrays.

    Parameters
    ----------
    forward : callable
        ``forward(*arrays)`` returns an array, or a tuple of arrays.
    backward : callable
        ``backward(grad_output, *arrays)`` returns a tuple with the gradient of each input; grad_output is shaped like
        the output, or is a tuple if that is one.
    inputs : sequence of float64 arrays
    eps, rtol, atol, mode, rng, raise_exception, names : as in `gradcheck`
    order : 1
        Only `gradcheck` can do more: a function of arrays cannot be differentiated again.

    Returns
    -------
    GradcheckReport

    Raises
    ------
    GradcheckError, TypeError, ValueError
        As `gradcheck`.

    Examples
    --------
    >>> def forward(x, w):
    ...     return x @ w
    >>> def backward(gy, x, w):
    ...     return gy @ w, x.T @ gy          # w should be transposed
    >>> rng = np.random.default_rng(0)
    >>> arrays = [rng.normal(size=(2, 3)), rng.normal(size=(3, 3))]
    >>> report = gradcheck_arrays(forward, backward, arrays, raise_exception=False)
    >>> report.ok, report.worst.input
    (False, 0)
    """
    if order != 1:
        raise ValueError("gradcheck_arrays: order must be 1, because arrays remember no history; for the gradient of "
                         "a gradient write the function with Tensors and use gradcheck")  # fmt: skip
    arrays = listed(inputs)
    settings: dict[str, Any] = {"eps": eps, "rtol": rtol, "atol": atol, "mode": mode, "seed": seed_of(rng)}
    report = _check(forward, backward, arrays, names_of(names, len(arrays)), range(len(arrays)), **settings)
    return _result(report, raise_exception)


def _check_tensors(
    function: Callable, tensors: list[Tensor], names: Sequence[str], settings: dict[str, Any]
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
    return _check(forward, backward, arrays, [names[i] for i in moved], moved, **settings)


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
            raise Problem(f"{name} is no Tensor but a {type(y).__name__} of {y.dtype}, through which no gradient "
                          "flows; return what Tensors compute, without .data, .numpy() or .item()")  # fmt: skip
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
    *,
    eps: float,
    rtol: float,
    atol: float,
    mode: str,
    seed: int,
) -> GradcheckReport:
    if mode not in ("full", "directional"):
        raise ValueError(f'gradcheck: mode must be "full" or "directional", got {mode!r}')
    check_settings(eps, rtol, atol)
    if not inputs:
        raise ValueError("gradcheck: there are no inputs, so no gradients; pass a list with at least one array")
    pair = Pair(forward, backward, [checked_input(n, x) for n, x in zip(names, inputs, strict=True)], names)
    rng = np.random.default_rng(seed)
    try:
        outputs = pair.reliable_outputs()
        weights = random_weights(outputs, rng)
        point = Point(pair, outputs, weights, eps)
        gradients = pair.reliable_gradients(weights)
        for i, gradient in enumerate(gradients):
            if gradient.shape != pair.inputs[i].shape:
                raise Problem(explain_shape(point, i, gradient))
        fault = fault_of_weights(pair, weights, gradients)
        moves = [list(directions(x, mode, rng)) for x in pair.inputs]

        def rows_of(point: Point, gradients: list[np.ndarray], rtol: float) -> list[Row]:
            several = enumerate(zip(positions, gradients, moves, strict=True))
            return [check_input(point, i, position, g, m, rtol, atol) for i, (position, g, m) in several]

        rows = rows_of(point, gradients, rtol)
        if (other := balanced(point)) is not None:
            pair.outputs(pair.inputs)  # a backward that remembers its last forward finds this point again
            rows = merged(rows, rows_of(other, pair.gradients(other.weights), max(rtol, COARSE)))
        explain(rows, point, gradients, fault)
        fault = fault or single_precision(pair, gradients)
        if fault and not any(row.wrong for row in rows):
            raise Problem(fault)
    except Problem as problem:
        return GradcheckReport([], str(problem), seed)
    return GradcheckReport(rows, seed=seed)


def _result(report: GradcheckReport, raise_exception: bool) -> GradcheckReport:
    if raise_exception and not report.ok:
        raise GradcheckError(str(report))
    return report
