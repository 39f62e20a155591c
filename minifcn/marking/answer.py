"""What a student has written, loaded when a test first asks for it."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

from minifcn.marking.check import NotYet


class Answer:
    """The functions of an exercise's module.

    The module is imported when the first of them is used, inside a test. One that cannot be imported therefore costs
    its own points only, with a sentence about what is wrong with it.

    Parameters
    ----------
    module : str
        Name of the module, which is on `sys.path`.

    Raises
    ------
    NotYet
        When a function is asked for, and the module has no such function or cannot be imported.

    Examples
    --------
    >>> answer = Answer("math")
    >>> answer.gcd(12, 18)
    6
    >>> answer.conv_output_size(5, 3)
    Traceback (most recent call last):
    minifcn.marking.check.NotYet: math.py has no function conv_output_size
    Hint: the tests call it by this name; was it renamed or deleted?
    """

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        module = self._load()
        if not hasattr(module, name):
            raise NotYet(
                f"{self._module}.py has no function {name}",
                "the tests call it by this name; was it renamed or deleted?",
            )
        return getattr(module, name)

    def _load(self) -> ModuleType:
        file = f"{self._module}.py"
        try:
            return importlib.import_module(self._module)
        except SyntaxError as error:
            line = f"{Path(error.filename or file).name}, line {error.lineno}"
            hint = "Python cannot read this: is something missing there, or in the line before?"
            raise NotYet(f"{line}: {error.msg}\n{(error.text or '').rstrip()}", hint) from error
        except ImportError as error:
            if error.name == self._module:
                raise NotYet(f"there is no {file}", "is it still in its folder, under this name?") from error
            raise NotYet(f"{file} cannot be imported: {error}", "the exercises need NumPy and minifcn only") from error
