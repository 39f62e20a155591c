"""Differentiable operations on Tensors; in each file the value, and right under it the derivative."""

from typing import TYPE_CHECKING, NoReturn

from minifcn import named_otherwise
from minifcn.autograd import Tensor
from minifcn.functional import operators
from minifcn.functional.activation import dropout, dropout2d, local_response_norm, log_softmax, relu, softmax
from minifcn.functional.arithmetic import exp, log
from minifcn.functional.conv import conv2d, conv_transpose2d
from minifcn.functional.loss import softmax_cross_entropy
from minifcn.functional.pooling import avg_pool2d, max_pool2d, max_unpool2d
from minifcn.functional.recompute import recompute
from minifcn.functional.shape import concatenate, crop, linear, pad

__all__ = [
    "avg_pool2d",
    "concatenate",
    "conv2d",
    "conv_transpose2d",
    "crop",
    "dropout",
    "dropout2d",
    "exp",
    "linear",
    "local_response_norm",
    "log",
    "log_softmax",
    "max_pool2d",
    "max_unpool2d",
    "pad",
    "recompute",
    "relu",
    "softmax",
    "softmax_cross_entropy",
]

operators.give_to(Tensor)

if not TYPE_CHECKING:  # which would take any name for one that is here

    def __getattr__(name: str) -> NoReturn:
        raise named_otherwise.in_room(__name__, name, named_otherwise.FUNCTIONAL, __all__)
