"""A forked child has none of the parent's threads, and computes all the same."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

PREAMBLE = """
import os, threading, time, traceback
import numpy as np
import threadpoolctl
import minifcn as mf
import minifcn.functional as F
from minifcn.autograd import operation
from minifcn.backend import blas, threads, workspace

def blas_threads():
    return {b["num_threads"] for b in threadpoolctl.threadpool_info() if b["user_api"] == "blas"}

def convolve():
    x, weight = (mf.Tensor(np.ones(shape, "float32"), True) for shape in [(2, 64, 64, 64), (64, 64, 3, 3)])
    y = F.conv2d(x, weight)
    y.sum().backward()
    return float(y.data.sum()), float(x.grad.data.sum())

def in_child(function):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            function()
            status = 0
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    for _ in range(600):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            assert status == 0, status
            return
        time.sleep(0.05)
    os.kill(pid, 9)
    raise SystemExit("the child hangs")
"""


def run(program, **environment):
    """Run a program in a process of its own, whose threads are not those of the tests."""
    environment = os.environ | {"MINIFCN_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"} | environment
    found = subprocess.run([sys.executable, "-c", PREAMBLE + program], capture_output=True, text=True, env=environment)
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_it_computes_what_the_parent_does():
    run("""
expected = convolve()
def child():
    assert convolve() == expected
in_child(child)
assert convolve() == expected
""")


def test_and_so_does_a_child_of_the_child():
    run("""
expected = convolve()
def grandchild():
    assert convolve() == expected
def child():
    assert convolve() == expected
    in_child(grandchild)
in_child(child)
""")


def test_while_other_threads_of_the_parent_compute():
    run("""
expected, stop = convolve(), threading.Event()
def keep_computing():
    while not stop.is_set():
        convolve()
busy = [threading.Thread(target=keep_computing) for _ in range(3)]
for thread in busy:
    thread.start()
def child():
    assert convolve() == expected
try:
    for _ in range(8):
        in_child(child)
finally:
    stop.set()
""")


def test_blas_has_its_own_number_of_threads_although_another_thread_held_it_to_one():
    run("""
before, held, stop = blas_threads(), threading.Event(), threading.Event()
def hold():
    with threads.one_blas_thread():
        held.set()
        stop.wait()
threading.Thread(target=hold).start()
held.wait()
def child():
    assert blas_threads() == before, blas_threads()
    convolve()
    assert blas_threads() == before, blas_threads()
try:
    assert blas_threads() == {1}
    in_child(child)
finally:
    stop.set()
""")


def test_blas_stays_held_to_one_thread_by_the_thread_that_forked():
    run("""
before = blas_threads()
def child():
    convolve()
    assert blas_threads() == {1}
with threads.one_blas_thread():
    pid = os.fork()
    if pid == 0:
        child()
if pid == 0:
    assert blas_threads() == before
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert blas_threads() == before
""")


def test_from_within_a_backward_pass():
    run("""
x, weight = (mf.Tensor(np.ones(shape, "float32")) for shape in [(2, 64, 64, 64), (64, 64, 3, 3)])
def child():
    assert np.array_equal(F.conv2d(x, weight).data, expected)
expected = F.conv2d(x, weight).data
@operation
def forking(x):
    def backward(gy):
        in_child(child)
        return (gy,)
    return x.data.copy(), backward
leaf = mf.Tensor(np.ones(3), True)
forking(leaf).sum().backward()
assert leaf.grad.data.tolist() == [1, 1, 1]
""")


@pytest.mark.parametrize("lock", ["blas._limit.lock", "workspace._lock", "mf.guards._one_at_a_time"])
def test_no_lock_is_taken_along(lock):
    """The worst moment: another thread has just taken it."""
    run(f"""
expected, taken = convolve(), threading.Event()
def hold():
    with {lock}:
        taken.set()
        time.sleep(0.5)
threading.Thread(target=hold).start()
taken.wait()
def child():
    assert convolve() == expected
    mf.release_workspace()
in_child(child)
assert convolve() == expected
""")


def test_scratch_memory_is_counted_anew():
    run("""
convolve()
thread = threading.Thread(target=convolve)
thread.start(); thread.join()
def child():
    assert workspace.workspace_bytes() > 0
    mf.release_workspace()
    assert workspace.workspace_bytes() == 0
    convolve()
    assert workspace.workspace_bytes() > 0
in_child(child)
""")


def test_an_epoch_begun_in_the_parent_goes_on_in_the_child():
    run("""
loader = mf.data.DataLoader(mf.data.Shapes(9, size=(32, 48)), batch_size=2, shuffle=True)
expected = [batch.names for batch in loader.epoch(0)]
for taken in range(6):
    epoch = loader.epoch(0)
    begun = [next(epoch).names for _ in range(min(taken, 5))]
    def child():
        assert begun + [batch.names for batch in epoch] == expected
    in_child(child)
    assert begun + [batch.names for batch in epoch] == expected
""")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pool_of_processes(method, tmp_path):
    """What multiprocessing does by default on Linux up to Python 3.13, and what it does elsewhere."""
    (tmp_path / "work.py").write_text("""
import numpy as np, minifcn as mf
def total(number):
    x, weight = (mf.Tensor(np.full(shape, number, "float32")) for shape in [(2, 64, 64, 64), (64, 64, 3, 3)])
    return float(mf.functional.conv2d(x, weight).data.sum())
""")
    run(
        f"""
import multiprocessing
from work import total
if __name__ == "__main__":
    expected = [total(n) for n in range(4)]
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        assert pool.map_async(total, range(4)).get(60) == expected
""",
        PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
    )
