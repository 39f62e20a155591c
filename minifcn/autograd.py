"""Reverse-mode differentiation on one page.

A `Tensor` holds an array. If an operation made it, it also holds the operation's inputs and a function
`backward` that turns the gradient of the output into the gradients of the inputs. `backward_pass` walks from the
outputs to the leaves. Operations are written with `@operation`: the value, and right under it its derivative.
"""

from __future__ import annotations

import functools
import heapq
import inspect
import itertools
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.backend import array_module, device_of, to_host
from minifcn.compute.threads import one_blas_thread, short_lock

_numbers = itertools.count()
_recording = ContextVar("recording", default=True)
_adding = short_lock()  # backward passes of several threads add to the gradients of one model


class Tensor:
    """An array that remembers how it was made.

    Parameters
    ----------
    data : array of NumPy or CuPy, or a number or nested list
        Kept as it is, not copied.
    requires_grad : bool
        Whether `backward` should leave d(output)/d(this) in `.grad`.

    Attributes
    ----------
    data : array, any shape
    grad : Tensor of the same shape, or None until `backward` has run

    Notes
    -----
    The operators `+ - * / ** @`, comparisons and `x[index]` work as those of NumPy, and broadcast.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    Tensor([2., 4., 6.])
    """

    __slots__ = ("__weakref__", "_backward", "_inputs", "_number", "data", "grad", "requires_grad")
    __array_ufunc__ = None  # so that `array * tensor` asks the Tensor instead of going through its elements

    def __init__(self, data: Any, requires_grad: bool = False):
        if isinstance(data, Tensor):
            raise TypeError("Tensor: data is a Tensor already; use it as it is, or pass tensor.data or tensor.detach()")
        self.data = data if hasattr(data, "dtype") and hasattr(data, "shape") else np.asarray(data)
        if requires_grad and self.data.dtype.kind != "f":
            raise TypeError(f"Tensor: only floating-point data can require a gradient, got {self.data.dtype}; "
                            "convert it first, for example with array.astype('float32')")  # fmt: skip
        self.grad: Tensor | None = None
        self.requires_grad = requires_grad
        self._number = next(_numbers)  # larger than the numbers of the inputs
        self._inputs: tuple[Tensor, ...] = ()
        self._backward: Callable[[Tensor], tuple] | None = None  # None: a leaf

    shape = property(lambda self: self.data.shape, doc="Size along each axis.")
    dtype = property(lambda self: self.data.dtype, doc="Type of the elements.")
    ndim = property(lambda self: self.data.ndim, doc="Number of axes.")
    device = property(lambda self: device_of(self.data), doc='Where the data lie: "cpu", "cuda:0", ...')

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
        with one_blas_thread():
            for tensor, g in backward_pass([self], [grad], create_graph):
                if tensor._backward is None:
                    with _adding:
                        tensor.grad = g if tensor.grad is None else tensor.grad + g

    def detach(self) -> Tensor:
        """Give the same data without its history."""
        return Tensor(self.data)

    def numpy(self) -> np.ndarray:
        """Give the data as a NumPy array on the host; it may share memory with the tensor."""
        return to_host(self.data)

    def item(self) -> float:
        """Give the value of a tensor of one element as a Python number; on a GPU this waits for it."""
        return self.data.item()

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        values = np.array2string(to_host(self.data), separator=", ", prefix="Tensor(", threshold=20)
        return f"Tensor({values}{', requires_grad=True' if self.requires_grad else ''})"

    if TYPE_CHECKING:  # the operators and methods that functional/arithmetic.py gives to Tensor

        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, exponent: float) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __getitem__(self, index: Any) -> Tensor: ...
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
        tensors = as_tensors(inputs, function.__name__)
        data, backward = function(*tensors, **settings)
        output = Tensor(data)
        if _recording.get() and any(t.requires_grad for t in tensors):
            output.requires_grad, output._inputs, output._backward = True, tensors, backward
        return output

    return apply


def as_tensors(inputs: Sequence[Any], name: str) -> tuple[Tensor, ...]:
    """Wrap arrays, and numbers with the dtype and device of the first Tensor; refuse to mix dtypes or devices."""
    first = next((x for x in inputs if isinstance(x, Tensor)), None)
    if first is None:
        return tuple(Tensor(x) for x in inputs)
    tensors = []
    for x in inputs:
        if isinstance(x, int | float):
            x = array_module(first.data).asarray(x, dtype=first.dtype)
        tensors.append(x if isinstance(x, Tensor) else Tensor(x))
        dtype = tensors[-1].dtype
        if dtype != first.dtype and dtype.kind == "f" == first.dtype.kind:
            raise TypeError(f"{name}: the operands are {first.dtype} and {dtype}; convert one with .astype(...)")
        if type(tensors[-1].data) is not type(first.data) and tensors[-1].device != first.device:
            raise TypeError(
                f"{name}: the operands are on {first.device} and {tensors[-1].device}; move one with .to(...)"
            )
    return tuple(tensors)


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
        with nullcontext() if create_graph else no_grad():
            contributions = tensor._backward(grad)
        inputs = tensor._inputs
        if len(contributions) != len(inputs):
            raise ValueError(f"{tensor._backward.__qualname__} gives {len(contributions)} gradients for {len(inputs)} "
                             "inputs; it must return a tuple with one for each")  # fmt: skip
        if not create_graph:
            tensor._inputs, tensor._backward = (), _released  # lets go of what forward kept
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
    grad = grad if isinstance(grad, Tensor) else Tensor(grad)
    if grad.shape != output.shape:
        raise ValueError(f"backward: grad has shape {grad.shape}, but the output has {output.shape}; they must agree")
    return grad


def _released(grad: Tensor) -> tuple:
    raise RuntimeError("backward: this graph was used already and its buffers were released; compute the output "
                       "again, or pass create_graph=True the first time")  # fmt: skip


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
    weights = list(grad_outputs) if isinstance(grad_outputs, list | tuple) else [grad_outputs] * len(outputs)
    wanted: dict[int, Tensor] = {x._number: None for x in inputs}  # type: ignore[misc]
    for tensor, g in backward_pass(outputs, weights, create_graph, wanted if stop_at_inputs else ()):
        if tensor._number in wanted:
            wanted[tensor._number] = g
    zeros = (Tensor(array_module(x.data).zeros_like(x.data)) for x in inputs)
    return [g if (g := wanted[x._number]) is not None else zero for x, zero in zip(inputs, zeros, strict=True)]


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
