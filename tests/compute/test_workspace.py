"""Scratch memory is used again, bounded, and given back on request."""

import os
import platform
import subprocess
import sys
import threading

import numpy as np
import pytest

import minifcn as mf
from minifcn.backend import workspace
from minifcn.errors import UserError


@pytest.fixture(autouse=True)
def empty(monkeypatch):
    """Start with nothing kept, and forget a limit that a test has set."""
    mf.release_workspace()
    workspace.limit.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    workspace.limit.cache_clear()


def test_the_same_memory_comes_back_under_the_same_name():
    first = workspace.buffer(np, "a", (3, 5), "float32")
    again = workspace.buffer(np, "a", (2, 7), "float32")
    assert first.ctypes.data == again.ctypes.data
    assert again.shape == (2, 7)


def test_another_name_or_dtype_has_its_own_memory():
    arrays = [workspace.buffer(np, *key) for key in [("a", (4,), "float32"), ("b", (4,), "float32"), ("a", (4,), "f8")]]
    assert len({a.ctypes.data for a in arrays}) == 3


def test_a_thread_has_its_own_memory_and_takes_it_along():
    mine = workspace.buffer(np, "a", (100,), "float32")
    theirs = []
    thread = threading.Thread(target=lambda: theirs.append(workspace.buffer(np, "a", (100,), "float32").ctypes.data))
    thread.start()
    thread.join()
    assert theirs[0] != mine.ctypes.data
    assert workspace.workspace_bytes() == 400


def test_beyond_the_limit_nothing_is_kept(empty):
    empty.setenv("MINIFCN_WORKSPACE_MB", "1")
    workspace.buffer(np, "small", (1000,), "float32")
    large = workspace.buffer(np, "large", (1 << 20,), "float32")
    large[...] = 1  # it works all the same
    assert workspace.workspace_bytes() == 4000


def test_with_a_limit_of_0_convolutions_still_work(empty, rng):
    x, weight = (mf.Tensor(rng.standard_normal(s).astype("f4")) for s in [(1, 32, 30, 30), (32, 32, 3, 3)])
    expected = mf.functional.conv2d(x, weight, padding=1).numpy()
    mf.release_workspace()
    workspace.limit.cache_clear()
    empty.setenv("MINIFCN_WORKSPACE_MB", "0")
    assert np.array_equal(mf.functional.conv2d(x, weight, padding=1).numpy(), expected)
    assert workspace.workspace_bytes() == 0


def test_convolutions_keep_some_and_it_can_be_released(rng):
    x, weight = (mf.Tensor(rng.standard_normal(s).astype("f4")) for s in [(1, 32, 30, 30), (32, 32, 3, 3)])
    mf.functional.conv2d(x, weight, padding=1)
    assert workspace.workspace_bytes() > 0
    mf.release_workspace()
    assert workspace.workspace_bytes() == 0


@pytest.mark.parametrize("text", ["-1", "many", "1.5", ""])
def test_an_impossible_limit_is_refused(text, empty):
    empty.setenv("MINIFCN_WORKSPACE_MB", text)
    with pytest.raises(UserError, match="MINIFCN_WORKSPACE_MB must be a whole number of megabytes, got"):
        workspace.limit()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have other rules")
@pytest.mark.parametrize(("megabytes", "faults"), [("512", False), ("0", True)])
def test_what_results_leave_free_is_not_given_back_to_the_system(megabytes, faults):
    """In a process of its own: results of 20 MB that are freed cost a page fault each 4 KB, or none."""
    program = """
import resource, numpy as np
from minifcn.backend import workspace
workspace.buffer(np, "a", (1,), "float32")

def page_faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def compute():
    results = [np.ones(1 << 18, "float32") for _ in range(20)]

compute()
before = page_faults()
compute()
print(page_faults() - before)
"""
    environment = os.environ | {"MINIFCN_WORKSPACE_MB": megabytes}
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert (int(found.stdout) > 1000) == faults
