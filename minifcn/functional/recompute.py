"""Intermediate results that are computed a second time instead of kept: memory, paid for with time."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import numpy as np

from minifcn.autograd import Tensor, operation
from minifcn.backend import device_of
from minifcn.functional.operands import expect
from minifcn.gradients import grad
from minifcn.guards import is_geometry
from minifcn.recording import is_grad_enabled


def recompute(function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """Compute `function(*tensors)` without keeping what lies in between: the backward pass computes it again.

    Values and gradients are those of `function(*tensors)` itself, also for parameters that it uses without being given
    them. Where nothing is recorded, nothing is done twice.

    Parameters
    ----------
    function : function of Tensors that gives one Tensor
        Made of operations, and deterministic, because it runs twice: dropout must stay outside.
    *tensors : Tensor
        These are kept.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        In backward, on the host, if the second run gives other values than the first.

    Notes
    -----
    Chen, Xu, Zhang and Guestrin 2016, "Training Deep Nets with Sublinear Memory Cost"; PyTorch's checkpoint.

    The second run gives the bits of the first, so the gradients are the same bit for bit. An operation of your own that
    calls BLAS itself may differ in the last bit while another thread computes, unless both runs are within
    `backend.one_blas_thread`, as in training.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> recompute(lambda x: (x * x * x).sum(), x).backward()
    >>> x.grad
    Tensor([ 3., 12.])
    """
    if any(map(is_geometry, tensors)):
        return function(*tensors)
    since = Tensor(0.0).order  # what is made from here on is the function's own
    y = function(*tensors)
    expect(isinstance(y, Tensor), f"recompute: function must give one Tensor, got {type(y).__name__}")
    return computed_again(*_sources(y, since), function=functools.partial(function, *tensors), value=y.data)


@operation
def computed_again(*sources, function, value):
    """The value of a function of the sources, which are all the tensors that its gradient goes to."""
    context = copy_context()  # now it records, and with the algorithm of now
    first = _sample(value) if device_of(value) == "cpu" else None  # a GPU would have to be waited for

    def backward(gy):
        y = context.run(function)
        if first is not None:
            _expect_same(first, _sample(y.data))
        return tuple(grad(y, sources, gy, create_graph=is_grad_enabled(), stop_at_inputs=True))

    return value, backward


def _sample(array: Any) -> Any:
    """Copy a few elements from all over an array."""
    return array[tuple(slice(None, None, size // 8 + 1) for size in array.shape)].copy()


def _expect_same(first: Any, second: Any) -> None:
    """Refuse a second run that computed something else; the last bits may differ."""
    size = np.abs(np.where(np.isfinite(first), first, 0)).max() if first.size else 0
    tolerance = math.sqrt(np.finfo(first.dtype).eps)
    alike = first.shape == second.shape and first.dtype == second.dtype
    if not (alike and np.allclose(first, second, rtol=tolerance, atol=tolerance * size, equal_nan=True)):
        raise RuntimeError(
            "recompute: function gave other values when it ran again for the backward pass, so the gradient would not "
            "be that of the output; leave dropout and whatever else is random outside, and change nothing that it "
            "reads before backward"
        )


def _sources(y: Tensor, since: int) -> list[Tensor]:
    """List the older tensors that y was computed from, given to the function or not, as parameters are."""
    seen: dict[Tensor, None] = {}  # a set that keeps its order
    waiting = [y]
    while waiting:
        tensor = waiting.pop()
        if tensor.requires_grad and tensor not in seen:
            seen[tensor] = None
            waiting += tensor.inputs if tensor.order > since else ()
    return [tensor for tensor in seen if tensor.order < since]
