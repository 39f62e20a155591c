"""Reverse-mode differentiation: Tensors, operations on them, and the pass that walks back through the graph.

A `Tensor` holds an array. If an operation made it, it also holds the operation's inputs and a function `backward`
that turns the gradient of the output into the gradients of the inputs. `backward_pass` walks from the outputs to the
leaves. Operations are written with `@operation`: the value, and right under it its derivative.

What a graph refuses is in guards.py, `no_grad` in recording.py, `grad` in gradients.py, operators in functional/.
"""

from __future__ import annotations

import functools
import heapq
import inspect
import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import nullcontext
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from minifcn import guards, named_otherwise
from minifcn.backend import alike, array_module, as_array, device_of, memory_of, to_host
from minifcn.recording import no_grad, recording

if TYPE_CHECKING:
    from minifcn.functional.signatures import Operators
else:
    Operators, __getattr__ = object, functools.partial(named_otherwise.missing, __name__, named_otherwise.AUTOGRAD)

_numbers, _learns = itertools.count(1), attrgetter("requires_grad")


class Tensor(Operators):
    """An array that remembers how it was made.

    Parameters
    ----------
    data : array of NumPy or CuPy, or a number or nested list
        Booleans, integers or floating-point numbers. An array is kept as it is, not copied.
    requires_grad : bool
        Whether `backward` should leave d(output)/d(this) in `.grad`.

    Attributes
    ----------
    data : array, any shape
    grad : Tensor of the same shape, or None until `backward` has run
    operation : str
        Name of the operation that made it, if its gradient can be computed; otherwise "".
    inputs : tuple of Tensor
        What the operation computed it from. Empty for a leaf, and once `backward` has released the graph.
    order : int
        Tensors are numbered as they are made, so it is larger than that of every input.

    Raises
    ------
    TypeError
        If the data are not real numbers, or a gradient is required for integers or booleans.

    Notes
    -----
    The operators `+ - * / ** @`, comparisons and `x[index]` work as those of NumPy, and broadcast; what number types
    become beside each other stands in docs/number_types.md. ``if``, ``float()``, ``in``, iteration and
    `numpy.asarray` see the values, as those of an array.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = x * x
    >>> y.operation, y.inputs == (x, x), x.is_leaf
    ('multiply', True, True)
    >>> y.sum().backward()
    >>> x.grad
    Tensor([2., 4., 6.])
    """

    __slots__ = (
        "__weakref__",
        "_backward",
        "_changes",
        "_data",
        "grad",
        "inputs",
        "operation",
        "order",
        "requires_grad",
    )

    __array_ufunc__ = None  # so that `array * tensor` asks the Tensor instead of going through its elements

    def __init__(self, data: Any, requires_grad: bool = False):
        if isinstance(data, Tensor):
            raise TypeError("Tensor: data is a Tensor already; use it as it is, or pass tensor.data or tensor.detach()")
        self._data = as_array(data)
        if requires_grad is not False:
            guards.check_requires_grad(requires_grad, self._data)
        self.grad: Tensor | None = None
        self.requires_grad = requires_grad
        self.operation = ""
        self.inputs: tuple[Tensor, ...] = ()
        self.order = next(_numbers)
        self._changes = [0]  # number of the last change of the data, in a list that all views of them share
        self._backward: Callable[[Tensor], tuple] | None = None

    shape = property(attrgetter("_data.shape"), doc="Size along each axis.")
    dtype = property(attrgetter("_data.dtype"), doc="Type of the elements.")
    ndim = property(attrgetter("_data.ndim"), doc="Number of axes.")
    device = property(lambda self: device_of(self._data), doc='Where the data lie: "cpu", "cuda:0", ...')
    is_leaf = property(lambda self: self._backward is None, doc="Whether no recorded operation made it.")
    version = property(
        lambda self: self._changes[0],
        doc="Number of the last change of the data, 0 if there was none: above the `order` of what was made before it.",
    )

    def _set_data(self, data: Any) -> None:
        old, self._data = self._data, as_array(data)
        if memory_of(old) != memory_of(self._data):
            self._changes = [0]  # views of the old array keep what they had
        self.changed()

    data = property(attrgetter("_data"), _set_data, doc="The array.")

    def changed(self) -> None:
        """Say that the data were changed in place: a backward pass that needs the old ones is refused from now on.

        Optimisers and `Module.load_state_dict` do, and so does an assignment to `data`, ``x.data -= step`` included.
        What shares memory with it, as ``x.reshape(...)`` and ``x.detach()`` do, changes with it. A change like
        ``x.data[0] = 1`` goes unseen without it.
        """
        self._changes[0] = next(_numbers)

    def backward(self, grad: Tensor | None = None, create_graph: bool = False) -> None:
        """Add d(self)/d(leaf) to the `.grad` of every leaf that requires it.

        Parameters
        ----------
        grad : Tensor of the shape of self, optional for a single number
            Weights of the outputs: the gradient of ``(self * grad).sum()`` is computed.
        create_graph : bool
            Record the backward pass too, so that the gradients can be differentiated again. The graph is then kept;
            otherwise it is released as the pass goes, and a second call is an error.
        """
        taken, since = {memory_of(grad.data if isinstance(grad, Tensor) else grad)}, next(_numbers)
        for tensor, g in backward_pass([self], [grad], create_graph):
            if tensor.is_leaf:
                guards.add_to_grad(tensor, guards.of_its_own(g, taken, since, create_graph))

    def detach(self) -> Tensor:
        """Give the same data without its history."""
        tensor = Tensor(self.data)
        tensor._changes = self._changes
        return tensor

    def __repr__(self) -> str:
        values = np.array2string(to_host(self.data), separator=", ", prefix="Tensor(", threshold=20)
        return f"Tensor({values}{', requires_grad=True' if self.requires_grad else ''})"


