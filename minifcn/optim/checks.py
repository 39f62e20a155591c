"""What an optimiser refuses: parameters, settings, gradients and states that cannot be right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minifcn import check
from minifcn.autograd import Tensor
from minifcn.backend import to_host


def listed(name: str, params: Any) -> list:
    """Make a list of what was given as parameters, and refuse what only looks like one."""
    if isinstance(params, Tensor):
        raise TypeError(f"{name} is a single Tensor, whose rows are no parameters; pass a list: [w]")
    if hasattr(params, "parameters"):
        raise TypeError(f"{name} is a {type(params).__name__}; pass its parameters: model.parameters()")
    if not isinstance(params, Iterable) or isinstance(params, Mapping | str | bytes):
        raise TypeError(f"{name} must be a list of Parameters, or of groups (dicts), got a {type(params).__name__}")
    return list(params)


def parameters(kind: str, params: Any) -> list[Tensor]:
    """List the parameters of a group; refuse what no gradient reaches, or no step could change."""
    tensors = listed(f"{kind}: params", params)
    for i, parameter in enumerate(tensors):
        if not isinstance(parameter, Tensor):
            fix = "; pass model.parameters(), not named_parameters()" if isinstance(parameter, tuple) else ""
            raise TypeError(f"{kind}: parameter {i} is a {type(parameter).__name__}, not a Parameter or Tensor{fix}")
        if not parameter.is_leaf:
            raise ValueError(
                f"{kind}: parameter {i} was computed from other tensors, so that backward() leaves no "
                "gradient in it; pass those, or w.detach() with requires_grad=True"
            )
        _expect_writeable(f"{kind}: parameter {i}", parameter)
    return tensors


def _expect_writeable(name: str, parameter: Tensor) -> None:
    if not getattr(parameter.data.flags, "writeable", True):  # CuPy's arrays always are
        raise ValueError(f"{name} holds a read-only array; give it a copy: Parameter(array.copy())")


def expect_alike(name: str, parameter: Tensor, state: Mapping[str, Any]) -> None:
    """Refuse a gradient or a state that does not fit its parameter, which NumPy would broadcast or round."""
    w, grad = parameter.data, parameter.grad
    if not isinstance(grad, Tensor):
        raise TypeError(f"{name} has a {type(grad).__name__} as grad; it must be a Tensor: w.grad = Tensor(array)")
    if grad.shape != w.shape or (grad.dtype != w.dtype and grad.dtype.kind not in "iu"):
        raise ValueError(f"{name} is {w.dtype} {w.shape}, but its gradient {grad.dtype} {grad.shape}; they must agree")
    _expect_writeable(name, parameter)
    for array in state.values():
        if (array.shape, array.dtype) != (w.shape, w.dtype) or type(array) is not type(w):
            raise ValueError(
                f"{name} was {array.dtype} {array.shape} when the optimiser was made, and is {w.dtype} "
                f"{w.shape} now; make it after model.astype(...) and model.to(...)"
            )


def checked_settings(name: str, chosen: dict[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """Check the settings of a group; numbers come back as Python's, which leave the precision of arrays alone."""
    unknown = sorted(chosen.keys() - set(known), key=str)
    if unknown:
        raise ValueError(f"{name}: a parameter group has the unknown setting {unknown[0]!r}; known: {', '.join(known)}")
    if missing := sorted(set(known) - chosen.keys()):
        raise ValueError(f"{name}: a parameter group has lost its setting {missing[0]!r}")
    checked = dict(chosen)
    for key in {"lr", "momentum", "weight_decay", "eps"} & chosen.keys():
        checked[key] = check.number(chosen[key], f"{name}: {key}", least=0)
    if checked.get("momentum", 0) >= 1:
        raise ValueError(f"{name}: momentum must lie in [0, 1), got {checked['momentum']}; from 1 on steps only grow")
    if "betas" in chosen:
        betas = chosen["betas"]
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise TypeError(f"{name}: betas must be two numbers, got {betas!r}")
        checked["betas"] = tuple(check.number(beta, f"{name}: betas") for beta in betas)
        if not all(0 <= beta < 1 for beta in checked["betas"]):
            raise ValueError(f"{name}: betas must lie in [0, 1), got {betas}")
    return checked


def readable_state(kind: str, state: Any, own: Mapping[str, Any], parameters: int) -> dict[str, np.ndarray]:
    """Take a state as arrays on the host.

    Parameters
    ----------
    kind : str
        Of the optimiser, for messages.
    state : mapping of name to array
    own : mapping of name to array
        The optimiser's own arrays, whose names and shapes it must have, apart from "steps".
    parameters : int
        How many there are: "steps" may be a number for each.
    """
    if not isinstance(state, Mapping):
        raise TypeError(
            f"load_state_dict: state must be a mapping of names to arrays, as state_dict() gives, got "
            f"a {type(state).__name__}"
        )
    expected = {"steps": ()} | {name: array.shape for name, array in own.items()}
    found = {name: np.shape(array) for name, array in state.items()}
    if found.get("steps") == (parameters,):
        found["steps"] = ()
    wrong = [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)]
    if wrong:
        raise ValueError(
            f"load_state_dict: {min(wrong, key=str)} is not in both states with the same shape; the state was "
            f"saved by another optimiser than this {kind}, or for another network"
        )
    read = {name: to_host(array) for name, array in state.items()}
    for name, array in read.items():
        if array.dtype.kind not in ("iu" if name == "steps" else "fiu"):
            raise ValueError(f"load_state_dict: {name} must hold numbers, but is {array.dtype} in the state")
    if (read["steps"] < 0).any():
        raise ValueError(f"load_state_dict: steps must be at least 0, got {read['steps']}")
    return read
