"""A Module holds parameters and other modules as plain attributes; their names are the names of the attributes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from minifcn import check, named_otherwise
from minifcn.autograd import Tensor
from minifcn.backend import array_module, to_device, to_host
from minifcn.nn import states
from minifcn.nn.common import Common
from minifcn.nn.described import described
from minifcn.nn.parameter import Parameter
from minifcn.nn.states import IncompatibleKeys

Self = TypeVar("Self", bound="Module")


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
    >>> module
    Scale()  # factor: 1 parameter
    >>> from minifcn import Tensor
    >>> module(Tensor([1.0, 2.0]))
    Tensor([3., 6.], requires_grad=True)
    >>> [name for name, _ in module.named_parameters()]
    ['factor']
    """

    training = True
    device = Common("cpu", 'Where the parameters lie: "cpu", "cuda:0", ...; "cpu" if there are none.')
    dtype = Common(np.dtype("float32"), "Number type of the parameters; float32 if there are none.")

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep an attribute; TypeError where a parameter or a module would vanish from the module without a word."""
        where, old = f"{type(self).__name__}.{name}", vars(self).get(name)
        if isinstance(value, Parameter | Module) and (hasattr(Module, name) or "." in name):
            raise TypeError(
                f"{where}: a {type(value).__name__} cannot have this name, which is that of a method of "
                "Module or contains a dot; choose another"
            )
        if isinstance(old, Parameter) and not isinstance(value, Parameter | None):
            raise TypeError(
                f"{where} is a Parameter, and a {type(value).__name__} in its place would not be "
                f"learned; change its values with {name}.data[...] = values (an optimiser that was made already would "
                "not know a new nn.Parameter)"
            )
        if isinstance(old, Module) and not isinstance(value, Module | None):
            raise TypeError(
                f"{where} is a Module, and what takes its place must be one too, got {check.shown(value)}; for "
                "a function, write a Module that calls it in forward()"
            )
        super().__setattr__(name, value)

    if not TYPE_CHECKING:  # which would take any name for an attribute

        def __getattr__(self, name: str) -> Any:
            return named_otherwise.of_object(self, name, named_otherwise.MODULE)

    def __repr__(self) -> str:
        return described(self)

    def extra_repr(self) -> str:
        """Give the settings that stand in the text of a module, ``Conv2d(3, 64, kernel_size=3)``; none unless said."""
        return ""

    def forward(self, *inputs: Any, **settings: Any) -> Any:
        """Compute the output; every subclass has its own, of as many inputs as it takes."""
        raise TypeError(f"{type(self).__name__} has no forward(); a Module must define it")

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        """Give forward(...); a geometry (models/geometry.py) as an input notes which module's forward it passes."""
        for x in inputs:
            if not isinstance(x, Tensor) and hasattr(type(x), "through"):
                return x.through(self, *inputs, **settings)
        return self.forward(*inputs, **settings)

    def named_modules(self, prefix: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Module]]:
        """Yield this module and all inside it with their dotted names; one that has two names has its first."""
        seen = set() if seen is None else seen
        if id(self) in seen:
            return
        seen.add(id(self))
        _refuse_hidden(self)
        yield prefix, self
        for name, value in list(vars(self).items()):
            if isinstance(value, Module):
                yield from value.named_modules(f"{prefix}.{name}" if prefix else name, seen)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield (name, parameter) in the order in which they were made, as "conv1_1.weight".

        A parameter that has two names, because layers share it, comes once, under its first.
        """
        seen = set()
        for prefix, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter) and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{prefix}.{name}" if prefix else name, value

    def parameters(self) -> Iterator[Parameter]:
        """Yield the parameters, fixed ones included."""
        return (parameter for _, parameter in self.named_parameters())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules directly inside, each once, with the names of their attributes."""
        seen = set()
        for name, value in vars(self).items():
            if isinstance(value, Module) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def children(self) -> Iterator[Module]:
        """Yield the modules directly inside, each once; `named_modules` also goes into those."""
        return (module for _, module in self.named_children())

    @named_otherwise.arguments
    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copy all parameters to NumPy arrays on the host, by name."""
        return {name: np.array(to_host(parameter.data)) for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, np.ndarray], strict: bool = True) -> IncompatibleKeys:
        """Copy arrays into the parameters of the same names.

        Parameters
        ----------
        state : mapping of name to array
        strict : bool
            Refuse missing and unknown names; otherwise they are passed over, and named in the result.

        Returns
        -------
        IncompatibleKeys
            `missing_keys` and `unexpected_keys`, two lists of names.

        Raises
        ------
        TypeError, ValueError
            If names, shapes or types do not fit; nothing is changed then.
        """
        if not isinstance(state, Mapping):
            raise TypeError(
                f"load_state_dict: state must be a mapping of names to arrays, as state_dict() gives, got "
                f"{check.shown(state)}"
            )
        parameters = dict(self.named_parameters())
        missing, unknown = [k for k in parameters if k not in state], [k for k in state if k not in parameters]
        if check.flag(strict, "load_state_dict: strict") and (missing or unknown):
            names = f"missing {states.some(missing)}, unknown {states.some(unknown)}"
            raise ValueError(f"load_state_dict: {names}; {states.way_out(parameters, state)}")
        arrays = {name: states.readable(name, state[name], p.data) for name, p in parameters.items() if name in state}
        for name, array in arrays.items():
            data = parameters[name].data
            data[...] = array_module(data).asarray(array)
            parameters[name].changed()
        return IncompatibleKeys(missing, unknown)

    def train(self: Self, mode: bool = True) -> Self:
        """Switch dropout on, here and in all modules inside."""
        mode = check.flag(mode, f"{type(self).__name__}.train: mode")
        modules = [module for _, module in self.named_modules()]
        for module in modules:
            module.training = mode
        for module in modules[1:]:
            if type(module).train is not Module.train:  # it has a rule of its own, such as always to stay in evaluation
                module.train(mode)
        return self

    def eval(self: Self) -> Self:
        """Switch dropout off."""
        return self.train(False)

    @named_otherwise.arguments
    def to(self: Self, device: str) -> Self:
        """Move the parameters to a device."""
        for parameter in self.parameters():
            moved = to_device(parameter.data, device)
            if moved is not parameter.data:  # nothing changes where it is there already
                parameter.data, parameter.grad = moved, None
        return self

    def astype(self: Self, dtype: Any) -> Self:
        """Convert the parameters to another floating-point precision."""
        dtype = check.floating(dtype, f"{type(self).__name__}.astype: dtype")
        for parameter in self.parameters():
            parameter.data, parameter.grad = parameter.data.astype(dtype), None
        return self


def _refuse_hidden(module: Module) -> None:
    """Refuse parameters and modules where no name reaches them: they would be neither saved, moved nor learned."""
    kind = type(module)
    for base in kind.__mro__[: kind.__mro__.index(Module)]:
        for name, value in vars(base).items():
            if isinstance(value, Parameter | Module) and name not in vars(module):
                raise TypeError(
                    f"{kind.__name__}.{name} is a {type(value).__name__} of the class, which all of its "
                    f"objects would share; make it in __init__: self.{name} = ..."
                )
    for name, value in vars(module).items():
        # A second look, past what is an attribute somewhere inside: rarely needed, and longer.
        if _inside(value, set()) is not None and (hidden := _inside(value, _reached(module))) is not None:
            fix = "nn.ModuleList" if isinstance(hidden, Module) else "an attribute for each"
            raise TypeError(
                f"{kind.__name__}.{name} is a {type(value).__name__} that holds a {type(hidden).__name__}, "
                f"whose parameters are not found there; use {fix}"
            )


def _reached(module: Module) -> set[int]:
    """Identities of the parameters and modules that are attributes, of this module or of one inside."""
    reached, waiting = set[int](), [module]
    while waiting:
        for value in vars(waiting.pop()).values():
            if isinstance(value, Parameter | Module) and id(value) not in reached:
                reached.add(id(value))
                if isinstance(value, Module):
                    waiting.append(value)
    return reached


def _inside(value: Any, seen: set[int]) -> Parameter | Module | None:
    """Give the first parameter or module inside a list, tuple, set or dict, but none whose identity is in `seen`."""
    if isinstance(value, Mapping):
        value = value.values()
    elif isinstance(value, np.ndarray):
        value = value.flat if value.dtype == object else ()
    elif not isinstance(value, list | tuple | set | frozenset | deque):
        return None
    for item in value:
        if id(item) in seen:
            continue
        if isinstance(item, Parameter | Module):
            return item
        seen.add(id(item))
        if (found := _inside(item, seen)) is not None:
            return found
    return None
