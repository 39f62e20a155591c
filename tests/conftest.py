"""Fixtures that tests of every room share, and a last word on what this machine could not check."""

import importlib.util
import os
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import standin
import webdriver

from minifcn.backend import cuda_problem, resolve_device

# No examples are looked for in files of this name: as modules they all have the same one.
collect_ignore_glob = ["*conftest.py"]
# Networks written in PyTorch, which tests compare with: without it there is nothing in these files to collect.
collect_ignore = (
    [] if importlib.util.find_spec("torch") else ["golden/lecture_listing.py", "oracle/trunks_in_pytorch.py"]
)


@pytest.fixture
def rng(request):
    """A random generator with a seed of its own for each test; a failure prints the seed."""
    seed = zlib.crc32(request.node.nodeid.encode())
    request.node.add_report_section("call", "rng", f"numpy.random.default_rng({seed})")
    return np.random.default_rng(seed)


@pytest.fixture(scope="session")
def driver():
    """The browser of all tests that look at pages; it starts for the first of them."""
    driver = webdriver.Driver()
    yield driver
    driver.close()


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture(params=["cpu", "stand-in", "cuda"])
def device(request):
    """The CPU, a GPU that CuPy's stand-in pretends to have, and a real one."""
    return request.getfixturevalue("stand_in") if request.param == "stand-in" else _usable(request.param)


@pytest.fixture(params=["stand-in", "cuda"])
def gpu(request):
    """A pretended GPU, and a real one."""
    return request.getfixturevalue("stand_in") if request.param == "stand-in" else _usable(request.param)


@pytest.fixture
def stand_in():
    """A GPU on which NumPy computes by the rules of CuPy, and stricter ones."""
    cuda_problem.cache_clear()
    try:
        with standin.installed():
            yield resolve_device("cuda")
    finally:
        cuda_problem.cache_clear()


def _usable(device):
    if device == "cuda" and cuda_problem():
        pytest.skip(f"no CUDA device: {cuda_problem()}")
    return resolve_device(device)


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
