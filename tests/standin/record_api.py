"""Records what an installed CuPy offers, names and parameters, in cupy_api.json.

Needs CuPy's wheel but no GPU. For another version of CuPy, in the folder `tests`:

    pip install cupy-cuda13x==14.2.0
    python -m standin.record_api
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("cupy_api.json")
MODULES = ("cupy", "cupy.cuda", "cupy.lib.stride_tricks", "cupy.linalg", "cupy.random", "cupyx")


def describe(owner: Any) -> dict[str, dict]:
    """Describe the public names of a module or class; the modules in it are described apart."""
    public = {name: getattr(owner, name) for name in sorted(dir(owner)) if not name.startswith("_")}
    return {name: describe_one(name, x) for name, x in public.items() if not inspect.ismodule(x)}


def describe_one(name: str, x: Any) -> dict[str, Any]:
    """Describe one name: whether it is NumPy's own, a ufunc, a function, or a class or constant."""
    if name in vars(np) and vars(np)[name] is x:
        return {"kind": "numpy"}
    if inspect.isclass(x) or not callable(x):
        return {"kind": "value"}
    if hasattr(x, "nin"):
        return {"kind": "ufunc"}
    return {"kind": "function", "parameters": parameters(x)}


def parameters(function: Any) -> list[tuple[str, int, bool]] | None:
    """Give (name, kind, whether it may be left out) of each parameter; None if they are not known."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # compiled; its first line of help is "class.name(self, int axis=-1) -> type"
        declared = re.search(r"\((.*)\)", (function.__doc__ or "").partition("\n")[0])
        if declared is None:
            return None
        without_types = re.sub(r"\w+ (\w+)", r"\1", declared[1])
        signature = inspect.signature(eval(f"lambda {without_types}: None"))
    return [(p.name, int(p.kind), p.default is not p.empty) for p in signature.parameters.values()]


def main() -> None:
    """Write cupy_api.json, with a line for each name."""
    modules = {name: importlib.import_module(name) for name in MODULES}
    cupy = modules["cupy"]
    owners = modules | {"cupy.ndarray": cupy.ndarray, "cupy.random.Generator": cupy.random.Generator}
    blocks = []
    for owner, x in owners.items():
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in describe(x).items())
        blocks.append(f"{json.dumps(owner)}: {{\n{lines}\n}}")
    head = json.dumps({"version": cupy.__version__, "numpy": np.__version__})
    FILE.write_text(head.removesuffix("}") + ', "names": {\n' + ",\n".join(blocks) + "\n}}\n")


if __name__ == "__main__":
    main()
