"""Convolution and transposed convolution of maps (N, C, H, W), each the derivative of the other.

The three operations below are the three sides of one form <y, W A x> (compute/convolution.py): whichever two of
x, W and y are given, the derivative with respect to one of them is the operation that leaves it out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minifcn.autograd import Tensor, as_tensors, operation
from minifcn.backend import array_module, one_blas_thread
from minifcn.compute import algorithm
from minifcn.compute.fast.elementwise import Finish
from minifcn.compute.im2col import pixels
from minifcn.compute.window import Pair, Window, pair, whole
from minifcn.functional.activation import relu as positive_part
from minifcn.functional.activation import where_positive
from minifcn.functional.arithmetic import broadcast_to
from minifcn.functional.check import expect
from minifcn.functional.shape import cut, surround


@operation
def convolution(x, weight, *, window, groups=1):
    """y = W A x."""

    def backward(gy):
        size = x.shape[2:]
        return (
            transposed_convolution(gy, weight, window=window, size=size, groups=groups) if x.requires_grad else None,
            weight_gradient(x, gy, window=window, groups=groups) if weight.requires_grad else None,
        )

    return algorithm.convolve(x.data, weight.data, window, groups), backward


@operation
def transposed_convolution(y, weight, *, window, size, groups=1):
    """x = Aᵀ Wᵀ y."""

    def backward(gx):
        return (
            convolution(gx, weight, window=window, groups=groups) if y.requires_grad else None,
            weight_gradient(gx, y, window=window, groups=groups) if weight.requires_grad else None,
        )

    return algorithm.convolve_transposed(y.data, weight.data, window, size, groups), backward


@operation
def weight_gradient(x, y, *, window, groups=1):
    """W' = y (A x)ᵀ."""

    def backward(gw):
        size = x.shape[2:]
        return (
            transposed_convolution(y, gw, window=window, size=size, groups=groups) if x.requires_grad else None,
            convolution(x, gw, window=window, groups=groups) if y.requires_grad else None,
        )

    return algorithm.convolve_weight(x.data, y.data, window, groups), backward


@operation
def finished_convolution(x, weight, bias, *, window, groups=1, relu=False):
    """y = W A x + b, or max(y, 0): in one sweep, while the outputs are in the cache."""
    bias_learns, finish = bias.requires_grad, Finish(bias.data, relu)
    if algorithm.textbook(x.data):
        y = algorithm.convolve(x.data, weight.data, window, groups)
        finish.whole(y)
    else:
        y = algorithm.convolve(x.data, weight.data, window, groups, finish)

    def backward(gy):
        if relu:
            gy = where_positive(gy, y=y)
        size = x.shape[2:]
        return (
            transposed_convolution(gy, weight, window=window, size=size, groups=groups) if x.requires_grad else None,
            weight_gradient(x, gy, window=window, groups=groups) if weight.requires_grad else None,
            sum_pixels(gy) if bias_learns else None,
        )

    return y, backward


@operation
def add_bias(y, bias):
    """Add b[c] to channel c of a map that nobody else holds: its memory is used again."""

    def backward(gy):
        return gy, sum_pixels(gy)

    Finish(bias.data).whole(y.data)
    return y.data, backward


