"""What CuPy offers, as record_api.py found it: so no test passes with a name or an argument that CuPy lacks."""

from __future__ import annotations

import json
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

API = json.loads(Path(__file__).with_name("cupy_api.json").read_text())
NAMES, VERSION = API["names"], API["version"]
KEYWORDS = {"einsum": {"dtype", "optimize"}, "meshgrid": {"indexing", "sparse", "copy"}}  # CuPy declares **kwargs

_Kind = type(Parameter.KEYWORD_ONLY)
_places: dict[tuple, dict] = {}  # where to find the arguments of a call with so many, and keywords of these names


def signature(entry: dict[str, Any]) -> Signature | None:
    """Give the parameters of a recorded function, with None for every default; None if they are not known."""
    if entry["parameters"] is None:
        return None
    return Signature(
        Parameter(name, _Kind(kind), default=None if optional else Parameter.empty)
        for name, kind, optional in entry["parameters"]
    )


def bind(who: str, parameters: Signature | None, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Give the arguments by the names of their parameters; raise TypeError where CuPy would."""
    if parameters is None:
        return kwargs
    unknown = kwargs.keys() - KEYWORDS.get(who.removeprefix("cupy."), kwargs.keys())
    if unknown:
        raise TypeError(f"{who}: unexpected keyword {min(unknown)!r}")
    places = _places.get(known := (who, len(args), *kwargs))
    if places is None:
        try:
            places = parameters.bind(*range(len(args)), **{name: name for name in kwargs}).arguments
        except TypeError as error:
            raise TypeError(f"{who}{parameters}: {error}") from None
        _places[known] = places
    given = dict(enumerate(args)) | kwargs
    return {name: given[at] if isinstance(at, int | str) else _several(at, given) for name, at in places.items()}


def _several(places: Any, given: dict) -> Any:
    """What `*args` or `**kwargs` of a signature hold."""
    if isinstance(places, tuple):
        return tuple(given[at] for at in places)
    return {name: given[at] for name, at in places.items()}
