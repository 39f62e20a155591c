"""`conv2d` and `conv_transpose2d`: what is given is checked, and then convolved by the operations of convolution.py.

Where the definition computes, they run one after the other: the convolution, the addition of the bias, the ReLU.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any, cast

import numpy as np

from minifcn.autograd import Tensor, as_tensors
from minifcn.check import whole_argument
from minifcn.compute.algorithm import textbook
from minifcn.compute.window import SIGNATURES, Pair, Window
from minifcn.functional.activation import relu as positive_part
from minifcn.functional.convolution import add_bias, convolution, transposed_convolution
from minifcn.functional.fused import finished_convolution, finished_transposed_convolution, pooled_convolution
from minifcn.functional.pooling import max_pool2d
from minifcn.functional.shape import cut, surround


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
    layer. In VGG16 every convolution has S = 1; AlexNet's first has S = 4, GoogLeNet's S = 2.

    Whole numbers are added up in 64 bits, as by NumPy's `sum`: those of a uint8 image do not wrap.

    Examples
    --------
    >>> import numpy as np
    >>> x = Tensor(np.ones((1, 3, 10, 12)))
    >>> y = conv2d(x, Tensor(np.ones((8, 3, 3, 5))), stride=2, padding=(1, 0))
    >>> y.shape == (1, 8, (10 + 2 - 3) // 2 + 1, (12 - 5) // 2 + 1)
    True
    """
    x, weight, bias, groups = _checked("conv2d", x, weight, bias, groups, transposed=False)
    window = Window.of(weight.shape[2:], stride, padding, dilation, caller="conv2d")
    by_steps = not isinstance(x, Tensor) or textbook(x.data)
    if bias is not None and not by_steps:
        return finished_convolution(x, weight, bias, window=window, groups=groups, relu=relu)
    y = convolution(x, weight, window=window, groups=groups)
    y = y if bias is None else add_bias(y, bias)
    return positive_part(y) if relu else y


def pooled_conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    window: Window,
    groups: int,
    relu: bool,
    ceil_mode: bool,
) -> Tensor:
    """Give the maximum of each 2x2 pixels of `conv2d`; with ceil_mode, at the edges, of those that there are.

    It is ``max_pool2d(conv2d(...), 2, ceil_mode=ceil_mode)`` to the bit. Where no pixel is left over, and it is not the
    definition that computes, the map between the two is not kept. The size of the kernel is that of the weight.
    """
    settings = window.stride, window.padding, window.dilation
    x, weight, bias, groups = _checked("conv2d", x, weight, bias, groups, transposed=False)
    window = Window.of(weight.shape[2:], *settings, caller="conv2d")
    left_over = not ceil_mode and any(length % 2 for length in window.output_size(x.shape[2:]))
    if bias is None or left_over or textbook(x.data):
        y = conv2d(x, weight, bias, *settings, groups, relu=relu)
        return cast(Tensor, max_pool2d(y, 2, ceil_mode=ceil_mode))
    return pooled_convolution(x, weight, bias, window=window, groups=groups, relu=relu)


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
    x, weight, bias, groups = _checked("conv_transpose2d", x, weight, bias, groups, transposed=True)
    window = Window.of(weight.shape[2:], stride, padding, dilation, caller="conv_transpose2d")
    extra = window.output_padding(output_padding)
    size = window.transposed_size(x.shape[2:], extra)
    by_steps = not isinstance(x, Tensor) or textbook(x.data)
    beyond = extra[0] >= window.stride[0] or extra[1] >= window.stride[1]
    if bias is not None and not beyond and not by_steps:
        return finished_transposed_convolution(x, weight, bias, window=window, size=size, groups=groups)
    transpose = _cropped_less if beyond else transposed_convolution
    y = transpose(x, weight, window=window, size=size, groups=groups)
    return y if bias is None else add_bias(y, bias)


def _cropped_less(x: Tensor, weight: Tensor, *, window: Window, size: Pair, groups: int) -> Tensor:
    """Transpose a convolution that would see further windows on the result: cut `size` out of all stamps."""
    (top, left), every = window.padding, replace(window, padding=(0, 0))
    whole_size = every.transposed_size(x.shape[2:])
    y = transposed_convolution(x, weight, window=every, size=whole_size, groups=groups)
    bottom, right = (s - w + p for s, w, p in zip(size, whole_size, window.padding, strict=True))
    y = surround(y, margin=(0, max(0, right), 0, max(0, bottom)))  # beyond the last stamp
    return cut(y, margin=(left, max(0, -right), top, max(0, -bottom)))


def _checked(name: str, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int, transposed: bool) -> tuple:
    """Give Tensors of one dtype whose shapes fit, and groups as an int.

    Whole numbers come in the dtype that NumPy sums them in, where a uint8 does not wrap.
    """
    tensors: tuple[Any, ...] = as_tensors((x, weight) if bias is None else (x, weight, bias), name)
    if tensors[0].dtype.kind != "f":  # then none is
        dtype = np.zeros(0, np.result_type(*(tensor.dtype for tensor in tensors))).sum().dtype
        tensors = tuple(Tensor(tensor.data.astype(dtype, copy=False)) for tensor in tensors)
    x, weight, bias = tensors if bias is not None else (*tensors, None)
    if type(groups) is not int:
        groups = whole_argument(groups, f"{name}: groups")
    _check_shapes(name, x.shape, weight.shape, None if bias is None else bias.shape, groups, transposed)
    return x, weight, bias, groups


@functools.lru_cache(SIGNATURES)
def _check_shapes(name: str, x: tuple, weight: tuple, bias: tuple | None, groups: int, transposed: bool) -> None:
    if len(x) != 4:
        raise ValueError(f"{name}: x must be a map (N, C, H, W), got shape {x}; for one image pass x[None]")
    if len(weight) != 4:
        raise ValueError(f"{name}: weight must have four axes, got shape {weight}")
    if min(x[1:]) < 1:
        raise ValueError(f"{name}: x needs at least one channel and one pixel, got shape {x}")
    if min(weight) < 1:
        raise ValueError(f"{name}: weight must not be empty, got shape {weight}")
    if groups < 1 or x[1] % groups or weight[0] % groups:
        raise ValueError(
            f"{name}: groups={groups} must divide the {x[1]} channels of x and weight.shape[0] = {weight[0]}"
        )
    axis, share = (0, 1) if transposed else (1, groups)  # where the weight names its input channels
    if x[1] != weight[axis] * share:
        raise ValueError(f"{name}: {_wrong_channels(x, weight, axis, share)}")
    outputs = weight[1] * groups if transposed else weight[0]
    if bias is not None and bias != (outputs,):
        raise ValueError(
            f"{name}: bias must have one number for each of the {outputs} output channels, got shape {bias}"
        )


def _wrong_channels(x: tuple, weight: tuple, axis: int, share: int) -> str:
    expected, found = weight[axis] * share, x[1]
    fitting = tuple(found // share if a == axis else n for a, n in enumerate(weight))
    fix = f"pass {f'x[:, :{expected}] or ' * (expected < found)}a weight of shape {fitting}"
    if x[3] == expected:
        fix = "if its channels are last, pass x.transpose(0, 3, 1, 2)"
    return (
        f"weight expects {expected} input channels (weight.shape[{axis}]{f' x {share} groups' * (share > 1)}), but x "
        f"has {found} (x.shape = {x}); {fix}"
    )
