"""What PyTorch calls otherwise, or has and minifcn has not: the sentence that an unknown name is answered with.

docs/coming_from_pytorch.md says what is different besides names, and why. In the sentences, F is `minifcn.functional`,
mf is `minifcn` and np is NumPy.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar, cast

from minifcn.named_otherwise.layers import FUNCTIONAL, INIT, NN
from minifcn.named_otherwise.objects import ARGUMENTS, IN_PLACE, MODULE, TENSOR
from minifcn.named_otherwise.rooms import AUTOGRAD, DATA, MODELS, OPTIM, TOP, TRANSFORMS
from minifcn.text import did_you_mean

__all__ = [
    "ARGUMENTS",
    "AUTOGRAD",
    "DATA",
    "FUNCTIONAL",
    "INIT",
    "IN_PLACE",
    "MODELS",
    "MODULE",
    "NN",
    "OPTIM",
    "TENSOR",
    "TOP",
    "TRANSFORMS",
    "arguments",
    "in_room",
    "missing",
    "of_object",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def in_room(room: str, name: str, others: Mapping[str, str], known: Iterable[str]) -> AttributeError:
    """Say that a room has no such name, and what to write for it.

    >>> in_room("minifcn.functional", "cat", FUNCTIONAL, [])
    AttributeError("minifcn.functional has no 'cat'; it is called F.concatenate(tensors, axis=1) here, as in NumPy")
    >>> in_room("minifcn.functional", "conv2", FUNCTIONAL, ["conv2d", "relu"])
    AttributeError("minifcn.functional has no 'conv2'; did you mean 'conv2d'?")
    """
    if name.startswith("__"):  # Python asks a module for its __path__ whenever something is imported from it
        return AttributeError(f"{room} has no {name!r}", name=name)
    advice = f"; {others[name]}" if name in others else did_you_mean(name, known)
    return AttributeError(f"{room} has no {name!r}{advice}", name=name)


def missing(room: str, others: Mapping[str, str], name: str) -> NoReturn:
    """Raise the error of `in_room`, for a room of which no name is near.

    >>> missing("minifcn.autograd", AUTOGRAD, "grad")
    Traceback (most recent call last):
    AttributeError: minifcn.autograd has no 'grad'; it is called mf.grad(outputs, inputs)
    """
    raise in_room(room, name, others, ())


def of_object(thing: Any, name: str, others: Mapping[str, str], in_place: str = "") -> Any:
    """Raise the AttributeError of an object that has no such attribute, with what to write for it.

    Where the class has the name, a property has failed: then this is its own error, as without this function.
    """
    if hasattr(type(thing), name):
        return object.__getattribute__(thing, name)
    advice = others.get(name) or (in_place if name[:1] != "_" and name.endswith("_") else "")
    if advice:
        raise AttributeError(f"{type(thing).__name__} has no {name!r}; {advice}", name=name)
    # Python itself looks for the nearest name, when the error is shown: many are caught, as by hasattr.
    raise AttributeError(f"{type(thing).__name__!r} object has no attribute {name!r}", name=name, obj=thing)


def arguments(function: _Function) -> _Function:
    """Let a function answer an argument that PyTorch has with what to write for it.

    >>> arguments(lambda x: x)(x=1, dim=0)
    Traceback (most recent call last):
    TypeError: <lambda>: no argument is called 'dim'; it is called axis here, as in NumPy
    """

    code = function.__code__
    own = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    unknown = ARGUMENTS.keys() - {*own}

    @functools.wraps(function)
    def checked(*given: Any, **named: Any) -> Any:
        for name in named.keys() & unknown:
            called = function.__qualname__.removesuffix(".__init__")
            raise TypeError(f"{called}: no argument is called {name!r}; {ARGUMENTS[name]}")
        return function(*given, **named)

    return cast(_Function, checked)
