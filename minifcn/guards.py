"""What a graph must not do in silence: use data that were changed, take a misfit for a gradient, share a gradient.

`autograd` asks these at four places; none of it is needed to understand how a gradient is computed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import EllipsisType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.backend import is_array, is_plain, memory_of

if TYPE_CHECKING:
    from minifcn.autograd import Tensor

HARMLESS = (int, float, str, bytes, type(None), EllipsisType, slice, range, np.generic, np.dtype, type, ModuleType)


def value_and_backward(name: str, result: Any, recorded: bool) -> tuple[Any, Any]:
    """Refuse a result of an operation that is not its value and, where it is recorded, a function backward."""
    if not (isinstance(result, tuple) and len(result) == 2 and (callable(result[1]) or not recorded)):
        raise TypeError(
            f"{name}: an operation must return two things, its value (an array) and a function backward, got "
            f"{shown(result)}"
        )
    return result


def share_changes(output: Tensor, inputs: Sequence[Tensor]) -> None:
    """Let an output that is a view of an input change with it."""
    array = output._data
    for x in inputs:
        if x._data is array or (array.base is not None and memory_of(x._data) == memory_of(array)):
            output._changes = x._changes


def check_unchanged(output: Tensor) -> None:
    """Refuse a backward that may read data of an input which were changed since the output was computed."""
    for x, version in zip(output._inputs, output._seen, strict=True):
        if x._changes[0] != version and _may_read(output._backward, x):
            raise RuntimeError(_changed(output, x))


def _may_read(backward: Any, tensor: Tensor) -> bool:
    """Whether a function keeps a tensor, its array, or what may keep anything: `add` keeps only shapes."""
    seen: set[int] = set()

    def keeps(x: Any) -> bool:
        if isinstance(x, HARMLESS) or id(x) in seen:
            return False
        seen.add(id(x))
        if hasattr(x, "_changes"):
            return x._changes is tensor._changes
        if is_array(x):
            return memory_of(x) == memory_of(tensor._data)
        if isinstance(x, dict):
            x = list(x.values())
        if isinstance(x, list | tuple | set | frozenset):
            return any(map(keeps, x))
        return callable(x) or not hasattr(x, "__dict__") or keeps(vars(x))

    if not isinstance(backward, FunctionType):
        return True
    kept = [cell.cell_contents for cell in backward.__closure__ or ()]
    return any(map(keeps, [*kept, *(backward.__defaults__ or ()), *(backward.__kwdefaults__ or {}).values()]))


def _changed(output: Tensor, x: Tensor) -> str:
    return (
        f"backward: the data of an input of {output.operation}, of shape {x.shape}, were changed after the forward "
        "pass (by an optimiser, load_state_dict or an assignment to .data), so the gradient would not be that of the "
        "output; call backward before the change, or compute the output again"
    )


def check_gradients(output: Tensor, gradients: Any) -> None:
    """Refuse what cannot be the gradients of the inputs of an output."""
    inputs, name = output._inputs, f"the backward of {output.operation}"
    if not isinstance(gradients, tuple | list):
        raise TypeError(f"{name} gives {shown(gradients)}; it must return a tuple of Tensors, one for each input")
    if len(gradients) != len(inputs):
        raise ValueError(
            f"{name} gives {len(gradients)} gradients for {len(inputs)} inputs; it must return a tuple with one for "
            "each"
        )
    for i, (x, g) in enumerate(zip(inputs, gradients, strict=True)):
        if not x.requires_grad:
            continue
        if not hasattr(g, "_changes"):
            raise TypeError(f"{name} gives {shown(g)} for input {i}, which requires a gradient; it must be a Tensor")
        if g._data.shape != x._data.shape or g._data.dtype != x._data.dtype:
            if x._changes[0] != output._seen[i]:
                raise RuntimeError(_changed(output, x))
            raise ValueError(
                f"{name} gives a gradient of {g.dtype} {g.shape} for input {i}, which is {x.dtype} {x.shape}; they "
                "must agree"
            )


def shown(x: Any) -> str:
    """Describe what was given in the place of something else.

    >>> shown((1, 2)), shown(None)
    ('2 things', 'a NoneType')
    """
    return f"{len(x)} things" if isinstance(x, tuple) else f"a {type(x).__name__}"


def shares_memory(g: Tensor, taken: set[int], since: int) -> bool:
    """Whether a gradient lies in memory that is `taken`, older than the pass, held elsewhere, or not its own alone.

    So it is with ``a + b``, which hands the same gradient to both, and ``x.sum()``, which hands one number to all.
    """
    return g._number < since or memory_of(g._data) in taken or _is_held_elsewhere(g) or not is_plain(g._data)


def _is_held_elsewhere(g: Tensor) -> bool:
    """Whether anything but a Tensor holds its array, as an operation that gives a constant of its own."""
    base = getattr(g._data, "base", None)  # no more names here: each would be counted
    return sys.getrefcount(g._data) > 2 or (base is not None and sys.getrefcount(base) > 3)
