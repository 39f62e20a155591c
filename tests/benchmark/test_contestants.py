"""All contestants compute the same thing."""

import numpy as np
import pytest
import tensordot

from minifcn.benchmark import contestants
from minifcn.benchmark.work import Work
from minifcn.compute.algorithm import ALGORITHMS

LAYERS = [Work(kind, kind, (1, 3, 9, 7), 5) for kind in ("forward map", "input gradient", "weight gradient")]
NETWORKS = [
    Work(f"{kind}, {variant}", kind, (2, 3, 36, 40), 4, variant, 1 / 64)
    for kind in ("forward", "step")
    for variant in ("aligned", "paper")
]
works = pytest.mark.parametrize("work", LAYERS + NETWORKS, ids=lambda work: work.name)


def result(prepare, work):
    """What it computes at the second time: a step is to have learned from the first one."""
    timed = prepare(work)
    timed()
    return np.asarray(timed())


def assert_same(work, found):
    np.testing.assert_allclose(found, result(contestants.contestant("im2col"), work), rtol=1e-4, atol=1e-4)


def test_every_algorithm_is_one():
    assert list(contestants.CONTESTANTS) == ["minifcn", *(f"minifcn, {name}" for name in ALGORITHMS)]


@works
@pytest.mark.parametrize("name", contestants.CONTESTANTS)
def test_minifcns_algorithms(name, work):
    assert_same(work, result(contestants.CONTESTANTS[name], work))


@works
def test_tensordot(work):
    assert_same(work, result(tensordot.prepare, work))


@works
@pytest.mark.parametrize("name", ["PyTorch", "PyTorch, channels-last"])
def test_pytorch(name, work):
    pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
    import pytorch

    assert_same(work, result(pytorch.CONTESTANTS[name], work))


def test_a_step_learns():
    timed = contestants.contestant(None)(NETWORKS[2])
    first, *_, last = (timed().item() for _ in range(20))
    assert last < first
