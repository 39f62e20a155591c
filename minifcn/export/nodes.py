"""The calls of a forward, as ONNX writes them.

A call that was recorded at one size of image may be written in several ways: where a pool's map has an even number of
rows, rounding up and rounding down give the same. So each is recorded at many sizes, and written in a way that is right
at all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from minifcn.autograd import Tensor
from minifcn.backend import to_host
from minifcn.compute.window import Window
from minifcn.export.recorded import Call, crop_to, take
from minifcn.functional import arithmetic
from minifcn.functional.activation import log_softmax, neighbour_sum, relu, softmax
from minifcn.functional.convolution import add_bias, convolution, transposed_convolution
from minifcn.functional.pooling import window_maximum, window_sum
from minifcn.functional.shape import cut, join, surround
from minifcn.nn import Parameter

TO_THE_END = 2**63 - 1  # of an axis, as ONNX writes it
ROWS_AND_COLUMNS = (2, 3)


class OnnxNode(NamedTuple):
    """An ONNX operator.

    Parameters
    ----------
    kind : str
    inputs : tuple of str, Weight or Constant
        A text is the name of a map.
    output : str
    attributes : tuple of (str, value)
    name : str
        The output unless given: what a program says where the operator fails.
    """

    kind: str
    inputs: tuple[Any, ...]
    output: str
    attributes: tuple[tuple[str, Any], ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Weight:
    """A parameter of the network; equal if it is the same one.

    Parameters
    ----------
    parameter : Parameter
    """

    parameter: Parameter

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Weight) and self.parameter is other.parameter

    def __hash__(self) -> int:
        return id(self.parameter)


class Constant(NamedTuple):
    """An array that can be compared.

    Parameters
    ----------
    dtype : str
    shape : tuple of int
    content : bytes
    """

    dtype: str
    shape: tuple[int, ...]
    content: bytes

    @classmethod
    def of(cls, values: Any, dtype: str = "float32") -> Constant:
        """Take the values of a Tensor, an array, a number or a sequence."""
        array = np.asarray(to_host(values.data) if isinstance(values, Tensor) else values, dtype)
        return cls(dtype, array.shape, array.tobytes())

    @property
    def array(self) -> np.ndarray:
        """The array."""
        return np.frombuffer(self.content, self.dtype).reshape(self.shape)


Way = tuple[OnnxNode, ...]


def ways(call: Call) -> Iterator[Way]:
    """Yield the ways in which a call can be written, which are all right at the size at which it was recorded."""
    yield from WAYS[call.operation](call)


def multiples_alone(image: str, divisor: int, output: str) -> Way:
    """Let an image pass whose sides are multiples of a number, and fail at another one.

    ONNX has no operator that refuses anything. But it cannot bring an image into the shape that this one would have if
    its sides were rounded up to multiples, unless they are: that shape has more pixels.
    """
    size, more, steps, whole, shape = (f"{output}/{part}" for part in ("size", "more", "steps", "whole", "shape"))
    return (
        OnnxNode("Shape", (image,), size, (("start", 2), ("end", 4))),
        OnnxNode("Add", (size, _wholes(divisor - 1)), more),
        OnnxNode("Div", (more, _wholes(divisor)), steps),
        OnnxNode("Mul", (steps, _wholes(divisor)), whole),
        OnnxNode("Concat", (_wholes(0, 0), whole), shape, (("axis", 0),)),  # 0: as it is
        OnnxNode("Reshape", (image, shape), output, name=f"the sides of an image must be multiples of {divisor}"),
    )


def _convolution(call: Call) -> Iterator[Way]:
    attributes = {**_of_window(call.settings["window"]), "group": call.settings.get("groups", 1)}
    yield _one("Conv", call, **attributes)


def _transposed(call: Call) -> Iterator[Way]:
    window = call.settings["window"]
    least = window.transposed_size(call.before[2:])
    extra = tuple(size - n for size, n in zip(call.behind[2:], least, strict=True))
    attributes = {**_of_window(window), "group": call.settings.get("groups", 1), "output_padding": extra}
    yield _one("ConvTranspose", call, **attributes)


def _maximum(call: Call) -> Iterator[Way]:
    window = call.settings["window"]
    for ceil_mode in (False, True):
        if window.output_size(call.before[2:], ceil_mode) == call.behind[2:]:
            yield _one("MaxPool", call, **_of_window(window), ceil_mode=int(ceil_mode))


def _sum(call: Call) -> Iterator[Way]:
    """Write a sum of windows as a convolution of each channel with ones."""
    window, channels = call.settings["window"], call.before[1]
    if window.output_size(call.before[2:]) == call.behind[2:]:
        ones = np.ones((channels, 1, *window.kernel))
        yield _one("Conv", call, call.inputs[0], ones, **_of_window(window), group=channels)


def _neighbours(call: Call) -> Iterator[Way]:
    """Write a sum over neighbouring channels as a 1x1 convolution with a band of ones."""
    channels, before, after = call.before[1], call.settings["before"], call.settings["after"]
    distance = np.arange(channels) - np.arange(channels)[:, None]
    band = (-before <= distance) & (distance <= after)
    yield _one("Conv", call, call.inputs[0], band[:, :, None, None])


def _added_bias(call: Call) -> Iterator[Way]:
    x, bias = call.inputs
    yield _one("Add", call, x, to_host(bias.data).reshape(-1, 1, 1))


def _power(call: Call) -> Iterator[Way]:
    yield _one("Pow", call, call.inputs[0], call.settings["exponent"])


def _joined(call: Call) -> Iterator[Way]:
    yield _one("Concat", call, axis=1)


def _over_channels(kind: str) -> Callable[[Call], Iterator[Way]]:
    return lambda call: iter([_one(kind, call, axis=1)])


def _elementwise(kind: str) -> Callable[[Call], Iterator[Way]]:
    return lambda call: iter([_one(kind, call, *map(_spread, call.inputs))])


def _spread(x: Any) -> Any:
    """Give an array that is the same at every pixel once, since its size may be that of the map."""
    if isinstance(x, str | Parameter):
        return x
    array = np.asarray(to_host(x.data) if isinstance(x, Tensor) else x)
    once = array[..., :1, :1] if array.ndim > 1 else array
    return once if (array == once).all() else array


def _surrounded(call: Call) -> Iterator[Way]:
    left, right, top, bottom = call.settings["margin"]
    yield _one("Pad", call, call.inputs[0], _wholes(0, 0, top, left, 0, 0, bottom, right))


def _cut(call: Call) -> Iterator[Way]:
    """Write a cut by what is left out, or by the map that has the size of what is left."""
    left, right, top, bottom = call.settings["margin"]
    ends = [-side if side else TO_THE_END for side in (bottom, right)]
    yield (_slice(call, _wholes(top, left), _wholes(*ends), ROWS_AND_COLUMNS),)
    for like, size in call.sizes.items():
        if size == call.behind[2:]:
            yield _cut_like(call, like, (top, left))


def _cropped(call: Call) -> Iterator[Way]:
    yield _cut_like(call, call.inputs[1], call.settings["offset"])


def _cut_like(call: Call, like: str, offset: tuple[int, int]) -> Way:
    size, end, starts = f"{call.output}/size", f"{call.output}/end", _wholes(*offset)
    return (
        OnnxNode("Shape", (like,), size, (("start", 2), ("end", 4))),
        OnnxNode("Add", (size, starts), end),
        _slice(call, starts, end, ROWS_AND_COLUMNS),
    )


def _taken(call: Call) -> Iterator[Way]:
    index = call.settings["index"]
    slices = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in slices:
        at = slices.index(Ellipsis)
        slices[at : at + 1] = [slice(None)] * (5 - len(slices))
    given = {axis: i for axis, i in enumerate(slices) if i != slice(None)}
    starts = _wholes(*(i.start or 0 for i in given.values()))
    ends = _wholes(*(TO_THE_END if i.stop is None else i.stop for i in given.values()))
    yield (_slice(call, starts, ends, tuple(given), _wholes(*(i.step or 1 for i in given.values()))),)


def _slice(call: Call, starts: Any, ends: Any, axes: Sequence[int], *strides: Constant) -> OnnxNode:
    return OnnxNode("Slice", (call.inputs[0], starts, ends, _wholes(*axes), *strides), call.output)


def _one(kind: str, call: Call, *inputs: Any, **attributes: Any) -> Way:
    return (OnnxNode(kind, tuple(map(_input, inputs or call.inputs)), call.output, tuple(attributes.items())),)


def _input(x: Any) -> str | Weight | Constant:
    return x if isinstance(x, str | Constant) else Weight(x) if isinstance(x, Parameter) else Constant.of(x)


def _of_window(window: Window) -> dict[str, tuple[int, ...]]:
    return {
        "kernel_shape": window.kernel,
        "strides": window.stride,
        "pads": window.padding * 2,
        "dilations": window.dilation,
    }


def _wholes(*numbers: int) -> Constant:
    return Constant.of(numbers, "int64")


WAYS: dict[Callable, Callable[[Call], Iterator[Way]]] = {
    convolution: _convolution,
    transposed_convolution: _transposed,
    window_maximum: _maximum,
    window_sum: _sum,
    neighbour_sum: _neighbours,
    add_bias: _added_bias,
    arithmetic.add: _elementwise("Add"),
    arithmetic.subtract: _elementwise("Sub"),
    arithmetic.multiply: _elementwise("Mul"),
    arithmetic.divide: _elementwise("Div"),
    arithmetic.negative: _elementwise("Neg"),
    arithmetic.power: _power,
    arithmetic.power_of: _elementwise("Pow"),
    arithmetic.exp: _elementwise("Exp"),
    arithmetic.log: _elementwise("Log"),
    relu: _elementwise("Relu"),
    softmax: _over_channels("Softmax"),
    log_softmax: _over_channels("LogSoftmax"),
    join: _joined,
    surround: _surrounded,
    cut: _cut,
    crop_to: _cropped,
    take: _taken,
}
