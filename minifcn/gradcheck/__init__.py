"""Gradients against finite differences: minifcn's own, and anybody's."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from minifcn.autograd import Tensor
    from minifcn.gradcheck.operations import CASES, check_all
    from minifcn.gradcheck.report import GradcheckError, GradcheckReport

__all__ = ["CASES", "GradcheckError", "GradcheckReport", "check_all", "gradcheck", "gradcheck_arrays"]

_FILES = {"CASES": "operations", "check_all": "operations", "GradcheckError": "report", "GradcheckReport": "report"}


def __getattr__(name: str) -> Any:
    """Import at first use: `import minifcn` needs no more of this room than its two functions."""
    if name in _FILES:
        return getattr(importlib.import_module(f"{__name__}.{_FILES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
    >>> import numpy as np, minifcn.functional as F
    >>> gradcheck(F.softmax, [np.random.default_rng(0).normal(size=(2, 5))]).ok
    True
    """
    from minifcn.gradcheck import check
    from minifcn.gradcheck.arguments import Settings, seed_of

    settings = Settings(eps, rtol, atol, mode, seed_of(rng))
    return check.result(check.of_tensors(function, inputs, names, settings, order), raise_exception)


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
    >>> import numpy as np
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
    from minifcn.gradcheck import check
    from minifcn.gradcheck.arguments import Settings, seed_of

    settings = Settings(eps, rtol, atol, mode, seed_of(rng))
    return check.result(check.of_arrays(forward, backward, inputs, names, settings, order), raise_exception)
