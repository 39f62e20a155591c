"""What the stepper shows: tables of numbers, and which of their cells each step lights."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minifcn.compute.window import Pair, Window
from minifcn.explain.matrices import conv_matrix, im2col_matrix
from minifcn.explain.shown import number, telling_digits
from minifcn.explain.stepper import steps
from minifcn.explain.stepper.plane import plane
from minifcn.explain.stepper.steps import Step

LARGEST = 6000  # numbers in a table: what still can be read

Area = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Grid:
    """A table of numbers, with the cells that one step lights.

    Parameters
    ----------
    title : str
    numbers : array (R, C)
        NaN is an empty cell.
    active, touched : bool array (R, C) or None
        The cells that the step is about, and those that it reads or writes; None: no cell.
    inside : (rows, columns), slices
        The cells that belong to the map; those around it, in the padding, are drawn dashed.
    output_axis : int or None
        Of a matrix the axis that runs over the numbers of the result, else None.
    digits : int
        As of `shown.number`.
    """

    title: str
    numbers: np.ndarray
    active: np.ndarray | None = None
    touched: np.ndarray | None = None
    inside: Area = (slice(None), slice(None))
    output_axis: int | None = None
    digits: int = 3

    @property
    def first(self) -> Pair:
        """Row and column number of the cell at the top left: negative in the padding."""
        return -(self.inside[0].start or 0), -(self.inside[1].start or 0)

    @property
    def cells(self) -> np.ndarray:
        """Flat position of each number of the map among the cells."""
        return np.arange(self.numbers.size).reshape(self.numbers.shape)[self.inside].ravel()

    def texts(self) -> list[str]:
        """Write the numbers; in a matrix a dot for each zero, so that its structure is seen."""
        zero = "0" if self.output_axis is None else "·"
        texts = ["" if np.isnan(v) else zero if v == 0 else number(v, self.digits) for v in self.numbers.ravel()]
        return [text.replace("inf", "∞") for text in texts]


class Scene(ABC):
    """One operation on one image, with all that is shown of it."""

    title: str
    output_index: int  # which of the tables is the result; the first is x
    result, thing, caption = "y", "pixel of y", "output y"  # what it and one number of it are called
    law: str  # what row {} of `factors` is
    digits = 3  # that are shown of a number

    x: np.ndarray
    window: Window
    steps: Sequence[Step]
    factors: np.ndarray  # (numbers of the result, pixels of x)
    reach: np.ndarray  # the same with a 1 wherever a weight stands, be it 0

    def grids(self, n: int) -> list[Grid]:
        """Give the tables after n steps."""
        return self._grids(self.steps[n - 1] if n else None, n - 1)

    @abstractmethod
    def _grids(self, step: Step | None, q: int) -> list[Grid]: ...

    def origin(self, o: int) -> tuple[list[int], str]:
        """Give the pixels of x that number o of the result is made of, and the sentence that says so."""
        output = self.steps[-1].output
        name = steps.pixel(self.result, divmod(o, output.shape[1]))
        pixels = np.flatnonzero(self.reach[o]).tolist()
        if not pixels:
            return pixels, f"{name} = 0, for no pixel of x reaches it"
        shown = functools.partial(number, digits=self.digits)
        products = [f"{shown(self.x.flat[k])}·{shown(self.factors[o, k])}" for k in pixels]
        return pixels, f"{name} = {' + '.join(products)} = {shown(output.flat[o])} = {self.law.format(o)}"

    def _padded(self, step: Step | None, outside: float = 0.0) -> dict[str, Any]:
        """Give x with its padding, and the window on it, as arguments of Grid."""
        (ph, pw), (h, w) = self.window.padding, self.x.shape
        numbers = np.pad(self.x, ((ph, ph), (pw, pw)), constant_values=outside)
        touched = _mask(numbers.shape, step and _area(step, self.window.padding))
        return {"numbers": numbers, "touched": touched, "inside": (slice(ph, ph + h), slice(pw, pw + w))}


class TransposedConv(Scene):
    """Input, kernel, stamp, the output with the border that is cropped, C and Cᵀ."""

    title = "Transposed convolution"
    output_index = 3
    law = "row {} of Cᵀ times x"

    def __init__(self, x: Any, weight: Any, stride=1, padding=0, output_padding=0) -> None:
        self.x, self.kernel = plane(x, "x"), plane(weight, "weight")
        self.window, self.size = steps.transposed_window(
            self.x.shape, self.kernel.shape, stride, padding, output_padding
        )
        uncropped = steps.uncropped_size(self.x.shape, self.window, self.size)
        _check_legible(C=(self.x.size, self.size[0] * self.size[1]), y=uncropped)
        self.steps = steps.transposed_conv_steps(x, weight, stride, padding, output_padding)
        self.factors, self.reach = (m.T for m in _conv_matrices(self.kernel, self.size, self.window))

    def _grids(self, step: Step | None, q: int) -> list[Grid]:
        (ph, pw), (oh, ow) = self.window.padding, self.size
        y = step.uncropped if step else np.zeros_like(self.steps[-1].uncropped)
        title = "output y" if y.shape == self.size else "output y (dashed: cropped)"
        return [
            Grid("input x", self.x, active=_mask(self.x.shape, step and step.position)),
            Grid("kernel w", self.kernel, touched=_mask(self.kernel.shape, step and ...)),
            Grid("stamp", _stamp(self.window, step), touched=_mask(self.kernel.shape, step and ...)),
            Grid(
                title,
                y,
                touched=_mask(y.shape, step and _area(step, self.window.padding)),
                inside=(slice(ph, ph + oh), slice(pw, pw + ow)),
            ),
            *_matrices("C", self.factors.T, self.reach.T, q, output_axis=1),
        ]


class Conv(Scene):
    """Input with its padding, kernel, products, output, C and Cᵀ."""

    title = "Convolution"
    output_index = 3
    law = "row {} of C times x"

    def __init__(self, x: Any, weight: Any, stride=1, padding=0) -> None:
        self.x, self.kernel = plane(x, "x"), plane(weight, "weight")
        self.window = Window.of(self.kernel.shape, stride, padding)
        self.size = self.window.output_size(self.x.shape)
        _check_legible(C=(self.size[0] * self.size[1], self.x.size), x=_padded_size(self.x.shape, self.window))
        self.steps = steps.conv_steps(x, weight, stride, padding)
        self.factors, self.reach = _conv_matrices(self.kernel, self.x.shape, self.window)

    def _grids(self, step: Step | None, q: int) -> list[Grid]:
        return [
            Grid("input x" + _padding(self.window), **self._padded(step)),
            Grid("kernel w", self.kernel, touched=_mask(self.kernel.shape, step and ...)),
            Grid("window times w", _stamp(self.window, step), touched=_mask(self.kernel.shape, step and ...)),
            Grid("output y", *_output(step, self.size)),
            *_matrices("C", self.factors, self.reach, q, output_axis=0),
        ]


class Im2col(Scene):
    """Input with its padding, window, and the matrix of windows."""

    title = "im2col"
    output_index = 2
    result, thing, caption = "(A x)", "number of the matrix", "matrix of windows"
    law = "row {} of A times x"

    def __init__(self, x: Any, kernel_size: Any, stride=1, padding=0) -> None:
        self.x = plane(x, "x")
        self.window = Window.of(kernel_size, stride, padding)
        size, kernel = self.window.output_size(self.x.shape), self.window.kernel
        windows = (kernel[0] * kernel[1], size[0] * size[1])
        _check_legible(windows=windows, x=_padded_size(self.x.shape, self.window))
        self.steps = steps.im2col_steps(x, kernel_size, stride, padding)
        self.factors = self.reach = im2col_matrix((1, *self.x.shape), kernel, self.window.stride, self.window.padding)

    def _grids(self, step: Step | None, q: int) -> list[Grid]:
        output = step.output if step else np.full_like(self.steps[-1].output, np.nan)
        return [
            Grid("input x" + _padding(self.window), **self._padded(step)),
            Grid("window", _stamp(self.window, step), touched=_mask(self.window.kernel, step and ...)),
            Grid(
                "matrix of windows A x, folded",
                output,
                touched=_mask(output.shape, step and (slice(None), q)),
            ),
        ]


class MaxPool(Scene):
    """Input with its padding, window, output, M and Mᵀ, which carries the gradient back."""

    title = "Max pooling"
    output_index = 2
    law = "row {} of M times x"

    def __init__(self, x: Any, kernel_size: Any, stride=None, padding=0) -> None:
        self.x = plane(x, "x")
        self.window = Window.of(kernel_size, kernel_size if stride is None else stride, padding)
        self.size = self.window.output_size(self.x.shape)
        _check_legible(M=(self.size[0] * self.size[1], self.x.size), x=_padded_size(self.x.shape, self.window))
        self.steps = steps.max_pool_steps(x, kernel_size, stride, padding)
        self.digits = telling_digits(self.x)  # or the largest of a window may look like another
        self.factors = self.reach = np.array([step.column for step in self.steps])

    def _grids(self, step: Step | None, q: int) -> list[Grid]:
        stamp = _stamp(self.window, step)
        padded = self._padded(step, outside=-np.inf)
        won = np.zeros(padded["numbers"].shape, bool)
        if step:
            won[padded["inside"]] = step.column.reshape(self.x.shape) > 0
        first = _mask(stamp.shape, step and np.unravel_index(stamp.argmax(), stamp.shape))
        return [
            Grid("input x" + _padding(self.window), active=won, digits=self.digits, **padded),
            Grid("window", stamp, active=first, touched=_mask(stamp.shape, step and ...), digits=self.digits),
            Grid("output y", *_output(step, self.size), digits=self.digits),
            *_matrices("M", self.factors, self.reach, q, output_axis=0),
        ]


SCENES = {"conv-transpose": TransposedConv, "conv": Conv, "im2col": Im2col, "max-pool": MaxPool}


def _check_legible(**tables: Pair) -> None:
    """Refuse tables, sizes by name, that nobody could read."""
    for name, (rows, columns) in tables.items():
        if rows * columns > LARGEST:
            raise ValueError(
                f"there would be too much to read: {name} has {rows} x {columns} numbers, more than {LARGEST}; take a "
                "smaller x or kernel, or less padding"
            )


def _conv_matrices(kernel: np.ndarray, size: Pair, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Give C on a map of `size`, and where it has weights."""
    return (
        conv_matrix(kernel[None, None], (1, *size), window.stride, window.padding),
        conv_matrix(np.ones((1, 1, *kernel.shape)), (1, *size), window.stride, window.padding),
    )


