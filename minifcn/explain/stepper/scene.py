"""What the stepper shows: tables of numbers, and which of their cells each step lights."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minifcn.compute.window import Pair, Window
from minifcn.explain.shown import number
from minifcn.explain.stepper import steps
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
    wrong : bool array (R, C) or None
        The cells whose numbers are wrong, whatever the step.
    output_axis : int or None
        Of a matrix the axis that runs over the numbers of the result, else None.
    names : (rows, columns), lists of str, or None
        What the rows and columns are called, if not by their numbers.
    digits : int
        As of `shown.number`.
    """

    title: str
    numbers: np.ndarray
    active: np.ndarray | None = None
    touched: np.ndarray | None = None
    wrong: np.ndarray | None = None
    inside: Area = (slice(None), slice(None))
    output_axis: int | None = None
    names: tuple[list[str], list[str]] | None = None
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
    inputs: Sequence[int]  # which of the tables are x, and which are the result, one for each channel
    outputs: Sequence[int]
    result, thing, caption = "y", "pixel of y", "output y"  # what it and one number of it are called
    letters = "x", "y"
    has_window = True
    law: str  # what the row of `factors` is that is called {}
    digits = 3  # that are shown of a number

    x: np.ndarray  # (C, H, W)
    window: Window
    steps: Sequence[Step]
    factors: np.ndarray  # (numbers of the result, pixels of x)
    reach: np.ndarray  # the same with a 1 wherever a weight stands, be it 0

    def grids(self, n: int) -> list[Grid]:
        """Give the tables after n steps."""
        return self._grids(self.steps[n - 1] if n else None, n - 1)

    @abstractmethod
    def _grids(self, step: Step | None, q: int) -> list[Grid]: ...

    @property
    def output(self) -> np.ndarray:
        """The whole result."""
        return self.steps[-1].output

    @property
    def count(self) -> int:
        """How many numbers can be pointed at."""
        return self.output.size

    def origin(self, o: int) -> tuple[list[int], str]:
        """Give the pixels of x that number o of the result is made of, and the sentence that says so."""
        name = steps.pixel(self.result, tuple(int(i) for i in np.unravel_index(o, self.output.shape)))
        pixels = np.flatnonzero(self.reach[o]).tolist()
        if not pixels:
            return pixels, f"{name} = 0, for no pixel of x reaches it"
        shown = functools.partial(number, digits=self.digits)
        products = [f"{shown(self.x.flat[k])}·{shown(self.factors[o, k])}" for k in pixels]
        return pixels, f"{name} = {' + '.join(products)} = {shown(self.output.flat[o])} = {self.law.format(name)}"

    def _padded(self, step: Step | None, size: Pair, outside: float = 0.0) -> Iterator[dict[str, Any]]:
        """Give each channel of x with its padding, and the window on it, as arguments of Grid.

        size : (rows, columns) of the windows, the last of which may hang over the edge
        """
        (ph, pw), (h, w) = self.window.padding, self.x.shape[1:]
        rows, columns = padded_size((h, w), self.window, size)
        for plane in self.x:
            numbers = np.full((rows, columns), outside)
            numbers[ph : ph + h, pw : pw + w] = plane
            touched = mask(numbers.shape, step and area(step, self.window.padding))
            yield {"numbers": numbers, "touched": touched, "inside": (slice(ph, ph + h), slice(pw, pw + w))}

    def _matrices(self, name: str, matrix: np.ndarray, reach: np.ndarray, q: int, output_axis: int) -> list[Grid]:
        """Give a matrix whose row q the step lights, and its transpose; their lines are called by their pixels."""
        active = mask(matrix.shape, None if q < 0 else (q, slice(None)))
        touched = active & (reach > 0)
        rows, columns = matrix.shape
        pixels = zip("yx", (self.output.shape, self.x.shape[-self.output.ndim :]), strict=True)
        y, x = ([steps.pixel(letter, place) for place in np.ndindex(shape)] for letter, shape in pixels)
        names = (y, x) if output_axis == 0 else (x, y)
        grid = Grid(f"{name} ({rows}×{columns})", matrix, active, touched, output_axis=output_axis, names=names)
        transposed = Grid(f"{name}ᵀ ({columns}×{rows})", matrix.T, active.T, touched.T)
        return [grid, replace(transposed, output_axis=1 - output_axis, names=names[::-1])]


class TooMuchToRead(ValueError):
    """A table is larger than anybody could read."""


def check_legible(**tables: Pair) -> None:
    """Refuse tables, sizes by name, that nobody could read."""
    for name, (rows, columns) in tables.items():
        if rows * columns > LARGEST:
            raise TooMuchToRead(
                f"there would be too much to read: {name} has {rows} x {columns} numbers, more than {LARGEST}; take a "
                "smaller x or kernel, or less padding"
            )


def named(name: str, *channels: int, of: int) -> str:
    """Name a table, with its channels if there are several.

    >>> named("input x", 1, of=3), named("input x", 0, of=1)
    ('input x[1]', 'input x')
    """
    return name if of == 1 else f"{name}[{','.join(map(str, channels))}]"


def padding_title(window: Window) -> str:
    """What the title of a padded map adds."""
    return " (dashed: padding)" if any(window.padding) else ""


def padded_size(size: Pair, window: Window, windows: Pair) -> Pair:
    """Size of a map with its padding, and with what the last window hangs over the edge."""
    covered = Window(window.kernel, window.stride, dilation=window.dilation).transposed_size(windows)
    padded = [n + 2 * p for n, p in zip(size, window.padding, strict=True)]
    return max(padded[0], covered[0]), max(padded[1], covered[1])


def area(step: Step, padding: Pair) -> Area:
    """Give what a step covers, as slices of the padded map."""
    return steps.moved(step.rows, padding[0]), steps.moved(step.columns, padding[1])


def mask(shape: tuple[int, ...], lit: Any) -> np.ndarray:
    """Give a mask that is True at the index `lit`; None: nowhere."""
    lights = np.zeros(shape, bool)
    if lit is not None:
        lights[lit] = True
    return lights
