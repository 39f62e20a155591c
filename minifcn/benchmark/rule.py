"""What the rule of `compute.algorithm.choose` rests on: the time of every algorithm, layer by layer."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minifcn import models
from minifcn.backend import cache_kind
from minifcn.benchmark import machine
from minifcn.benchmark.work import WINDOW
from minifcn.compute.algorithm import Finish, choose, rows, strips, winograd
from minifcn.files import atomic_write
from minifcn.nn import Conv2d, init
from minifcn.text import in_columns

NETWORKS = ((4, 128, 1 / 8), (1, 384, 1 / 4), (1, 224, 1))  # images, their side, and the width of a VGG16
ALTERNATIVES: dict[str, Any] = {"strips": strips, "rows": rows, "winograd": winograd}
KEPT = "winograd, kept"
TURN = 0.01  # seconds at least, in which short work is done again and again
HEAD = ["map", "images", "channels", "outputs", "size", *ALTERNATIVES, KEPT, "the rule's", "wins by"]
TEXT = (
    "Milliseconds of the processor, of all threads together, for a 3x3 convolution with bias and ReLU, or its weight "
    "gradient: medians of turns. A * marks what the rule chooses; it wins by so much over the best of the others. "
    '"kept" is a forward pass whose transformed weight is kept, as it is while nothing trains.'
)


@dataclass(frozen=True)
class Layer:
    """A map of a 3x3 convolution to time.

    Parameters
    ----------
    kind : "forward" | "weight"
    images, channels, outputs, size : int
        Maps are squares.
    """

    kind: str
    images: int
    channels: int
    outputs: int
    size: int

    def candidates(self) -> dict[str, Callable[[], Any]]:
        """Give what computes it, by name; rows of pixels only where channels are few."""
        rng, size = np.random.default_rng(0), (self.size, self.size)

        def draw(n: int, channels: int, *size: int) -> np.ndarray:
            return rng.standard_normal((n, *size, channels), dtype="float32").transpose(0, 3, 1, 2)

        x, y = draw(self.images, self.channels, *size), draw(self.images, self.outputs, *size)
        weight, bias = draw(self.outputs, self.channels, 3, 3), np.zeros(self.outputs, "float32")

        def forward(room: Any, keep: bool = False) -> Callable[[], Any]:
            kernel = weight.copy(order="K")  # a weight of its own, of which nothing else forgets what is kept
            return lambda: room.convolve(x, kernel, WINDOW, size, Finish(bias, True, keep))

        def gradient(room: Any) -> Callable[[], Any]:
            return lambda: room.convolve_weight(x, y, WINDOW)

        function = forward if self.kind == "forward" else gradient
        found = {name: function(room) for name, room in ALTERNATIVES.items() if self._takes(room)}
        return found | ({KEPT: forward(winograd, keep=True)} if self.kind == "forward" else {})

    def chosen(self) -> str:
        """Name what the rule chooses."""
        x = np.empty((self.images, self.channels, 1, 1), "float32")
        room = choose(x, WINDOW, (self.size, self.size), self.channels, self.outputs)
        return next(name for name, known in ALTERNATIVES.items() if known == room)

    def _takes(self, room: Any) -> bool:
        return room is not rows or min(self.channels, self.outputs) <= 32


def layers() -> Iterator[Layer]:
    """List the different 3x3 convolutions of some networks."""
    seen = set()
    for images, side, width in NETWORKS:
        with init.shapes_only():
            model = models.FCN32s(width=width)
        for row in models.summary.rows(model, (side, side)):
            if isinstance(row.layer, Conv2d) and row.layer.window == WINDOW:
                for kind in ("forward", "weight"):
                    seen.add(Layer(kind, images, row.before.shape[1], row.behind.shape[1], row.before.shape[2]))
    return iter(sorted(seen, key=lambda layer: (layer.kind, -layer.images, layer.outputs, layer.channels, -layer.size)))


def measure(layer: Layer, rounds: int) -> dict[str, float]:
    """Give the seconds of the processor that each candidate takes; they take turns."""
    candidates = layer.candidates()
    for function in candidates.values():
        function()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, function in candidates.items():
            seconds[name].append(_turn(function))
    return {name: statistics.median(found) for name, found in seconds.items()}


def _turn(function: Callable[[], Any]) -> float:
    started, times = time.process_time(), 0
    while times == 0 or time.process_time() < started + TURN:
        function()
        times += 1
    return (time.process_time() - started) / times


def row(layer: Layer, seconds: dict[str, float]) -> list[str]:
    """Write a line of the table."""
    chosen = layer.chosen()
    others = [taken for name, taken in seconds.items() if name not in (chosen, KEPT)]
    wins = min(others, default=math.nan) / seconds[chosen] - 1
    times = [
        f"{'*' if name == chosen else ''}{1e3 * seconds[name]:.2f}" if name in seconds else "-"
        for name in (*ALTERNATIVES, KEPT)
    ]
    facts = [layer.kind, *map(str, (layer.images, layer.channels, layer.outputs, layer.size))]
    return [*facts, *times, chosen, f"{wins:+.0%}"]


def facts() -> dict[str, str]:
    """Describe the machine, and which kind the rule takes it for."""
    return machine.describe() | {"the rule's kind of caches": cache_kind()}


def text(rows: list[list[str]]) -> str:
    """Write the table for a terminal."""
    return "\n".join([*(f"{name}: {fact}" for name, fact in facts().items()), "", TEXT, "", in_columns([HEAD, *rows])])


def save(path: Path, rows: list[list[str]]) -> None:
    """Write the table as a page in Markdown."""
    lines = ["# What the choice of the algorithm rests on", "", "Written by `minifcn bench rule --out FILE.md`.", ""]
    lines += ["| machine |  |", "|---|---|", *(f"| {name} | {fact} |" for name, fact in facts().items()), "", TEXT, ""]
    lines += [f"| {' | '.join(HEAD)} |", "|---|" + "---:|" * (len(HEAD) - 1)]
    lines += [f"| {' | '.join(cells)} |" for cells in rows]
    with atomic_write(path) as file:
        file.write("\n".join([*lines, ""]).encode())
