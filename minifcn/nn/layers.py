"""Layers: an operation of `functional` together with its parameters and settings."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

import minifcn.functional as F
from minifcn import check, named_otherwise
from minifcn.autograd import Tensor
from minifcn.compute.window import Pair, Window
from minifcn.nn import described, init
from minifcn.nn.module import Module
from minifcn.nn.parameter import Parameter


class Conv2d(Module):
    """Convolution with a learned weight and bias; see `functional.conv2d`.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, dilation, groups, bias : as in PyTorch
    relu : bool
        Give max(y, 0), in the same sweep.
    rng : numpy.random.Generator, optional
        Draws the weight by He's rule; without it the weight is zero, as in the paper's score layers.

    Examples
    --------
    >>> layer = Conv2d(3, 64, 3, padding=1, rng=np.random.default_rng(0))
    >>> layer
    Conv2d(3, 64, kernel_size=3, padding=1)  # 64x3x3x3 + 64 = 1,792 parameters
    >>> layer(Tensor(np.zeros((1, 3, 5, 7), "float32"))).shape
    (1, 64, 5, 7)
    """

    @named_otherwise.arguments
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        relu: bool = False,
        rng: np.random.Generator | None = None,
    ):
        self.window = Window.of(kernel_size, stride, padding, dilation, caller="Conv2d")
        self.in_channels, self.out_channels, self.groups = _channels("Conv2d", in_channels, out_channels, groups)
        self.relu = check.flag(relu, "Conv2d: relu")
        shape = self.out_channels, self.in_channels // self.groups, self.window.kernel
        rng = check.generator(rng, "Conv2d: rng")
        self.weight = Parameter(init.zeros(*shape) if rng is None else init.he_normal(*shape, rng))
        self.bias = Parameter(np.zeros(self.out_channels, "float32")) if check.flag(bias, "Conv2d: bias") else None

    def extra_repr(self) -> str:
        """Give the settings as they are given, but for the usual ones."""
        chosen = {"groups": self.groups, "bias": self.bias is not None, "relu": self.relu}
        return f"{self.in_channels}, {self.out_channels}, {_settings(self.window, chosen, _USUAL | {'bias': True})}"

    def forward(self, x: Tensor) -> Tensor:
        w = self.window
        return F.conv2d(x, self.weight, self.bias, w.stride, w.padding, w.dilation, self.groups, relu=self.relu)


class ConvTranspose2d(Module):
    """Transposed convolution that starts as bilinear interpolation; see `functional.conv_transpose2d`.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, output_padding, groups, bias, dilation : as in PyTorch, but without bias by default
    fixed : bool
        Keep the weight as it is; gradients still pass to the input.
    rng : numpy.random.Generator, optional
        Draws the weight by He's rule instead, where bilinear interpolation is not meant.

    Examples
    --------
    >>> up = ConvTranspose2d(21, 21, 4, stride=2, padding=1)
    >>> y = up(Tensor(np.ones((1, 21, 3, 3), "float32")))
    >>> y.shape, y.data[0, 0, 2, 2]
    ((1, 21, 6, 6), np.float32(1.0))
    """

    @named_otherwise.arguments
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        output_padding: int | Pair = 0,
        groups: int = 1,
        bias: bool = False,
        dilation: int | Pair = 1,
        *,
        fixed: bool = False,
        rng: np.random.Generator | None = None,
    ):
        name = "ConvTranspose2d"
        self.window = Window.of(kernel_size, stride, padding, dilation, caller=name)
        self.output_padding = self.window.output_padding(output_padding)
        in_channels, out_channels, self.groups = _channels(name, in_channels, out_channels, groups)
        self.in_channels, self.out_channels = in_channels, out_channels
        kernel = self.window.kernel
        rng = check.generator(rng, f"{name}: rng")
        if rng is not None:
            weight = init.he_normal(in_channels, out_channels // self.groups, kernel, rng)
        elif self.groups > 1 or kernel[0] != kernel[1]:
            raise ValueError(f"{name}: only a square kernel with groups=1 can start bilinear; pass rng=")
        elif in_channels != out_channels:
            raise ValueError(
                f"{name}: in_channels={in_channels} and out_channels={out_channels} must be equal to "
                "start bilinear, where each channel is interpolated by itself; pass rng="
            )
        else:
            weight = init.bilinear(in_channels, out_channels, kernel[0])
        self.weight = Parameter(weight, requires_grad=not check.flag(fixed, f"{name}: fixed"))
        self.bias = Parameter(np.zeros(out_channels, "float32")) if check.flag(bias, f"{name}: bias") else None

    def extra_repr(self) -> str:
        """Give the settings as they are given, but for the usual ones."""
        fixed = self.weight is not None and not self.weight.requires_grad
        chosen = {"output_padding": self.output_padding, "groups": self.groups, "bias": self.bias is not None}
        return f"{self.in_channels}, {self.out_channels}, {_settings(self.window, chosen | {'fixed': fixed}, _USUAL)}"

    def forward(self, x: Tensor) -> Tensor:
        w = self.window
        return F.conv_transpose2d(
            x, self.weight, self.bias, w.stride, w.padding, self.output_padding, self.groups, w.dilation
        )


class MaxPool2d(Module):
    """Maximum of each window; see `functional.max_pool2d`.

    >>> MaxPool2d(2, ceil_mode=True)(Tensor(np.zeros((1, 1, 5, 5)))).shape
    (1, 1, 3, 3)
    """

    @named_otherwise.arguments
    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        ceil_mode: bool = False,
    ):
        self.window = Window.of_pool(kernel_size, stride, padding, dilation, caller="MaxPool2d")
        self.ceil_mode = check.flag(ceil_mode, "MaxPool2d: ceil_mode")

    def extra_repr(self) -> str:
        """Give the settings as they are given, but for the usual ones."""
        usual = _USUAL | {"stride": described.once(self.window.kernel)}
        return _settings(self.window, {"ceil_mode": self.ceil_mode}, usual)

    def forward(self, x: Tensor) -> Tensor:
        w = self.window
        return cast(Tensor, F.max_pool2d(x, w.kernel, w.stride, w.padding, w.dilation, self.ceil_mode))


class ReLU(Module):
    """max(x, 0), elementwise; see `functional.relu`, and `Conv2d` for the two in one sweep.

    Examples
    --------
    >>> ReLU()(Tensor([-1.0, 2.0])).data.tolist()
    [0.0, 2.0]
    """

    @named_otherwise.arguments
    def __init__(self) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x)


class Dropout(Module):
    """Set elements to 0 with probability p while training; see `functional.dropout`.

    Parameters
    ----------
    p : float in [0, 1)
    rng : numpy.random.Generator
        Draws the masks. Layers may share one.

    Examples
    --------
    >>> layer = Dropout(0.5, rng=np.random.default_rng(1))
    >>> layer(Tensor(np.ones(6))).data.tolist()  # what is left is scaled, so that the mean stays
    [0.0, 0.0, 2.0, 2.0, 0.0, 2.0]
    >>> layer.eval()(Tensor(np.ones(6))).data.tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    function = staticmethod(F.dropout)

    @named_otherwise.arguments
    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | None = None):
        name = type(self).__name__
        self.p, self.rng = check.probability(p, f"{name}: p"), check.generator(rng, f"{name}: rng")

    def extra_repr(self) -> str:
        """Give the probability."""
        return f"p={self.p}"

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self.p, self.training, self.rng)


