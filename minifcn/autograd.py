"""Reverse-mode differentiation on one page.

A `Tensor` holds an array. If an operation made it, it also holds the operation's inputs and a function
`backward` that turns the gradient of the output into the gradients of the inputs. `backward_pass` walks from the
outputs to the leaves. Operations are written with `@operation`: the value, and right under it its derivative.
The operators and methods of a Tensor are in functional/operators.py.
"""

from __future__ import annotations

import functools
import heapq
import inspect
import itertools
import operator
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.backend import (
    alike,
    array_module,
    as_array,
    device_of,
    memory_of,
    one_blas_thread,
    short_lock,
    to_host,
)
from minifcn.guards import check_gradients, check_unchanged, share_changes, shares_memory, shown, value_and_backward

_numbers = itertools.count()
_recording = ContextVar("recording", default=True)
_adding = short_lock()  # backward passes of several threads add to the gradients of one model


class Tensor:
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
    >>> (x * x).sum().backward()
    >>> x.grad
    Tensor([2., 4., 6.])
    """

    __slots__ = ("__weakref__", "_backward", "_changes", "_data", "_inputs", "_number", "_seen", "grad", "operation",
                 "requires_grad")  # fmt: skip

    __array_ufunc__ = None  # so that `array * tensor` asks the Tensor instead of going through its elements

    def __init__(self, data: Any, requires_grad: bool = False):
        if isinstance(data, Tensor):
            raise TypeError("Tensor: data is a Tensor already; use it as it is, or pass tensor.data or tensor.detach()")
        self._data = as_array(data)
        if requires_grad is not False and requires_grad is not True:
            raise TypeError(f"Tensor: requires_grad must be True or False, got {requires_grad!r}; for a number type "
                            "pass numpy.asarray(data, dtype)")  # fmt: skip
        if requires_grad and self._data.dtype.kind != "f":
            raise TypeError(f"Tensor: only floating-point data can require a gradient, got {self.data.dtype}; "
                            "convert it first, for example with array.astype('float32')")  # fmt: skip
        self.grad: Tensor | None = None
        self.requires_grad = requires_grad
        self.operation = ""
        self._number = next(_numbers)  # larger than the numbers of the inputs
        self._changes = [0]  # number of the last change of the data, in a list that all views of them share
        self._inputs: tuple[Tensor, ...] = ()
        self._seen: tuple[int, ...] = ()  # versions of the inputs that the value was computed from
        self._backward: Callable[[Tensor], tuple] | None = None  # None: a leaf

    shape = property(lambda self: self._data.shape, doc="Size along each axis.")
    dtype = property(lambda self: self._data.dtype, doc="Type of the elements.")
    ndim = property(lambda self: self._data.ndim, doc="Number of axes.")
    device = property(lambda self: device_of(self._data), doc='Where the data lie: "cpu", "cuda:0", ...')

    _version = property(lambda self: self._changes[0])

    def _set_data(self, data: Any) -> None:
        old, self._data = self._data, as_array(data)
        if memory_of(old) != memory_of(self._data):
            self._changes = [0]  # views of the old array keep what they had
        self.changed()

    data = property(operator.attrgetter("_data"), _set_data, doc="The array.")

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
        with one_blas_thread():
            for tensor, g in backward_pass([self], [grad], create_graph):
                if tensor._backward is None:
                    g = _of_its_own(g, taken, since, create_graph)
                    with _adding:
                        tensor.grad = g if tensor.grad is None else tensor.grad + g

    def detach(self) -> Tensor:
        """Give the same data without its history."""
        tensor = Tensor(self.data)
        tensor._changes = self._changes
        return tensor

    def numpy(self) -> np.ndarray:
        """Give the data as a NumPy array on the host; it may share memory with the tensor."""
        return to_host(self.data)

    def item(self) -> float:
        """Give the value of a tensor of one element as a Python number; on a GPU this waits for it."""
        return self.data.item()

    def __copy__(self) -> Tensor:
        """Give a tensor of its own in the graph, with the same data and history."""
        copy = type(self).__new__(type(self))
        Tensor.__init__(copy, self.data, self.requires_grad)
        copy.grad, copy._changes = self.grad, self._changes
        if hasattr(self, "__dict__"):  # of a subclass
            vars(copy).update(vars(self))
        copy._inputs, copy._seen, copy._backward = self._inputs, self._seen, self._backward
        copy.operation = self.operation
        return copy

    def __reduce__(self) -> tuple:
        """Make a deep copy, here or in another process, a tensor of its own in the graph."""
        if self._backward is not None:
            raise TypeError("copy: this Tensor is the result of an operation, and a copy would not know its history; "
                            "copy tensor.detach() instead")  # fmt: skip
        return _restored, (type(self), self.data, self.requires_grad, self.grad), getattr(self, "__dict__", None)

    def __repr__(self) -> str:
        values = np.array2string(to_host(self.data), separator=", ", prefix="Tensor(", threshold=20)
        return f"Tensor({values}{', requires_grad=True' if self.requires_grad else ''})"

    if TYPE_CHECKING:  # the operators and methods that functional/operators.py gives to Tensor

        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, exponent: Any) -> Tensor: ...
        def __rpow__(self, base: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __getitem__(self, index: Any) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __bool__(self) -> bool: ...
        def __float__(self) -> float: ...
        def __int__(self) -> int: ...
        def __len__(self) -> int: ...
        def __iter__(self) -> Iterator[Tensor]: ...
        def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor: ...
        def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor: ...
        def reshape(self, *shape: Any) -> Tensor: ...
        def transpose(self, *axes: Any) -> Tensor: ...
        def astype(self, dtype: Any) -> Tensor: ...
        def to(self, device: str) -> Tensor: ...


def operation(function: Callable) -> Callable[..., Tensor]:
    """Make ``function(*tensors, **settings) -> (array, backward)`` a differentiable operation on Tensors.

    ``backward(grad)`` gives one gradient per tensor, written with operations again: so a gradient can itself be
    differentiated, and the derivative of a convolution reads as what it is, a transposed convolution.

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

    parameters = inspect.signature(function).parameters.values()
    names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    count = None if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(parameters) - len(names)

    @functools.wraps(function)
    def apply(*inputs: Any, **settings: Any) -> Tensor:
        if count is not None and len(inputs) > count:  # settings given by position
            inputs, settings = inputs[:count], dict(zip(names, inputs[count:], strict=False)) | settings
        for x in inputs:
            if not isinstance(x, Tensor) and hasattr(x, "operate"):  # a geometry (models/geometry.py): no values
                return x.operate(function.__name__, inputs, settings)
        tensors = as_tensors(inputs, function.__name__)
        recorded = _recording.get() and any(t.requires_grad for t in tensors)
        data, backward = value_and_backward(function.__name__, function(*tensors, **settings), recorded)
        output = Tensor(data)
        share_changes(output, tensors)
        if recorded and output.dtype.kind == "f":
            output.requires_grad, output._inputs, output._backward = True, tensors, backward
            output._seen, output.operation = tuple(t._changes[0] for t in tensors), function.__name__
        return output

    return apply


