"""minifcn as a contestant: with the algorithms that its rule chooses, and with one algorithm for everything.

Any Python file can bring contestants: it defines a dict CONTESTANTS of names and functions `prepare(work)`, which give
the function to be timed. Variants of one library share what is before the comma. A function that computes on a GPU
waits for it, and has an attribute `memory`: a function that gives the bytes of the GPU's memory it took at most.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import numpy as np

import minifcn.functional as F
from minifcn.autograd import Tensor, no_grad
from minifcn.backend import device_memory, device_of, one_blas_thread, to_device, to_host, use_device, wait_for
from minifcn.benchmark import course
from minifcn.benchmark.work import SGD as SETTINGS
from minifcn.benchmark.work import WINDOW, Work
from minifcn.compute import algorithm
from minifcn.models import FCN
from minifcn.optim import SGD

TimedRun = Callable[[], np.ndarray]


def contestant(name: str | None) -> Callable[[Work], TimedRun]:
    """Make `prepare` for one algorithm; None leaves the choice to the rule."""

    def prepare(work: Work) -> TimedRun:
        device = use_device(work.device, work.precision)
        if work.is_network:
            model, images, labels = work.network()
            function = network(work, model.to(device), to_device(images, device), to_device(labels, device))
        else:
            function = layer(work.kind, *(to_device(array, device) for array in work.arrays()))

        def timed() -> np.ndarray:
            with algorithm.algorithm(name) if name else nullcontext():
                result = function()
            wait_for(device)
            return result

        if device != "cpu":
            timed.memory = lambda: device_memory(device)["held"]  # type: ignore[attr-defined]
        return timed

    return prepare


def layer(kind: str, x: np.ndarray, weight: np.ndarray, gy: np.ndarray) -> TimedRun:
    """Give one of the three maps of a convolution."""
    return {
        "forward map": lambda: algorithm.convolve(x, weight, WINDOW),
        "input gradient": lambda: algorithm.convolve_transposed(gy, weight, WINDOW, x.shape[2:]),
        "weight gradient": lambda: algorithm.convolve_weight(x, gy, WINDOW),
    }[kind]


def network(work: Work, model: FCN, images: np.ndarray, labels: np.ndarray) -> TimedRun:
    """Give a forward pass, with the scores as its result, or a training step or an epoch, with the loss."""
    optimizer = SGD(model.parameters(), **SETTINGS)

    def scores(images: np.ndarray) -> np.ndarray:
        with no_grad():
            return model(Tensor(images)).data

    @one_blas_thread()  # as a Trainer's
    def step(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        optimizer.zero_grad()
        loss = F.softmax_cross_entropy(model(Tensor(images)), labels)
        loss.backward()
        optimizer.step()
        return loss.data

    if work.kind == "epoch":
        on_device = partial(to_device, device=device_of(images))
        return course.epoch(
            work,
            lambda images, labels: float(step(on_device(images), on_device(labels))),
            lambda images: to_host(scores(on_device(images))),
        )
    return partial(scores, images) if work.kind == "forward" else partial(step, images, labels)


CONTESTANTS = {"minifcn": contestant(None)} | {f"minifcn, {name}": contestant(name) for name in algorithm.ALGORITHMS}
