"""Contestants take turns, and one that fails does not keep the others."""

import json
import math

import pytest

from minifcn.benchmark import Result, Work, contestants, race, report
from minifcn.benchmark.race import fastest
from minifcn.errors import UserError

TINY = Work("conv1_1-forward-4")
FILE = """
import os, pathlib, time
diary = pathlib.Path(__file__).with_name("diary")

def contestant(name, act):
    def prepare(work):
        def run():
            with open(diary, "a") as file:
                file.write(name)
            act()
        return run
    return prepare

def no_package(work):
    import a_package_that_is_nowhere

def print_something():
    print("a library says hello")

CONTESTANTS = {
    "a": contestant("a", print_something),
    "b": contestant("b", lambda: time.sleep(0.01)),
    "no package": no_package,
    "raises": contestant("", lambda: 1 / 0),
    "dies": contestant("", lambda: os._exit(3)),
}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "fakes.py"
    path.write_text(FILE)
    return path


def test_they_take_turns(file):
    results = race(TINY, {"a": file, "b": file}, rounds=3, pause=0)
    assert file.with_name("diary").read_text() == "ab" * (2 + 3)
    assert [len(r.seconds) for r in results] == [3, 3]  # two more turns were for warming up
    assert results[1].median >= 0.01
    assert results[0].bytes > 1 << 20


def test_the_others_go_on_when_some_fail(file):
    names = ["no package", "raises", "a", "dies"]
    turns = []
    results = race(TINY, dict.fromkeys(names, file), rounds=1, pause=0, advance=lambda: turns.append(1))
    assert [r.problem for r in results] == [
        "ModuleNotFoundError: No module named 'a_package_that_is_nowhere'",
        "ZeroDivisionError: division by zero",
        "",
        "its process ended with status 3",
    ]
    assert [len(r.seconds) for r in results] == [0, 0, 1, 0]
    assert len(turns) == 4 * (2 + 1)


@pytest.mark.parametrize(
    "name", ["conv1_2-weight-4", "conv1_1-input-4", "fcn8s-w64-b2-step-32", "fcn32s-w64-forward-9"]
)
def test_minifcns_own_run(name):
    contestants.prepare(Work(name), "strips")()


def test_a_file_without_contestants_is_refused(tmp_path):
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(UserError, match="it has no dict CONTESTANTS"):
        contestants.load(tmp_path / "empty.py")


RESULTS = [
    Result(TINY.name, "minifcn", [0.003, 0.001, 0.002], 50 << 20),
    Result(TINY.name, "PyTorch", [0.004, 0.004, 0.004], 100 << 20),
    Result(TINY.name, "PyTorch, channels-last", [0.001], 100 << 20),
    Result(TINY.name, "another", problem="no luck"),
]


def test_a_row_for_each_contestant():
    rate = TINY.multiply_adds / 0.002
    rows = report.rows(RESULTS, peak=2 * rate)
    assert rows[0] == (TINY.name, "minifcn", "2.0", "1.0", "1.00", f"{2e-9 * rate:.0f}", "50%", "50")
    assert rows[1][4] == "0.50"
    assert rows[2][4] == "2.00"
    assert rows[3] == (TINY.name, "another", "no luck", "", "", "", "", "")


def test_the_faster_layout_counts():
    assert fastest(RESULTS, "PyTorch").contestant == "PyTorch, channels-last"
    assert fastest(RESULTS, "another") is None
    assert math.isnan(RESULTS[3].median)


def test_text_and_markdown_show_every_row():
    rows = report.rows(RESULTS, peak=1.0)
    assert len(report.text(rows).splitlines()) == 5
    assert report.markdown(rows).splitlines()[-1] == f"| {TINY.name} | another | no luck |  |  |  |  |  |"


def test_the_chart_is_a_picture_and_the_numbers_are_whole(tmp_path):
    report.save_chart(tmp_path / "chart.png", [RESULTS])
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    report.save_numbers(tmp_path / "numbers.json", [RESULTS], ["a machine"], 1.0)
    content = json.loads((tmp_path / "numbers.json").read_text())
    assert [r["seconds"] for r in content["results"]] == [r.seconds for r in RESULTS]
