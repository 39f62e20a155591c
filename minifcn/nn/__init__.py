"""Modules, layers and the first values of their weights."""

from typing import TYPE_CHECKING, NoReturn

from minifcn import named_otherwise
from minifcn.nn import init
from minifcn.nn.classifying import AvgPool2d, Flatten, Linear
from minifcn.nn.containers import ModuleList, Sequential
from minifcn.nn.layers import (
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Dropout2d,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
)
from minifcn.nn.mode import evaluating
from minifcn.nn.module import Module
from minifcn.nn.parameter import Parameter
from minifcn.nn.states import IncompatibleKeys

__all__ = [
    "AvgPool2d",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Dropout2d",
    "Flatten",
    "IncompatibleKeys",
    "Linear",
    "LocalResponseNorm",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "evaluating",
    "init",
]

if not TYPE_CHECKING:  # which would take any name for one that is here

    def __getattr__(name: str) -> NoReturn:
        raise named_otherwise.in_room(__name__, name, named_otherwise.NN, __all__)
