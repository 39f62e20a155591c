"""The largest element along axes, and where it is; its gradient goes to the first element that is the largest."""

from __future__ import annotations

import math

from minifcn.autograd import Tensor, operation
from minifcn.backend import array_module
from minifcn.functional.arithmetic import axes_of
from minifcn.functional.operands import expect


def maximum(x: Tensor, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """Largest element along an axis, several axes, or all, as NumPy's max; where it is says `argmax`.

    The gradient goes to the largest element, the first one of equals, as in `max_pool2d`. If there is a nan, it is the
    largest.

    >>> x = Tensor([[1.0, 5.0, 5.0], [7.0, 0.0, 2.0]], requires_grad=True)
    >>> y = x.max(axis=1)
    >>> y.sum().backward()
    >>> y, x.grad
    (Tensor([5., 7.], requires_grad=True), Tensor([[0., 1., 0.],
            [1., 0., 0.]]))
    """
    along = sorted(axes_of(x.ndim, axis))
    kept = [i for i in range(x.ndim) if i not in along]
    shape = tuple(x.shape[i] for i in kept)
    lines = x.transpose(*kept, *along).reshape(*shape, math.prod(x.shape[i] for i in along))
    expect(lines.shape[-1] > 0, f"max: x of shape {x.shape} has no element along axis {axis}, and so no largest one")
    y = take_along(lines, position=lines.data.argmax(axis=-1)[..., None])
    return y.reshape(tuple(1 if i in along else n for i, n in enumerate(x.shape)) if keepdims else shape)


def argmax(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Position of the largest element along an axis, the first one of equals; without an axis, in the flattened x.

    The result is int64 and has no gradient: of scores (N, C, H, W), ``scores.argmax(axis=1)`` is the predicted class of
    each pixel.

    >>> Tensor([[1.0, 5.0, 5.0], [7.0, 0.0, 2.0]]).argmax(axis=1)
    Tensor([1, 0])
    """
    along = axes_of(x.ndim, axis)
    expect(axis is None or len(along) == 1, f"argmax: axis must be one axis, or None for all, got {axis!r}")
    expect(
        math.prod(x.shape[i] for i in along) > 0,
        f"argmax: x of shape {x.shape} has no element along axis {axis}, and so no largest one",
    )
    position = x.data.argmax(axis=None if axis is None else along[0])
    if keepdims:
        position = position.reshape([1 if i in along else n for i, n in enumerate(x.shape)])
    return Tensor(position)


@operation
def take_along(x, *, position):
    """Of each line along the last axis, the elements at its positions."""
    length = x.shape[-1]

    def backward(gy):
        return (put_along(gy, position=position, length=length),)

    return array_module(x.data).take_along_axis(x.data, position, -1), backward


@operation
def put_along(x, *, position, length):
    """Zeros in lines of the given length along the last axis, with x at its position: the adjoint of `take_along`."""

    def backward(gy):
        return (take_along(gy, position=position),)

    xp = array_module(x.data)
    y = xp.zeros((*x.shape[:-1], length), x.dtype)
    xp.put_along_axis(y, position, x.data, -1)
    return y, backward
