"""Modules, layers and the first values of their weights."""

from minifcn.nn import init
from minifcn.nn.layers import (
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Dropout2d,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sequential,
)
from minifcn.nn.module import Module, Parameter

__all__ = [
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Dropout2d",
    "LocalResponseNorm",
    "MaxPool2d",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "init",
]
