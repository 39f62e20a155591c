"""What the Python of an operation costs before any number is computed: microseconds of processor time for each.

    python benchmarks/host_time.py

What computes behind the door (compute/algorithm.py) gives an array that is ready, so what is left is what every pass
repeats: whether shapes fit, which size comes out, which algorithm is chosen, and what is recorded. The arrays are
NumPy's, which say their shapes as quickly as CuPy's do. Median of many turns. How many functions are entered is held by
tests/compute/test_host_work.py.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

import numpy as np

import minifcn.functional as F
from minifcn import Tensor, nn, no_grad
from minifcn.autograd import operation
from minifcn.compute import algorithm

TURNS, CALLS = 41, 300


def channels_last(*shape: int) -> Tensor:
    """A map as networks have them."""
    n, c, *size = shape
    return Tensor(np.moveaxis(np.zeros((n, *size, c), "float32"), -1, 1))


def operations() -> dict[str, Callable[[], object]]:
    """What FCN-8s is made of: calls whose results, where they are computed behind the door, have 64 channels."""
    x, scores = channels_last(1, 64, 14, 14), channels_last(1, 21, 14, 14)
    layers = {
        "conv2d, 3x3, bias, ReLU": nn.Conv2d(64, 64, 3, padding=1, relu=True),
        "conv2d, 1x1, bias": nn.Conv2d(64, 21, 1),
        "max_pool2d": nn.MaxPool2d(2, ceil_mode=True),
        "dropout, evaluating": nn.Dropout(0.5).eval(),
    }
    up = nn.ConvTranspose2d(21, 21, 4, 2, 1)
    return {
        **{name: (lambda layer=layer: layer(x)) for name, layer in layers.items()},
        "conv_transpose2d": lambda: up(scores),
        "crop": lambda: F.crop(scores, (0, 0), (13, 13)),
        "add": lambda: scores + scores,
        "multiply by a number": lambda: scores * 0.01,
        "relu": lambda: F.relu(scores),
        "concatenate": lambda: F.concatenate([scores, scores]),
        "softmax": lambda: F.softmax(scores),
        "an operation of three Tensors that does nothing": lambda: nothing(x, x, x),
    }


def of_numpy() -> dict[str, Callable[[], object]]:
    """What NumPy does in those whose results are not there already: its launches, on a GPU."""
    scores = channels_last(1, 21, 14, 14).data
    number, classes = np.float32(0.01), scores.swapaxes(0, 1)

    def softmax():
        y = classes.astype("float32", order="C")
        y -= y.max(axis=0)
        np.exp(y, out=y)
        y /= y.sum(axis=0)

    return {
        "crop": lambda: scores[:, :, 0:13, 0:13],
        "add": lambda: scores + scores,
        "multiply by a number": lambda: scores * number,
        "relu": lambda: np.maximum(scores, number, out=np.empty_like(scores)),
        "concatenate": lambda: np.concatenate([scores, scores], 1),
        "softmax": softmax,
    }


@operation
def nothing(a, b, c):
    """a; what is left is what every operation does to be one."""
    return a.data, None


@contextmanager
def nothing_is_computed() -> Iterator[None]:
    """Have all rooms behind the door give arrays that are ready."""
    y = channels_last(1, 64, 14, 14).data
    maps = {"convolve": lambda *args, **kwargs: y, "convolve_transposed": lambda *args: y}
    pools = {"max_pool": lambda *args: (y, None), "maximum": lambda *args: y}
    with ExitStack() as stack:
        for room, ready in (
            *(
                (room, {"convolve": maps["convolve"]})
                for room in (algorithm.strips, algorithm.rows, algorithm.winograd)
            ),
            (algorithm.blocks, maps),
            (algorithm.convolution, maps),
            (algorithm.fast_pooling, pools),
            (algorithm, {"has_nan": lambda y: False}),
        ):
            stack.enter_context(mock.patch.multiple(room, **ready))
        yield


def microseconds(function: Callable[[], object]) -> float:
    """Processor time of a call."""
    turns = []
    for _ in range(TURNS):
        began = time.process_time_ns()
        for _ in range(CALLS):
            function()
        turns.append((time.process_time_ns() - began) / CALLS / 1000)
    return statistics.median(turns)


def functions_entered(function: Callable[[], object]) -> list[str]:
    """Names of the functions of minifcn that a call enters, once it has been made before."""
    entered: list[str] = []

    def note(frame, event, _):
        if event == "call" and frame.f_globals.get("__name__", "").startswith("minifcn."):
            entered.append(frame.f_code.co_qualname)

    function()
    gc.collect()  # or what is cleared away meanwhile may call something, too
    gc.disable()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return entered


def main() -> None:
    """Print the table."""
    print("| operation | microseconds | of them NumPy's | functions |\n|---|---:|---:|---:|")
    bare = of_numpy()
    with no_grad(), nothing_is_computed():
        for name, function in operations().items():
            numpys = f"{microseconds(bare[name]):.1f}" if name in bare else "-"
            count = len(functions_entered(function))
            print(f"| {name} | {microseconds(function):.1f} | {numpys} | {count} |", flush=True)


if __name__ == "__main__":
    main()
