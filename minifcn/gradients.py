"""Gradients as a result, where `Tensor.backward` leaves them in the leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minifcn import named_otherwise
from minifcn.autograd import Tensor, backward_pass
from minifcn.backend import array_module, memory_of
from minifcn.guards import of_its_own, shown


@named_otherwise.arguments
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
        raise ValueError(
            f"grad: grad_outputs holds {len(weights)} things for {len(outputs)} outputs; pass a Tensor or array for "
            "each, [weights] for one output"
        )
    wanted: dict[Tensor, Tensor | None] = dict.fromkeys(inputs)
    taken, since = {memory_of(w.data if isinstance(w, Tensor) else w) for w in weights}, Tensor(0.0).order
    for tensor, g in backward_pass(outputs, weights, create_graph, wanted.keys() if stop_at_inputs else ()):
        if tensor in wanted:
            wanted[tensor] = of_its_own(g, taken, since, create_graph)
    gradients: list[Tensor] = []
    for i, x in enumerate(inputs):
        found = wanted[x]
        g = Tensor(array_module(x.data).zeros_like(x.data)) if found is None else found
        named_before = any(x is other for other in inputs[:i])
        gradients.append(of_its_own(g, taken, since, create_graph) if named_before else g)
    return gradients
