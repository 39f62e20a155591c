"""Threads change how long a convolution takes, and nothing else."""

import os
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context

import numpy as np
import pytest
from cases import Convolution, three_maps
from threadpoolctl import threadpool_info, threadpool_limits

import minifcn as mf
from minifcn.backend import cutting, threads
from minifcn.compute.fast import strips, winograd
from minifcn.compute.window import Window
from minifcn.errors import UserError

CASES = [
    Convolution(Window((3, 3), padding=(1, 1)), (33, 21), inputs=5, outputs=7),  # rows of one image
    Convolution(Window((3, 3), padding=(1, 1)), (9, 8), batch=3, inputs=5, outputs=7),  # images of a batch
    Convolution(Window((1, 1)), (3, 3), inputs=64, outputs=37),  # a single strip: its outputs
    Convolution(Window((4, 4), (2, 2), (1, 1)), (20, 14), batch=3, inputs=4, outputs=4),
    Convolution(Window((5, 3), (1, 2), (2, 1)), (17, 19), batch=2, inputs=4, outputs=6, groups=2),
]


@pytest.fixture
def use_threads(monkeypatch):
    """Choose the number of threads, and share out even the smallest work."""

    def use(count):
        monkeypatch.setenv("MINIFCN_THREADS", str(count))
        forget()

    def forget():
        if threads._helpers.cache_info().currsize:
            for _ in range(threads.thread_count()):
                threads._helpers().put(None)
        threads._helpers.cache_clear()
        threads.thread_count.cache_clear()

    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    for room in (cutting, strips):
        monkeypatch.setattr(room, "STRIP_BYTES", 4096)
    monkeypatch.setattr(winograd, "TILES", 20)
    monkeypatch.setattr(winograd, "NUMBERS", dict.fromkeys(winograd.NUMBERS, 1))
    yield use
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_numpy_says_of_infinities_is_for_the_caller_to_choose(use_threads, dtype):
    """`numpy.errstate` holds in the threads that help as well: each takes one of the parts, and waits for the other."""
    use_threads(2)
    barrier = threading.Barrier(2, timeout=10)

    def difference(infinity):
        barrier.wait()
        return infinity - infinity

    infinities = [np.full(3, np.inf, dtype)] * 2
    with np.errstate(invalid="ignore"):
        assert np.isnan(threads.share(difference, infinities, work=1)).all()
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
        threads.share(difference, infinities, work=1)


@pytest.mark.parametrize("name", ["strips", "blocks", "winograd"])
@pytest.mark.parametrize("case", CASES, ids=str)
class TestForEachMap:
    def test_the_number_of_threads_does_not_matter(self, case, name, rng, dtype, use_threads):
        arrays = case.arrays(rng, dtype)
        results = []
        with mf.algorithm(name):
            for count in (1, 2, 3):
                use_threads(count)
                results.append(three_maps(case, *arrays))
        for result in results[1:]:
            for found, expected in zip(result, results[0], strict=True):
                bound = 20 * np.finfo(dtype).eps * abs(expected).max()
                np.testing.assert_allclose(found, expected, rtol=0, atol=bound)

    def test_every_run_gives_the_same_bits(self, case, name, rng, dtype, use_threads):
        use_threads(2)
        arrays = case.arrays(rng, dtype)
        with mf.algorithm(name):
            first, *others = (three_maps(case, *arrays) for _ in range(4))
        assert all(np.array_equal(a, b) for other in others for a, b in zip(first, other, strict=True))


def test_work_is_really_shared(use_threads):
    use_threads(2)
    both_are_here = threading.Barrier(2, timeout=10)

    def name(_):
        both_are_here.wait()  # raises after the timeout if one thread does all parts
        return threading.current_thread().name

    assert len(set(threads.share(name, [0, 1], work=1))) == 2


def test_small_work_is_not_handed_over(use_threads, monkeypatch):
    use_threads(2)
    monkeypatch.setattr(threads, "WORTH_SHARING", 1000)
    assert set(threads.share(lambda _: threading.current_thread().name, [0, 1], work=999)) == {"MainThread"}


def test_results_come_in_the_order_of_the_parts(use_threads):
    use_threads(2)
    assert threads.share(lambda part: 10 * part, range(50), work=1) == [10 * part for part in range(50)]


