"""The layers that a classifier ends with: an average pool, a map made one vector, and fully connected layers.

Each takes a geometry (models/geometry.py) too, and keeps its rows and columns: a fully connected layer is then the
convolution that it is, with a kernel as large as the map.
"""

from __future__ import annotations

import numpy as np

import minifcn.functional as F
from minifcn import check
from minifcn.autograd import Tensor
from minifcn.compute.window import Pair, Window
from minifcn.guards import is_geometry
from minifcn.nn import described, init
from minifcn.nn.module import Module
from minifcn.nn.parameter import Parameter


class AvgPool2d(Module):
    """Mean of each window; see `functional.avg_pool2d`.

    Examples
    --------
    >>> AvgPool2d(7, stride=1)(Tensor(np.zeros((1, 1024, 7, 7)))).shape
    (1, 1024, 1, 1)
    """

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        self.window = Window.of_pool(kernel_size, stride, padding, caller="AvgPool2d")
        self.ceil_mode = check.flag(ceil_mode, "AvgPool2d: ceil_mode")
        self.count_include_pad = check.flag(count_include_pad, "AvgPool2d: count_include_pad")

    def extra_repr(self) -> str:
        """Give the settings as they are given, but for the usual ones."""
        w = self.window
        given = {"kernel_size": w.kernel, "stride": w.stride, "padding": w.padding, "ceil_mode": self.ceil_mode}
        usual = {"stride": described.once(w.kernel), "padding": 0, "ceil_mode": False, "count_include_pad": True}
        return described.settings(given | {"count_include_pad": self.count_include_pad}, usual)

    def forward(self, x: Tensor) -> Tensor:
        w = self.window
        return F.avg_pool2d(x, w.kernel, w.stride, w.padding, self.ceil_mode, self.count_include_pad)


class Flatten(Module):
    """The numbers of each image as one vector, in the order channel, row, column.

    Examples
    --------
    >>> Flatten()(Tensor(np.zeros((2, 512, 7, 7)))).shape
    (2, 25088)
    """

    def forward(self, x: Tensor) -> Tensor:
        if is_geometry(x):
            return x
        return x.reshape(len(x), -1)


class Linear(Module):
    """Fully connected layer with a learned weight (O, I) and bias; see `functional.linear`.

    Parameters
    ----------
    in_features, out_features : int
        Numbers I and O of the vectors.
    bias : bool
    relu : bool
        Give max(y, 0).
    rng : numpy.random.Generator, optional
        Draws the weight by He's rule; without it the weight is zero.

    See Also
    --------
    minifcn.models.convolutionalize : makes it a convolution

    Examples
    --------
    >>> layer = Linear(8 * 10 * 10, 32, rng=np.random.default_rng(0))
    >>> layer
    Linear(800, 32)  # 32x800 + 32 = 25,632 parameters
    >>> layer(Tensor(np.zeros((5, 800), "float32"))).shape
    (5, 32)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        relu: bool = False,
        rng: np.random.Generator | None = None,
    ):
        self.in_features = check.whole(in_features, "Linear: in_features")
        self.out_features = check.whole(out_features, "Linear: out_features")
        self.relu, rng = check.flag(relu, "Linear: relu"), check.generator(rng, "Linear: rng")
        shape = self.out_features, self.in_features, (1, 1)
        kernel = init.zeros(*shape) if rng is None else init.he_normal(*shape, rng)
        self.weight = Parameter(kernel[:, :, 0, 0])
        self.bias = Parameter(np.zeros(self.out_features, "float32")) if check.flag(bias, "Linear: bias") else None

    def extra_repr(self) -> str:
        """Give the settings as they are given, but for the usual ones."""
        chosen = described.settings({"bias": self.bias is not None, "relu": self.relu}, {"bias": True, "relu": False})
        return ", ".join(filter(None, [f"{self.in_features}, {self.out_features}", chosen]))

    def forward(self, x: Tensor) -> Tensor:
        if is_geometry(x):
            return F.conv2d(x, self.weight.reshape(self.kernel_shape(x.shape)), self.bias, relu=self.relu)
        y = F.linear(x, self.weight, self.bias)
        return F.relu(y) if self.relu else y

    def kernel_shape(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Give the shape (O, C, KH, KW) that the weight has as a kernel on all of a map (N, C, KH, KW)."""
        _, channels, height, width = shape
        outputs, inputs = self.weight.shape
        if inputs % (height * width) or channels != inputs // (height * width):
            raise ValueError(
                f"Linear: in_features is {inputs}, but a map of {channels} channels and {height}x{width} pixels has "
                f"{channels * height * width} numbers; the fully connected layer fits images of one size only"
            )
        return outputs, inputs // (height * width), height, width