class Dropout2d(Dropout):
    """Set whole channels to 0 with probability p while training; see `functional.dropout2d`.

    Examples
    --------
    >>> layer = Dropout2d(0.5, rng=np.random.default_rng(1))
    >>> layer(Tensor(np.ones((1, 4, 2, 2)))).data.sum(axis=(2, 3)).tolist()
    [[0.0, 0.0, 8.0, 8.0]]
    """

    function = staticmethod(F.dropout2d)


class LocalResponseNorm(Module):
    """Normalise over neighbouring channels; see `functional.local_response_norm`.

    Examples
    --------
    >>> layer = LocalResponseNorm(3, alpha=3.0, beta=1.0)
    >>> layer(Tensor(np.ones((1, 3, 1, 1)))).data.ravel().round(3).tolist()  # 1 / (1 + neighbours)
    [0.333, 0.25, 0.333]
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        self.size = check.whole(size, "LocalResponseNorm: size")
        self.alpha, self.beta, self.k = (
            check.number(value, f"LocalResponseNorm: {name}")
            for name, value in (("alpha", alpha), ("beta", beta), ("k", k))
        )

    def extra_repr(self) -> str:
        """Give the settings."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"

    def forward(self, x: Tensor) -> Tensor:
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)


_USUAL = {
    "stride": 1,
    "padding": 0,
    "output_padding": 0,
    "dilation": 1,
    "groups": 1,
    "bias": False,
    "relu": False,
    "fixed": False,
    "ceil_mode": False,
}


def _settings(window: Window, chosen: dict[str, Any], usual: dict[str, Any]) -> str:
    of_window = {"kernel_size": window.kernel, "stride": window.stride, "padding": window.padding}
    return described.settings(of_window | {"dilation": window.dilation} | chosen, usual)


def _channels(layer: str, in_channels: Any, out_channels: Any, groups: Any) -> tuple[int, int, int]:
    inputs = check.whole(in_channels, f"{layer}: in_channels")
    outputs = check.whole(out_channels, f"{layer}: out_channels")
    groups = check.whole(groups, f"{layer}: groups")
    if inputs % groups or outputs % groups:
        raise ValueError(
            f"{layer}: groups={groups} must divide in_channels={inputs} and out_channels={outputs}, "
            "because every group convolves channels of its own"
        )
    return inputs, outputs, groups
