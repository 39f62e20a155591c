"""A stepper: convolution and its kin to click through in a notebook, and as files."""

from __future__ import annotations

import copy
import html
import json
import os
import uuid
from importlib.resources import files
from numbers import Real
from typing import Any

import numpy as np

from minifcn.check import as_whole
from minifcn.compute.window import Pair, pair
from minifcn.explain.page import whole_page
from minifcn.explain.shown import number
from minifcn.explain.stepper.drawing import draw
from minifcn.explain.stepper.planes import kernels
from minifcn.explain.stepper.scene import Grid, Scene
from minifcn.explain.stepper.scenes import SCENES
from minifcn.explain.stepper.steps import Step
from minifcn.explain.stepper.way_back import GradientStep, WayBack
from minifcn.files import atomic_write


class Stepper:
    """Show an operation step by step: what it reads, what it writes, and its row or column of the matrix.

    A notebook shows it with buttons, a slider and the arrow keys; the page needs nothing from outside.

    Parameters
    ----------
    x : Tensor or array (H, W) or (C, H, W)
        One image.
    weight : Tensor or array (KH, KW), or for "im2col" and "max-pool" the kernel size: int or (rows, columns)
        Unless given the digits from 1 to 9, and a kernel size of 2. With several channels (C, O, KH, KW), for "conv"
        (O, C, KH, KW). Of an array "im2col" and "max-pool" use only the shape.
    stride, padding, output_padding : int or (rows, columns)
        As in `conv_transpose2d`, the only kind with an output_padding. Unless given, the stride is 1, for "max-pool"
        the kernel size.
    kind : "conv-transpose", "conv", "im2col", "max-pool" or "cross-entropy"
        Of the last x are scores, and weight the labels (H, W).
    dilation : int or (rows, columns)
    ceil_mode : bool
        Of "max-pool": whether its size is rounded up.

    Attributes
    ----------
    steps : tuple of Step

    Raises
    ------
    ValueError
        If the shapes or settings do not fit together, or there is too much to be read.

    Examples
    --------
    >>> stepper = Stepper([[1, 2], [3, 4]], np.ones((3, 3)), stride=2, padding=1)
    >>> stepper
    Stepper(conv-transpose, x 2x2 -> y 3x3, kernel 3x3, stride 2x2, padding 1x1, 4 steps)
    >>> stepper.steps[0].sentence
    'stamp 1 of 4: x[0,0] = 1 times w, added at rows -1..1 and columns -1..1 = column x[0,0] of Cᵀ'
    """

    def __init__(
        self,
        x: Any,
        weight: Any = None,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        output_padding: int | Pair = 0,
        kind: str = "conv-transpose",
        dilation: int | Pair = 1,
        ceil_mode: bool = False,
    ) -> None:
        if not isinstance(kind, str) or kind not in SCENES:
            raise ValueError(f"kind must be {', '.join(SCENES)}, got {kind!r}")
        self.kind = kind
        settings: dict[str, Any] = {"padding": padding, "dilation": dilation}
        if kind == "cross-entropy":
            if (stride, padding, dilation) != (None, 0, 1):
                raise ValueError("stride, padding and dilation belong to a window, and cross-entropy has none")
            settings = {}
        if stride is not None:
            settings["stride"] = stride
        if kind == "conv-transpose":
            settings["output_padding"] = output_padding
        elif pair(output_padding, "output_padding") != (0, 0):
            raise ValueError(f"output_padding belongs to conv-transpose, but kind is {kind}; leave it out")
        if kind == "max-pool":
            settings["ceil_mode"] = bool(ceil_mode)
        elif ceil_mode:
            raise ValueError(f"ceil_mode belongs to max-pool, but kind is {kind}; leave it out")
        if weight is None:
            weight = 2 if kind in ("im2col", "max-pool") else np.arange(1, 10).reshape(3, 3)
        sizes = np.ndim(weight) == 0 or (np.ndim(weight) == 1 and isinstance(weight, tuple | list))
        if kind in ("im2col", "max-pool") and not sizes:
            weight = kernels(weight).shape[2:]
        self._scene: Scene = SCENES[kind](x, weight, **settings)
        self.steps: tuple[Step | GradientStep, ...] = tuple(self._scene.steps)

    def __repr__(self) -> str:
        window, (given, result) = self._scene.window, self._scene.letters
        return (
            f"Stepper({self.kind}, {given} {_by(_plain(self._scene.x))} -> {result} {_by(self._scene.output.shape)}, "
            + f"kernel {_by(window.kernel)}, stride {_by(window.stride)}, padding {_by(window.padding)}, "
            * self._scene.has_window
            + f"dilation {_by(window.dilation)}, " * (window.dilation != (1, 1))
            + f"{len(self.steps)} steps)"
        )

    def _repr_html_(self) -> str:
        return self._fragment(f"minifcn-{uuid.uuid4().hex[:12]}")  # two views of one stepper do not meet

    def backward(self, grad: Any = None, mistake: str = "") -> Stepper:
        """Step through the way back: each number of dx, dweight and dbias, with a difference quotient beside it.

        Parameters
        ----------
        grad : Tensor or array of the shape of the result, optional
            Gradient g of the result; small numbers of both signs unless given.
        mistake : str
            Go back wrongly on purpose: "no-flip", "no-crop", "wrong-stride" or "mean-bias" of a convolution,
            "every-tie", "overwrite" or "average" of a max-pool, "no-onehot", "count-all" or "ignored-too" of a loss.

        Returns
        -------
        Stepper
            Its steps are those of the way back, each with a `gradient` and a `sentence`.

        Examples
        --------
        >>> stepper = Stepper([[1, 2], [3, 4]], np.ones((3, 3)), stride=2, padding=1)
        >>> stepper.backward([[1, 0, 0], [0, 5, 0], [0, 0, 0]]).steps[0].sentence
        '1 of 14: dx[0,0] = 1·1 + 0·1 + 0·1 + 5·1 = 6; the difference quotient is 6 too'
        """
        shown = copy.copy(self)
        shown._scene = WayBack(self._scene, self.kind, grad, mistake)
        shown.kind, shown.steps = f"{self.kind} backward", tuple(shown._scene.steps)
        return shown

    def figure(self, step: int | None = None) -> Any:
        """Draw the state after some steps.

        Parameters
        ----------
        step : int, optional
            From 0, where nothing is done yet, to len(steps), which it is unless given.

        Returns
        -------
        matplotlib.figure.Figure
        """
        step = self._checked(step)
        return draw(self._scene.grids(step), self._sentence(step))

    def save_png(self, path: str | os.PathLike, step: int | None = None) -> None:
        """Save `figure(step)`.

        Parameters
        ----------
        path : path of the PNG
        step : int, optional
        """
        figure = self.figure(step)
        with atomic_write(path) as file:
            figure.savefig(file, format="png", dpi=150)

    def save_gif(self, path: str | os.PathLike, seconds: float = 1.2) -> None:
        """Save all steps as an animation that repeats.

        Parameters
        ----------
        path : path of the GIF
        seconds : float
            How long each step is seen, 0.02 to 200.
        """
        if not isinstance(seconds, Real) or not 0.02 <= seconds <= 200:
            raise ValueError(f"save_gif: seconds must be a number from 0.02 to 200, got {seconds!r}")

        from PIL import Image

        frames = []
        for n in range(len(self.steps) + 1):
            figure = self.figure(n)
            figure.set_dpi(100)
            figure.canvas.draw()
            picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
            frames.append(picture.quantize(64, dither=Image.Dither.NONE))
        shown = [round(1000 * seconds)] * len(self.steps) + [round(3000 * seconds)]
        with atomic_write(path) as file:
            frames[0].save(file, format="gif", save_all=True, append_images=frames[1:], duration=shown, loop=0)

    def save_html(self, path: str | os.PathLike) -> None:
        """Save a page that any browser shows, without a network.

        Parameters
        ----------
        path : path of the HTML file
        """
        keys_work_at_once = '<script>document.getElementById("stepper").focus({preventScroll: true})</script>\n'
        with atomic_write(path) as file:
            file.write(whole_page(f"{self._scene.title}, step by step", self._fragment("stepper") + keys_work_at_once))

    def _checked(self, step: int | None) -> int:
        last = len(self.steps)
        if step is None:
            return last
        place = as_whole(step)
        if place is None or not 0 <= place <= last:
            raise ValueError(f"step must be a whole number from 0 (nothing done yet) to {last}, got {step!r}")
        return place

    def _sentence(self, n: int) -> str:
        return self.steps[n - 1].sentence if n else f"0 of {len(self.steps)} steps"

    def _fragment(self, name: str) -> str:
        template = (files("minifcn.explain.stepper") / "stepper.html").read_text("utf-8")
        data = json.dumps(self._data(), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        return template.replace("@ID@", name).replace("@FALLBACK@", self._fallback()).replace("@DATA@", data)

    def _data(self) -> dict[str, Any]:
        """Give all that the page shows; it computes nothing itself."""
        frames = [self._scene.grids(n) for n in range(len(self.steps) + 1)]
        first, scene = frames[0], self._scene
        origins = [scene.origin(o) for o in range(scene.count)]
        return {
            "about": repr(self),
            "hint": f"Point at a {self._scene.thing}, or tab to it, to see what it is made of.",
            "thing": self._scene.thing,
            "inputCells": [[g, k] for g in scene.inputs for k in first[g].cells.tolist()],
            "outputCells": [[g, k] for g in scene.outputs for k in first[g].cells.tolist()],
            "grids": [_static(grid) for grid in first],
            "frames": [_frame(grids, first, self._sentence(n)) for n, grids in enumerate(frames)],
            "origins": [{"pixels": pixels, "sentence": sentence} for pixels, sentence in origins],
        }

    def _fallback(self) -> str:
        """Give the result as a plain table and the steps as a list, for where no script runs."""
        output = self._scene.output
        rows = (
            "<tr>" + "".join(f"<td>{number(value, self._scene.digits)}</td>" for value in row) + "</tr>"
            for row in output.reshape(-1, output.shape[-1])
        )
        items = "".join(f"<li>{html.escape(step.sentence)}</li>\n" for step in self.steps)
        return f"<table>\n<caption>{self._scene.caption}</caption>\n{''.join(rows)}\n</table>\n<ol>\n{items}</ol>"


def _static(grid: Grid) -> dict[str, Any]:
    outside = sorted(set(range(grid.numbers.size)) - set(grid.cells.tolist()))
    return {
        "title": grid.title,
        "shape": grid.numbers.shape,
        "first": grid.first,
        "dashed": outside,
        "axis": grid.output_axis,
        "names": grid.names,
        "wrong": _lit(grid.wrong),
    }


def _frame(grids: list[Grid], first: list[Grid], sentence: str) -> dict[str, Any]:
    """Give what a step changes; texts that are those of the start are null."""
    return {
        "sentence": sentence,
        "texts": [
            None if grids is not first and grid.texts() == start.texts() else grid.texts()
            for grid, start in zip(grids, first, strict=True)
        ],
        "active": [_lit(grid.active) for grid in grids],
        "touched": [_lit(grid.touched) for grid in grids],
    }


def _lit(mask: np.ndarray | None) -> list[int]:
    return [] if mask is None else np.flatnonzero(mask).tolist()


def _plain(x: np.ndarray) -> tuple[int, ...]:
    """Give the shape of an image without its channels if there is one of them."""
    return x.shape[1:] if len(x) == 1 else x.shape


def _by(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size))
