"""The rules: SGD with momentum, as PyTorch has it and as Caffe has it, and Adam."""

from __future__ import annotations

from collections.abc import Iterable

from minifcn import named_otherwise
from minifcn.backend import fused
from minifcn.optim.optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent: v <- momentum·v + g + weight_decay·w, w <- w - lr·v.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts (parameter groups)
    lr, momentum, weight_decay : float

    See Also
    --------
    CaffeSGD : with lr inside v, which differs while lr changes

    Notes
    -----
    PyTorch's form. Paper section 4.3: momentum 0.9, weight decay 5e-4, learning rate 1e-4 for VGG16.

    Examples
    --------
    >>> from minifcn import Tensor
    >>> w = Tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.1)
    >>> optimizer
    SGD(lr=0.1, momentum=0.0, weight_decay=0.0)  # 1 parameter in 1 tensor
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([0.8])
    """

    names = ("velocity",)

    @named_otherwise.arguments
    def __init__(self, params: Iterable, lr: float, momentum: float = 0.0, weight_decay: float = 0.0):
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay)

    def update(self, w, g, t, *, velocity, lr, momentum, weight_decay) -> None:  # type: ignore[override]
        _sgd(w, g, velocity, lr, momentum=momentum, weight_decay=weight_decay)


@fused
def _sgd(xp, w, g, velocity, lr, *, momentum, weight_decay):
    if momentum:
        velocity *= momentum
        velocity += g
    else:  # 0 times an infinite velocity would be nan for ever
        xp.multiply(g, 1, out=velocity)
    if weight_decay:
        velocity += weight_decay * w
    w -= lr * velocity


class CaffeSGD(SGD):
    """Stochastic gradient descent as Caffe has it: v <- momentum·v + lr·(g + weight_decay·w), w <- w - v.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts (parameter groups)
    lr, momentum, weight_decay : float

    See Also
    --------
    SGD : with lr outside of v

    Notes
    -----
    With a constant learning rate v is lr times that of `SGD`, and the steps are the same. Where it falls, what is in v
    keeps the rate it came with and fades by the momentum alone, while `SGD` scales all of it at once. Caffe,
    ``sgd_solver.cpp``: Regularize, ComputeUpdateValue; the reference nets were trained with it.

    Examples
    --------
    >>> from minifcn import Tensor
    >>> w = Tensor([1.0], requires_grad=True)
    >>> optimizer = CaffeSGD([w], lr=0.1, momentum=0.5)
    >>> for lr in (0.1, 0.0):
    ...     optimizer.param_groups[0]["lr"] = lr
    ...     optimizer.zero_grad()
    ...     (w * w).sum().backward()
    ...     optimizer.step()
    ...     print(w.data)
    [0.8]
    [0.7]
    """

    def update(self, w, g, t, *, velocity, lr, momentum, weight_decay) -> None:  # type: ignore[override]
        _caffe_sgd(w, g, velocity, lr, momentum=momentum, weight_decay=weight_decay)


@fused
def _caffe_sgd(xp, w, g, velocity, lr, *, momentum, weight_decay):
    if weight_decay:
        g = g + weight_decay * w
    if momentum:
        velocity *= momentum
        velocity += lr * g
    else:  # as in SGD
        xp.multiply(g, lr, out=velocity)
    w -= velocity


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
    The step t is counted for each parameter: one that has no gradient in a step stays as it is and does not count it.
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

    @named_otherwise.arguments
    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(self, w, g, t, *, m, v, lr, betas, eps, weight_decay) -> None:  # type: ignore[override]
        beta1, beta2 = betas
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
