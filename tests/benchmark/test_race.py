"""Contestants take turns in processes of their own, and one that fails does not keep the others."""

import math

import pytest

from minifcn.benchmark import race as racing
from minifcn.benchmark import runner
from minifcn.benchmark.race import Contestant, Result, race, read_contestants
from minifcn.benchmark.work import Work
from minifcn.errors import UserError

TINY = Work("tiny", "forward map", (1, 1, 4, 4), 1)
FILE = """
import json, os, pathlib, time
import numpy as np

diary = pathlib.Path(__file__).with_name("diary")

def contestant(name, act):
    def prepare(work):
        assert work.shape == (1, 1, 4, 4)
        def timed():
            with open(diary, "a") as file:
                file.write(name)
            act()
        return timed
    return prepare

def no_package(work):
    import a_package_that_is_nowhere

def print_something():
    print("a library says hello")
    time.sleep(0.2)

CONTESTANTS = {
    "a": contestant("a", print_something),
    "b": contestant("b", lambda: time.sleep(0.2)),
    "no package": no_package,
    "raises": contestant("", lambda: 1 / 0),
    "dies": contestant("", lambda: os._exit(3)),
    "is killed": contestant("", lambda: os.kill(os.getpid(), 9)),
}
"""


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(racing, "PAUSE", 0)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "fakes.py"
    path.write_text(FILE)
    return path


def entered(file, *names):
    return [Contestant(name, file) for name in names]


def test_they_take_turns_and_the_first_two_do_not_count(file):
    results = race(TINY, entered(file, "a", "b"), rounds=3)
    assert file.with_name("diary").read_text() == "ab" * (2 + 3)
    assert [(r.work, r.contestant, len(r.seconds), r.error) for r in results] == [
        ("tiny", "a", 3, ""),
        ("tiny", "b", 3, ""),
    ]
    assert all(r.median >= 0.2 for r in results)


def test_a_result_tells_the_memory_and_the_packages(file):
    (result,) = race(TINY, entered(file, "b"), rounds=1)
    assert 1 << 20 < result.imported <= result.peak
    assert list(result.packages) == ["numpy"]  # json, which has a version of its own, is Python's


def test_the_others_go_on_when_some_fail(file):
    names = ["no package", "raises", "b", "dies", "is killed"]
    turns = []
    results = race(TINY, entered(file, *names), 1, turns.append)
    assert [r.error for r in results] == [
        "ModuleNotFoundError: No module named 'a_package_that_is_nowhere'",
        "ZeroDivisionError: division by zero",
        "",
        "ended with exit status 3",
        "killed by SIGKILL (out of memory?)",
    ]
    assert [len(r.seconds) for r in results] == [0, 0, 1, 0, 0]
    assert [math.isnan(r.median) for r in results] == [True, True, False, True, True]
    assert turns == results * (2 + 1)


def test_memory_is_that_of_the_turns_not_of_the_preparation(tmp_path):
    """A file that takes 64 MiB while it prepares and 16 MiB when it is timed."""
    path = tmp_path / "greedy.py"
    path.write_text(
        "def prepare(work):\n"
        "    b'x' * (64 << 20)\n"
        "    return lambda: b'x' * (16 << 20)\n"
        "CONTESTANTS = {'greedy': prepare}\n"
    )
    (result,) = race(TINY, entered(path, "greedy"), rounds=1)
    assert result.error == ""
    assert 12 << 20 < result.peak - result.imported < 32 << 20


def test_short_work_is_repeated_and_the_median_counts(monkeypatch):
    """By a clock that only the work moves: 0.2 seconds are full after the fourth time."""
    now, delays = [7.0], iter([0.15, 0.01, 0.02, 0.04, 0.04])

    def work():
        now[0] += next(delays)

    monkeypatch.setattr(runner.time, "perf_counter", lambda: now[0])
    assert runner.turn(work) == pytest.approx(0.03)
    assert list(delays) == [0.04]


def test_names_are_found_without_running_the_file(tmp_path):
    path = tmp_path / "file.py"
    path.write_text("raise SystemExit\nCONTESTANTS = {'a': 1, 'b, fast': 2}")
    assert read_contestants(path) == [Contestant("a", path), Contestant("b, fast", path)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "defines no contestants"),
        ("CONTESTANTS = {}", "defines no contestants"),
        ("name = 'a'\nCONTESTANTS = {name: 1}", "defines no contestants"),
        ("CONTESTANTS = {", "not a Python file"),
        ("\0", "not a Python file"),
    ],
)
def test_a_file_without_contestants_is_refused(tmp_path, text, message):
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_contestants(path)


def test_the_median_of_a_result():
    assert Result("w", "step", 1, "a", [0.3, 0.1, 0.2]).median == 0.2
