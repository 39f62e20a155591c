"""Holds a gradient against finite differences: the two functions that everybody calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minifcn.autograd import Tensor, grad
from minifcn.backend import array_module, device_of, to_device, to_host
from minifcn.gradcheck.diagnosis import explain, explain_shape
from minifcn.gradcheck.differences import Point, check_input, directions, nonzero
from minifcn.gradcheck.pair import Pair, Problem, first_index, listed
from minifcn.gradcheck.report import GradcheckError, GradcheckReport


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

    Parameters
    ----------
    function : callable
        Takes the inputs, and returns a Tensor or several.
    inputs : sequence of float64 Tensors or arrays
        Where to check. All arrays, and the Tensors with ``requires_grad=True``, are moved; the others are kept.
    eps : float
        How far a number x is moved, in units of max(1, abs(x)).
    rtol, atol : float
        A derivative d is right within rtol·abs(d) + atol·min(1, the largest derivative of its input), and rounding.
    mode : "full" | "directional"
        Move every number of every input by itself; or each input as a whole, in a few random directions, which takes
        the same time however large it is.
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

    Examples
    --------
    >>> import minifcn.functional as F
    >>> gradcheck(F.softmax, [np.random.default_rng(0).normal(size=(2, 5))]).ok
    True
    """
    tensors = [x if isinstance(x, Tensor) else Tensor(x, True) for x in listed(inputs)]
    if not any(t.requires_grad for t in tensors):
        raise ValueError("gradcheck: no input requires a gradient; pass arrays, or Tensors with requires_grad=True")
    if order not in (1, 2):
        raise ValueError(f"gradcheck: order must be 1 or 2, got {order!r}")
    seed = _seed(rng)
    names = _names(names, len(tensors))
    settings: dict[str, Any] = {"eps": eps, "rtol": rtol, "atol": atol, "mode": mode, "seed": seed}
    report = _check_tensors(function, tensors, names, settings)
    if order == 2 and report.ok:
        second = _check_tensors(*_first_derivative(function, tensors, names, seed), settings)
        if second.problem or second.wrong:
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
    GradcheckError, TypeError
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
    settings: dict[str, Any] = {"eps": eps, "rtol": rtol, "atol": atol, "mode": mode, "seed": _seed(rng)}
    report = _check(forward, backward, arrays, _names(names, len(arrays)), range(len(arrays)), **settings)
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
        return leaves, listed(function(*(values.get(i, tensor) for i, tensor in enumerate(tensors))))

    def forward(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(to_host(y.data) for y in call(arrays)[1])

    def backward(weights: Sequence[np.ndarray], *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        leaves, outputs = call(arrays)
        grads = [Tensor(to_device(w, y.device)) for w, y in zip(weights, outputs, strict=True)]
        return tuple(to_host(g.data) for g in _gradients(outputs, leaves, grads))

    arrays = [to_host(tensors[i].data) for i in moved]
    return _check(forward, backward, arrays, [names[i] for i in moved], moved, **settings)


def _first_derivative(
    function: Callable, tensors: list[Tensor], names: Sequence[str], seed: int
) -> tuple[Callable, list[Tensor], list[str]]:
    """Give the gradient as a function of the inputs and, behind them, of the weights of the outputs."""
    leaves = [Tensor(t.data, t.requires_grad) for t in tensors]
    rng, weights, weighted = np.random.default_rng(seed), [], []
    for k, y in enumerate(listed(function(*leaves))):
        if y.requires_grad:
            weights.append(Tensor(to_device(nonzero(rng, y.shape), y.device), True))
            weighted.append(k)

    def gradient(*inputs: Tensor) -> list[Tensor]:
        outputs = listed(function(*inputs[: len(tensors)]))
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
    pair = Pair(forward, backward, [_checked_input(n, x) for n, x in zip(names, inputs, strict=True)], names)
    rng = np.random.default_rng(seed)
    try:
        point = Point(pair, pair.reliable_outputs(), rng, eps)
        gradients = pair.reliable_gradients(point.weights)
        for i, gradient in enumerate(gradients):
            if gradient.shape != pair.inputs[i].shape:
                raise Problem(explain_shape(point, i, gradient))
        rows = []
        for i, (x, gradient) in enumerate(zip(pair.inputs, gradients, strict=True)):
            moves = list(directions(x, mode, rng))
            rows.append(check_input(point, i, positions[i], gradient, moves, rtol, atol))
        explain(rows, point, gradients)
    except Problem as problem:
        return GradcheckReport([], str(problem), seed)
    return GradcheckReport(rows, seed=seed)


def _checked_input(name: str, x: Any) -> np.ndarray:
    x = to_host(x) if device_of(x) != "cpu" else np.asarray(x)
    if x.dtype.kind not in "fc":
        advice = "which has no gradient; bind it, as in lambda x: function(x, labels)"
        raise TypeError(f"gradcheck: {name} is {x.dtype}, {advice}")
    if x.dtype != np.float64:
        advice = "its differences drown in rounding; check in float64, x.astype('float64')"
        raise TypeError(f"gradcheck: {name} is {x.dtype}; {advice}")
    if not np.isfinite(x).all():
        at = first_index(~np.isfinite(x))
        raise ValueError(f"gradcheck: {name} is {x[at]} at index {at}; check where all is finite")
    return x


def _names(names: Sequence[str] | None, count: int) -> list[str]:
    if names is not None and len(names) != count:
        raise ValueError(f"gradcheck: there are {len(names)} names for {count} inputs; give one for each")
    return [f"input {i}" for i in range(count)] if names is None else list(names)


def _seed(rng: np.random.Generator | int | None) -> int:
    """Reduce the source of random numbers to one that a report can print."""
    return int(rng.integers(2**32)) if isinstance(rng, np.random.Generator) else int(rng or 0)


def _result(report: GradcheckReport, raise_exception: bool) -> GradcheckReport:
    if raise_exception and not report.ok:
        raise GradcheckError(str(report))
    return report
