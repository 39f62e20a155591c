"""What every optimiser does: parameter groups, a state for each parameter, and steps that are taken whole or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

from minifcn import named_otherwise
from minifcn.autograd import Tensor
from minifcn.backend import array_module, piecewise, to_host
from minifcn.optim import checks
from minifcn.text import counted


class Optimizer:
    """What SGD and Adam share: parameter groups, and a state of arrays for every parameter.

    Subclasses define `names`, the arrays they keep for each parameter, and `update`, which changes in place.
    """

    names: tuple[str, ...] = ()

    def __init__(self, params: Iterable, **settings: Any):
        kind = type(self).__name__
        groups = checks.listed(f"{kind}: params", params)
        if not any(isinstance(group, dict) for group in groups):
            groups = [{"params": groups}]
        self.param_groups: list[dict[str, Any]] = []
        self.settings = tuple(settings)  # their names
        self.fixed: list[Tensor] = []  # parameters that were left out, as they required no gradient
        for i, group in enumerate(groups):
            if not isinstance(group, dict) or "params" not in group:
                raise TypeError(
                    f'{kind}: group {i} must be a dict with "params", as all groups are, got '
                    f"{'one without' if isinstance(group, dict) else f'a {type(group).__name__}'}"
                )
            chosen = settings | {key: value for key, value in group.items() if key != "params"}
            checks.checked_settings(kind, chosen, known=settings)
            given = checks.parameters(kind, group["params"])
            self.fixed += [p for p in given if not p.requires_grad]
            self.param_groups.append({"params": [p for p in given if p.requires_grad], **chosen})
        everything = [p for group in self.param_groups for p in group["params"]]
        if not everything or len({id(p) for p in everything}) < len(everything):
            raise ValueError(
                f"{kind}: params must hold at least one parameter with requires_grad=True, "
                f"and none twice; got {len(everything)}"
            )
        self.learned = everything
        self.steps = [0] * len(everything)  # of each parameter: those in which it had a gradient
        self.state = [{name: array_module(p.data).zeros_like(p.data) for name in self.names} for p in everything]

    def __repr__(self) -> str:
        groups = []
        for group in self.param_groups:
            chosen, parameters = dict(group), group["params"]
            del chosen["params"]
            numbers, tensors = counted(sum(p.data.size for p in parameters), "parameter"), len(parameters)
            settings = ", ".join(f"{name}={value!r}" for name, value in chosen.items())
            groups.append((settings, f"# {numbers} in {counted(tensors, 'tensor')}"))
        if len(groups) == 1:
            ((settings, note),) = groups
            return f"{type(self).__name__}({settings})  {note}"
        width = max(len(settings) for settings, _ in groups)
        lines = (f"  group {i}: {settings.ljust(width)}  {note}" for i, (settings, note) in enumerate(groups))
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])

    @named_otherwise.arguments
    def step(self) -> None:
        """Change every parameter that has a gradient, in place; if one cannot be changed, none is."""
        kind, number, due = type(self).__name__, -1, []
        held = [id(p) for group in self.param_groups for p in group["params"]]
        if held != [id(p) for p in self.learned]:
            raise ValueError(f"{kind}: param_groups hold other parameters than at first; make a new {kind} of them")
        if any(p.requires_grad and p.grad is not None for p in self.fixed):
            raise ValueError(
                f"{kind}: a parameter that was fixed (requires_grad=False) when the optimiser was made has a gradient "
                f"now, and would not be learned; make a new {kind} after setting requires_grad"
            )
        for group in self.param_groups:
            settings = {key: value for key, value in group.items() if key != "params"}
            settings = checks.checked_settings(kind, settings, known=self.settings)
            for parameter in group["params"]:
                number += 1
                if parameter.grad is not None:
                    checks.expect_alike(f"{kind}: parameter {number}", parameter, self.state[number])
                    due.append((number, parameter, settings))
        if not due:
            raise ValueError(
                f"{kind}.step: no parameter has a gradient; the order is optimizer.zero_grad(), loss.backward(), "
                "optimizer.step()"
            )
        for number, parameter, settings in due:
            self.steps[number] += 1
            self._update_piecewise(parameter.data, parameter.grad.data, number, settings)
            parameter.changed()

    def _update_piecewise(self, w, g, number, settings) -> None:
        arrays, t = self.state[number], self.steps[number]

        def update(w, g, *state):
            self.update(w, g, t, **dict(zip(arrays, state, strict=True)), **settings)

        piecewise(update, w, g, *arrays.values())

    def update(self, w, g, t, **state_and_settings) -> None:
        """Change the parameter w, or a piece of it, with its gradient g, in its step number t = 1, 2, ..."""
        raise TypeError(f"{type(self).__name__} has no update(); an Optimizer must define it")

    def _no_lr(self, *value: float) -> NoReturn:
        raise AttributeError(
            f"{type(self).__name__} has no lr of its own, as each group has one: for group in optimizer.param_groups: "
            "group['lr'] = 0.01"
        )

    lr = property(_no_lr, _no_lr)

    @named_otherwise.arguments
    def zero_grad(self) -> None:
        """Forget the gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copy the state to NumPy arrays on the host: "steps", and "velocity.0", "velocity.1", ... in order.

        "steps" is one number, or one for each parameter where they differ.
        """
        alike = len(set(self.steps)) == 1
        state = {"steps": np.array(self.steps[0] if alike else self.steps)}
        for i, arrays in enumerate(self.state):
            state |= {f"{name}.{i}": np.array(to_host(array)) for name, array in arrays.items()}
        return state

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Copy back what `state_dict` gave.

        Raises
        ------
        TypeError, ValueError
            If it belongs to another optimiser or network, or cannot be right; nothing is changed then.
        """
        own = {f"{name}.{i}": array for i, arrays in enumerate(self.state) for name, array in arrays.items()}
        read = checks.readable_state(type(self).__name__, state, own, parameters=len(self.steps))
        self.steps = np.broadcast_to(read["steps"], len(self.steps)).tolist()
        for name, array in own.items():
            array[...] = array_module(array).asarray(read[name], dtype=array.dtype)
