"""Cropping, padding and joining maps, and the fully connected layer."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from operator import attrgetter

from minifcn import named_otherwise
from minifcn.autograd import Tensor, as_tensors, operation
from minifcn.backend import joined
from minifcn.check import whole_argument
from minifcn.compute.im2col import padded
from minifcn.compute.window import SIGNATURES, Pair
from minifcn.functional.operands import expect, given
from minifcn.guards import is_geometry


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
    x = given(x, "crop: x")
    begin = _wholes(offset, 2, "crop: offset must be (top, left), two whole numbers")
    extent = _wholes(size, 2, "crop: size must be (height, width), two whole numbers")
    return cut(x, margin=_margin(x.shape, begin, extent))


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
    x = given(x, "pad: x")
    expect(x.ndim == 4, f"pad: x must be a map (N, C, H, W), got shape {x.shape}")
    rule = "pad: padding must be (left, right, top, bottom), each at least 0"
    margin = _wholes(padding, 4, rule)
    expect(min(margin) >= 0, f"{rule}, got {padding!r}; to cut, use crop")
    return surround(x, margin=margin)


@functools.lru_cache(SIGNATURES)
def _margin(shape: tuple, offset: tuple, size: tuple) -> tuple[int, int, int, int]:
    """Say what is cut away, as (left, right, top, bottom); ValueError if the rectangle does not lie on the map."""
    expect(len(shape) == 4, f"crop: x must be a map (N, C, H, W), got shape {shape}")
    (top, left), (height, width) = offset, size
    expect(
        0 <= top <= top + height <= shape[2] and 0 <= left <= left + width <= shape[3],
        f"crop: rows {top}:{top + height} and columns {left}:{left + width} do not lie on a map of "
        f"{shape[2]}x{shape[3]}; choose offset and size inside it",
    )
    return left, shape[3] - left - width, top, shape[2] - top - height


def _wholes(values, count: int, rule: str) -> tuple[int, ...]:
    """Make ints of `count` whole numbers of any type, in a tuple, list or array."""
    if type(values) is tuple and len(values) == count and set(map(type, values)) == {int}:
        return values  # nearly always
    found = tuple(values) if hasattr(values, "__len__") and not isinstance(values, str) else ()
    expect(len(found) == count, f"{rule}, got {values!r}")
    return tuple(whole_argument(value, f"{rule}, got {values!r}: each") for value in found)


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


@named_otherwise.arguments
def concatenate(tensors: Sequence[Tensor], axis: int = 1) -> Tensor:
    """Join tensors along an axis, by default the channels.

    >>> concatenate([Tensor([[1.0, 2.0]]), Tensor([[3.0]])])
    Tensor([[1., 2., 3.]])
    """
    expect(not isinstance(tensors, Tensor), "concatenate: pass a list of tensors, as in concatenate([x, y])")
    tensors = as_tensors(list(tensors), "concatenate")
    expect(len(tensors) > 0, "concatenate: there is nothing to join; pass at least one tensor")
    axis = axis if type(axis) is int else whole_argument(axis, "concatenate: axis")
    _check_joint(tuple(map(attrgetter("shape"), tensors)), axis)
    return join(*tensors, axis=axis)


@functools.lru_cache(SIGNATURES)
def _check_joint(shapes: tuple[tuple[int, ...], ...], axis: int) -> None:
    ndim = len(shapes[0])
    expect(
        -ndim <= axis < ndim and len({_without(shape, axis % ndim) for shape in shapes}) == 1,
        f"concatenate: the shapes {', '.join(map(str, shapes))} must agree but for axis {axis}, and have one",
    )


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], -1, *shape[axis + 1 :])


@operation
def join(*tensors, axis):
    """The tensors one behind the other."""
    lengths = [x.shape[axis] for x in tensors]

    def backward(gy):
        edges = itertools.accumulate(lengths, initial=0)
        before = (slice(None),) * (axis % gy.ndim)
        return tuple(lambda at=(*before, slice(*ends)): gy[at] for ends in itertools.pairwise(edges))

    return joined([x.data for x in tensors], axis), backward


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
    if not is_geometry(x):
        x, weight, *rest = as_tensors((x, weight) if bias is None else (x, weight, bias), "linear")
        bias = rest[0] if rest else None
    _check_linear(x.shape, weight.shape, None if bias is None else bias.shape)
    y = x @ weight.transpose()
    return y if bias is None else y + bias


@functools.lru_cache(SIGNATURES)
def _check_linear(x: tuple, weight: tuple, bias: tuple | None) -> None:
    expect(
        len(weight) == 2 and len(x) > 0 and x[-1] == weight[1],
        f"linear: weight (O, I) has shape {weight} and x has {x[-1] if x else 0} features (x.shape = {x}); I must be "
        "that number",
    )
    expect(
        bias is None or bias == weight[:1],
        f"linear: bias must have one number for each of the {weight[0]} outputs, got shape {bias}",
    )
