"""minifcn: fully convolutional networks for semantic segmentation, in NumPy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from minifcn import functional, named_otherwise
from minifcn.autograd import Tensor, no_grad
from minifcn.backend import array_module, cuda_problem, release_workspace, to_device, to_host
from minifcn.compute.algorithm import algorithm
from minifcn.gradcheck import gradcheck, gradcheck_arrays
from minifcn.gradients import grad

if TYPE_CHECKING:
    from minifcn import data, explain, metrics, models, nn, optim, pictures, training

__version__ = "0.1.0"
__all__ = [
    "Tensor",
    "algorithm",
    "array_module",
    "cuda_problem",
    "data",
    "explain",
    "functional",
    "grad",
    "gradcheck",
    "gradcheck_arrays",
    "metrics",
    "models",
    "nn",
    "no_grad",
    "optim",
    "pictures",
    "release_workspace",
    "to_device",
    "to_host",
    "training",
]

_ROOMS_ON_DEMAND = ("data", "explain", "metrics", "models", "nn", "optim", "pictures", "training")


def __getattr__(name: str) -> Any:
    """Import at first use what many programs never need, so that `import minifcn` stays quick."""
    if name in _ROOMS_ON_DEMAND:
        return importlib.import_module(f"minifcn.{name}")
    raise named_otherwise.in_room(__name__, name, named_otherwise.TOP, __all__)
