"""Every number of a gradient with the products that it adds up, and with the difference quotient it is held against.

The way back can be made wrong on purpose, as it often is by accident; then the difference quotients notice, or do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from minifcn.compute.window import Pair, Window
from minifcn.explain.shown import number
from minifcn.explain.stepper.steps import pixel, windowed

MISTAKES = {
    "conv": {
        "no-flip": "dx with the kernel turned",
        "no-crop": "the padding is forgotten",
        "wrong-stride": "the wrong stride",
        "mean-bias": "dbias is the mean, not the sum",
    },
    "max-pool": {
        "every-tie": "each of equal numbers gets g",
        "overwrite": "dx = g instead of dx += g",
        "average": "g is spread evenly over the window",
    },
    "cross-entropy": {
        "no-onehot": "softmax, nothing subtracted",
        "count-all": "divided by all pixels, ignored ones too",
        "ignored-too": "ignored pixels have a gradient",
    },
}
MISTAKES["conv-transpose"] = MISTAKES["conv"]
H = 2.0**-17  # the usual step: a power of 2, so that x + H and x - H are exact
ROUNDING = 8 * 2.0**-52  # of a sum of some products, as a part of their sizes
IGNORED = 255

Place = tuple[int, ...]


@dataclass(eq=False)
class GradientNumber:
    """One number of a gradient.

    Parameters
    ----------
    name : str
        Of what it is the gradient: "x", "weight" or "bias".
    place : tuple of int
        Its index in the gradient.
    value : float
    terms : list of str
        What it adds up, written out.
    reads : set of (name, place)
        The numbers that these are made of.
    quotient : float
        The central difference.
    low, high : float
        Where there is no derivative, the numbers between these will do.
    noise : float
        What rounding may do to these three.
    verdict : "right", "wrong" or "kink"
        A kink has no derivative, and the value is one that will do.
    """

    name: str
    place: Place
    value: float = 0.0
    terms: list[str] = field(default_factory=list)
    reads: set[tuple[str, Place]] = field(default_factory=set)
    quotient: float = np.nan
    low: float = np.nan
    high: float = np.nan
    noise: float = 0.0
    verdict: str = "right"

    def add(self, value: float, term: str, *reads: tuple[str, Place]) -> None:
        """Add a product, written out, of numbers that it reads."""
        self.value += value
        self.terms.append(term)
        self.reads.update(reads)


Gradients = dict[str, dict[Place, GradientNumber]]


def meetings(windows: Pair, pixels: Pair, window: Window) -> Iterator[tuple[Pair, Pair, Pair]]:
    """Yield the 1s of the gather matrix A: window (a, b), place (k, l) of the kernel, and the pixel under it.

    >>> list(meetings((1, 1), (2, 2), Window.of(2, padding=1)))
    [((0, 0), (1, 1), (0, 0))]
    """
    (sh, sw), (ph, pw), (dh, dw) = window.stride, window.padding, window.dilation
    for a, b, k, m in np.ndindex(*windows, *window.kernel):
        i, j = sh * a + dh * k - ph, sw * b + dw * m - pw
        if 0 <= i < pixels[0] and 0 <= j < pixels[1]:
            yield (a, b), (k, m), (i, j)


def of_convolution(arrays: dict[str, np.ndarray], window: Window, transposed: bool, mistake: str) -> Gradients:
    """Give dx, dweight and dbias of a convolution, or of a transposed one, for a gradient g of its result."""
    x, weight, g = arrays["x"], arrays["weight"], arrays["g"]
    found = {name: _numbers(name, arrays[name].shape) for name in ("x", "weight", "bias")}
    windows, pixels = ("x", "g") if transposed else ("g", "x")  # of the convolution W A, from pixels to windows
    if mistake == "no-crop":
        window = replace(window, padding=(0, 0))
    if mistake == "wrong-stride":
        window = replace(window, stride=(2, 2) if window.stride == (1, 1) else (1, 1))
    last = window.kernel[0] - 1, window.kernel[1] - 1
    for ab, kl, ij in meetings(arrays[windows].shape[1:], arrays[pixels].shape[1:], window):
        used = (last[0] - kl[0], last[1] - kl[1]) if mistake == "no-flip" else kl
        for o, c in np.ndindex(weight.shape[:2]):
            at_x, at_g = ((o, *ab), (c, *ij)) if transposed else ((c, *ij), (o, *ab))
            w, gy, xi = float(weight[(o, c, *used)]), float(g[at_g]), float(x[at_x])
            found["x"][at_x].add(gy * w, times(gy, w), ("g", at_g), ("weight", (o, c, *used)))
            found["weight"][(o, c, *kl)].add(gy * xi, times(gy, xi), ("g", at_g), ("x", at_x))
    count = g[0].size if mistake == "mean-bias" else 1
    for place, gy in np.ndenumerate(g):
        found["bias"][place[:1]].add(gy / count, factor(gy / count), ("g", place))
    return found


def of_max_pool(arrays: dict[str, np.ndarray], window: Window, mistake: str) -> Gradients:
    """Give dx of a max-pool: g goes to the first of the largest numbers of each window."""
    x, g = arrays["x"], arrays["g"]
    found = _numbers("x", x.shape)
    for place, gy in np.ndenumerate(g):
        pixels, winners = window_and_winners(x, place, window)
        getting = {"every-tie": winners, "average": pixels}.get(mistake, winners[:1])
        share = len(pixels) if mistake == "average" else 1
        for at in getting:
            if mistake == "overwrite":
                found[at] = GradientNumber("x", at)
            term = factor(gy) if share == 1 else f"{factor(gy)}/{share}"
            found[at].add(gy / share, term, ("g", place), *(("x", one) for one in pixels))
    return {"x": found}


def window_and_winners(x: np.ndarray, place: Place, window: Window) -> tuple[list[Place], list[Place]]:
    """Give the pixels in a window of a pool, and those of them that are the largest."""
    rows, columns = (
        range(s * n - p, s * n - p + d * (k - 1) + 1, d)
        for n, (k, s, p, d) in zip(place[1:], (window.along(0), window.along(1)), strict=True)
    )
    cut = windowed(x[place[0]][None], rows, columns, -np.inf)[0]
    inside = np.argwhere(np.isfinite(cut)).tolist()
    pixels: list[Place] = [(place[0], rows[k], columns[m]) for k, m in inside]
    return pixels, [at for at in pixels if x[at] == cut.max()]


def of_cross_entropy(arrays: dict[str, np.ndarray], mistake: str) -> Gradients:
    """Give the gradient of the mean cross-entropy: (softmax - onehot) · g / pixels that count."""
    scores, labels, g = arrays["x"], arrays["labels"], float(arrays["g"][0])
    found = _numbers("x", scores.shape)
    count = labels.size if mistake == "count-all" else max(1, np.count_nonzero(labels != IGNORED))
    for (i, j), label in np.ndenumerate(labels):
        if label == IGNORED and mistake != "ignored-too":
            continue
        powers = np.exp(scores[:, i, j] - scores[:, i, j].max())
        for c, share in enumerate(powers / powers.sum()):
            one = int(c == label and mistake != "no-onehot")
            term = f"{factor(g)}·({number(share)} - {one})/{count}"
            reads = [("x", (other, i, j)) for other in range(len(scores))]
            found[c, i, j].add(g * (share - one) / count, term, ("g", (0,)), ("labels", (i, j)), *reads)
    return {"x": found}


Forward = Callable[[dict[str, np.ndarray]], np.ndarray]


@dataclass(eq=False)
class Measure:
    """How difference quotients are taken: by which step, and what the numbers are that each number of y adds up.

    The larger these are, the more rounding does to a quotient. A convolution is linear in each number, so that its step
    may be large; in a pool it is smaller than the differences between numbers.

    Parameters
    ----------
    forward : function
        From arrays by name to y.
    step : float
    sizes : array
        Of the shape of y.
    """

    forward: Forward
    step: float
    sizes: np.ndarray

    @classmethod
    def of(cls, kind: str, arrays: dict[str, np.ndarray], forward: Forward) -> Measure:
        """Choose the step for an operation and its numbers."""
        numbers = np.concatenate([arrays[name].ravel() for name in ("x", "weight", "bias") if name in arrays])
        if kind in ("conv", "conv-transpose"):
            sizes = forward({name: abs(array) for name, array in arrays.items()})
            return cls(forward, H if abs(numbers).max() < 1000 else 1.0, sizes)
        gaps = np.diff(np.unique(numbers)) if kind == "max-pool" else np.empty(0)
        step = 2.0 ** math.floor(math.log2(min([4 * H, *gaps]) / 4))
        return cls(
            forward, step, np.full(arrays["g"].shape, 1 + 2 * abs(numbers).max())
        )  # of a loss its logarithm, too


def judge(found: Gradients, arrays: dict[str, np.ndarray], measure: Measure) -> None:
    """Hold every number against the difference quotients of <g, y>, where y is what the measure's `forward` gives."""
    for name, numbers in found.items():
        for place, one in numbers.items():
            one.quotient, one.low, one.high, one.noise = slope(arrays, [(name, place)], measure)
            one.verdict = verdict(one.value, one.quotient, one.low, one.high, one.noise)


