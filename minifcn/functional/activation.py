"""ReLU, dropout, softmax and local response normalisation."""

from __future__ import annotations

import numpy as np

from minifcn.autograd import Tensor, operation
from minifcn.backend import array_module
from minifcn.compute import activation
from minifcn.compute.dropout import Mask, PartOfBatch
from minifcn.functional.operands import expect, floating, given, number
from minifcn.guards import is_geometry


@operation
def relu(x):
    """max(x, 0), elementwise; the gradient passes where x > 0, and at 0 it is 0. nan passes, and so does its gradient.

    x : Tensor of any shape. Returns a Tensor of the same shape and type.

    >>> relu(Tensor([-1.0, 0.0, 2.0]))
    Tensor([0., 0., 2.])
    """
    y = activation.positive_part(x.data)

    def backward(gy):
        return (where_positive(gy, y=y),)

    return y, backward


@operation
def where_positive(g, *, y):
    """g where y > 0 or nan, and 0 elsewhere."""

    def backward(gy):
        return (where_positive(gy, y=y),)

    return activation.where_positive(g.data, y), backward


def dropout(x: Tensor, p: float = 0.5, training: bool = True, rng: np.random.Generator | None = None) -> Tensor:
    """Set each element to 0 with probability p and divide the others by 1 - p; without training, change nothing.

    Parameters
    ----------
    x : Tensor of any shape
        While training, whole numbers become float64.
    p : float in [0, 1)
    training : bool
    rng : numpy.random.Generator
        Gives the key of the mask, so that every device, layout and number of threads sees the same one.

    Returns
    -------
    Tensor of the shape of x

    Notes
    -----
    Caffe's Dropout layer: it scales while training, so that nothing is left to do afterwards.

    Examples
    --------
    >>> dropout(Tensor(np.ones(6)), 0.5, rng=np.random.default_rng(1))
    Tensor([0., 0., 2., 2., 0., 2.])
    """
    x = given(x, "dropout: x")
    return _dropout("dropout", x, p, training, rng, x.shape)


def dropout2d(x: Tensor, p: float = 0.5, training: bool = True, rng: np.random.Generator | None = None) -> Tensor:
    """Set each whole channel of each image (N, C, H, W) to 0 with probability p; otherwise as `dropout`.

    Examples
    --------
    >>> dropout2d(Tensor(np.ones((1, 4, 1, 2))), 0.5, rng=np.random.default_rng(1))[0, :, 0]
    Tensor([[0., 0.],
            [0., 0.],
            [2., 2.],
            [2., 2.]])
    """
    x = given(x, "dropout2d: x")
    expect(x.ndim >= 2, f"dropout2d: x must be a map (N, C, H, W), got shape {x.shape}; for one image pass x[None]")
    return _dropout("dropout2d", x, p, training, rng, x.shape[:2] + (1,) * (x.ndim - 2))


def _dropout(name, x, p, training, rng, shape):
    p = number(p, f"{name}: p")
    if not 0 <= p < 1:
        raise ValueError(f"{name}: p is the probability to drop, in [0, 1), got {p}")
    if not training or p == 0 or is_geometry(x):
        return x
    expect(
        isinstance(rng, np.random.Generator),
        f"{name}: rng={rng!r}, but training needs random numbers; pass numpy.random.default_rng(seed)",
    )
    x = floating(x, f"{name}: x")
    first = rng.first if isinstance(rng, PartOfBatch) else 0
    return times_mask(x, mask=Mask(int.from_bytes(rng.bytes(16), "little"), p, shape, first))


@operation
def times_mask(x, *, mask):
    """x times the mask of a dropout."""

    def backward(gy):
        return (times_mask(gy, mask=mask),)

    return mask.times(x.data), backward


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
    y, dtype = _shifted("softmax", x, axis)
    xp.exp(y, out=y)
    y /= y.sum(axis=0)
    return y.swapaxes(0, axis).astype(dtype, copy=False), backward


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
    y, dtype = _shifted("log_softmax", x, axis)
    if y.size:
        y -= xp.log(xp.exp(y).sum(axis=0))
    return y.swapaxes(0, axis).astype(dtype, copy=False), backward


def _shifted(name, x, axis):
    """Copy x minus its maximum along an axis, which becomes the first; and say which dtype the result is to have.

    A sum over the classes then adds whole maps, which is 5 times as fast. Half precision is computed in float32: it
    cannot add many small numbers.
    """
    if not hasattr(axis, "__index__") or not -x.ndim <= axis < x.ndim:
        raise ValueError(f"{name}: axis {axis!r} is none of the {x.ndim} axes of x, whose shape is {x.shape}")
    x = floating(x, f"{name}: x").data
    y = x.swapaxes(axis, 0).astype("float32" if x.dtype == "float16" else x.dtype, order="C")
    if y.size:
        y -= y.max(axis=0)
    return y, x.dtype


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
    name = "local_response_norm"
    if not hasattr(size, "__index__") or size < 1:
        raise ValueError(f"{name}: size counts channels, at least 1, got {size!r}")
    alpha, beta, k = (number(value, f"{name}: {what}") for value, what in ((alpha, "alpha"), (beta, "beta"), (k, "k")))
    x = floating(x, f"{name}: x")
    if x.ndim < 2:
        raise ValueError(f"{name}: x must be a map (N, C, H, W), got shape {x.shape}; for one image pass x[None]")
    wide = x.astype("float64")  # squares of 1e30 and of 1e-30, which float32 does not have
    squares = neighbour_sum(wide * wide, before=size // 2, after=(size - 1) // 2)
    return (wide * (squares * (alpha / size) + k) ** -beta).astype(x.dtype)


@operation
def neighbour_sum(x, *, before, after):
    """y[c] = x[c - before] + ... + x[c + after], over the channels that exist."""

    def backward(gy):
        return (neighbour_sum(gy, before=after, after=before),)

    channels, y = x.shape[1], x.data.copy(order="K")  # in the order in memory that it has
    for d in range(1, min(before, channels - 1) + 1):
        y[:, d:] += x.data[:, :-d]
    for d in range(1, min(after, channels - 1) + 1):
        y[:, :-d] += x.data[:, d:]
    return y, backward
