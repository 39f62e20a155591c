"""SGD with momentum, and Adam.

A parameter group is a dict: its parameters under "params", and settings that differ from the optimiser's. The paper
has two: weights, and biases with twice the learning rate and no weight decay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minifcn.backend import array_module, fused, to_host
from minifcn.compute.elementwise import piecewise


class Optimizer:
    """What SGD and Adam share: parameter groups, and a state of arrays for every parameter.

    Subclasses define `names`, the arrays they keep for each parameter, and `update`, which changes in place.
    """

    names: tuple[str, ...] = ()

    def __init__(self, params: Iterable, **settings: Any):
        groups = list(params)
        if not groups or not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        self.param_groups: list[dict[str, Any]] = []
        for group in groups:
            chosen = settings | {key: value for key, value in group.items() if key != "params"}
            _check(type(self).__name__, chosen, known=settings)
            learned = [p for p in group["params"] if p.requires_grad]
            self.param_groups.append({"params": learned, **chosen})
        everything = [p for group in self.param_groups for p in group["params"]]
        if not everything or len({id(p) for p in everything}) < len(everything):
            raise ValueError(f"{type(self).__name__}: params must hold at least one parameter with requires_grad=True, "
                             f"and none twice; got {len(everything)}")  # fmt: skip
        self.steps = 0
        self.state = [{name: array_module(p.data).zeros_like(p.data) for name in self.names} for p in everything]

    def step(self) -> None:
        """Change every parameter that has a gradient, in place."""
        self.steps += 1
        state = iter(self.state)
        for group in self.param_groups:
            settings = {key: value for key, value in group.items() if key != "params"}
            for parameter in group["params"]:
                arrays = next(state)
                if parameter.grad is not None:
                    self._update_piecewise(parameter.data, parameter.grad.data, arrays, settings)
                    parameter.changed()

    def _update_piecewise(self, w, g, arrays, settings) -> None:
        def update(w, g, *state):
            self.update(w, g, **dict(zip(arrays, state, strict=True)), **settings)

        piecewise(update, w, g, *arrays.values())

    def update(self, w, g, **state_and_settings) -> None:
        """Change the parameter w, or a piece of it, with its gradient g."""
        raise TypeError(f"{type(self).__name__} has no update(); an Optimizer must define it")

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copy the state to NumPy arrays on the host: "steps", and "momentum.0", "momentum.1", ... in order."""
        state = {"steps": np.array(self.steps)}
        for i, arrays in enumerate(self.state):
            state |= {f"{name}.{i}": np.array(to_host(array)) for name, array in arrays.items()}
        return state

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Copy back what `state_dict` gave; ValueError if it belongs to another optimiser or network."""
        own = self.state_dict()
        wrong = [
            k for k in own.keys() | state.keys() if k not in own or k not in state or own[k].shape != np.shape(state[k])
        ]
        if wrong:
            raise ValueError(f"load_state_dict: {sorted(wrong)[0]} is not in both states with the same shape; "
                             f"the state was saved by another optimiser than this {type(self).__name__}, or for "
                             "another network")  # fmt: skip
        self.steps = int(state["steps"])
        for i, arrays in enumerate(self.state):
            for name, array in arrays.items():
                array[...] = array_module(array).asarray(state[f"{name}.{i}"], dtype=array.dtype)


class SGD(Optimizer):
    """Stochastic gradient descent: v <- momentum·v + g + weight_decay·w, w <- w - lr·v.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts (parameter groups)
    lr, momentum, weight_decay : float

    Notes
    -----
    PyTorch's form. Caffe keeps lr inside v, which differs only while lr changes. Paper section 4.3: momentum 0.9,
    weight decay 5e-4, learning rate 1e-4 for VGG16.

    Examples
    --------
    >>> from minifcn import Tensor
    >>> w = Tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([0.8])
    """

    names = ("velocity",)

    def __init__(self, params: Iterable, lr: float, momentum: float = 0.0, weight_decay: float = 0.0):
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay)

    def update(self, w, g, *, velocity, lr, momentum, weight_decay) -> None:  # type: ignore[override]
        _sgd(w, g, velocity, lr, momentum=momentum, weight_decay=weight_decay)


@fused
def _sgd(xp, w, g, velocity, lr, *, momentum, weight_decay):
    velocity *= momentum
    velocity += g
    if weight_decay:
        velocity += weight_decay * w
    w -= lr * velocity


class Adam(Optimizer):
    """Adam: steps scaled by running means m of the gradient and v of its square.

    m <- β1·m + (1 - β1)·g, v <- β2·v + (1 - β2)·g², w <- w - lr·(m / (1 - β1ᵗ)) / (√(v / (1 - β2ᵗ)) + eps)

    Parameters
    ----------
    params : iterable of Parameter, or of dicts (parameter groups)
    lr : float
    betas : (β1, β2)
    eps : float
    weight_decay : float
        Added to the gradient as weight_decay·w.

    Notes
    -----
    Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1.

    Examples
    --------
    >>> from minifcn import Tensor
    >>> w = Tensor([1.0], requires_grad=True)
    >>> optimizer = Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(6)
    array([0.9])
    """

    names = ("m", "v")

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(self, w, g, *, m, v, lr, betas, eps, weight_decay) -> None:  # type: ignore[override]
        (beta1, beta2), t = betas, self.steps
        corrected_lr, correction = lr / (1 - beta1**t), (1 - beta2**t) ** -0.5
        _adam(w, g, m, v, corrected_lr, correction, betas=betas, eps=eps, weight_decay=weight_decay)


@fused
def _adam(xp, w, g, m, v, corrected_lr, correction, *, betas, eps, weight_decay):
    beta1, beta2 = betas
    if weight_decay:
        g = g + weight_decay * w
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * (g * g)
    scale = xp.sqrt(v)
    scale *= correction
    scale += eps
    w -= corrected_lr * m / scale


def _check(name: str, chosen: dict[str, Any], known: Mapping[str, Any]) -> None:
    unknown = sorted(chosen.keys() - known.keys())
    if unknown:
        raise ValueError(f"{name}: a parameter group has the unknown setting {unknown[0]!r}; known: {', '.join(known)}")
    for key in ("lr", "momentum", "weight_decay", "eps"):
        if not chosen.get(key, 0) >= 0:
            raise ValueError(f"{name}: {key} must be at least 0, got {chosen[key]}")
    if not all(0 <= beta < 1 for beta in chosen.get("betas", ())):
        raise ValueError(f"{name}: betas must lie in [0, 1), got {chosen['betas']}")
