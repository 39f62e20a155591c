"""ReLU, dropout, softmax and local response normalisation."""

from __future__ import annotations

import numpy as np

from minifcn.autograd import Tensor, operation
from minifcn.backend import array_module, to_device
from minifcn.compute import elementwise
from minifcn.functional.check import expect


@operation
def relu(x):
    """max(x, 0), elementwise; the gradient passes where x > 0, and at 0 it is 0.

    x : Tensor of any shape. Returns a Tensor of the same shape.

    >>> relu(Tensor([-1.0, 0.0, 2.0]))
    Tensor([0., 0., 2.])
    """
    y = elementwise.positive_part(x.data)

    def backward(gy):
        return (where_positive(gy, y=y),)

    return y, backward


@operation
def where_positive(g, *, y):
    """g where y > 0, and 0 elsewhere."""

    def backward(gy):
        return (where_positive(gy, y=y),)

    return elementwise.where_positive(g.data, y), backward


def dropout(x: Tensor, p: float = 0.5, training: bool = True, rng: np.random.Generator | None = None) -> Tensor:
    """Set each element to 0 with probability p and divide the others by 1 - p; without training, change nothing.

    Parameters
    ----------
    x : Tensor of any shape
    p : float in [0, 1)
    training : bool
    rng : numpy.random.Generator
        Draws the mask, on the host, so that every device sees the same one.

    Returns
    -------
    Tensor of the shape of x

    Notes
    -----
    Caffe's Dropout layer: it scales while training, so that nothing is left to do afterwards.

    Examples
    --------
    >>> dropout(Tensor(np.ones(6)), 0.5, rng=np.random.default_rng(0))
    Tensor([2., 2., 2., 0., 0., 0.])
    """
    return _dropout("dropout", x, p, training, rng, x.shape)


def dropout2d(x: Tensor, p: float = 0.5, training: bool = True, rng: np.random.Generator | None = None) -> Tensor:
    """Set each whole channel of each image (N, C, H, W) to 0 with probability p; otherwise as `dropout`.

    Examples
    --------
    >>> dropout2d(Tensor(np.ones((1, 4, 1, 2))), 0.5, rng=np.random.default_rng(0))[0, :, 0]
    Tensor([[2., 2.],
            [2., 2.],
            [2., 2.],
            [0., 0.]])
    """
    return _dropout("dropout2d", x, p, training, rng, x.shape[:2] + (1,) * (x.ndim - 2))


def _dropout(name, x, p, training, rng, shape):
    expect(0 <= p < 1, f"{name}: p is the probability to drop, in [0, 1), got {p}")
    if not training or p == 0 or hasattr(x, "operate"):  # a geometry: nothing is drawn
        return x
    expect(rng is not None, f"{name}: rng=None, but training needs random numbers; pass numpy.random.default_rng(seed)")
    # Drawn channels-last, like the maps in memory.
    channels_last = (shape[0], *shape[2:], shape[1]) if len(shape) > 1 else shape
    kept = rng.random(channels_last, dtype=np.float32) >= p
    mask = np.moveaxis(kept, -1, 1) if len(shape) > 1 else kept
    return x * to_device(mask, x.device) * (1 / (1 - p))


@operation
def softmax(x, *, axis=1):
    """exp(x) / Σ exp(x) along an axis: probabilities of the classes.

    x : Tensor of any shape. Returns a Tensor of the same shape. The largest x is subtracted first: exp cannot overflow.

    >>> softmax(Tensor([[0.0, 0.0, 1000.0, 1000.0]]))
    Tensor([[0. , 0. , 0.5, 0.5]])
    """

    def backward(gy):
        y = softmax(x, axis=axis)  # computed again rather than kept
        return (y * (gy - (gy * y).sum(axis=axis, keepdims=True)),)

    xp = array_module(x.data)
    y = _classes_first(x.data, axis)
    y -= y.max(axis=0)
    xp.exp(y, out=y)
    y /= y.sum(axis=0)
    return xp.moveaxis(y, 0, axis), backward


@operation
def log_softmax(x, *, axis=1):
    """log(exp(x) / Σ exp(x)) along an axis, without overflow and without log(0).

    x : Tensor of any shape. Returns a Tensor of the same shape.

    >>> log_softmax(Tensor([[0.0, 1000.0]]))
    Tensor([[-1000.,     0.]])
    """

    def backward(gy):
        return (gy - softmax(x, axis=axis) * gy.sum(axis=axis, keepdims=True),)

    xp = array_module(x.data)
    y = _classes_first(x.data, axis)
    y -= y.max(axis=0)
    y -= xp.log(xp.exp(y).sum(axis=0))
    return xp.moveaxis(y, 0, axis), backward


def _classes_first(x, axis):
    """Copy x with an axis moved to the front, so that a sum over the classes adds whole maps: 5 times as fast."""
    return array_module(x).moveaxis(x, axis, 0).copy()


def local_response_norm(x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Divide by (k + alpha/size · Σ x²)^beta, summed over `size` neighbouring channels.

    Parameters
    ----------
    x : Tensor (N, C, H, W)
    size : int
        Channels in the sum, x's own in their middle.
    alpha, beta, k : float

    Returns
    -------
    Tensor of the shape of x

    Notes
    -----
    Caffe's LRN layer (across channels), as AlexNet and GoogLeNet use it.

    Examples
    --------
    >>> local_response_norm(Tensor(np.ones((1, 3, 1, 1))), 3, alpha=3.0, beta=1.0).data.ravel()
    array([0.33333333, 0.25      , 0.33333333])
    """
    expect(isinstance(size, int) and size >= 1, f"local_response_norm: size counts channels, at least 1, got {size!r}")
    squares = neighbour_sum(x * x, before=size // 2, after=(size - 1) // 2)
    return x * (squares * (alpha / size) + k) ** -beta


@operation
def neighbour_sum(x, *, before, after):
    """y[c] = x[c - before] + ... + x[c + after], over the channels that exist."""

    def backward(gy):
        return (neighbour_sum(gy, before=after, after=before),)

    channels, y = x.shape[1], x.data.copy()
    for d in range(1, min(before, channels - 1) + 1):
        y[:, d:] += x.data[:, :-d]
    for d in range(1, min(after, channels - 1) + 1):
        y[:, :-d] += x.data[:, d:]
    return y, backward
