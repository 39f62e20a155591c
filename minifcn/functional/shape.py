"""Cropping, padding and joining maps, and the fully connected layer."""

from __future__ import annotations

from collections.abc import Sequence

from minifcn.autograd import Tensor, operation
from minifcn.backend import array_module
from minifcn.compute.im2col import padded
from minifcn.compute.window import Pair
from minifcn.functional.check import expect


def crop(x: Tensor, offset: Pair, size: Pair) -> Tensor:
    """Cut a rectangle out of a map.

    Parameters
    ----------
    x : Tensor (N, C, H, W)
    offset : (top, left)
        First row and column that is kept, in pixels.
    size : (height, width)

    Returns
    -------
    Tensor (N, C, height, width)

    Raises
    ------
    ValueError
        If the rectangle does not lie inside the map.

    Notes
    -----
    Caffe's Crop layer.

    Examples
    --------
    >>> crop(Tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]]), (0, 1), (2, 2))
    Tensor([[[[2., 3.],
              [5., 6.]]]])
    """
    (top, left), (height, width) = offset, size
    expect(
        0 <= top <= top + height <= x.shape[2] and 0 <= left <= left + width <= x.shape[3],
        f"crop: rows {top}:{top + height} and columns {left}:{left + width} do not lie on a map of "
        f"{x.shape[2]}x{x.shape[3]}; choose offset and size inside it",
    )
    return cut(x, margin=(left, x.shape[3] - left - width, top, x.shape[2] - top - height))


def pad(x: Tensor, padding: tuple[int, int, int, int]) -> Tensor:
    """Put a border of zeros around a map.

    Parameters
    ----------
    x : Tensor (N, C, H, W)
    padding : (left, right, top, bottom)
        Columns and rows of zeros, in PyTorch's order.

    Returns
    -------
    Tensor (N, C, top + H + bottom, left + W + right)

    Examples
    --------
    >>> pad(Tensor([[[[7.0]]]]), (1, 0, 0, 1))
    Tensor([[[[0., 7.],
              [0., 0.]]]])
    """
    expect(
        len(padding) == 4 and min(padding) >= 0,
        f"pad: padding must be (left, right, top, bottom), each at least 0, got {padding!r}; to cut, use crop",
    )
    return surround(x, margin=tuple(padding))


@operation
def surround(x, *, margin):
    """Zeros (left, right, top, bottom) around x."""

    def backward(gy):
        return (cut(gy, margin=margin),)

    return padded(x.data, margin), backward


@operation
def cut(x, *, margin):
    """x without (left, right, top, bottom): the adjoint of `surround`."""

    def backward(gy):
        return (surround(gy, margin=margin),)

    left, right, top, bottom = margin
    return x.data[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right], backward


def concatenate(tensors: Sequence[Tensor], axis: int = 1) -> Tensor:
    """Join tensors along an axis, by default the channels.

    >>> concatenate([Tensor([[1.0, 2.0]]), Tensor([[3.0]])])
    Tensor([[1., 2., 3.]])
    """
    expect(len(tensors) > 0, "concatenate: there is nothing to join; pass at least one tensor")
    return join(*tensors, axis=axis)


@operation
def join(*tensors, axis):
    """The tensors one behind the other."""

    sizes = [x.shape[axis] for x in tensors]

    def backward(gy):
        start, parts = 0, []
        for size in sizes:
            stop = start + size
            parts.append(gy[(slice(None),) * (axis % gy.ndim) + (slice(start, stop),)])
            start = stop
        return tuple(parts)

    return array_module(tensors[0].data).concatenate([x.data for x in tensors], axis), backward


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x Wᵀ + b: a fully connected layer, which is a convolution whose kernel covers its whole input.

    Parameters
    ----------
    x : Tensor (..., I)
    weight : Tensor (O, I)
    bias : Tensor (O,), optional

    Returns
    -------
    Tensor (..., O)

    Examples
    --------
    >>> linear(Tensor([[1.0, 2.0]]), Tensor([[3.0, 4.0], [5.0, 6.0]]), Tensor([0.0, 1.0]))
    Tensor([[11., 18.]])
    """
    expect(
        weight.ndim == 2 and x.shape[-1] == weight.shape[1],
        f"linear: weight (O, I) has shape {weight.shape} and x has {x.shape[-1] if x.ndim else 0} features "
        f"(x.shape = {x.shape}); I must be that number",
    )
    y = x @ weight.transpose()
    return y if bias is None else y + bias