def test_a_thread_finds_that_another_took_the_last_part_since_it_looked(use_threads, monkeypatch):
    class NeverEmpty(deque):
        def __bool__(self):
            return True

    use_threads(2)
    monkeypatch.setattr(threads, "deque", NeverEmpty)
    assert threads.share(abs, [-1, -2, -3], work=1) == [1, 2, 3]


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_blas_has_one_thread_inside_and_its_own_number_afterwards():
    with threadpool_limits(3, user_api="blas"):
        with threads.one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {3}


@pytest.mark.parametrize("width", [16, 1], ids=["many pixels", "few pixels"])
def test_the_definition_has_the_same_bits_while_another_thread_holds_blas_to_one(width, rng, dtype):
    case = Convolution(Window((3, 3)), (20, 2 + width), inputs=47, outputs=129)
    arrays, results = case.arrays(rng, dtype), []
    for count in (1, 2, 3):
        with threadpool_limits(count, user_api="blas"), mf.algorithm("im2col"):
            results.append(three_maps(case, *arrays))
    for result in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(result, results[0], strict=True))


def test_several_callers_at_once_leave_blas_as_it_was(use_threads):
    use_threads(2)
    before, seen = blas_threads(), []

    def call(_):
        for _ in range(20):
            threads.share(lambda _: seen.append(blas_threads()), [0, 1], work=1)

    with ThreadPoolExecutor(4) as callers:
        list(callers.map(call, range(4)))
    assert len(seen) == 4 * 20 * 2
    assert all(found == {1} for found in seen)
    assert blas_threads() == before


@pytest.mark.parametrize("name", ["strips", "blocks", "winograd"])
def test_several_callers_at_once_get_their_own_results(name, rng, use_threads):
    use_threads(2)
    case = Convolution(Window((3, 3), padding=(1, 1)), (33, 20), batch=2, inputs=5, outputs=7)
    arrays = [case.arrays(rng, "float32") for _ in range(6)]

    def call(arrays):
        with mf.algorithm(name):  # chosen in each thread anew
            return three_maps(case, *arrays)

    expected = [call(a) for a in arrays]
    with ThreadPoolExecutor(6) as callers:
        found = list(callers.map(call, arrays))
    for ours, theirs in zip(found, expected, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_importing_and_convolving_leave_the_users_blas_threads_alone():
    code = """
import numpy, threadpoolctl
count = lambda: [(b["internal_api"], b["num_threads"]) for b in threadpoolctl.threadpool_info()]
before = count()
import minifcn as mf
assert count() == before
mf.models.FCN8s(2, width=1 / 16)(mf.Tensor(numpy.zeros((1, 3, 64, 64), "float32"))).sum().backward()
assert count() == before
"""
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"OPENBLAS_NUM_THREADS": "3"})


def test_an_error_in_a_thread_reaches_the_caller(use_threads):
    use_threads(2)
    with pytest.raises(ZeroDivisionError):
        threads.share(lambda part: 1 / part, [1, 0], work=1)


def test_an_error_is_raised_when_no_thread_is_at_work_any_more(use_threads):
    use_threads(3)
    begun, at_work = threading.Barrier(3, timeout=10), []

    def work(part):
        begun.wait()
        if part == 1:
            raise KeyError(part)
        time.sleep(0.2)
        at_work.append(part)

    with pytest.raises(KeyError):
        threads.share(work, [0, 1, 2], work=1)
    assert sorted(at_work) == [0, 2]
    assert threads.share(abs, [-1, -2], work=1) == [1, 2]  # and the next work is shared as ever


def test_helpers_that_are_busy_elsewhere_are_not_waited_for(use_threads):
    use_threads(2)
    busy, release = threading.Event(), threading.Event()

    def occupy():
        busy.set()
        release.wait(10)

    threads._helpers().put(occupy)
    busy.wait()
    assert threads.share(abs, [-1, -2], work=1) == [1, 2]
    assert not release.is_set()
    release.set()


def test_callers_who_come_at_once_start_the_helpers_once(use_threads):
    use_threads(3)
    before, all_are_here = set(threading.enumerate()), threading.Barrier(8, timeout=10)

    def call(_):
        all_are_here.wait()
        threads.share(abs, [-1, -2, -3], work=1)

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(call, range(8)))
    started = [thread.name for thread in threading.enumerate() if thread not in before]
    assert sorted(name for name in started if name.startswith("minifcn_")) == ["minifcn_0", "minifcn_1"]


