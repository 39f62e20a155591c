"""minifcn's own contestants, and the process in which a contestant runs.

A contestant is a function `prepare(work) -> run`; `run()` is timed. A file of others has them in a dict CONTESTANTS.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import resource
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import minifcn.functional as F
from minifcn import Tensor, models, no_grad, optim
from minifcn.benchmark.work import CLASSES, Work
from minifcn.compute import algorithm
from minifcn.compute.window import Window
from minifcn.errors import UserError

Prepare = Callable[[Work], Callable[[], Any]]


def channels_last(rng: np.random.Generator, n: int, channels: int, *size: int) -> np.ndarray:
    """Draw a map or a weight (N, C, H, W), channels-last in memory."""
    return rng.standard_normal((n, *size, channels), dtype="float32").transpose(0, 3, 1, 2)


def prepare(work: Work, name: str | None = None) -> Callable[[], Any]:
    """Prepare minifcn's way of doing some work, by one algorithm if named."""
    run = _layer(work) if work.is_layer else _network(work)

    def timed():
        with algorithm.algorithm(name) if name else nullcontext():
            run()

    return timed


def _layer(work: Work) -> Callable[[], Any]:
    rng, window = np.random.default_rng(0), Window((3, 3), padding=(1, 1))
    size = work.size, work.size
    x = channels_last(rng, work.batch, work.channels, *size)
    y = channels_last(rng, work.batch, work.outputs, *size)
    weight = channels_last(rng, work.outputs, work.channels, 3, 3)
    return {
        "forward": lambda: algorithm.convolve(x, weight, window),
        "input": lambda: algorithm.convolve_transposed(y, weight, window, size),
        "weight": lambda: algorithm.convolve_weight(x, y, window),
    }[work.way]


def _network(work: Work) -> Callable[[], Any]:
    rng = np.random.default_rng(0)
    model = models.create(work.network, num_classes=CLASSES, variant=work.variant, width=work.width)
    images = Tensor(channels_last(rng, work.batch, 3, work.size, work.size))
    if work.way == "forward":
        model.eval()

        def forward():
            with no_grad():
                model(images)

        return forward
    labels = rng.integers(0, CLASSES, (work.batch, work.size, work.size)).astype("uint8")
    optimizer = optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)

    def step():
        loss = F.softmax_cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


CONTESTANTS: dict[str, Prepare] = {
    "minifcn": prepare,
    **{f"minifcn, {name}": functools.partial(prepare, name=name) for name in algorithm.ALGORITHMS},
}


def load(path: Path) -> ModuleType:
    """Run a file of contestants."""
    if not path.is_file():
        raise UserError(f"--against {path}: there is no such file; give a Python file with a dict CONTESTANTS")
    sys.path.insert(0, str(path.parent))  # for what it imports from files beside it
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    if not isinstance(getattr(module, "CONTESTANTS", None), dict):
        raise UserError(f"--against {path}: it has no dict CONTESTANTS of names and functions prepare(work)")
    return module


def peak_bytes() -> int:
    """Largest memory that this process has had."""
    status = Path("/proc/self/status")  # getrusage would count the process that started this one, too
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def serve(name: str, path: str, work: str) -> None:
    """Time one run for every line on standard input, and answer each with a line of JSON."""
    contestants = load(Path(path)).CONTESTANTS if path else CONTESTANTS
    run = contestants[name](Work(work))
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        run()
        print(json.dumps({"seconds": time.perf_counter() - started, "bytes": peak_bytes()}), flush=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
