"""The stepper: an operation step by step, in a notebook and as files, and the steps themselves."""

from minifcn.explain.stepper.loss import cross_entropy_steps
from minifcn.explain.stepper.stepper import Stepper
from minifcn.explain.stepper.steps import Step, conv_steps, transposed_conv_steps
from minifcn.explain.stepper.windows import im2col_steps, max_pool_steps

__all__ = [
    "Step",
    "Stepper",
    "conv_steps",
    "cross_entropy_steps",
    "im2col_steps",
    "max_pool_steps",
    "transposed_conv_steps",
]
