"""How a module is written as text: each layer on a line, as it is made, and the sizes of its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from minifcn.nn.parameter import Parameter
from minifcn.text import counted


def described(module: Any) -> str:
    """Describe a module and all inside it; what is said of parameters stands under each other."""
    lines = list(_lines(module, "", "", {}))
    width = max((len(text) for text, note in lines if note), default=0)
    return "\n".join(f"{text.ljust(width)}  # {note}" if note else text for text, note in lines)


def settings(given: Mapping[str, Any], usual: Mapping[str, Any]) -> str:
    """Write the settings of a layer that are not the usual ones; of two equal numbers, one.

    >>> settings({"kernel_size": (3, 3), "stride": (1, 1), "padding": (0, 1)}, {"stride": 1, "padding": 0})
    'kernel_size=3, padding=(0, 1)'
    """
    short = {name: once(value) for name, value in given.items()}
    return ", ".join(f"{name}={value!r}" for name, value in short.items() if name not in usual or value != usual[name])


def once(value: Any) -> Any:
    """Give one number where both are the same, as they may be given."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def _lines(module: Any, name: str, indent: str, seen: dict[int, str]) -> Iterator[tuple[str, str]]:
    """Yield each line and the note behind it; a module that has two names is described under its first."""
    head = f"{indent}({name.rpartition('.')[2]}): " if name else indent
    head += type(module).__name__
    if id(module) in seen:
        yield head, f"the same as {seen[id(module)] or 'the whole'}"
        return
    seen[id(module)] = name
    own = {key: value for key, value in vars(module).items() if isinstance(value, Parameter)}
    extra = module.extra_repr()
    # A module is known by its extra_repr, as the class itself imports this file.
    children = [(key, value) for key, value in vars(module).items() if hasattr(type(value), "extra_repr")]
    if not children:
        yield f"{head}({extra})", _sizes(own)
        return
    yield f"{head}(", f"{_sizes(own)} of its own" if own else ""
    if extra:
        yield f"{indent}  {extra}", ""
    for key, child in children:
        yield from _lines(child, f"{name}.{key}" if name else key, f"{indent}  ", seen)
    yield f"{indent})", _counted(_all_parameters(module).values())


def _sizes(parameters: Mapping[str, Parameter]) -> str:
    """Write the shapes of parameters and how many numbers they hold, as "64x3x3x3 + 64 = 1,792 parameters"."""
    if not parameters:
        return ""
    shapes = " + ".join("x".join(map(str, p.shape)) or "1" for p in parameters.values())
    names = "" if set(parameters) <= {"weight", "bias"} else f"{', '.join(parameters)}: "
    total = _counted(parameters.values())
    return f"{names}{total}" if total.startswith(f"{shapes} ") else f"{names}{shapes} = {total}"


def _counted(parameters: Any) -> str:
    sizes = [(p.data.size, p.requires_grad) for p in parameters]
    total, fixed = sum(size for size, _ in sizes), sum(size for size, learned in sizes if not learned)
    if not sizes:
        return ""
    if total == fixed:
        return counted(total, "fixed parameter")
    return counted(total, "parameter") + (f", {fixed:,} fixed" if fixed else "")


def _all_parameters(module: Any) -> dict[int, Parameter]:
    """Collect the parameters of a module and all inside it, each once; unlike `parameters()` it refuses nothing."""
    found: dict[int, Parameter] = {}
    waiting, seen = [module], set[int]()
    while waiting:
        inside = waiting.pop()
        if id(inside) not in seen:
            seen.add(id(inside))
            found |= {id(value): value for value in vars(inside).values() if isinstance(value, Parameter)}
            waiting += inside.children()
    return found
