"""The operations that can be stepped through, each with its tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minifcn.compute.window import Window
from minifcn.explain.matrices import conv_matrix, im2col_matrix
from minifcn.explain.shown import telling_digits
from minifcn.explain.stepper import steps, windows
from minifcn.explain.stepper.loss import CrossEntropy
from minifcn.explain.stepper.planes import check_channels, kernels, planes
from minifcn.explain.stepper.scene import (
    Grid,
    Scene,
    area,
    check_legible,
    mask,
    named,
    padded_size,
    padding_title,
)
from minifcn.explain.stepper.steps import Step


class TransposedConv(Scene):
    """Input, kernel, stamp, the output with the border that is cropped, C and Cᵀ."""

    title = "Transposed convolution"
    law = "row {} of Cᵀ times x"

    def __init__(self, x: Any, weight: Any, stride=1, padding=0, output_padding=0, dilation=1) -> None:
        self.x, self.kernel = planes(x, "x"), kernels(weight)
        check_channels(self.x, self.kernel, axis=0)
        self.window, self.size = steps.transposed_window(
            self.x.shape[1:], self.kernel.shape[2:], stride, padding, output_padding, dilation
        )
        uncropped = steps.uncropped_size(self.x.shape[1:], self.window, self.size)
        channels = self.kernel.shape[1]
        check_legible(
            C=(self.x.size, channels * self.size[0] * self.size[1]), y=(channels * uncropped[0], uncropped[1])
        )
        self.output_padding = self.window.output_padding(output_padding)
        self.steps = steps.transposed_conv_steps(x, weight, stride, padding, output_padding, dilation)
        self.factors, self.reach = (m.T for m in _conv_matrices(self.kernel, (channels, *self.size), self.window))
        first = len(self.x) + self.kernel.shape[0] * channels + channels
        self.inputs, self.outputs = range(len(self.x)), range(first, first + channels)

    def _grids(self, step: Step | None, q: int) -> list[Grid]:
        (ph, pw), (oh, ow) = self.window.padding, self.size
        channels = self.kernel.shape[1]
        y = (step or self.steps[-1]).uncropped.reshape(channels, *self.steps[-1].uncropped.shape[-2:])
        y = y if step else np.zeros_like(y)
        title = "output y" if y.shape[1:] == self.size else "output y (dashed: cropped)"
        place = None if step is None else np.unravel_index(q, self.x.shape)
        results = (
            Grid(
                named(title, o, of=channels),
                plane,
                touched=mask(plane.shape, step and area(step, self.window.padding)),
                inside=(slice(ph, ph + oh), slice(pw, pw + ow)),
            )
            for o, plane in enumerate(y)
        )
        return [
            *_input_grids(self.x, place),
            *_kernels(self.kernel, None if place is None else (place[0], ...)),
            *_stamps("stamp", self.window, step, channels),
            *results,
            *self._matrices("C", self.factors.T, self.reach.T, q, output_axis=1),
        ]


class Conv(Scene):
    """Input with its padding, kernel, products, output, C and Cᵀ."""

    title = "Convolution"
    law = "row {} of C times x"

    def __init__(self, x: Any, weight: Any, stride=1, padding=0, dilation=1) -> None:
        self.x, self.kernel = planes(x, "x"), kernels(weight)
        check_channels(self.x, self.kernel, axis=1)
        self.window = Window.of(self.kernel.shape[2:], stride, padding, dilation)
        self.size = self.window.output_size(self.x.shape[1:])
        outputs, channels = self.kernel.shape[:2]
        whole = padded_size(self.x.shape[1:], self.window, self.size)
        check_legible(C=(outputs * self.size[0] * self.size[1], self.x.size), x=(channels * whole[0], whole[1]))
        self.steps = steps.conv_steps(x, weight, stride, padding, dilation)
        self.factors, self.reach = _conv_matrices(self.kernel, self.x.shape, self.window)
        first = 2 * channels + outputs * channels
        self.inputs, self.outputs = range(channels), range(first, first + outputs)

    def _grids(self, step: Step | None, q: int) -> list[Grid]:
        outputs, channels = self.kernel.shape[:2]
        place = None if step is None else np.unravel_index(q, (outputs, *self.size))
        title = "input x" + padding_title(self.window)
        return [
            *(Grid(named(title, c, of=channels), **one) for c, one in enumerate(self._padded(step, self.size))),
            *_kernels(self.kernel, None if place is None else (place[0], ...)),
            *_stamps("window times w", self.window, step, channels),
            *_results(step, (outputs, *self.size), place),
            *self._matrices("C", self.factors, self.reach, q, output_axis=0),
        ]


class Im2col(Scene):
    """Input with its padding, window, and the matrix of windows."""

    title = "im2col"
    result, thing, caption = "(A x)", "number of the matrix", "matrix of windows"
    law = "row {} of A times x"

    def __init__(self, x: Any, kernel_size: Any, stride=1, padding=0, dilation=1) -> None:
        self.x = planes(x, "x")
        self.window = Window.of(kernel_size, stride, padding, dilation)
        self.size, kernel = self.window.output_size(self.x.shape[1:]), self.window.kernel
        channels, whole = len(self.x), padded_size(self.x.shape[1:], self.window, self.size)
        check_legible(
            windows=(channels * kernel[0] * kernel[1], self.size[0] * self.size[1]), x=(channels * whole[0], whole[1])
        )
        self.steps = windows.im2col_steps(x, kernel_size, stride, padding, dilation)
        self.factors = self.reach = im2col_matrix(
            self.x.shape, kernel, self.window.stride, self.window.padding, self.window.dilation
        )
        self.inputs, self.outputs = range(channels), [2 * channels]

    def _grids(self, step: Step | None, q: int) -> list[Grid]:
        output, channels = step.output if step else np.full_like(self.output, np.nan), len(self.x)
        title = "input x" + padding_title(self.window)
        return [
            *(Grid(named(title, c, of=channels), **one) for c, one in enumerate(self._padded(step, self.size))),
            *_stamps("window", self.window, step, channels),
            Grid(
                "matrix of windows A x, folded",
                output,
                touched=mask(output.shape, step and (slice(None), q)),
            ),
        ]


class MaxPool(Scene):
    """Input with its padding, window, output, M and Mᵀ, which carries the gradient back."""

    title = "Max pooling"
    law = "row {} of M times x"

    def __init__(self, x: Any, kernel_size: Any, stride=None, padding=0, dilation=1, ceil_mode=False) -> None:
        self.x = planes(x, "x")
        self.window = Window.of_pool(kernel_size, stride, padding, dilation)
        self.size = self.window.output_size(self.x.shape[1:], ceil_mode)
        channels, whole = len(self.x), padded_size(self.x.shape[1:], self.window, self.size)
        check_legible(M=(channels * self.size[0] * self.size[1], self.x.size), x=(channels * whole[0], whole[1]))
        self.steps = windows.max_pool_steps(x, kernel_size, stride, padding, dilation, ceil_mode)
        self.ceil_mode = ceil_mode
        self.digits = telling_digits(self.x)  # or the largest of a window may look like another
        self.factors = self.reach = np.array([step.column for step in self.steps])
        self.inputs, self.outputs = range(channels), range(channels + 1, 2 * channels + 1)

    def _grids(self, step: Step | None, q: int) -> list[Grid]:
        channels = len(self.x)
        place = None if step is None else np.unravel_index(q, (channels, *self.size))
        stamp = step.stamp if step else np.full(self.window.kernel, np.nan)
        first = mask(stamp.shape, step and np.unravel_index(stamp.argmax(), stamp.shape))
        return [
            *self._input_grids(step, place),
            Grid("window", stamp, active=first, touched=mask(stamp.shape, step and ...), digits=self.digits),
            *_results(step, (channels, *self.size), place, self.digits),
            *self._matrices("M", self.factors, self.reach, q, output_axis=0),
        ]

    def _input_grids(self, step: Step | None, place: Any) -> Iterator[Grid]:
        won = np.zeros(self.x.shape, bool) if step is None else step.column.reshape(self.x.shape) > 0
        title = "input x" + padding_title(self.window)
        for c, one in enumerate(self._padded(step, self.size, outside=-np.inf)):
            active = np.zeros(one["numbers"].shape, bool)
            active[one["inside"]] = won[c]
            if place is not None and place[0] != c:
                one["touched"] = None  # the window is on another channel
            yield Grid(named(title, c, of=len(self.x)), active=active, digits=self.digits, **one)


SCENES = {
    "conv-transpose": TransposedConv,
    "conv": Conv,
    "im2col": Im2col,
    "max-pool": MaxPool,
    "cross-entropy": CrossEntropy,
}


def _conv_matrices(kernel: np.ndarray, shape: tuple[int, int, int], window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Give C on a map of a shape, and where it has weights."""
    settings = (shape, window.stride, window.padding, window.dilation)
    return conv_matrix(kernel, *settings), conv_matrix(np.ones_like(kernel), *settings)


