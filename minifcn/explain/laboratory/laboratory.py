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
from minifcn.files import atomic_write

# In the order of reading: the mathematics, then what follows it step by step, then what shows it.
MATHEMATICS = ("window", "convolution", "pooling", "cross_entropy", "ways", "differences", "mistakes")
SHOWING = (
    *("element", "shown", "state", "fills", "presets", "address", "trace", "code", "forward", "backward"),
    *("backward_views", "questions", "grid", "controls", "page"),
)
KINDS = ("conv-transpose", "conv", "max-pool")
LARGEST = {"x": 16, "weight": 64}  # rows
MOST_CHANNELS = 4
DIGITS = np.arange(1.0, 10.0).reshape(3, 3)
TIES = np.array([[4.0, 7, 1, 7], [2, 9, 3, 3], [5, 4, 7, 1], [7, 2, 9, 3]])  # for max-pooling


class Laboratory:
    """Convolutions to drag and to step, forward and backward, with every number computed in the browser.

    A page with sliders for sizes, cells to type into, four views of each step side by side, and the way back with a
    difference quotient beside every number. A notebook shows it; a page of its own keeps its state in the address. It
    asks the network for nothing.

    Parameters
    ----------
    x : Tensor or array (N, N) or (C, N, N), optional
        A square map of up to 4 channels; digits that count up unless given.
    weight : Tensor or array (K, K) or, with channels, as of the operation; for "max-pool" the kernel size, optional
        The digits from 1 to 9 unless given.
    stride, padding, output_padding, dilation : int
        As in `conv_transpose2d`; the stride is 2 and the padding 1 unless given, of other kinds 1 and 0, and of
        "max-pool" the stride is the kernel size.
    kind : "conv-transpose", "conv" or "max-pool"
    ceil_mode : bool
        Of "max-pool": whether the size is rounded up.
    backward : bool
        Whether to begin with the way back, as "max-pool" always does.

    Raises
    ------
    ValueError
        If the shapes or settings do not fit together, a map is not square, or there is too much to be seen.

    Examples
    --------
    >>> Laboratory()
    Laboratory(conv-transpose, x 3x3 -> y 5x5, kernel 3x3, stride 2x2, padding 1x1)
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
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"Laboratory: kind must be {', '.join(KINDS)}, got {kind!r}")
        transposed, pool = kind == "conv-transpose", kind == "max-pool"
        planes = _square(TIES if pool and x is None else DIGITS if x is None else x, "x", 3)
        if pool:
            size, kernels = pair(2 if weight is None else weight, "Laboratory: weight", 1)[0], None
        else:
            kernels = _square(DIGITS if weight is None else weight, "weight", 4)
            size = kernels.shape[-1]
        one = {
            "S": _one(stride, "stride", size if pool else 2 if transposed else 1),
            "P": _one(padding, "padding", 1 if transposed else 0),
            "D": _one(dilation, "dilation", 1),
            "A": _one(output_padding, "output_padding", 0),
        }
        self._stepper = Stepper(
            planes if len(planes) > 1 else planes[0],
            size if kernels is None else kernels if kernels[..., 0, 0].size > 1 else kernels[0, 0],
            one["S"],
            one["P"],
            one["A"],
            kind,
            dilation=one["D"],
            ceil_mode=ceil_mode,
        )
        self._start = 0 if backward or pool else 5 if x is None and transposed else 1
        state = {
            "op": kind,
            "way": "backward" if backward or pool else "forward",
            "n": planes.shape[-1],
            "K": size,
            **one,
        }
        channels = {"C": len(planes), "O": 1 if kernels is None else kernels.shape[1 if transposed else 0]}
        state |= channels | {"ceil": int(ceil_mode), "t": self._start}
        numbers = {"x": planes} if kernels is None else {"x": planes, "weight": kernels}
        self.address = _address(state, numbers)

    def __repr__(self) -> str:
        return f"Laboratory{repr(self._stepper).removeprefix('Stepper').rsplit(', ', 1)[0]})"

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
        maps = [grid for grid in self._stepper._scene.grids(self._start) if grid.output_axis is None]
        shown = picture(maps, self._stepper._sentence(self._start))
        values = {
            "ID": name,
            "ALONE": " alone" if alone else "",
            "ABOUT": html.escape(repr(self), quote=True),
            "TABINDEX": "" if alone else ' tabindex="0"',
            "PICTURE": shown,
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


def _one(value: int | None, name: str, otherwise: int) -> int:
    """Take a setting that is the same along rows and columns."""
    first, second = pair(otherwise if value is None else value, f"Laboratory: {name}")
    if first != second:
        raise ValueError(f"Laboratory: {name} must be one number for rows and columns, got {value!r}")
    return first


def _address(state: dict[str, Any], numbers: dict[str, np.ndarray]) -> str:
    """Write a state as the page does after its #."""
    first = {"op": "conv-transpose", "way": "forward", "n": 3, "K": 3, "S": 2, "P": 1, "D": 1, "A": 0, "C": 1, "O": 1}
    first |= {"ceil": 0, "t": 5}
    parts = [f"{name}={value}" for name, value in state.items() if value != first[name]]
    for name, array in numbers.items():
        if not (state["op"] == "conv-transpose" and np.array_equal(array.ravel(), DIGITS.ravel())):
            parts.append(f"{name}={','.join(repr(float(v)).removesuffix('.0') for v in array.ravel())}")
    return "&".join(parts)
