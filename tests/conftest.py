"""Fixtures that tests of every room share, and a last word on what this machine could not check."""

import os
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from minifcn.backend import cuda_problem, resolve_device


@pytest.fixture
def rng(request):
    """A random generator with a seed of its own for each test; a failure prints the seed."""
    seed = zlib.crc32(request.node.nodeid.encode())
    request.node.add_report_section("call", "rng", f"numpy.random.default_rng({seed})")
    return np.random.default_rng(seed)


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture(params=["cpu", "cuda"])
def device(request):
    if request.param == "cuda" and cuda_problem():
        pytest.skip(f"no CUDA device: {cuda_problem()}")
    return resolve_device(request.param)


@pytest.fixture(scope="session")
def camvid_root():
    """The folder of the real CamVid images."""
    beside_the_repository = Path(__file__).parents[2] / "shared" / "data" / "camvid"
    root = Path(os.environ.get("MINIFCN_CAMVID", beside_the_repository))
    if not root.is_dir():
        pytest.skip("no CamVid images: set MINIFCN_CAMVID to their folder")
    return root


def pytest_terminal_summary(terminalreporter):
    """List once, with a count, each reason for which tests were skipped: no data, no PyTorch, no GPU."""
    skipped = (report.longrepr for report in terminalreporter.stats.get("skipped", []))
    reasons = Counter(where_and_why[-1] for where_and_why in skipped if isinstance(where_and_why, tuple))
    if reasons:
        terminalreporter.section("not checked on this machine")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:5d}  {reason.removeprefix('Skipped: ')}")
