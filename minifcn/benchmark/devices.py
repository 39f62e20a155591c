"""One network on several devices: whether they agree, and where the time goes."""

from __future__ import annotations

import functools
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minifcn import models
from minifcn.autograd import Tensor, no_grad
from minifcn.backend import array_module, cuda_problem, share, to_device, to_host, use_device, wait_for
from minifcn.backend.threads import WORTH_SHARING
from minifcn.compute.algorithm import algorithm
from minifcn.nn import Conv2d, ConvTranspose2d
from minifcn.text import in_columns

PRODUCT_ROWS = 1 << 13  # of a timed product, which takes as long as a part of a larger one


@dataclass(frozen=True)
class DeviceTimes:
    """Seconds that one device took, and its scores, on the host.

    Parameters
    ----------
    device : str
    upload, forward, products : float
        Seconds for the image, for all layers, and for matrix products of the layers' sizes alone.
    scores : float32 array (1, C, H, W)
    """

    device: str
    upload: float
    forward: float
    products: float
    scores: np.ndarray


@dataclass(frozen=True)
class DeviceComparison:
    """What `compare_devices` has found; str() is a table.

    Parameters
    ----------
    times : list of DeviceTimes
        The first device is the one that the scores of the others are compared with.
    remark : str
        Why there is no GPU among them, or "".
    """

    times: list[DeviceTimes]
    remark: str = ""

    def difference(self, i: int) -> float:
        """Largest difference between the scores of device i and of the first one, relative to the largest score."""
        reference = self.times[0].scores
        return float(abs(self.times[i].scores - reference).max() / abs(reference).max())

    def __str__(self) -> str:
        rows = [("device", "upload ms", "forward ms", "of it products", "copies, elementwise", "difference of scores")]
        for i, t in enumerate(self.times):
            ms = (f"{1e3 * seconds:.2f}" for seconds in (t.upload, t.forward, t.products, t.forward - t.products))
            rows.append((t.device, *ms, f"{self.difference(i):.1e}" if i else "-"))  # type: ignore[arg-type]
        return "\n".join([in_columns(rows), *filter(None, [self.remark])])

    __repr__ = __str__


def compare_devices(
    *devices: str, size: tuple[int, int] = (224, 224), width: float = 1.0, repeats: int = 5
) -> DeviceComparison:
    """Run FCN-8s with the same weights on the same image on several devices.

    On each the layers go by the algorithm "strips", one matrix product after the other, so that the same products can
    be timed alone; on a CPU the rule's own choice is quicker.

    Parameters
    ----------
    *devices : str
        As in `backend.use_device`; unless given, the CPU, and the first GPU if there is one.
    size : (H, W)
    width : float
        Of the network.
    repeats : int
        The median of so many counts, after one that does not.

    Returns
    -------
    DeviceComparison

    Examples
    --------
    >>> print(compare_devices("cpu", size=(32, 32), width=1 / 16, repeats=1))  # doctest: +ELLIPSIS
    device  upload ms  forward ms  of it products  copies, elementwise  difference of scores
    cpu          ...
    """
    problem = "" if devices else cuda_problem()
    devices = devices or (("cpu",) if problem else ("cpu", "cuda"))
    rng = np.random.default_rng(0)
    image = rng.standard_normal((1, *size, 3), dtype="float32").transpose(0, 3, 1, 2)
    model = models.FCN8s(21, width=width).eval()
    for name, parameter in model.named_parameters():
        if name.startswith("score") and name.endswith("weight"):
            parameter.data[...] = 0.01 * rng.standard_normal(parameter.shape, dtype="float32")
    times = [_measure(model, image, use_device(device), repeats) for device in devices]
    model.to(times[0].device)
    return DeviceComparison(times, f"No GPU: {problem}" if problem else "")


def _measure(model: models.FCN, image: np.ndarray, device: str, repeats: int) -> DeviceTimes:
    model.to(device)
    x = Tensor(to_device(image, device))
    products = _products(model, image.shape[2:], array_module(x.data))

    def median(function: Callable[[], object]) -> float:
        seconds = []
        for _ in range(1 + repeats):
            wait_for(device)
            started = time.perf_counter()
            function()
            wait_for(device)
            seconds.append(time.perf_counter() - started)
        return statistics.median(seconds[1:])

    with no_grad(), algorithm("strips"):
        forward = median(lambda: model(x))
        scores = to_host(model(x).data)
    upload = median(lambda: to_device(image, device))
    work = WORTH_SHARING if device == "cpu" else 0  # on a CPU the products share its cores, as those of the layers do
    return DeviceTimes(
        device, upload, forward, median(lambda: share(lambda product: product(), products, work)), scores
    )


def _products(model: models.FCN, size: tuple[int, int], xp) -> list[Callable[[], object]]:
    """Make the matrix products of all layers, in parts of PRODUCT_ROWS rows."""
    products: list[Callable[[], object]] = []
    for row in models.summary.rows(model, size):
        if isinstance(row.layer, Conv2d | ConvTranspose2d):
            weight, transposed = row.layer.weight.data, isinstance(row.layer, ConvTranspose2d)
            pixels = math.prod((row.before if transposed else row.behind).shape[2:])
            inner, columns = (len(weight), weight.size // len(weight))[:: 1 if transposed else -1]
            a, b = (xp.ones(shape, "float32") for shape in ((min(pixels, PRODUCT_ROWS), inner), (inner, columns)))
            full, rest = divmod(pixels, PRODUCT_ROWS)
            products += [functools.partial(xp.matmul, a, b)] * full
            products += [functools.partial(xp.matmul, a[:rest], b)] if rest else []
    return products
