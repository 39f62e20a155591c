"""What all parameters of a module have in common: their device and their dtype."""

from __future__ import annotations

from typing import Any


class Common:
    """An attribute of a module that says where its parameters are, or of which dtype.

    A module that keeps something else under this name keeps it: it stands in the module itself.

    Parameters
    ----------
    default : object
        For a module without parameters.
    doc : str
    """

    def __init__(self, default: Any, doc: str):
        self.default, self.__doc__ = default, doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, module: Any, kind: Any = None) -> Any:
        if module is None:
            return self
        found = {getattr(parameter, self.name): name for name, parameter in module.named_parameters()}
        if len(found) > 1:
            (one, first), (other, second) = list(found.items())[:2]
            fix = f".to({str(one)!r})" if self.name == "device" else f".astype({str(one)!r})"
            raise ValueError(
                f"{type(module).__name__}: its parameters have more than one {self.name}, such as {first} {one} and "
                f"{second} {other}; convert them all with {fix}"
            )
        return next(iter(found), self.default)