def as_tensors(inputs: Sequence[Any], name: str) -> tuple[Tensor, ...]:
    """Give the inputs of an operation as Tensors whose arrays may meet, by the rule of `minifcn.backend.alike`."""
    kinds = {(x.dtype, type(x.data)) if isinstance(x, Tensor) else None for x in inputs}
    if len(kinds) == 1 and None not in kinds:
        return tuple(inputs)
    if any(hasattr(x, "operate") for x in inputs):  # a geometry has no array, and goes with all
        return tuple(inputs)
    arrays = alike([x.data if isinstance(x, Tensor) else x for x in inputs], name)
    return tuple(x if isinstance(x, Tensor) and x.data is a else Tensor(a) for x, a in zip(inputs, arrays, strict=True))


def backward_pass(
    outputs: Sequence[Tensor],
    grads: Sequence[Tensor | None],
    create_graph: bool = False,
    stop_at: Container[int] = (),
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield every tensor behind the outputs with its complete gradient, from the outputs to the leaves.

    Tensors are numbered as they are made, so of all tensors that wait, the one with the largest number has
    received every contribution to its gradient. Behind those whose numbers are in `stop_at` it does not go.
    """
    gradient: dict[int, Tensor] = {}
    waiting: list[tuple[int, Tensor]] = []

    def contribute(tensor: Tensor, g: Tensor) -> None:
        if tensor._number in gradient:
            gradient[tensor._number] = gradient[tensor._number] + g
        else:
            gradient[tensor._number] = g
            heapq.heappush(waiting, (-tensor._number, tensor))

    for output, grad in zip(outputs, grads, strict=True):
        contribute(output, _output_gradient(output, grad))
    while waiting:
        _, tensor = heapq.heappop(waiting)
        grad = gradient.pop(tensor._number)
        yield tensor, grad
        if tensor._backward is None or tensor._number in stop_at:
            continue
        check_unchanged(tensor)
        with nullcontext() if create_graph else no_grad():
            contributions = tensor._backward(grad)
        inputs = tensor._inputs
        check_gradients(tensor, contributions)
        if not create_graph:
            tensor._inputs, tensor._seen, tensor._backward = (), (), _released  # lets go of what forward kept
        for x, g in zip(inputs, contributions, strict=True):
            if x.requires_grad:
                contribute(x, g)


def _output_gradient(output: Tensor, grad: Tensor | None) -> Tensor:
    if not output.requires_grad:
        raise ValueError("backward: the output depends on no tensor with requires_grad=True, or was made in no_grad()")
    if grad is None:
        if output.data.size != 1:
            raise ValueError(f"backward: an output of shape {output.shape} needs grad= of that shape (a weight for "
                             "each element); for the gradient of the sum, call .sum().backward()")  # fmt: skip
        return Tensor(array_module(output.data).ones_like(output.data))
    _, grad = as_tensors((output, grad), "backward")
    if grad.shape != output.shape:
        raise ValueError(f"backward: grad has shape {grad.shape}, but the output has {output.shape}; they must agree")
    return grad


def _released(grad: Tensor) -> tuple:
    raise RuntimeError("backward: this graph was used already and its buffers were released; compute the output "
                       "again, or pass create_graph=True the first time")  # fmt: skip


def _of_its_own(g: Tensor, taken: set[int], since: int, create_graph: bool) -> Tensor:
    """Give a gradient that can be changed in place without changing anything else."""
    if shares_memory(g, taken, since):
        with nullcontext() if create_graph else no_grad():
            g = g.astype(g.dtype)
    taken.add(memory_of(g._data))
    return g


def _restored(cls: type[Tensor], data: Any, requires_grad: bool, grad: Tensor | None) -> Tensor:
    tensor = cls.__new__(cls)  # a subclass may be made of something else than data
    Tensor.__init__(tensor, data, requires_grad)
    tensor.grad = grad
    return tensor


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    create_graph: bool = False,
    *,
    stop_at_inputs: bool = False,
) -> list[Tensor]:
    """Compute the gradients of the outputs with respect to the inputs, without touching any `.grad`.

    Parameters
    ----------
    outputs, inputs : Tensor or sequence of Tensors
    grad_outputs : Tensor or sequence of Tensors, shaped like the outputs, optional for single numbers
    create_graph : bool
        As in `Tensor.backward`.
    stop_at_inputs : bool
        Take the inputs as independent of each other, and leave what they were made from alone.

    Returns
    -------
    list of Tensor
        One gradient per input, of its shape; zeros where the outputs do not depend on it.

    Examples
    --------
    >>> x = Tensor(3.0, requires_grad=True)
    >>> (first,) = grad(x**4, x, create_graph=True)
    >>> (second,) = grad(first, x)
    >>> first.item(), second.item()
    (108.0, 108.0)
    """
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    for name, tensors in (("outputs", outputs), ("inputs", inputs)):
        for x in tensors:
            if not isinstance(x, Tensor):
                raise TypeError(f"grad: {name} must be Tensors, got {shown(x)}")
    weights = list(grad_outputs) if isinstance(grad_outputs, list | tuple) else [grad_outputs] * len(outputs)
    if len(weights) != len(outputs):
        raise ValueError(f"grad: grad_outputs holds {len(weights)} things for {len(outputs)} outputs; pass a Tensor or "
                         "array for each, [weights] for one output")  # fmt: skip
    wanted: dict[int, Tensor] = {x._number: None for x in inputs}  # type: ignore[misc]
    taken, since = {memory_of(w.data if isinstance(w, Tensor) else w) for w in weights}, next(_numbers)
    for tensor, g in backward_pass(outputs, weights, create_graph, wanted if stop_at_inputs else ()):
        if tensor._number in wanted:
            wanted[tensor._number] = _of_its_own(g, taken, since, create_graph)
    gradients: list[Tensor] = []
    given: set[int] = set()
    for x in inputs:
        g, twice = wanted[x._number], x._number in given
        if g is None:
            g = Tensor(array_module(x.data).zeros_like(x.data))
        gradients.append(_of_its_own(g, taken, since, create_graph) if twice else g)
        given.add(x._number)
    return gradients


def is_grad_enabled() -> bool:
    """Whether operations are recorded; in a backward pass: whether with create_graph."""
    return _recording.get()


@contextmanager
def no_grad() -> Iterator[None]:
    """Operations inside are computed but not recorded.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> with no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)