def operation(function: Callable) -> Callable[..., Tensor]:
    """Make ``function(*tensors, **settings) -> (array, backward)`` a differentiable operation on Tensors.

    ``backward(grad)`` gives a tuple with one gradient per tensor, written with operations again: so a gradient can
    itself be differentiated, and the derivative of a convolution reads as what it is, a transposed convolution.

    An entry of the tuple is a Tensor, or a function without arguments that computes it, as in ``return lambda: gy * b,
    lambda: gy * a`` of a product. Such a function is called only if that input requires a gradient, so no operation
    asks which of its gradients are needed; an entry that is not needed may also be None.

    Examples
    --------
    >>> @operation
    ... def cube(x):
    ...     def backward(gy):
    ...         return (3 * x * x * gy,)
    ...     return x.data**3, backward
    >>> x = Tensor(2.0, requires_grad=True)
    >>> cube(x).backward()
    >>> x.grad.item()
    12.0
    """
    name, parameters = function.__name__, inspect.signature(function).parameters.values()
    names = {p.name: None for p in parameters if p.kind is p.KEYWORD_ONLY}
    inputs_of = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    count = None if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(inputs_of)

    @functools.wraps(function)
    def apply(*inputs: Any, **settings: Any) -> Tensor:
        if count is not None and len(inputs) > count:  # settings given by position
            inputs, settings = guards.by_position(name, inputs, settings, inputs_of, names)
        if settings and not settings.keys() <= names.keys():
            inputs, settings = guards.by_name(name, inputs, settings, inputs_of, names)
        for x in inputs:
            if not isinstance(x, Tensor) and guards.is_geometry(x):
                return x.operate(apply, inputs, settings)
        inputs = as_tensors(inputs, name)
        recorded = recording.get() and any(map(_learns, inputs))
        result = function(*inputs, **settings)
        if not (isinstance(result, tuple) and len(result) == 2 and (callable(result[1]) or not recorded)):
            raise guards.no_result(name, result)
        output = Tensor(result[0])
        memory = memory_of(output._data)
        for x in inputs:
            if x._data is output._data or memory_of(x._data) == memory:  # a view changes with what it is a view of
                output._changes = x._changes
        if recorded and output._data.dtype.kind == "f":
            output.requires_grad, output.operation = True, name
            output.inputs, output._backward = inputs, result[1]
        return output

    return apply