@pytest.mark.parametrize("error", ["can't start new thread", "can't create new thread at interpreter shutdown"])
def test_where_the_system_has_no_more_threads_the_caller_does_all_parts(error, use_threads, monkeypatch):
    use_threads(2)

    def refuse(*_):
        raise RuntimeError(error)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert threads.share(abs, [-1, -2], work=1) == [1, 2]
    with_help, barrier = set(), threading.Barrier(2, timeout=10)

    def work(_):
        barrier.wait()
        with_help.add(threading.get_ident())

    threads.share(work, [0, 1], work=1)  # and when there are threads again, they help
    assert len(with_help) == 2


def test_an_errand_that_has_not_begun_is_not_made_any_more_and_keeps_nothing_once_it_was(use_threads):
    use_threads(2)
    release, made = threading.Event(), []
    threads._helpers().put(lambda: release.wait(10))
    late = threads._Errand(lambda: made.append(1))
    threads._helpers().put(late)
    assert late.outcome() is None
    release.set()
    owner = np.zeros(3)
    gone = weakref.ref(owner)
    threads.share(lambda _, owner=owner: owner.sum(), [0, 1], work=1)
    del owner
    wait_until_gone(gone)
    assert not made


def test_helpers_keep_nothing_of_the_context_in_which_they_are_started(use_threads):
    """Without the interpreter's lock, from Python 3.14 on, a thread inherits the context of who starts it."""
    use_threads(2)
    variable, owner = ContextVar("variable"), np.zeros(3)
    gone = weakref.ref(owner)

    def start(value):
        variable.set(value)
        threads.share(abs, [-1, -2], work=1)

    copy_context().run(start, owner)
    del owner
    wait_until_gone(gone)


def wait_until_gone(reference):
    """A helper that has done its part lets go of it a moment later."""
    for _ in range(100):
        if reference() is None:
            break
        time.sleep(0.05)
    assert reference() is None


def test_the_last_of_several_holders_gives_blas_its_threads_back():
    first, second = threading.Event(), threading.Event()
    with threadpool_limits(3, user_api="blas"), ThreadPoolExecutor(2) as pool:

        def hold(until):
            with threads.one_blas_thread():
                holding.wait()
                until.wait(10)

        holding = threading.Barrier(3, timeout=10)
        holders = [pool.submit(hold, until) for until in (first, second)]
        holding.wait()
        first.set()
        holders[0].result()
        assert blas_threads() == {1}
        second.set()
        holders[1].result()
        assert blas_threads() == {3}


@pytest.mark.parametrize("shape", [(324, 427, 129), (47, 1391, 525), (2127, 59, 383), (1, 4096, 4096), (4096, 4096, 1)])
def test_a_product_has_the_same_bits_however_many_threads_blas_may_use(shape, rng, dtype, use_threads):
    use_threads(2)
    rows, inner, columns = shape
    a, b = rng.normal(size=(rows, inner)).astype(dtype), rng.normal(size=(columns, inner)).astype(dtype).T
    found = []
    for count in (1, 2, 3):
        with threadpool_limits(count, user_api="blas"):
            found.append(threads.product(a, b))
    assert all(np.array_equal(other, found[0]) for other in found)
    np.testing.assert_allclose(found[0], a @ b, rtol=0, atol=20 * np.finfo(dtype).eps * np.sqrt(inner) * 9)


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", ""])
def test_an_impossible_number_of_threads_is_refused(text, use_threads):
    use_threads(text)
    with pytest.raises(UserError, match="MINIFCN_THREADS must be a whole number from 1 up, got"):
        threads.thread_count()


def test_without_the_variable_every_usable_core_gets_a_thread(use_threads, monkeypatch):
    use_threads(7)
    monkeypatch.delenv("MINIFCN_THREADS")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    assert threads.thread_count() == 3


@pytest.mark.parametrize(("length", "parts"), [(5, 2), (4, 4), (3, 8), (1, 1), (100, 7)])
def test_cut_covers_everything_once_in_nearly_equal_parts(length, parts):
    slices = threads.cut(length, parts)
    assert [i for part in slices for i in range(part.start, part.stop)] == list(range(length))
    sizes = [part.stop - part.start for part in slices]
    assert len(slices) == min(length, parts)
    assert max(sizes) - min(sizes) <= 1