def judge_ties(found: Gradients, arrays: dict[str, np.ndarray], window: Window, measure: Measure) -> None:
    """At a tie hold the equal numbers of a window together against the slope when they move together.

    One of them may have the gradient, or each a share; but together they have it once.
    """
    for place in np.ndindex(arrays["g"].shape):
        _, winners = window_and_winners(arrays["x"], place, window)
        if len(winners) < 2:
            continue
        together = sum(found["x"][at].value for at in winners)
        if verdict(together, *slope(arrays, [("x", at) for at in winners], measure)) == "wrong":
            for at in winners:
                found["x"][at].verdict = "wrong"


def slope(
    arrays: dict[str, np.ndarray], places: list[tuple[str, Place]], measure: Measure
) -> tuple[float, float, float, float]:
    """Give the central difference of <g, y> when some numbers move together, between what it may lie, and its noise.

    A number of y with a kink, as max-pooling has at a tie, has a slope on either side, and any between them will do.
    """
    here, sides = measure.forward(arrays), []
    for step in (-measure.step, measure.step):
        shifted = {name: array.copy() for name, array in arrays.items()}
        for name, place in places:
            shifted[name][place] += step
        sides.append(arrays["g"] * (measure.forward(shifted) - here) / step)
    noise = float((abs(arrays["g"]) * measure.sizes).sum() * ROUNDING / measure.step)
    return float(sum(sides).sum() / 2), float(np.minimum(*sides).sum()), float(np.maximum(*sides).sum()), noise


