"""What many tests are run on, random convolutions and the layouts of an array in memory, and what they ask."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from minifcn.compute import algorithm
from minifcn.compute.window import Window


@dataclass(frozen=True)
class Convolution:
    """Shapes and window of a convolution of `inputs` to `outputs` channels."""

    window: Window
    size: tuple[int, int]
    batch: int = 1
    inputs: int = 1
    outputs: int = 1
    groups: int = 1

    x_shape = property(lambda self: (self.batch, self.inputs, *self.size))
    weight_shape = property(lambda self: (self.outputs, self.inputs // self.groups, *self.window.kernel))
    y_shape = property(lambda self: (self.batch, self.outputs, *self.window.output_size(self.size)))

    @property
    def settings(self):
        w = self.window
        return {"stride": w.stride, "padding": w.padding, "dilation": w.dilation, "groups": self.groups}

    @property
    def output_padding(self):
        """With it the transposed convolution gives the size that the convolution came from."""
        w = self.window
        axes = zip(self.size, w.kernel, w.stride, w.padding, w.dilation, strict=True)
        return tuple((n + 2 * p - d * (k - 1) - 1) % s for n, k, s, p, d in axes)

    def arrays(self, rng, dtype="float64"):
        """Draw x, weight and y."""
        return [rng.normal(size=shape).astype(dtype) for shape in (self.x_shape, self.weight_shape, self.y_shape)]

    def __str__(self):
        w = self.window
        k, s, p, d = (f"{a}x{b}" for a, b in (w.kernel, w.stride, w.padding, w.dilation))
        maps = f"{self.batch}x{self.inputs}x{self.size[0]}x{self.size[1]} to {self.outputs}"
        return f"{maps}, K {k} S {s} P {p} D {d} groups {self.groups}"


def random_convolutions(count, seed):
    """Draw convolutions whose kernels fit on their maps."""
    rng = np.random.default_rng(seed)

    def two(low, high):
        return tuple(int(n) for n in rng.integers(low, high + 1, 2))

    drawn = []
    while len(drawn) < count:
        window = Window(two(1, 4), two(1, 3), two(0, 3), two(1, 2))
        groups, batch, inputs, outputs = (int(n) for n in rng.integers(1, 4, 4))
        size = two(1, 10)
        axes = zip(size, window.kernel, window.padding, window.dilation, strict=True)
        if all(n + 2 * p > d * (k - 1) for n, k, p, d in axes):
            drawn.append(Convolution(window, size, batch, groups * inputs, groups * outputs, groups))
    return drawn


NAMED_CONVOLUTIONS = [
    Convolution(Window((1, 1)), (1, 1)),
    Convolution(Window((1, 1)), (5, 7), batch=2, inputs=3, outputs=4),
    Convolution(Window((3, 3), padding=(1, 1)), (1, 1), batch=2, inputs=3, outputs=2),
    Convolution(Window((3, 3), padding=(1, 1)), (9, 8), inputs=4, outputs=3),  # VGG's
    Convolution(Window((3, 3), padding=(5, 5)), (3, 2), inputs=2, outputs=2),  # as conv1_1 of the paper, in small
    Convolution(Window((7, 7)), (7, 7), inputs=2, outputs=3),  # fc6 on the smallest map
    Convolution(Window((4, 4), (2, 2), (1, 1)), (10, 8), inputs=3, outputs=3),  # upsampling by 2, transposed
    Convolution(Window((16, 16), (8, 8)), (24, 32), inputs=2, outputs=2),  # upscore8, transposed
    Convolution(Window((11, 11), (4, 4), (2, 2)), (23, 27), inputs=3, outputs=2),  # AlexNet's conv1
    Convolution(Window((2, 2), (3, 3)), (8, 9), inputs=2, outputs=1),  # pixels between the windows that none sees
    Convolution(Window((3, 3), padding=(3, 3), dilation=(3, 3)), (4, 6), batch=2, inputs=2, outputs=2),
    Convolution(Window((1, 2), (11, 13), (3, 4)), (5, 6), inputs=2, outputs=2),  # one window, and that in the padding
]
CONVOLUTIONS = NAMED_CONVOLUTIONS + random_convolutions(40, seed=1411)

# Kernel, stride, padding, dilation, ceil_mode, size of the map.
POOLS = [
    (k, s, p, d, ceil, size)
    for (k, s, p), d, ceil, size in product(
        [(1, 1, 0), (2, 2, 0), (2, 2, 1), (3, 2, 0), (3, 2, 1), (3, 1, 1), ((2, 3), (3, 2), (1, 0)), (5, 3, 2)],
        [1, 2],
        [False, True],
        [(9, 9), (10, 12), (11, 9)],
    )
] + [(2, 2, 0, 1, True, (1, 1)), (3, 2, 1, 1, True, (1, 1)), (2, 2, 0, 1, True, (1, 8)), (17, 3, 0, 1, False, (20, 23))]


def read_only(array):
    """Protect an array: whoever writes to it raises."""
    array.flags.writeable = False
    return array


def channels_last(x):
    """Copy x so that axis 1 is the innermost in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if x.ndim > 1 else x.copy()


def every_other(x):
    """Copy x between the numbers of a larger array."""
    view = stepped(np.full([2 * n for n in x.shape], np.nan, x.dtype), 2)
    view[...] = x
    return view


def backwards(x):
    """Copy x so that it lies in memory from its last number to its first."""
    return stepped(stepped(x, -1).copy(), -1)


def stepped(x, step):
    """View x in steps along every axis."""
    return x[(..., *(slice(None, None, step),) * x.ndim)]


LAYOUTS = {
    "contiguous": np.array,
    "channels-last": channels_last,
    "every other": every_other,
    "backwards": backwards,
}


def three_maps(case, x, weight, y):
    """y, x and weight, each from the other two."""
    return (
        algorithm.convolve(x, weight, case.window, case.groups),
        algorithm.convolve_transposed(y, weight, case.window, case.size, case.groups),
        algorithm.convolve_weight(x, y, case.window, case.groups),
    )


def operations(y):
    """The operations on the way from an output back to its first input."""
    while not y.is_leaf:
        yield y.operation
        y = y.inputs[0]
