"""Small networks of one's own, each with something that an export has to know."""

import numpy as np

import minifcn.functional as F
from minifcn import Tensor, nn

_rng = np.random.default_rng(8)
SQUARE = Tensor(_rng.normal(size=(3, 3, 2, 2)).astype("float32"))
GROUPED = Tensor(_rng.normal(size=(6, 1, 3, 2)).astype("float32"))
CHANNELS = np.arange(3, dtype="float32").reshape(3, 1, 1)


class Own(nn.Module):
    """A forward that is a function of the network and the image."""

    def __init__(self, function):
        rng = np.random.default_rng(5)
        self.function = function
        self.conv, self.square = (nn.Conv2d(3, n, 3, padding=1, rng=rng) for n in (8, 3))
        self.drop = nn.Dropout(0.5)
        self.conv.bias.data[...] = rng.normal(size=8)

    def forward(self, x):
        return self.function(self, x)


def back_to_the_image(net, x):
    pooled = F.max_pool2d(F.pad(x, (2, 2, 2, 2)), 2, ceil_mode=True)
    return F.crop(F.conv_transpose2d(pooled, SQUARE, stride=2), (1, 2), x.shape[2:])


def as_large_as_the_image(net, x):
    """A transposed convolution that undoes a stride needs one row more where the number of rows is odd."""
    odd = x.shape[2] % 2, x.shape[3] % 2
    return F.conv_transpose2d(F.conv2d(x, SQUARE, stride=2), SQUARE, stride=2, output_padding=odd)


# Right at every size of image.
ANY_SIZE = {
    "layers": lambda net, x: net.drop(F.relu(net.conv(x))),
    "one layer twice": lambda net, x: net.square(net.square(x)),
    "a map used twice": lambda net, x: (y := net.square(x)) * F.exp(-y * y) + y,
    "stride, dilation and groups": lambda net, x: F.conv2d(
        x, GROUPED, stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=3, relu=True
    ),
    "a transposed convolution": lambda net, x: F.conv_transpose2d(x, SQUARE, stride=2, padding=1, output_padding=1),
    "one with rows beyond its stamps": lambda net, x: F.conv_transpose2d(x, SQUARE, dilation=3, output_padding=2),
    "a pool": lambda net, x: F.max_pool2d(x, 3, 2),
    "a pool that rounds up": lambda net, x: F.max_pool2d(x, 3, 2, ceil_mode=True),
    "one whose last window would start in the padding": lambda net, x: F.max_pool2d(x, 2, 2, 1, ceil_mode=True),
    "one that leaves pixels out": lambda net, x: F.max_pool2d(x, 2, 3, ceil_mode=True),
    "one with dilation": lambda net, x: F.max_pool2d(x, 3, 2, 1, dilation=2, ceil_mode=True),
    "an average": lambda net, x: F.avg_pool2d(net.conv(x), 3, 2, 1),
    "response normalisation": lambda net, x: F.local_response_norm(net.conv(x), 5, alpha=0.5, k=2.0),
    "of an even number of channels": lambda net, x: F.local_response_norm(net.conv(x), 4, alpha=0.5),
    "concatenation": lambda net, x: F.concatenate([x, net.conv(x)]),
    "slices": lambda net, x: x[:, 1:, 2:-1, ::2] * 2 + x[..., :1, 2:-1, ::2],
    "a stride that only a slice has": lambda net, x: F.pad(x, (0, 1, 0, 1))[..., ::2, ::2] * 2,
    "a crop to the image": back_to_the_image,
    "a border": lambda net, x: F.pad(x, (1, 2, 3, 4)),
    "softmax": lambda net, x: F.log_softmax(net.conv(x)) + F.softmax(net.conv(x)),
    "arithmetic": lambda net, x: (2 - x) / (3 + F.exp(-x)) ** 0.5 - 1 / (x * x + 1) + 2.0**x - x**3,
    "one channel that becomes three": lambda net, x: x[:, :1] * np.ones((3, 1, 1), "float32"),
    "logarithms": lambda net, x: CHANNELS * F.log(x * x + 1) + x / CHANNELS.max(),
}

# Right at one size, and with the reason for which not at others.
ONE_SIZE = {
    "a crop of half the image": (
        lambda net, x: F.crop(x, (1, 1), (x.shape[2] // 2, x.shape[3] - 2)),
        "Own/cut: depends",
    ),
    "rows for odd sizes": (as_large_as_the_image, "Own/transposed_convolution: depends on the size of the image"),
    "averages without the padding": (
        lambda net, x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False),
        "Own/divide: depends on the size of the image in a way that ONNX cannot say; give the size",
    ),
    "another forward for odd sizes": (
        lambda net, x: F.exp(F.exp(x)) if x.shape[2] % 2 else F.exp(x),
        "which operations there are depends on the size of the image",
    ),
}

REFUSED = {
    "an operation": (lambda net, x: x.reshape(1, 3, -1), r"Own: \.reshape: the values of a map are asked for"),
    "a sum of pixels": (lambda net, x: x.sum(), r"Own: \.sum: "),
    "a product of matrices": (
        lambda net, x: x @ x,
        "Own: what a pixel sees behind the operation 'matmul' is not known",
    ),
    "a window that hangs over the edge": (
        lambda net, x: F.avg_pool2d(x, 3, 2, ceil_mode=True),
        "Own/window_sum: windows that hang over the edge are not known to the export",
    ),
    "several maps": (lambda net, x: [x, x], "Own: gives list, but a network gives one map"),
    "the image itself": (lambda net, x: x, "Own: does nothing to an image"),
}
