"""Modules that hold other modules by number."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from minifcn.autograd import Tensor
from minifcn.compute.window import HALVES
from minifcn.functional.conv import pooled_conv2d
from minifcn.nn.layers import Conv2d, MaxPool2d
from minifcn.nn.module import Module


class ModuleList(Module):
    """Modules in a list whose parameters are found, named "0", "1", ...; in a Python list they would not be.

    Parameters
    ----------
    modules : iterable of Module

    Examples
    --------
    >>> from minifcn.nn import Conv2d
    >>> layers = ModuleList(Conv2d(4, 4, 3, padding=1) for _ in range(2)).append(Conv2d(4, 1, 1))
    >>> len(layers), layers[-1].weight.shape
    (3, (1, 4, 1, 1))
    >>> [name for name, _ in layers.named_parameters()][:3]
    ['0.weight', '0.bias', '1.weight']
    """

    def __init__(self, modules: Iterable[Module] = ()):
        if not isinstance(modules, Iterable) or isinstance(modules, Module):
            raise TypeError(f"{type(self).__name__}: modules must be a list of Modules, got a {type(modules).__name__}")
        self.extend(modules)

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end; gives the list itself."""
        return self.extend([module])

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add modules at the end; gives the list itself. If one of them is no Module, none is added."""
        modules = list(modules)
        first = 1 + max((int(name) for name in vars(self) if name.isdecimal()), default=-1)
        for i, module in enumerate(modules, start=first):
            _expect_module(type(self).__name__, i, module)
        for i, module in enumerate(modules, start=first):
            setattr(self, str(i), module)
        return self

    def _named(self) -> dict[str, Any]:  # Any: what a user's module has besides is for the user to know
        return {name: value for name, value in vars(self).items() if isinstance(value, Module)}

    def __len__(self) -> int:
        return len(self._named())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._named().values())

    def __getitem__(self, index: int | slice) -> Any:
        """Give one module; of a slice, a list or Sequential of the same modules."""
        found = list(self)[index]
        kind = Sequential if isinstance(self, Sequential) else ModuleList
        return kind().extend(found) if isinstance(index, slice) else found

    def __setitem__(self, index: int, module: Module) -> None:
        name = list(self._named())[index]
        _expect_module(type(self).__name__, name, module)
        setattr(self, name, module)

    def forward(self, *inputs: Any, **settings: Any) -> Any:
        """Refuse: a list says nothing about what comes after what."""
        raise TypeError(f"{type(self).__name__} has no forward(); call the modules inside it, or use nn.Sequential")


class Sequential(ModuleList):
    """Modules one behind the other, named "0", "1", ...

    >>> from minifcn.nn import Conv2d, ReLU
    >>> net = Sequential(Conv2d(1, 2, 3), ReLU())
    >>> [name for name, _ in net.named_parameters()]
    ['0.weight', '0.bias']
    """

    def __init__(self, *modules: Module):
        super().__init__(modules)

    def forward(self, x: Any) -> Any:
        return passed(self, x)


def passed(modules: Iterable[Module], x: Any) -> Any:
    """Pass one module after the other; a convolution and the pool behind it at once, which is quicker.

    >>> import numpy as np
    >>> x = Tensor(np.zeros((1, 3, 8, 6), "float32"))
    >>> passed([Conv2d(3, 2, 3, padding=1, relu=True), MaxPool2d(2)], x).shape
    (1, 2, 4, 3)
    """
    waiting = list(modules)[::-1]
    while waiting:
        module = waiting.pop()
        with_pool = bool(waiting) and takes_pool(module, waiting[-1], x)
        x = _pooled(module, waiting.pop(), x) if with_pool else module(x)
    return x


def takes_pool(conv: Any, pool: Any, x: Any) -> bool:
    """Whether a module is a convolution, and the one behind it takes the maximum of 2x2 pixels.

    Not where somebody wants to see the map between the two, and has given one of them, or all of their class, another
    forward; and a geometry passes every layer.
    """
    if not (type(conv) is Conv2d and type(pool) is MaxPool2d and isinstance(x, Tensor) and pool.window == HALVES):
        return False
    return tuple(getattr(module.forward, "__func__", None) for module in (conv, pool)) == _FORWARDS


_FORWARDS = Conv2d.forward, MaxPool2d.forward


def _pooled(conv: Any, pool: Any, x: Tensor) -> Tensor:
    return pooled_conv2d(x, conv.weight, conv.bias, conv.window, conv.groups, conv.relu, pool.ceil_mode)


def _expect_module(container: str, index: int | str, value: Any) -> None:
    if isinstance(value, Module):
        return
    if isinstance(value, type) and issubclass(value, Module):
        found, fix = f"the class {value.__name__}", f"make a module of it: {value.__name__}(...)"
    elif isinstance(value, list | tuple | dict) or inspect.isgenerator(value):
        found = f"a {type(value).__name__}"
        fix = "make a ModuleList of it" if container == "ModuleList" else f"pass {container}(*modules)"
    elif callable(value):
        found = f"the function {getattr(value, '__name__', value)}"
        fix = "use the layer of that name, such as nn.ReLU() for F.relu, or write a Module with it in forward()"
    else:
        found, fix = f"a {type(value).__name__}", "every part must be a Module"
    raise TypeError(f"{container}: module {index} is {found}; {fix}")
