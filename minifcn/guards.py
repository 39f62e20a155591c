"""What a graph must not do in silence: use data that were changed, take a misfit for a gradient, share a gradient.

`autograd` asks these; none of it is needed to understand how a gradient is computed.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from types import EllipsisType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.backend import is_array, is_plain, memory_of, short_lock

if TYPE_CHECKING:
    from minifcn.autograd import Tensor

VALUES = (float, int, np.ndarray)  # of which it is known at once that they are no geometry
HARMLESS = (int, float, str, bytes, type(None), EllipsisType, slice, range, np.generic, np.dtype, type, ModuleType)

_one_at_a_time = short_lock()


def check_requires_grad(requires_grad: Any, data: Any) -> None:
    """Refuse to require a gradient for what has none."""
    if requires_grad is not True:
        raise TypeError(
            f"Tensor: requires_grad must be True or False, got {requires_grad!r}; for a number type pass "
            "numpy.asarray(data, dtype)"
        )
    if data.dtype.kind != "f":
        raise TypeError(
            f"Tensor: only floating-point data can require a gradient, got {data.dtype}; convert it first, for example "
            "with array.astype('float32')"
        )


def is_geometry(x: Any) -> bool:
    """Whether x is a geometry (models/geometry.py), which stands for a map and has no values."""
    return type(x) not in VALUES and hasattr(type(x), "operate")


def no_result(name: str, found: Any) -> TypeError:
    """Say that what an operation returned is not its value and a function backward."""
    return TypeError(
        f"{name}: an operation must return two things, its value (an array) and a function backward, got {shown(found)}"
    )


def check_has_graph(output: Tensor, grad: Any) -> None:
    """Refuse to differentiate what depends on nothing, or several numbers without a weight for each."""
    if not output.requires_grad:
        raise ValueError("backward: the output depends on no tensor with requires_grad=True, or was made in no_grad()")
    if grad is None and output.data.size != 1:
        raise ValueError(
            f"backward: an output of shape {output.shape} needs grad= of that shape (a weight for each element); for "
            "the gradient of the sum, call .sum().backward()"
        )


def changed_since(output: Tensor) -> list[Tensor]:
    """List the inputs of an operation, and its output, if their data were changed since it was computed."""
    return [x for x in (*output.inputs, output) if x.version > output.order and not output.is_leaf]


def check_unchanged(output: Tensor, grad: Tensor, gradients: Sequence[Any]) -> None:
    """Refuse gradients for which data are read that were changed since the output was computed.

    Parameters
    ----------
    output, grad : Tensor
    gradients : sequence
        What its backward gave for the gradient: for each input a Tensor, or a function that will compute it.
    """
    for changed in changed_since(output):
        for x, g in zip(output.inputs, gradients, strict=True):
            if x.requires_grad and _may_read(output._backward, grad, g, changed):
                raise RuntimeError(_sentence_on_changes(output, changed))


def _may_read(backward: Any, grad: Tensor, gradient: Any, changed: Tensor) -> bool:
    """Whether an entry of what backward gave may be computed from changed data.

    A function that will compute it reads what it keeps, if that is the gradient or a variable that backward keeps as
    well. Of what backward has computed itself, as defaults are, nobody knows what it read.
    """
    if not isinstance(backward, FunctionType):
        return True
    reader, known = backward, backward.__closure__ or ()
    if isinstance(gradient, FunctionType) and not (gradient.__defaults__ or gradient.__kwdefaults__):
        cells = gradient.__closure__ or ()
        if all(cell.cell_contents is grad or any(cell is other for other in known) for cell in cells):
            reader = gradient
    kept = [cell.cell_contents for cell in reader.__closure__ or ()]
    kept += [*(reader.__defaults__ or ()), *(reader.__kwdefaults__ or {}).values()]
    return _keeps(kept, changed, set())


def _keeps(x: Any, changed: Tensor, seen: set[int]) -> bool:
    """Whether x is, or holds, a tensor, its array, or what may hold anything: `add` keeps only shapes."""
    if isinstance(x, HARMLESS) or id(x) in seen:
        return False
    seen.add(id(x))
    if hasattr(x, "_changes"):
        return x._changes is changed._changes
    if is_array(x):
        return memory_of(x) == memory_of(changed._data)
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, list | tuple | set | frozenset):
        return any(_keeps(item, changed, seen) for item in x)
    return callable(x) or not hasattr(x, "__dict__") or _keeps(vars(x), changed, seen)


def _sentence_on_changes(output: Tensor, x: Tensor) -> str:
    name = "the result" if x is output else "an input"
    return (
        f"backward: the data of {name} of {output.operation}, of shape {x.shape}, were changed after the forward "
        "pass (by an optimiser, load_state_dict or an assignment to .data), so the gradient would not be that of the "
        "output; call backward before the change, or compute the output again"
    )


def check_gradients(output: Tensor, gradients: Any) -> None:
    """Refuse what cannot be the gradients of the inputs of an output."""
    name = f"the backward of {output.operation}"
    if not isinstance(gradients, tuple | list):
        raise TypeError(f"{name} gives {shown(gradients)}; it must return a tuple of Tensors, one for each input")
    if len(gradients) != len(output.inputs):
        raise ValueError(
            f"{name} gives {len(gradients)} gradients for {len(output.inputs)} inputs; it must return a tuple with one "
            "for each"
        )


def check_gradient(output: Tensor, i: int, x: Tensor, g: Any) -> None:
    """Refuse what cannot be the gradient of the input x, number i of an output."""
    name = f"the backward of {output.operation}"
    if not hasattr(g, "_changes"):
        raise TypeError(f"{name} gives {shown(g)} for input {i}, which requires a gradient; it must be a Tensor")
    if g.shape != x.shape or g.dtype != x.dtype:
        if x.version > output.order:
            raise RuntimeError(_sentence_on_changes(output, x))
        raise ValueError(
            f"{name} gives a gradient of {g.dtype} {g.shape} for input {i}, which is {x.dtype} {x.shape}; they must "
            "agree"
        )


def shown(x: Any) -> str:
    """Describe what was given in the place of something else.

    >>> shown((1, 2)), shown(None)
    ('2 things', 'a NoneType')
    """
    return f"{len(x)} things" if isinstance(x, tuple) else f"a {type(x).__name__}"


def of_its_own(g: Tensor, taken: set[int], since: int, create_graph: bool) -> Tensor:
    """Give a gradient that can be changed in place without changing anything else.

    Parameters
    ----------
    g : Tensor
    taken : set of int
        Memory that belongs to others; that of the result is added.
    since : int
        Order of a tensor made just before the backward pass.
    create_graph : bool
        Whether the result stays in the graph.
    """
    if _shares_memory(g, taken, since):
        g = (g if create_graph else g.detach()).astype(g.dtype)
    taken.add(memory_of(g.data))
    return g


def add_to_grad(tensor: Tensor, g: Tensor) -> None:
    """Add to a leaf's `.grad`, to which backward passes of other threads may be adding too."""
    with _one_at_a_time:
        tensor.grad = g if tensor.grad is None else tensor.grad + g


