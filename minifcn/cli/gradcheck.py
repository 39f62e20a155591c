"""minifcn gradcheck"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np

from minifcn import models
from minifcn.autograd import Tensor
from minifcn.errors import UserError
from minifcn.gradcheck import GradcheckReport, check_all, gradcheck


def run(args: argparse.Namespace) -> int:
    """Print a line for each check, and the whole report of one that fails."""
    if args.seed < 0:
        raise UserError(f"--seed must be a whole number from 0 up, got {args.seed}")
    print(f"{'checked':<52}{'numbers':>8}{'error':>10}{'worst at':>22}{'seconds':>9}")
    found = wrong = 0
    started = time.perf_counter()
    for name, report in _all_checks(args.order, args.seed, tuple(args.names) or ("",)):
        found += 1
        seconds = time.perf_counter() - started
        worst = f"{report.worst_name} {report.worst.index}" if report.worst else "-"
        numbers = sum(row.checked for row in report.rows)
        verdict = "ok" if report.ok else "WRONG" if report.wrong or report.problem else "NOT VERIFIED"
        print(f"{name:<52}{numbers:>8}{report.max_error:>10.1e}{worst[:21]:>22}{seconds:>9.2f}  {verdict}", flush=True)
        if not report.ok:
            wrong += 1
            print(report)
        started = time.perf_counter()
    if not found:
        raise UserError(
            f"there is nothing to check that begins with {' or '.join(args.names)}; leave the name out to see all"
        )
    return 1 if wrong else 0


def _all_checks(order: int, seed: int, names: tuple[str, ...]) -> Iterator[tuple[str, GradcheckReport]]:
    yield from check_all(order, seed, names)
    for model in models.NETWORKS:
        for variant in ("aligned", "paper"):
            name = f"{model}, {variant}"
            if name.startswith(names):
                yield name, check_network(model, variant, order, seed)


def check_network(model: str, variant: str, order: int, seed: int) -> GradcheckReport:
    """Check a whole narrow network, its image and all its parameters, along random directions."""
    rng = np.random.default_rng(seed)
    net = models.create(model, num_classes=3, variant=variant, width=1 / 64, dropout=0.0, rng=rng).astype("float64")
    parameters = list(net.parameters())
    for parameter in parameters:  # away from the zeros of the first scores and from dead ReLUs: no gradient would pass
        parameter.data = parameter.data + 0.1 * rng.normal(size=parameter.shape) + 0.3 * (parameter.ndim == 1)

    names = ["image", *(name for name, _ in net.named_parameters())]
    places = [  # in the order of net.parameters()
        (module, name)
        for _, module in net.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, Tensor)
    ]

    def function(image: Tensor, *values: Tensor) -> Tensor:
        for (module, name), value in zip(places, values, strict=True):
            vars(module)[name] = value  # a Module's own assignment refuses a Tensor in the place of a Parameter
        return net(image)

    inputs = [rng.normal(size=(1, 3, 9, 12)), *(parameter.data for parameter in parameters)]
    return gradcheck(function, inputs, mode="directional", order=order, rng=rng, raise_exception=False, names=names)