def _input_grids(x: np.ndarray, place: Any) -> Iterator[Grid]:
    active = mask(x.shape, place)
    for c, plane in enumerate(x):
        yield Grid(named("input x", c, of=len(x)), plane, active=active[c])


def _kernels(kernel: np.ndarray, used: Any) -> Iterator[Grid]:
    touched = mask(kernel.shape, used)
    for a, b in np.ndindex(kernel.shape[:2]):
        yield Grid(named("kernel w", a, b, of=kernel[..., 0, 0].size), kernel[a, b], touched=touched[a, b])


def _stamps(title: str, window: Window, step: Step | None, channels: int) -> Iterator[Grid]:
    """Yield what is added to each channel, or read from it."""
    shape = (channels, *window.kernel)
    stamp = step.stamp.reshape(shape) if step else np.full(shape, np.nan)
    for c, plane in enumerate(stamp):
        yield Grid(named(title, c, of=channels), plane, touched=mask(plane.shape, step and ...))


def _results(step: Step | None, shape: tuple[int, int, int], place: Any, digits: int = 3) -> Iterator[Grid]:
    """Yield what is computed so far, with the pixel that was computed last."""
    output = step.output.reshape(shape) if step else np.full(shape, np.nan)
    active = mask(shape, place)
    for o, plane in enumerate(output):
        yield Grid(named("output y", o, of=len(output)), plane, active=active[o], digits=digits)