@operation
def sum_pixels(x):
    """Sum over the batch and all pixels of each channel, as a product with ones: twice as fast as a sum."""

    shape = x.shape

    def backward(gy):
        return (broadcast_to(gy.reshape(1, -1, 1, 1), shape=shape),)

    rows = pixels(x.data)
    with one_blas_thread():
        return array_module(rows).ones(rows.shape[0], rows.dtype) @ rows, backward


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
    *,
    relu: bool = False,
) -> Tensor:
    """Convolve maps with kernels: y[o, i, j] = b[o] + Σ w[o, c, k, l] x[c, S i + D k - P, S j + D l - P].

    Parameters
    ----------
    x : Tensor (N, C, H, W)
    weight : Tensor (O, C/groups, KH, KW)
    bias : Tensor (O,), optional
    stride, padding, dilation : int or (rows, columns)
        Step S of the window, zeros P around x, step D within the window, in pixels.
    groups : int
        Slices of the channels that are convolved separately.
    relu : bool
        Give max(y, 0): the same as `relu` of the result, but in one sweep over it instead of three.

    Returns
    -------
    Tensor (N, O, OH, OW)
        OH = (H + 2P - D(KH-1) - 1) // S + 1, and OW alike.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or the kernel does not fit on the padded map. A batch may be empty; channels,
        pixels and kernels may not.

    Notes
    -----
    As everywhere in deep learning the kernel is not flipped: strictly this is a correlation. Caffe's Convolution
    layer; the paper uses it with S = 1 everywhere (section 3).

    Whole numbers are added up in 64 bits, as by NumPy's `sum`: those of a uint8 image do not wrap.

    Examples
    --------
    >>> import numpy as np
    >>> x = Tensor(np.ones((1, 3, 10, 12)))
    >>> y = conv2d(x, Tensor(np.ones((8, 3, 3, 5))), stride=2, padding=(1, 0))
    >>> y.shape == (1, 8, (10 + 2 - 3) // 2 + 1, (12 - 5) // 2 + 1)
    True
    """
    x, weight, bias = _operands("conv2d", x, weight, bias)
    groups = whole(groups, "conv2d: groups")
    _check("conv2d", x, weight, bias, groups, transposed=False)
    window = Window.of(weight.shape[2:], stride, padding, dilation, caller="conv2d")
    if bias is not None:
        return finished_convolution(x, weight, bias, window=window, groups=groups, relu=relu)
    y = convolution(x, weight, window=window, groups=groups)
    return positive_part(y) if relu else y


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    output_padding: int | Pair = 0,
    groups: int = 1,
    dilation: int | Pair = 1,
) -> Tensor:
    """Multiply by the transpose of the matrix of a convolution: every pixel of x stamps its kernel on the result.

    It gives a map the shape that the convolution came from, not its values: it is no inverse.

    Parameters
    ----------
    x : Tensor (N, C, H, W)
    weight : Tensor (C, O/groups, KH, KW)
        The weight of the convolution from O to C channels that is transposed.
    bias : Tensor (O,), optional
    stride : int or (rows, columns)
        Distance S of the stamps.
    padding : int or (rows, columns)
        Rows and columns P that are *cropped* from each side of the result.
    output_padding : int or (rows, columns), less than stride or dilation
        Rows and columns kept at the end although they belong to no complete step: it chooses among the S sizes that
        the convolution maps to the size of x. They are cropped less, not padded; beyond P they are zeros that no
        window reaches.
    groups, dilation : as in `conv2d`

    Returns
    -------
    Tensor (N, O, OH, OW)
        OH = (H - 1) S - 2P + D(KH-1) + 1 + output_padding, and OW alike.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or output_padding is not less than the stride or the dilation.

    Notes
    -----
    Caffe's Deconvolution layer, called "deconvolution" in the paper (section 3.3).

    Examples
    --------
    The paper's upsampling by 2, and a single pixel that stamps its kernel:

    >>> import numpy as np
    >>> conv_transpose2d(Tensor(np.ones((1, 21, 16, 16))), Tensor(np.ones((21, 21, 4, 4))), stride=2).shape
    (1, 21, 34, 34)
    >>> conv_transpose2d(Tensor([[[[10.0]]]]), Tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    Tensor([[[[10., 20.],
              [30., 40.]]]])
    """
    x, weight, bias = _operands("conv_transpose2d", x, weight, bias)
    groups = whole(groups, "conv_transpose2d: groups")
    _check("conv_transpose2d", x, weight, bias, groups, transposed=True)
    window = Window.of(weight.shape[2:], stride, padding, dilation, caller="conv_transpose2d")
    extra = pair(output_padding, "conv_transpose2d: output_padding")
    allowed = [max(s, d) for s, d in zip(window.stride, window.dilation, strict=True)]
    expect(
        extra[0] < allowed[0] and extra[1] < allowed[1],
        f"conv_transpose2d: output_padding {extra} must be less than stride {window.stride} or dilation "
        f"{window.dilation}; a larger one would add rows that no pixel reaches",
    )
    size = window.transposed_size(x.shape[2:], extra)
    if any(e >= s for e, s in zip(extra, window.stride, strict=True)):
        y = _cropped_less(x, weight, window, size, groups)
    else:
        y = transposed_convolution(x, weight, window=window, size=size, groups=groups)
    return y if bias is None else add_bias(y, bias)


