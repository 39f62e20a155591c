"""Evaluation for a while: dropout off, and afterwards every module as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from minifcn import check
from minifcn.backend import short_lock
from minifcn.nn.module import Module

_lock = short_lock()
_modes: dict[int, bool] = {}  # of the modules that are being evaluated, what they come back to
_users: dict[int, int] = {}  # and in how many `with` blocks


@contextmanager
def evaluating(model: Module) -> Iterator[Module]:
    """Put a model into evaluation mode for a while, and then every module back into the mode that it had.

    Several threads may do so with one model, or with models that share modules: each module comes back when the last
    of them is done.

    Parameters
    ----------
    model : Module

    Examples
    --------
    >>> from minifcn.nn import Dropout, Sequential
    >>> net = Sequential(Dropout(0.5), Dropout(0.5).eval())
    >>> with evaluating(net):
    ...     [module.training for _, module in net.named_modules()]
    [False, False, False]
    >>> [module.training for _, module in net.named_modules()]
    [True, True, False]
    """
    if not isinstance(model, Module):
        raise TypeError(f"the model must be a Module, got {check.shown(model)}")
    modules = [module for _, module in model.named_modules()]
    with _lock:
        for module in modules:
            _modes.setdefault(id(module), module.training)
            _users[id(module)] = _users.get(id(module), 0) + 1
    try:
        model.eval()
        yield model
    finally:
        with _lock:
            for module in modules:
                _users[id(module)] -= 1
                if not _users[id(module)]:
                    del _users[id(module)]
                    module.training = _modes.pop(id(module))
