"""The page of the laboratory: its script, put together, and the state that it begins with."""

from __future__ import annotations

import html
import json
import os
import uuid
from importlib.resources import files
from typing import Any

import numpy as np

from minifcn.compute.window import pair
from minifcn.explain.check import real
from minifcn.explain.laboratory.picture import picture
from minifcn.explain.page import whole_page
from minifcn.explain.stepper import Stepper
from minifcn.explain.stepper.gradients import MISTAKES
from minifcn.explain.stepper.loss import checked_labels
from minifcn.explain.stepper.scene import TooMuchToRead
from minifcn.files import atomic_write

# In the order of reading: the mathematics, then what follows it step by step, then what shows it.
MATHEMATICS = ("window", "convolution", "pooling", "cross_entropy", "ways", "differences", "mistakes")
SHOWING = (
    *(
        "element",
        "shown",
        "remembering",
        "state",
        "fills",
        "presets",
        "address",
        "trace",
        "code",
        "forward",
        "backward",
    ),
    *("backward_views", "questions", "grid", "controls", "page"),
)
LARGEST = {"x": 16, "weight": 64}  # rows
MOST_CHANNELS = 4
# What the page shows at most, as in state.js; and on the way back, where all is computed many times.
MOST = {"S": ("stride", 32), "P": ("padding", 64), "D": ("dilation", 8), "A": ("output_padding", 31)}
MOST_BACKWARD = {"n": ("rows of x", 6), "K": ("rows of the kernel", 5)}
DIGITS = np.arange(1.0, 10.0).reshape(3, 3)
TIES = np.array([[4.0, 7, 1, 7], [2, 9, 3, 3], [5, 4, 7, 1], [7, 2, 9, 3]])
SCORES = np.array([[[-1.0, 2], [0, 3]], [[3, 1], [-1, 2]], [[2, 0], [3, 1]]])
FIRST = {"conv-transpose": DIGITS, "conv": DIGITS, "max-pool": TIES, "cross-entropy": SCORES}  # x, unless it is given
LABELS = np.array([[0, 255], [1, 0]])


class Laboratory:
    """Convolutions to drag and to step, forward and backward, with every number computed in the browser.

    A page with sliders for sizes, cells to type into, four views of each step side by side, and the way back with a
    difference quotient beside every number. A notebook shows it; a page of its own keeps its state in the address. It
    asks the network for nothing.

    Parameters
    ----------
    x : Tensor or array (N, N) or (C, N, N), optional
        A square map of up to 4 channels; digits unless given. Of "cross-entropy" scores.
    weight : Tensor or array (K, K) or, with channels, as of the operation; for "max-pool" the kernel size, optional
        The digits from 1 to 9 unless given. Of "cross-entropy" the labels (N, N).
    stride, padding, output_padding, dilation : int
        As in `conv_transpose2d`; the stride is 2 and the padding 1 unless given, of other kinds 1 and 0, and of
        "max-pool" the stride is the kernel size.
    kind : "conv-transpose", "conv", "max-pool" or "cross-entropy"
    ceil_mode : bool
        Of "max-pool": whether the size is rounded up.
    backward : bool
        Whether to begin with the way back, as "max-pool" and "cross-entropy" always do.
    mistake : str
        What the way back does wrong on purpose, as of `Stepper.backward`.

    Raises
    ------
    ValueError
        If the shapes or settings do not fit together, a map is not square, or there is too much to be seen.

    Examples
    --------
    >>> Laboratory()
    Laboratory(conv-transpose, n=3, K=3, S=2, P=1)
    >>> Laboratory(np.eye(4), [[1, 2], [3, 4]], kind="conv").address
    'op=conv&n=4&K=2&S=1&P=0&t=1&x=1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1&weight=1,2,3,4'
    """

    def __init__(
        self,
        x: Any = None,
        weight: Any = None,
        stride: int | None = None,
        padding: int | None = None,
        output_padding: int = 0,
        dilation: int = 1,
        kind: str = "conv-transpose",
        ceil_mode: bool = False,
        backward: bool = False,
        mistake: str = "",
    ) -> None:
        if kind not in FIRST:
            raise ValueError(f"Laboratory: kind must be {', '.join(FIRST)}, got {kind!r}")
        self._filled = _numbers(kind, x, weight)
        if kind == "max-pool":
            size = pair(2 if weight is None else weight, "Laboratory: weight", 1)[0]
        else:
            size = self._filled["weight"].shape[-1] if "weight" in self._filled else 1
        transposed, kernels = kind == "conv-transpose", self._filled.get("weight")
        backward = backward or kind not in ("conv-transpose", "conv")
        self._state = {
            "op": kind,
            "way": "backward" if backward else "forward",
            "n": self._filled["x"].shape[-1],
            "K": size,
            "S": _one(stride, "stride", size if kind == "max-pool" else 2 if transposed else 1),
            "P": _one(padding, "padding", 1 if transposed else 0),
            "D": _one(dilation, "dilation", 1),
            "A": _one(output_padding, "output_padding", 0),
            "C": len(self._filled["x"]),
            "O": 1 if kernels is None else kernels.shape[1 if transposed else 0],
            "ceil": int(ceil_mode),
            "t": 0 if backward else 5 if x is None and transposed else 1,
            "mistake": mistake,
        }
        _expect_shown(self._state)
        self._picture = self._drawn()
        self.address = _address(self._state, self._filled)

    def __repr__(self) -> str:
        shown = ("n", "C") if self._state["op"] == "cross-entropy" else ("n", "K", "S", "P")
        return f"Laboratory({self._state['op']}, {', '.join(f'{name}={self._state[name]}' for name in shown)})"

    def _drawn(self) -> str:
        """Draw the first state; of what is too much for a picture it is a sentence."""
        kind, start = self._state["op"], self._state["t"]
        weight = self._filled.get("weight", self._filled.get("labels", self._state["K"]))
        settings = {} if kind == "cross-entropy" else {"stride": self._state["S"], "padding": self._state["P"]}
        if kind in ("conv-transpose", "conv", "max-pool"):
            settings |= {"output_padding": self._state["A"], "dilation": self._state["D"]}
        try:
            stepper = Stepper(self._filled["x"], weight, kind=kind, ceil_mode=bool(self._state["ceil"]), **settings)
            if self._state["way"] == "backward":
                stepper = stepper.backward(None, self._state["mistake"])
        except TooMuchToRead:
            return "<p>The laboratory is a page that computes: its numbers are shown where scripts run.</p>"
        maps = [grid for grid in stepper._scene.grids(start) if grid.output_axis is None]
        return picture(maps, stepper._sentence(start))

    def _repr_html_(self) -> str:
        return self._fragment(f"minifcn-{uuid.uuid4().hex[:12]}", alone=False)

    def save_html(self, path: str | os.PathLike) -> None:
        """Save a page that any browser shows, without a network.

        Parameters
        ----------
        path : path of the HTML file
        """
        title = "The laboratory: convolutions forward and backward"
        with atomic_write(path) as file:
            file.write(whole_page(title, self._fragment("laboratory", alone=True)))

    def _fragment(self, name: str, alone: bool) -> str:
        values = {
            "ID": name,
            "ALONE": " alone" if alone else "",
            "ABOUT": html.escape(repr(self), quote=True),
            "TABINDEX": "" if alone else ' tabindex="0"',
            "PICTURE": self._picture,
            "STYLE": _text("laboratory.css"),
            "SCRIPT": script(*MATHEMATICS, *SHOWING),
            "ADDRESS": json.dumps(self.address),
        }
        page = _text("laboratory.html")
        for key, value in values.items():
            page = page.replace(f"@{key}@", value)
        return page


