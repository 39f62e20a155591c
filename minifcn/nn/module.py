"""A Module holds parameters and other modules as plain attributes; their names are the names of the attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from minifcn.autograd import Tensor
from minifcn.backend import array_module, to_device, to_host

Self = TypeVar("Self", bound="Module")


class Parameter(Tensor):
    """A Tensor that a Module learns, or, with ``requires_grad=False``, holds fixed.

    >>> Parameter(np.zeros(2)).requires_grad
    True
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True):
        super().__init__(data, requires_grad)


class Module:
    """Base class of layers and networks: write `forward`, and keep parameters and modules as attributes.

    Examples
    --------
    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Parameter(np.float64(3.0))
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> module = Scale()
    >>> module(Tensor([1.0, 2.0]))
    Tensor([3., 6.], requires_grad=True)
    >>> [name for name, _ in module.named_parameters()]
    ['factor']
    """

    training = True

    def forward(self, x: Any) -> Any:
        """Compute the output; every subclass has its own."""
        raise TypeError(f"{type(self).__name__} has no forward(); a Module must define it")

    def __call__(self, x: Any) -> Any:
        """Give forward(x); a geometry (models/geometry.py) in place of x notes which module's forward it passes."""
        return x.through(self) if hasattr(x, "through") else self.forward(x)

    def named_modules(self, prefix: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Module]]:
        """Yield this module and all inside it with their dotted names; one that has two names has its first."""
        seen = set() if seen is None else seen
        if id(self) in seen:
            return
        seen.add(id(self))
        yield prefix, self
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield from value.named_modules(f"{prefix}.{name}" if prefix else name, seen)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield (name, parameter) in the order in which they were made, as "conv1_1.weight"."""
        for prefix, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    yield f"{prefix}.{name}" if prefix else name, value

    def parameters(self) -> Iterator[Parameter]:
        """Yield the parameters, fixed ones included."""
        return (parameter for _, parameter in self.named_parameters())

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copy all parameters to NumPy arrays on the host, by name."""
        return {name: np.array(to_host(parameter.data)) for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, np.ndarray], strict: bool = True) -> None:
        """Copy arrays into the parameters of the same names.

        Parameters
        ----------
        state : mapping of name to array
        strict : bool
            Refuse missing and unknown names; otherwise they are passed over.

        Raises
        ------
        ValueError
            If names or shapes do not fit; nothing is changed then.
        """
        parameters = dict(self.named_parameters())
        missing, unknown = sorted(parameters.keys() - state.keys()), sorted(state.keys() - parameters.keys())
        if strict and (missing or unknown):
            raise ValueError(f"load_state_dict: missing {missing or 'nothing'}, unknown {unknown or 'nothing'}; "
                             "build the network the state was saved from, or pass strict=False")  # fmt: skip
        common = [name for name in parameters if name in state]
        for name in common:
            if parameters[name].shape != np.shape(state[name]):
                raise ValueError(
                    f"load_state_dict: {name} has shape {np.shape(state[name])} in the state, but "
                    f"{parameters[name].shape} here; build the network with the same classes, width and variant"
                )
        for name in common:
            data = parameters[name].data
            data[...] = array_module(data).asarray(state[name], dtype=data.dtype)
            parameters[name].changed()

    def train(self: Self, mode: bool = True) -> Self:
        """Switch dropout on, here and in all modules inside."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Switch dropout off."""
        return self.train(False)

    def to(self: Self, device: str) -> Self:
        """Move the parameters to a device."""
        for parameter in self.parameters():
            parameter.data, parameter.grad = to_device(parameter.data, device), None
        return self

    def astype(self: Self, dtype: Any) -> Self:
        """Convert the parameters to another floating-point precision."""
        for parameter in self.parameters():
            parameter.data, parameter.grad = parameter.data.astype(dtype), None
        return self
