"""Which operations of `minifcn.functional` have a geometry that is known, by what they do to the pixels of a map.

They stand here as themselves: one that is renamed there can no longer be imported here, and one that is missing here is
refused. geometry.py computes what a pixel sees behind them.
"""

from __future__ import annotations

from minifcn.functional.activation import log_softmax, neighbour_sum, relu, softmax
from minifcn.functional.arithmetic import add, divide, exp, log, multiply, negative, power, power_of, subtract
from minifcn.functional.convolution import convolution, transposed_convolution
from minifcn.functional.pooling import window_maximum, window_sum
from minifcn.functional.shape import cut, surround

# A pixel meets those at the same place of other maps.
POINTWISE = {add, subtract, negative, multiply, divide, power, power_of, exp, log, relu, neighbour_sum}
OVER_CHANNELS = {softmax, log_softmax}  # a pixel stays for itself along the axis of the channels only

# And what users call them.
WINDOWS = {
    convolution: "conv2d",
    transposed_convolution: "conv_transpose2d",
    window_maximum: "max_pool2d",
    window_sum: "avg_pool2d",
}
MARGINS = {surround: "pad", cut: "crop"}
