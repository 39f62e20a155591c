"""Holds a gradient against finite differences.

Let v be a random weight for every output. The gradient of <v, f(x)> that `backward` computes must be what f itself
does when x is moved a little: <v, f(x + h) - f(x - h)> / 2h. The weights are random because a plain sum of the outputs
hides errors: that of a softmax is always 1, so even a gradient of zeros would pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from minifcn.autograd import Tensor, grad
from minifcn.gradcheck.guess import guess
from minifcn.gradcheck.report import Entry, GradcheckError, GradcheckReport, Row

DIRECTIONS = 5  # in directional mode, for each input
_SMALLEST_JUMP = 1e-3  # of a one-sided derivative, relative to the largest derivative, to be called a kink


def gradcheck(
    function: Callable,
    inputs: Sequence[Any] | Tensor,
    *,
    eps: float = 1e-6,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    mode: str = "full",
    order: int = 1,
    rng: np.random.Generator | None = None,
    raise_exception: bool = True,
) -> GradcheckReport:
    """Check the gradients that autograd computes for a function of Tensors.

    Parameters
    ----------
    function : callable
        Takes the inputs, and returns a Tensor or several.
    inputs : sequence of float64 Tensors or arrays
        Where to check. All arrays, and the Tensors with ``requires_grad=True``, are moved; the others are kept.
    eps : float
        How far an input is moved, h.
    rtol, atol : float
        A number is right if it differs by at most atol + rtol·(the largest derivative of its input), besides rounding.
    mode : "full" | "directional"
        Move every number of every input by itself; or each input as a whole, in a few random directions, which takes
        the same time however large it is.
    order : 1 | 2
        2 checks the gradient of the gradient as well.
    rng : numpy.random.Generator, optional
        Draws the weights and directions; ``numpy.random.default_rng(0)`` unless given.
    raise_exception : bool
        Raise if a gradient is wrong, with the report as the message.

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
    tensors = [x if isinstance(x, Tensor) else Tensor(x, True) for x in _listed(inputs)]
    moved = [i for i, t in enumerate(tensors) if t.requires_grad]
    if not moved:
        raise ValueError("gradcheck: no input requires a gradient; pass arrays, or Tensors with requires_grad=True")
    if order not in (1, 2):
        raise ValueError(f"gradcheck: order must be 1 or 2, got {order!r}")

    def call(leaves: Sequence[Tensor]) -> list[Tensor]:
        values = dict(zip(moved, leaves, strict=True))
        return _listed(function(*(values.get(i, tensor) for i, tensor in enumerate(tensors))))

    def forward(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(y.data for y in call([Tensor(array, True) for array in arrays]))

    def backward(weights: Any, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        leaves = [Tensor(array, True) for array in arrays]
        recorded = [(y, Tensor(w)) for y, w in zip(call(leaves), weights, strict=True) if y.requires_grad]
        if not recorded:  # constant outputs
            return tuple(np.zeros_like(array) for array in arrays)
        outputs, kept = zip(*recorded, strict=True)
        return tuple(g.data for g in grad(outputs, leaves, kept))

    arrays = [tensors[i].data for i in moved]
    settings: dict[str, Any] = {"eps": eps, "rtol": rtol, "atol": atol, "mode": mode, "rng": rng}
    report = gradcheck_arrays(forward, backward, arrays, raise_exception=raise_exception, **settings)
    if order == 1 or not report.ok:
        return report
    weights = [np.random.default_rng(1).normal(size=y.shape) for y in forward(*arrays)]

    def gradient(*leaves: Tensor) -> list[Tensor]:
        """The gradient, as a function of the inputs and, behind them, of the weights of the outputs."""
        return grad(call(leaves[: len(moved)]), leaves[: len(moved)], leaves[len(moved) :], create_graph=True)

    report = gradcheck(gradient, [*arrays, *weights], raise_exception=False, **settings)
    if not report.ok:
        report.message = f"the gradient is right, but not the gradient of the gradient: {report.message}"
        _raise_if(raise_exception, report)
    return report


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
    rng: np.random.Generator | None = None,
    raise_exception: bool = True,
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
    eps, rtol, atol, mode, rng, raise_exception : as in `gradcheck`
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
    if mode not in ("full", "directional"):
        raise ValueError(f'gradcheck: mode must be "full" or "directional", got {mode!r}')
    arrays = [_checked_input(i, x) for i, x in enumerate(_listed(inputs))]
    rng = np.random.default_rng(0) if rng is None else rng
    report = _first_problem(forward, backward, arrays, rng)
    if report is None:
        point = _Point(forward, backward, arrays, rng, eps)
        rows = [_check_input(point, i, mode, rtol, atol, rng) for i in range(len(arrays))]
        report = GradcheckReport(rows)
    _raise_if(raise_exception, report)
    return report


class _Point:
    """The function around one point: weighted outputs, and the gradient to be checked."""

    def __init__(self, forward: Callable, backward: Callable, inputs: list[np.ndarray], rng, eps: float):
        self.forward, self.inputs, self.eps = forward, inputs, eps
        outputs = _outputs(forward, inputs)
        self.weights = [rng.normal(size=y.shape) for y in outputs]
        self.here = self.weighted(outputs)
        self.gradients = _gradients(forward, backward, inputs, self.weights)
        # What rounding of the outputs can amount to in a difference divided by eps.
        self.noise = 4 * np.finfo(np.float64).eps * sum(float(abs(wy).sum()) for wy in self.here) / eps

    def weighted(self, outputs: list[np.ndarray]) -> list[np.ndarray]:
        """The terms of <v, f>, not added up: their differences are small, and exact where nothing has changed."""
        return [w * y for w, y in zip(self.weights, outputs, strict=True)]

    def derivatives(self, i: int, direction: np.ndarray, eps: float | None = None) -> tuple[float, float]:
        """One-sided derivatives of <v, f> when input i is moved, forwards and backwards."""
        h = eps or self.eps
        sides = []
        for step in (h, -h):
            arrays = [x.copy() for x in self.inputs]
            arrays[i] += step * direction
            moved = self.weighted(_outputs(self.forward, arrays))
            sides.append(sum(float((a - b).sum()) for a, b in zip(moved, self.here, strict=True)) / step)
        return sides[0], sides[1]


def _check_input(point: _Point, i: int, mode: str, rtol: float, atol: float, rng: np.random.Generator) -> Row:
    x, gradient = point.inputs[i], point.gradients[i]
    entries, sides = [], []
    for index, direction in _directions(x, mode, rng):
        right, left = point.derivatives(i, direction)
        entries.append(Entry(i, index, float((gradient * direction).sum()), (right + left) / 2))
        sides.append((direction, right, left))
    scale = max((abs(e.numeric) for e in entries), default=0.0)
    tolerance = atol + rtol * scale + point.noise
    kinks, wrong = [], []
    for entry, (direction, right, left) in zip(entries, sides, strict=True):
        kink = _is_kink(point, i, direction, right, left, scale)
        low, high = sorted((right, left)) if kink else (entry.numeric, entry.numeric)
        if kink:
            kinks.append(entry)
        if not low - tolerance <= entry.analytic <= high + tolerance:
            wrong.append(entry)
    worst = max(entries, key=lambda e: abs(e.analytic - e.numeric) if e not in kinks or e in wrong else -1.0)
    cause = ""
    if wrong:
        analytic, numeric = (np.array([getattr(e, side) for e in entries]) for side in ("analytic", "numeric"))
        shape = x.shape if mode == "full" else analytic.shape
        cause = guess(analytic.reshape(shape), numeric.reshape(shape), tolerance)
    return Row(i, x.shape, worst, scale, len(entries), kinks, wrong, cause)


def _directions(x: np.ndarray, mode: str, rng: np.random.Generator) -> Iterator[tuple[Any, np.ndarray]]:
    if mode == "full":
        for index in np.ndindex(x.shape):
            direction = np.zeros_like(x)
            direction[index] = 1
            yield index, direction
        return
    for k in range(DIRECTIONS):  # no entry near zero: each has its say
        yield f"direction {k}", rng.uniform(0.5, 1.5, x.shape) * rng.choice([-1.0, 1.0], x.shape)


def _is_kink(point: _Point, i: int, direction: np.ndarray, right: float, left: float, scale: float) -> bool:
    """Whether the derivative jumps here: at a kink the jump stays when the step shrinks, at a bend it shrinks too."""
    jump = abs(right - left)
    if jump <= _SMALLEST_JUMP * scale + 10 * point.noise:
        return False
    closer_right, closer_left = point.derivatives(i, direction, point.eps / 10)
    return abs(closer_right - closer_left) > jump / 2


def _first_problem(forward: Callable, backward: Callable, inputs: list[np.ndarray], rng) -> GradcheckReport | None:
    """Find what makes a comparison of numbers pointless."""
    calls = []
    for _ in range(2):
        arrays = [x.copy() for x in inputs]
        calls.append(_outputs(forward, arrays))
        for i, (x, before) in enumerate(zip(arrays, inputs, strict=True)):
            if not np.array_equal(x, before, equal_nan=True):
                return GradcheckReport.problem(f"forward changes input {i}; it must compute in a copy")
    for k, (first, second) in enumerate(zip(*calls, strict=True)):
        if not np.isfinite(first).all():
            at = tuple(int(n) for n in np.argwhere(~np.isfinite(first))[0])
            return GradcheckReport.problem(f"output {k} is {first[at]} at index {at}; check where all is finite")
        if not np.array_equal(first, second):
            return GradcheckReport.problem(
                f"forward is not deterministic: called twice with the same inputs, output {k} differs by "
                f"{abs(first - second).max():.3g}; if it draws random numbers, make a new generator with a fixed seed "
                "in every call"
            )
    arrays, weights = [x.copy() for x in inputs], [rng.normal(size=y.shape) for y in calls[0]]
    gradients = backward(_as_output(forward, inputs, weights), *arrays)
    if isinstance(gradients, np.ndarray) and len(inputs) == 1:
        gradients = (gradients,)
    if not isinstance(gradients, tuple | list) or len(gradients) != len(inputs):
        count = len(gradients) if isinstance(gradients, tuple | list) else f"a {type(gradients).__name__}"
        return GradcheckReport.problem(f"backward gives {count} for {len(inputs)} inputs; it must return a tuple with "
                                       "one gradient for each")  # fmt: skip
    for i, (g, x, now) in enumerate(zip(gradients, inputs, arrays, strict=True)):
        g = np.asarray(g)
        if not np.array_equal(x, now):
            return GradcheckReport.problem(f"backward changes input {i}; it must compute in a copy")
        if g.shape != x.shape:
            hint = "; sum it over the axes along which the input was repeated" if g.ndim >= x.ndim else ""
            return GradcheckReport.problem(f"the gradient of input {i} has shape {g.shape}, the input {x.shape}{hint}")
        if g.dtype != x.dtype:
            return GradcheckReport.problem(f"the gradient of input {i} has dtype {g.dtype}, but the input {x.dtype}; "
                                           "some step of backward loses precision")  # fmt: skip
        if not np.isfinite(g).all():
            at = tuple(int(n) for n in np.argwhere(~np.isfinite(g))[0])
            return GradcheckReport.problem(f"the gradient of input {i} is {g[at]} at index {at}; the output is finite "
                                           "there, so look for a division by 0 in backward")  # fmt: skip
    return None


def _checked_input(i: int, x: Any) -> np.ndarray:
    x = np.asarray(x)
    if x.dtype != np.float64:
        advice = "its differences drown in rounding; check in float64, x.astype('float64')"
        raise TypeError(f"gradcheck: input {i} is {x.dtype}; {advice}")
    return x


def _outputs(forward: Callable, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [np.asarray(y) for y in _listed(forward(*inputs))]


def _gradients(forward: Callable, backward: Callable, inputs: list[np.ndarray], weights: list) -> list[np.ndarray]:
    gradients = backward(_as_output(forward, inputs, weights), *(x.copy() for x in inputs))
    return [np.asarray(g) for g in _listed(gradients)]


def _as_output(forward: Callable, inputs: Sequence[np.ndarray], weights: list) -> Any:
    """Give the weights in the form of the output: an array, or a tuple."""
    return tuple(weights) if isinstance(forward(*(x.copy() for x in inputs)), tuple | list) else weights[0]


def _listed(values: Any) -> list:
    return list(values) if isinstance(values, tuple | list) else [values]


def _raise_if(raise_exception: bool, report: GradcheckReport) -> None:
    if raise_exception and not report.ok:
        raise GradcheckError(str(report))
