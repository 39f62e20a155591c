"""The way back of an operation, number by number: what each adds up, and the difference quotient beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import minifcn.functional as F
from minifcn.autograd import Tensor
from minifcn.explain.shown import number
from minifcn.explain.stepper import gradients
from minifcn.explain.stepper.gradients import GradientNumber, name_of
from minifcn.explain.stepper.planes import planes
from minifcn.explain.stepper.scene import Grid, Scene, TooMuchToRead, mask, named

TITLES = {"x": "x", "weight": "kernel w", "g": "gradient g", "labels": "labels"}
MOST = 1500  # numbers, each of which takes two forward passes


@dataclass(frozen=True, eq=False)
class GradientStep:
    """One step of a way back: one number of a gradient.

    Parameters
    ----------
    gradient : GradientNumber
    sentence : str
        What it adds up, and what the difference quotient says.
    """

    gradient: GradientNumber
    sentence: str


class WayBack(Scene):
    """What is given, and dx, dweight and dbias, each with its difference quotients."""

    result, thing, caption = "dx", "number of a gradient", "gradient dx"
    letters = "g", "dx"

    def __init__(self, scene: Scene, kind: str, grad: Any, mistake: str) -> None:
        known = gradients.MISTAKES.get(kind)
        if known is None:
            raise ValueError(
                f"backward: there is no way back to step through for {kind}; take {', '.join(gradients.MISTAKES)}"
            )
        if mistake and mistake not in known:
            raise ValueError(f"backward: mistake must be one of {', '.join(known)}, got {mistake!r}")
        self.title, self.kind, self.window = f"{scene.title}, backward", kind, scene.window
        self.forward, self.arrays = scene, _arrays(scene, kind, grad)
        self.x = np.atleast_3d(self.arrays["g"])
        self.has_window = scene.has_window
        if sum(array.size for name, array in self.arrays.items() if name not in ("g", "labels")) > MOST:
            raise TooMuchToRead(
                f"backward: there would be more than {MOST} numbers to read; take a smaller x or kernel"
            )
        self.gradients = self._judged(mistake)
        self.numbers = [one for found in self.gradients.values() for one in found.values()]
        self.steps = [GradientStep(one, self._sentence(n, one)) for n, one in enumerate(self.numbers, 1)]  # type: ignore[misc]
        titles = [grid.title for grid in self.grids(0)]
        self.inputs = [n for n, title in enumerate(titles) if title.startswith("gradient g")]
        self.outputs = [n for n, title in enumerate(titles) if title.startswith("d")]

    def _judged(self, mistake: str) -> gradients.Gradients:
        if self.kind == "cross-entropy":
            found = gradients.of_cross_entropy(self.arrays, mistake)
        elif self.kind == "max-pool":
            found = gradients.of_max_pool(self.arrays, self.window, mistake)
        else:
            transposed = self.kind == "conv-transpose"
            found = gradients.of_convolution(self.arrays, self.window, transposed, mistake)
        measure = gradients.Measure.of(self.kind, self.arrays, self._result)
        gradients.judge(found, self.arrays, measure)
        if self.kind == "max-pool":
            gradients.judge_ties(found, self.arrays, self.window, measure)
        return found

    def _result(self, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """Compute y: the way back of g gives the gradients of <g, y>."""
        x, window = Tensor(arrays["x"][None]), self.window
        settings: dict[str, Any] = {"stride": window.stride, "padding": window.padding, "dilation": window.dilation}
        if self.kind == "cross-entropy":
            return np.array([F.softmax_cross_entropy(x, arrays["labels"][None].astype(np.int64)).item()])
        if self.kind == "max-pool":
            ceil_mode = self.forward.ceil_mode  # type: ignore[attr-defined]
            y: Any = F.max_pool2d(x, window.kernel, ceil_mode=ceil_mode, **settings)
            return y.data[0]
        weight, bias = Tensor(arrays["weight"]), Tensor(arrays["bias"])
        if self.kind == "conv":
            return F.conv2d(x, weight, bias, **settings).data[0]
        extra = self.forward.output_padding  # type: ignore[attr-defined]
        return F.conv_transpose2d(x, weight, bias, output_padding=extra, **settings).data[0]

    def _sentence(self, n: int, one: GradientNumber) -> str:
        quotient, low, high = (gradients.rounded(value, one) for value in (one.quotient, one.low, one.high))
        checked = {
            "right": f"{self._nothing(one)}the difference quotient is {number(quotient)} too",
            "wrong": f"but the difference quotient is {number(quotient, 4)}: wrong",
            "kink": f"a kink, as equal numbers are the largest: any number from {number(low)} to {number(high)} "
            "will do",
        }[one.verdict]
        if (
            one.verdict == "wrong"
            and gradients.verdict(one.value, one.quotient, one.low, one.high, one.noise) == "kink"
        ):
            checked = "but when all of the equal numbers move together, the slope is another one: wrong"
        return f"{n} of {len(self.numbers)}: {self._written(one)}; {checked}"

    def _nothing(self, one: GradientNumber) -> str:
        return "it wins no window, and " if self.kind == "max-pool" and not one.terms else ""

    def _written(self, one: GradientNumber) -> str:
        name = name_of(one, self._single)
        if one.terms == [gradients.factor(one.value)] or not one.terms:
            return f"{name} = {number(one.value)}"
        return f"{name} = {' + '.join(one.terms)} = {number(one.value)}"

    @property
    def _single(self) -> bool:
        return all(array.shape[0] == 1 for name, array in self.arrays.items() if name not in ("labels", "bias"))

    @property
    def output(self) -> np.ndarray:
        """The gradient of x."""
        values = np.array([one.value for one in self.gradients["x"].values()]).reshape(self.arrays["x"].shape)
        return values[0] if len(values) == 1 else values

    @property
    def count(self) -> int:
        """How many numbers can be pointed at."""
        return len(self.numbers)

    def origin(self, o: int) -> tuple[list[int], str]:
        """Give the numbers of g that number o of the gradients is made of, and the sentence that says so."""
        one, shape = self.numbers[o], self.arrays["g"].shape
        read = (int(np.ravel_multi_index(place, shape)) for name, place in one.reads if name == "g")
        return sorted(read), self._written(one)

    def _grids(self, step: Any, q: int) -> list[Grid]:
        one = step.gradient if step else None
        reads = one.reads if one else set()
        given: list[str] = [name for name in ("x", "weight", "labels", "g") if name in self.arrays]
        shown: list[Grid] = []
        for name in given:
            lit = mask(self.arrays[name].shape, None)
            for _, place in (read for read in reads if read[0] == name):
                lit[place] = True
            shown += _tables(TITLES[name], self.arrays[name], touched=lit)
        for name, found in self.gradients.items():
            shape = self.arrays[name].shape
            active = mask(shape, one.place if one and one.name == name else None)
            wrong = np.array([number.verdict == "wrong" for number in found.values()]).reshape(shape)
            values = np.array([number.value for number in found.values()]).reshape(shape)
            quotients = np.array([gradients.rounded(number.quotient, number) for number in found.values()]).reshape(
                shape
            )
            shown += _tables(f"d{name}", values, active=active, wrong=wrong)
            shown += _tables(f"by differences: d{name}", quotients, active=active)
        return shown


def _arrays(scene: Any, kind: str, grad: Any) -> dict[str, np.ndarray]:
    """Give copies of all that the loss is made of, by name; g counts -2, 3, 1, ... unless given."""
    arrays = {"x": scene.x.copy()}
    if kind == "cross-entropy":
        shape: tuple[int, ...] = (1,)
        arrays["labels"] = scene.labels.astype(np.float64)
    else:
        output = scene.output
        shape = output.shape if output.ndim == 3 else (1, *output.shape)
        if kind != "max-pool":
            arrays |= {"weight": scene.kernel.copy(), "bias": np.zeros(shape[0])}
    if grad is None:
        rest = np.arange(np.prod(shape)).reshape(shape) * 5 % 7 - 2.0
        arrays["g"] = np.ones(1) if kind == "cross-entropy" else rest
        return arrays
    arrays["g"] = np.ravel(planes(np.reshape(grad, (1, -1)), "grad"))[:1] if shape == (1,) else planes(grad, "grad")
    if arrays["g"].shape != shape:
        wanted = shape if shape[0] > 1 else shape[1:]
        raise ValueError(f"backward: grad must have the shape of the result, {wanted}, got {np.shape(grad)}")
    return arrays


def _tables(title: str, array: np.ndarray, **masks: np.ndarray) -> Iterator[Grid]:
    """Yield a table for each channel, or pair of channels, of an array."""
    matrix = array.reshape(1, -1) if array.ndim == 1 else array
    leading: Sequence = list(np.ndindex(matrix.shape[:-2]))
    for first in leading:
        lights = {name: light.reshape(matrix.shape)[first] for name, light in masks.items()}
        yield Grid(named(title, *first, of=len(leading)), matrix[first], **lights)