def script(*names: str) -> str:
    """Give files of the page's script as one text.

    >>> script("window").splitlines()[3][:20]
    'const range = (n) =>'
    """
    return "\n".join(_text(f"{name}.js") for name in names)


def _text(name: str) -> str:
    return (files("minifcn.explain.laboratory") / name).read_text("utf-8")


def _numbers(kind: str, x: Any, weight: Any) -> dict[str, np.ndarray]:
    """Take the numbers that a kind has, with those to begin with for what is not given."""
    numbers = {"x": _square(FIRST[kind] if x is None else x, "x", 3)}
    if kind == "cross-entropy":
        numbers["labels"] = checked_labels(LABELS if weight is None else weight, numbers["x"].shape)
    elif kind != "max-pool":
        numbers["weight"] = _square(DIGITS if weight is None else weight, "weight", 4)
    return numbers


def _square(values: Any, name: str, axes: int) -> np.ndarray:
    """Take square planes with as many axes as there may be, few and small enough to be seen."""
    array = real(values, f"Laboratory: {name}")
    array = array.reshape((1,) * (axes - array.ndim) + array.shape)
    if array.ndim != axes or array.shape[-1] != array.shape[-2] or not array.size:
        kind = "(N, N) or (C, N, N)" if axes == 3 else "(K, K), or 4 axes with channels"
        raise ValueError(
            f"Laboratory: {name} must be square, of shape {kind}, got {array.shape}; cut a square out of it"
        )
    if array.shape[-1] > LARGEST[name] or max(array.shape[:-2]) > MOST_CHANNELS:
        raise ValueError(
            f"Laboratory: {name} may have {LARGEST[name]} rows and {MOST_CHANNELS} channels, got {array.shape}; "
            "take fewer"
        )
    if not np.isfinite(array).all() or abs(array).max() >= 1e6:
        raise ValueError(f"Laboratory: {name} must hold finite numbers below 1e6; divide it by a power of 10")
    return array


def _expect_shown(state: dict[str, Any]) -> None:
    """Refuse what the page would not show as it is."""
    kind, mistake = state["op"], state["mistake"]
    backward = MOST_BACKWARD if state["way"] == "backward" else {}
    for name, (words, most) in (MOST | backward).items():
        if state[name] > most:
            where = " on the way back" if name in backward else ""
            raise ValueError(f"Laboratory: {words} may be at most {most}{where}, got {state[name]}; take fewer")
    if mistake and (state["way"] != "backward" or mistake not in MISTAKES[kind]):
        raise ValueError(
            f"Laboratory: mistake must be one of the way back of {kind}, {', '.join(MISTAKES[kind])}, got {mistake!r}; "
            "give it with backward=True"
        )


def _one(value: int | None, name: str, otherwise: int) -> int:
    """Take a setting that is the same along rows and columns."""
    first, second = pair(otherwise if value is None else value, f"Laboratory: {name}")
    if first != second:
        raise ValueError(f"Laboratory: {name} must be one number for rows and columns, got {value!r}")
    return first


def _address(state: dict[str, Any], numbers: dict[str, np.ndarray]) -> str:
    """Write a state as the page does after its #."""
    first = {"op": "conv-transpose", "way": "forward", "n": 3, "K": 3, "S": 2, "P": 1, "D": 1, "A": 0, "C": 1, "O": 1}
    first |= {"ceil": 0, "t": 5, "mistake": ""}
    parts = [f"{name}={value}" for name, value in state.items() if value != first[name]]
    for name, array in numbers.items():
        if not (state["op"] == "conv-transpose" and np.array_equal(array.ravel(), DIGITS.ravel())):
            parts.append(f"{name}={','.join(repr(float(v)).removesuffix('.0') for v in array.ravel())}")
    return "&".join(parts)
