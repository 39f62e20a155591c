"""`minifcn exercises`: a table, a hint, score.json, and an exit status."""

import importlib.util
import json
from pathlib import Path

import pytest
import small_runs
from tiny_exercises import Folder, module

from minifcn.cli import main


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "exercises")


@pytest.fixture
def inside(folder, monkeypatch):
    """The folder of exercises, where the user is."""
    monkeypatch.chdir(folder.path)
    return folder


def test_exit_status_1_until_all_are_done(inside, capfd):
    assert main(["exercises"]) == 1
    assert "total                        0/3" in capfd.readouterr().out
    inside.answer("return 2 * x")
    assert main(["exercises"]) == 1
    inside.write("ex02_half.py", module("half", "return x / 2"))
    assert main(["exercises"]) == 0
    out, err = capfd.readouterr()
    assert "total                        3/3\n\nAll done." in out
    assert err == ""  # a grader may take a word on stderr for a failure


@pytest.mark.parametrize("name", ["1", "01", "double", "ex01_double", "ex01", "ex01_double.py"])
def test_exit_status_of_a_chosen_one(inside, name, capsys):
    inside.answer("return 2 * x")
    assert main(["exercises", name]) == 0
    assert "half" not in capsys.readouterr().out


def test_all_failing_tests_of_a_chosen_one_are_shown(inside, capsys):
    inside.answer("return x")
    assert main(["exercises", "double"]) == 1
    assert capsys.readouterr().out.count("Hint:") == 2


def test_the_folder_is_found_below_and_by_name(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder.path.parent)
    assert main(["exercises", "1"]) == 1
    monkeypatch.chdir("/")
    assert main(["exercises", "1", "--folder", str(folder.path)]) == 1
    first, second = capsys.readouterr().out.split("Exercise 1, ex01_double.py")[:2]
    assert "double" in first
    assert "to do" in second


def test_score_json_is_what_gradescope_reads(inside):
    inside.answer("return x + 2")
    main(["exercises"])
    score = json.loads(Path("score.json").read_text())
    assert score["score"] == sum(test["score"] for test in score["tests"]) == 1
    double, half = score["tests"]
    assert double == {
        "number": "1",
        "name": "double",
        "score": 1,
        "max_score": 2,
        "status": "failed",
        "output": "Exercise 1, ex01_double.py\n\nNot yet: twice 1 is 2\n  double(1) should be 2, but is 3",
    }
    assert (half["score"], half["max_score"], half["status"], half["output"]) == (0, 1, "failed", "to do")


def test_score_json_holds_the_hint(inside):
    inside.answer("return x")
    main(["exercises"])
    assert "Hint: how many twos?" in json.loads(Path("score.json").read_text())["tests"][0]["output"]


def test_the_points_of_chosen_ones_are_written_only_when_asked_for(inside, tmp_path):
    main(["exercises", "1"])
    assert not Path("score.json").exists()
    main(["exercises", "1", "--out", str(tmp_path / "results.json")])
    assert [test["name"] for test in json.loads((tmp_path / "results.json").read_text())["tests"]] == ["double"]


def test_self_test(inside, capsys):
    assert main(["exercises", "--self-test"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1:4] for line in lines[1:]] == [["double", "2", "2"], ["half", "1", "2"]]
    assert all(line.endswith("ok") for line in lines[1:])


def test_self_test_with_faults(inside, capsys):
    inside.answer("return 2 * x")
    inside.write("ex03_third.py", "")
    assert main(["exercises", "--self-test"]) == 1
    out = capsys.readouterr().out
    assert "WRONG\n      the skeleton should be to do, but is done: twice 2 is 4" in out
    assert "ex03_third.py: there are no tests of that name" in out


def test_self_test_with_nothing_but_a_stray(inside):
    inside.write("ex03_third.py", "")
    assert main(["exercises", "--self-test"]) == 1


def test_hand_out(inside, tmp_path):
    assert main(["exercises", "--hand-out", str(tmp_path / "week1")]) == 0
    assert not (tmp_path / "week1" / "solutions").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["3"], "there is no exercise 3; there are: 1 double, 2 half"),
        (["nosuch"], "there is no exercise nosuch"),
        (["--folder", "nosuch"], "there are no exercises in nosuch"),
        (["--out", "nosuch/score.json"], "there is no folder nosuch"),
        (["--hand-out", "."], "is there already"),
        (["1", "--hand-out", "../week1"], "leave the names out"),
        (["--self-test", "--out", "x.json"], "not allowed with"),
    ],
)
def test_mistakes(inside, arguments, words, capsys):
    small_runs.assert_refused(["exercises", *arguments], words, inside.path, capsys)


def test_no_exercises(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["exercises"]) == 2
    assert "no exercises in this folder" in capsys.readouterr().err


def test_without_solutions(inside, capsys):
    Path("solutions").rename("elsewhere")
    assert main(["exercises", "--self-test"]) == 2
    out, err = capsys.readouterr()
    assert "needs the solutions" in err
    assert out == ""


def test_without_pytest(inside, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr("minifcn.cli.exercises.find_spec", lambda name: None if name == "pytest" else find(name))
    assert main(["exercises"]) == 2
    assert "python -m pip install pytest" in capsys.readouterr().err