def _matrices(name: str, matrix: np.ndarray, reach: np.ndarray, q: int, output_axis: int) -> list[Grid]:
    """Give a matrix whose row q the step lights, and its transpose."""
    active = _mask(matrix.shape, None if q < 0 else (q, slice(None)))
    touched = active & (reach > 0)
    rows, columns = matrix.shape
    return [
        Grid(f"{name} ({rows}×{columns})", matrix, active, touched, output_axis=output_axis),
        Grid(f"{name}ᵀ ({columns}×{rows})", matrix.T, active.T, touched.T, output_axis=1 - output_axis),
    ]


def _output(step: Step | None, size: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Give what is computed so far, and the mask of the pixel that was computed last."""
    return step.output if step else np.full(size, np.nan), _mask(size, step and step.position)


def _stamp(window: Window, step: Step | None) -> np.ndarray:
    return step.stamp if step else np.full(window.kernel, np.nan)


def _padding(window: Window) -> str:
    return " (dashed: padding)" if any(window.padding) else ""


def _padded_size(size: Pair, window: Window) -> Pair:
    return size[0] + 2 * window.padding[0], size[1] + 2 * window.padding[1]


def _area(step: Step, padding: Pair) -> Area:
    (ph, pw), rows, columns = padding, step.rows, step.columns
    return slice(rows.start + ph, rows.stop + ph), slice(columns.start + pw, columns.stop + pw)


def _mask(shape: tuple[int, ...], lit: Any) -> np.ndarray:
    """Give a mask that is True at the index `lit`; None: nowhere."""
    mask = np.zeros(shape, bool)
    if lit is not None:
        mask[lit] = True
    return mask