def _cropped_less(x: Tensor, weight: Tensor, window: Window, size: Pair, groups: int) -> Tensor:
    """Transpose a convolution that would see further windows on the result: cut `size` out of all stamps."""
    (top, left), every = window.padding, replace(window, padding=(0, 0))
    whole_size = every.transposed_size(x.shape[2:])
    y = transposed_convolution(x, weight, window=every, size=whole_size, groups=groups)
    bottom, right = (s - w + p for s, w, p in zip(size, whole_size, window.padding, strict=True))
    y = surround(y, margin=(0, max(0, right), 0, max(0, bottom)))  # beyond the last stamp
    return cut(y, margin=(left, max(0, -right), top, max(0, -bottom)))


def _operands(name: str, x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Give Tensors of one dtype; whole numbers in the dtype that NumPy sums them in, where a uint8 does not wrap."""
    if hasattr(x, "operate"):  # a map without values, of whose geometry operations ask it
        return x, weight, bias
    tensors = as_tensors((x, weight) if bias is None else (x, weight, bias), name)
    if any(tensor.dtype.kind in "biu" for tensor in tensors):  # all, but for numbers that made a bias of float64
        dtype = np.zeros(0, np.result_type(*(tensor.dtype for tensor in tensors))).sum().dtype
        tensors = tuple(Tensor(tensor.data.astype(dtype, copy=False)) for tensor in tensors)
    return tensors if bias is not None else (*tensors, None)  # type: ignore[return-value]


def _check(name: str, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int, transposed: bool) -> None:
    expect(x.ndim == 4, f"{name}: x must be a map (N, C, H, W), got shape {x.shape}; for one image pass x[None]")
    expect(weight.ndim == 4, f"{name}: weight must have four axes, got shape {weight.shape}")
    expect(min(x.shape[1:]) > 0, f"{name}: x needs at least one channel and one pixel, got shape {x.shape}")
    expect(min(weight.shape) > 0, f"{name}: weight must not be empty, got shape {weight.shape}")
    expect(
        groups >= 1 and x.shape[1] % groups == 0 and weight.shape[0] % groups == 0,
        f"{name}: groups={groups} must divide the {x.shape[1]} channels of x and weight.shape[0] = {weight.shape[0]}",
    )
    axis, share = (0, 1) if transposed else (1, groups)  # where the weight names its input channels
    expected, found = weight.shape[axis] * share, x.shape[1]
    fitting = tuple(found // share if a == axis else n for a, n in enumerate(weight.shape))
    fix = f"pass {f'x[:, :{expected}] or ' * (expected < found)}a weight of shape {fitting}"
    if x.shape[3] == expected:
        fix = "if its channels are last, pass x.transpose(0, 3, 1, 2)"
    expect(
        expected == found,
        f"{name}: weight expects {expected} input channels (weight.shape[{axis}]{f' x {share} groups' * (share > 1)}), "
        f"but x has {found} (x.shape = {x.shape}); {fix}",
    )
    outputs = weight.shape[1] * groups if transposed else weight.shape[0]
    expect(
        bias is None or bias.shape == (outputs,),
        f"{name}: bias must have one number for each of the {outputs} output channels, "
        f"got shape {None if bias is None else bias.shape}",
    )