def _shares_memory(g: Tensor, taken: set[int], since: int) -> bool:
    """Whether a gradient lies in memory that is `taken`, older than the pass, held elsewhere, or not its own alone.

    So it is with ``a + b``, which hands the same gradient to both, and ``x.sum()``, which hands one number to all.
    """
    return g.order < since or memory_of(g._data) in taken or _is_held_elsewhere(g) or not is_plain(g._data)


def _is_held_elsewhere(g: Tensor) -> bool:
    """Whether anything but a Tensor holds its array, as an operation that gives a constant of its own.

    Two references are those of the holder and of the call that counts. Nothing counted has a name here: from Python
    3.14 on, a call borrows what a name refers to, and counts one less.
    """
    has_base = getattr(g._data, "base", None) is not None
    return sys.getrefcount(g._data) > 2 or (has_base and sys.getrefcount(g._data.base) > 2)


def by_name(name: str, inputs: tuple, settings: dict[str, Any], wanted: list[str], known: Collection[str]) -> tuple:
    """Take inputs of an operation that are given by their names, and refuse a name that it does not have."""
    rest = dict(settings)
    for key in wanted[: len(inputs)]:
        if key in rest:
            raise TypeError(f"{name}: {key} is given twice, by its place and by its name")
    while len(inputs) < len(wanted) and wanted[len(inputs)] in rest:
        inputs = (*inputs, rest.pop(wanted[len(inputs)]))
    for key in rest:
        if key not in known:
            names = ", ".join([*wanted, *known])
            fix = "it is called axis here, as in NumPy" if key == "dim" and "axis" in known else f"there are {names}"
            raise TypeError(f"{name}: no argument is called {key!r}; {fix}")
    return inputs, rest


def by_position(name: str, inputs: tuple, settings: dict[str, Any], wanted: list[str], known: Collection[str]) -> tuple:
    """Take settings of an operation that are given by their places, and refuse more than it has."""
    if len(inputs) > len(wanted) + len(known):
        names = ", ".join([*wanted, *known])
        raise TypeError(f"{name}: there are {len(inputs)} arguments, but it takes no more than {names}")
    placed = dict(zip(known, inputs[len(wanted) :], strict=False))
    for key in placed:
        if key in settings:
            raise TypeError(f"{name}: {key} is given twice, by its place and by its name")
    return inputs[: len(wanted)], placed | settings


def released(grad: Any) -> tuple:
    """Refuse to go back a second time: it stands in the place of a backward function that was used."""
    raise RuntimeError(
        "backward: this graph was used already and its buffers were released; compute the output again, or pass "
        "create_graph=True the first time"
    )