def verdict(value: float, quotient: float, low: float, high: float, noise: float = 0.0) -> str:
    """Judge a derivative by its difference quotient, or at a kink by the numbers that will do.

    >>> verdict(2, 2, 2, 2), verdict(3, 2, 2, 2), verdict(1, 0.5, 0, 1), verdict(1e-9, 2e-9, 2e-9, 2e-9)
    ('right', 'wrong', 'kink', 'wrong')
    """
    small = tolerance(value, low, high, noise)
    if high - low > 100 * small:
        return "kink" if low - small <= value <= high + small else "wrong"
    return "right" if abs(value - quotient) <= small else "wrong"


def tolerance(value: float, low: float, high: float, noise: float) -> float:
    """Say how far a quotient may be off: large numbers round more, and small ones may differ by little."""
    return 1e-5 * max(abs(value), abs(low), abs(high)) + noise


def rounded(quotient: float, one: GradientNumber) -> float:
    """Round a difference quotient to the digits that its tolerance leaves."""
    small = tolerance(one.value, one.low, one.high, one.noise)
    return round(quotient, max(0, -math.floor(math.log10(small)))) if small > 0 else quotient


def factor(value: float) -> str:
    """Write a number as a part of a sum or product: one below 0 in parentheses."""
    return f"({number(value)})" if value < 0 else number(value)


def times(a: float, b: float) -> str:
    """Write a product."""
    return f"{factor(a)}·{factor(b)}"


def name_of(one: GradientNumber, single: bool) -> str:
    """Name a number of a gradient, such as dx[1,0]."""
    return pixel(f"d{one.name}", one.place if one.name == "bias" or not single else one.place[-2:])


def _numbers(name: str, shape: Place) -> dict[Place, GradientNumber]:
    return {place: GradientNumber(name, place) for place in np.ndindex(shape)}