def as_tensors(inputs: Sequence[Any], name: str) -> tuple[Tensor, ...]:
    """Give the inputs of an operation as Tensors whose arrays may meet, by the rule of `minifcn.backend.alike`."""
    first: Any = getattr(inputs[0], "_data", None) if inputs else None
    for x in inputs:
        if not (isinstance(x, Tensor) and x._data.dtype == first.dtype and type(x._data) is type(first)):
            break
    else:  # as nearly always
        return tuple(inputs)
    given, tensors = [x._data if isinstance(x, Tensor) else x for x in inputs], list(inputs)
    if any(map(guards.is_geometry, given)):  # it has no array, and goes with all
        return tuple(inputs)
    for i, a in enumerate(alike(given, name)):
        if a is not given[i] or not isinstance(inputs[i], Tensor):
            tensors[i] = Tensor(a)
            tensors[i]._data = a  # a number that a GPU's kernel takes as it is would have become an array of the host
    return tuple(tensors)


def backward_pass(
    outputs: Sequence[Tensor],
    grads: Sequence[Tensor | None],
    create_graph: bool = False,
    stop_at: Collection[Tensor] = frozenset(),
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield every tensor behind the outputs with its complete gradient, from the outputs to the leaves.

    Of all tensors that wait, the one that was made last has received every contribution to its gradient. Behind those
    in `stop_at` the pass does not go.
    """
    gradient: dict[Tensor, Tensor] = {}
    waiting: list[tuple[int, int, Tensor]] = []

    def contribute(tensor: Tensor, g: Tensor) -> None:
        if tensor in gradient:
            gradient[tensor] = gradient[tensor] + g
        else:
            gradient[tensor] = g
            heapq.heappush(waiting, (-tensor.order, id(tensor), tensor))  # a shallow copy has the same order

    for output, grad in zip(outputs, grads, strict=True):
        contribute(output, _output_gradient(output, grad))
    while waiting:
        *_, tensor = heapq.heappop(waiting)
        grad = gradient.pop(tensor)
        yield tensor, grad
        if not tensor.is_leaf and tensor not in stop_at:
            with nullcontext() if create_graph else no_grad():
                for x, g in _contributions(tensor, grad, release=not create_graph):
                    contribute(x, g)


def _contributions(output: Tensor, grad: Tensor, release: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the inputs that require a gradient, each with what the output's gradient adds to its own."""
    inputs, backward = output.inputs, cast(Callable, output._backward)
    try:
        gradients = backward(grad)
    except Exception:
        guards.check_unchanged(output, grad, [None] * len(inputs))  # which may be why
        raise
    guards.check_gradients(output, gradients)
    guards.check_unchanged(output, grad, gradients)
    for i, (x, g) in enumerate(zip(inputs, gradients, strict=True)):
        if x.requires_grad:
            g = g if isinstance(g, Tensor) or not callable(g) else g()
            guards.check_gradient(output, i, x, g)
            yield x, g
    if release:
        output.inputs, output._backward = (), guards.released  # lets go of what forward kept


def _output_gradient(output: Tensor, grad: Tensor | None) -> Tensor:
    guards.check_has_graph(output, grad)
    if grad is None:
        return Tensor(array_module(output.data).ones_like(output.data))
    _, grad = as_tensors((output, grad), "backward")
    if grad.shape != output.shape:
        raise ValueError(f"backward: grad has shape {grad.shape}, but the output has {output.shape}; they must agree")
    return grad
