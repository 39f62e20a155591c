"""Parameters that a training leaves as they are, chosen by patterns of their names."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from minifcn.errors import UserError
from minifcn.nn import Module


def freeze(model: Module, patterns: Sequence[str]) -> list[str]:
    """Exclude parameters from training: they get no gradient, so that no time is spent on one.

    They stay in `state_dict` and in every checkpoint. Make the optimiser after this: it takes what is left.

    Parameters
    ----------
    model : Module
        Its parameters' `requires_grad` is changed.
    patterns : sequence of str
        Names of parameters or layers as a shell matches them: ``"conv1_1.bias"``, ``"conv[1-3]_*"``, ``"*.bias"``.

    Returns
    -------
    list of str
        The names of the parameters that match.

    Raises
    ------
    UserError
        If a pattern matches nothing, or if nothing is left to be learned; the model is unchanged then.

    Examples
    --------
    >>> from minifcn import models
    >>> net = models.FCN32s(3, width=1 / 64)
    >>> freeze(net, ["conv1_*"])
    ['conv1_1.weight', 'conv1_1.bias', 'conv1_2.weight', 'conv1_2.bias']
    >>> sum(not parameter.requires_grad for parameter in net.parameters())
    4
    """
    if isinstance(patterns, str):
        patterns = [patterns]
    parameters = dict(model.named_parameters())
    called = {name: _names(name) for name in parameters}
    layers = [*dict.fromkeys(names[-2] if len(names) > 1 else names[0] for names in called.values())]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for names in called.values() for name in names):
            raise UserError(f"--freeze {pattern} matches no layer and no parameter; the layers are {_listed(layers)}")
    frozen = [
        name for name, names in called.items() if any(fnmatchcase(n, pattern) for n in names for pattern in patterns)
    ]
    if not any(parameter.requires_grad for name, parameter in parameters.items() if name not in frozen):
        raise UserError(f"--freeze {','.join(patterns)} leaves nothing to be learned; freeze less, such as 'conv*'")
    for name in frozen:
        parameters[name].requires_grad = False
    return frozen


def _names(parameter: str) -> list[str]:
    """Give the names of a parameter and of all that it is inside of, the longest last: a, a.b, a.b.weight."""
    parts = parameter.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _listed(layers: Sequence[str]) -> str:
    return ", ".join(layers if len(layers) <= 30 else [*layers[:29], "..."])
