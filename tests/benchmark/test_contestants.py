"""All contestants compute the same thing."""

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import tensordot
import without

from minifcn.benchmark import contestants
from minifcn.benchmark.work import Work
from minifcn.compute.algorithm import ALGORITHMS
from minifcn.compute.fast import winograd

LAYERS = [Work(kind, kind, (1, 3, 9, 7), 5) for kind in ("forward map", "input gradient", "weight gradient")]
NETWORKS = [
    Work(f"{kind}, {variant}", kind, (2, 3, 36, 40), 4, variant, 1 / 64)
    for kind in ("forward", "step")
    for variant in ("aligned", "paper")
]
BENCHMARKS = Path(tensordot.__file__).parent
EPOCH = Work("epoch", "epoch", (16, 3, 32, 32), 4, width=1 / 64)
works = pytest.mark.parametrize("work", [*LAYERS, *NETWORKS, EPOCH], ids=lambda work: work.name)


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


PYTORCH = [f"PyTorch{memory}{layout}" for memory in ("", " keeping memory") for layout in ("", ", channels-last")]


@works
@pytest.mark.parametrize("name", PYTORCH)
def test_pytorch(name, work, monkeypatch):
    pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
    import pytorch

    monkeypatch.setattr(pytorch, "keep_all_memory", lambda: None)  # this process would keep it for good
    assert_same(work, result(pytorch.CONTESTANTS[name], work))


def test_malloc_can_be_told_to_keep_memory():
    pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
    program = "import pytorch; pytorch.keep_all_memory()"
    subprocess.run([sys.executable, "-c", program], cwd=BENCHMARKS, check=True)


@pytest.mark.parametrize("work", [work for work in NETWORKS if work.kind == "forward"], ids=lambda work: work.name)
def test_onnx_runtime(work):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: `make oracle` installs it")
    import onnx_runtime

    assert_same(work, result(onnx_runtime.prepare, work))


def test_onnx_runtime_does_not_train():
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: `make oracle` installs it")
    import onnx_runtime

    with pytest.raises(NotImplementedError, match="only predicts"):
        onnx_runtime.prepare(EPOCH)


@works
def test_without_winograd(work):
    with patch.object(winograd, "convolve", side_effect=AssertionError):
        assert_same(work, result(without.without_winograd, work))


def test_without_kept_memory():
    """In a process of its own, as settings are read once."""
    program = (
        "import without; from minifcn import backend; from test_contestants import NETWORKS; "
        "without.without_kept_memory(NETWORKS[0])(); assert backend.workspace.workspace_bytes() == 0"
    )
    paths = os.pathsep.join([str(BENCHMARKS), str(Path(__file__).parent)])
    subprocess.run([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": paths}, check=True)


def test_a_step_learns():
    timed = contestants.contestant(None)(NETWORKS[2])
    first, *_, last = (timed().item() for _ in range(20))
    assert last < first
