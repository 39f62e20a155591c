"""What the plugin of pytest finds out about a student's code, and how it tells of it."""

import os
import subprocess
import sys
import time

import pytest
from tiny_exercises import DOUBLE_TESTS, module

from minifcn.marking import plugin
from minifcn.marking.marks import State
from minifcn.marking.report import explain, report
from minifcn.marking.run import run


@pytest.fixture
def double(folder):
    """Mark the first exercise with this as the function's body."""

    def mark(body):
        folder.answer(body)
        return run(folder.path, ["ex01_double"])[0]

    return mark


@pytest.mark.parametrize(
    ("body", "state", "score"),
    [
        ("raise NotImplementedError", State.TO_DO, 0),
        ("return 2 * x", State.DONE, 2),
        ("return x + 2", State.NOT_YET, 1),
        ("return x", State.NOT_YET, 0),
        ("return 2 * x if x == 2 else undefined", State.NOT_YET, 1),
        ("if x == 2: raise NotImplementedError", State.NOT_YET, 0),
    ],
)
def test_an_exercise_is_done_or_to_do_or_not_yet(double, body, state, score):
    mark = double(body)
    assert (mark.state, mark.score, mark.max_score) == (state, score, 2)


def test_a_wrong_number_is_told_with_the_hint_for_its_mistake(double):
    point = double("return x + 2").missing[0]
    assert point.sentence == "twice 1 is 2"
    assert point.found == "double(1) should be 2, but is 3"
    assert (point.hint, point.where) == ("", "")
    assert double("return x").missing[0].hint == "how many twos?"


def test_an_error_in_the_students_code_is_told_with_its_line(double):
    point = double("return [x][x]").missing[0]
    assert point.found == "IndexError: list index out of range"
    assert point.where == "ex01_double.py, line 5: return [x][x]"


@pytest.mark.parametrize(
    ("body", "found", "hint"),
    [
        ("np.ones(2) + np.ones(3)", "ValueError: operands could not be broadcast", "two arrays meet in this line"),
        ("np.ones((2, 3)) @ np.ones(2)", "ValueError: matmul:", "the two factors"),
        ("np.ones(3).reshape(2, 2)", "ValueError: cannot reshape", "the new shape"),
        ("np.ones(3)[3]", "IndexError: index 3 is out of bounds", "an index runs past the end"),
        ("np.stack([np.ones(2), np.ones(3)])", "ValueError: all input arrays", "arrays are put together"),
        ("np.array([[1], [1, 2]])", "ValueError: setting an array element with a sequence", "the rows of an array"),
        ("assert x == 3", "AssertionError", "what this line takes for granted"),
        ("range(4 / 2)", "TypeError: 'float' object", "/ gives a float"),
        ("np.ones(3)[4 / 2]", "IndexError: only integers", "an index is a whole number"),
        ("np.zeros(2, 3)", "TypeError: Cannot interpret '3'", "a shape is one argument"),
        ("height, width = np.ones((1, 2, 3)).shape", "ValueError: too many values", "count the names"),
        ("height, width = (1,)", "ValueError: not enough values", "count the names"),
        ("if np.ones(2): x = 1", "ValueError: The truth value", "`if` asks one question"),
        ("None[0]", "TypeError: 'NoneType'", "something in this line is None"),
        ("height, width = None", "TypeError: cannot unpack non-iterable NoneType", "something in this line is None"),
        ("[[1]][0, 0]", "TypeError: list indices", "m[i, j] is for arrays"),
        ("y = np.ones(3); y[0] = np.ones(2)", "ValueError: setting an array element", "one place takes one number"),
        ("y = np.ones(3, int); y += 0.5", "TypeError: Cannot cast", "an array of whole numbers"),
        ("if x < 0: y = 1\n    return y", "UnboundLocalError: ", "is the name only set inside"),
        ("return unknown", "NameError: ", "is it misspelt"),
        ("double()", "TypeError: double() missing 1 required positional", "a function takes the arguments"),
        ("double(y=1)", "TypeError: double() got an unexpected keyword", "a function takes the arguments"),
        ("return double(x)", "RecursionError: ", "is there a loop"),
    ],
)
def test_an_error_that_everybody_meets_comes_with_what_helps(double, body, found, hint):
    point = double(f"import numpy as np\n    {body}").missing[0]
    assert found in point.found
    assert point.hint.startswith(hint)


def test_a_private_kind_of_error_is_told_by_its_public_name(double):
    point = double("import numpy as np; y = np.ones(3, int); y += 0.5").missing[0]
    assert point.found.startswith("TypeError: Cannot cast")


def test_an_error_in_a_function_that_the_students_code_calls_is_told_with_its_line(double):
    point = double("return twice(x)\n\n\ndef twice(x):\n    return y").missing[0]
    assert point.where == "ex01_double.py, line 9: return y\ncalled in line 5: return twice(x)"


def test_an_error_in_a_library_is_told_with_the_students_line(double):
    point = double("import json; return json.loads(str(x) + ',')").missing[0]
    assert point.found.startswith("json.decoder.JSONDecodeError: Extra data")
    assert point.where.startswith("ex01_double.py, line 5: import json")


def test_an_error_in_calling_is_told_with_the_line_of_the_test(folder):
    folder.write("ex01_double.py", "def double(): return 4")
    point = run(folder.path, ["ex01_double"])[0].missing[0]
    assert point.found == "TypeError: double() takes 0 positional arguments but 1 was given"
    assert point.where.startswith("tests/test_ex01_double.py, line 8: check(")


@pytest.mark.parametrize(
    ("text", "found", "hint", "where"),
    [
        ("def double(x)\n    return x", "ex01_double.py, line 1: expected ':'\n", "Python cannot read this", ""),
        ("def twice(x): return 2 * x", "ex01_double.py has no function double", "the tests call it by this name", ""),
        (
            "import nosuch",
            "ex01_double.py cannot be imported: No module named 'nosuch'",
            "the exercises need",
            "1: import nosuch",
        ),
        ("import math\nmath.nosuch", "AttributeError: module 'math' has no attribute 'nosuch'", "", "2: math.nosuch"),
    ],
    ids=["syntax", "renamed", "import", "error at import"],
)
def test_a_module_that_cannot_be_used_costs_its_own_points_only(folder, text, found, hint, where, monkeypatch):
    monkeypatch.chdir(folder.path)
    folder.write("ex01_double.py", text)
    folder.write("ex02_half.py", module("half", "return x / 2"))
    double, half = run(folder.path, ["ex01_double", "ex02_half"])
    assert double.missing[0].found.startswith(found)
    assert double.missing[0].hint.startswith(hint)
    assert double.missing[0].where == (f"ex01_double.py, line {where}" if where else "")
    assert half.state == State.DONE


def test_a_missing_module_is_named(folder):
    (folder.path / "ex01_double.py").unlink()
    assert run(folder.path, ["ex01_double"])[0].missing[0].found == "there is no ex01_double.py"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no timer signals")
@pytest.mark.parametrize(
    "body",
    ["while True: pass", "try:\n        while True: x = abs(x)\n    except: pass\n    while True: x = abs(x)"],
    ids=["loop", "except"],
)
def test_a_loop_that_never_ends_is_stopped_with_a_hint(double, monkeypatch, body):
    monkeypatch.setattr(plugin, "SECONDS", 0.3)
    monkeypatch.setattr(plugin, "SECONDS_AFTERWARDS", 0.1)
    started = time.process_time()
    first, second = double(body).missing
    assert time.process_time() - started < 8
    assert first.found == "the test did not end within 0.3 seconds"
    assert second.found == "the test did not end within 0.1 seconds"
    assert first.hint.startswith("is there a loop that never ends")
    assert first.where.startswith("ex01_double.py, line ")


def test_leaving_python_and_endless_recursion_fail_like_any_error(double):
    assert double("raise SystemExit(3)").missing[0].found == "SystemExit: 3"
    assert double("return double(x)").missing[0].found.startswith("RecursionError")


def test_what_was_printed_is_told_with_the_failing_test_and_shortened(double):
    assert double("print('x is', x)").missing[0].printed == "x is 2"
    lines = double("for i in range(100): print(i)").missing[0].printed.splitlines()
    assert lines[-1] == "... (80 more lines)"


def test_a_warning_of_numpy_is_told_with_the_failing_test(double):
    point = double("import numpy as np; return np.exp(1e4 * x)").missing[0]
    assert point.printed == "ex01_double.py, line 5: RuntimeWarning: overflow encountered in exp"


def test_a_changed_answer_is_read_again(double):
    assert [double(body).state for body in ("return 2 * x", "return 3 * x")] == [State.DONE, State.NOT_YET]


def test_tests_that_cannot_be_read_are_a_point_that_is_missing(folder):
    folder.write("tests/test_ex01_double.py", "import nosuch")
    double, half = run(folder.path, ["ex01_double", "ex02_half"])
    assert (double.state, half.state) == (State.NOT_YET, State.TO_DO)
    assert double.missing[0].found == "ModuleNotFoundError: No module named 'nosuch'"


def test_running_leaves_nothing_in_the_folder(folder, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    before = sorted(folder.path.rglob("*"))
    run(folder.path, ["ex01_double", "ex02_half"])
    assert sorted(folder.path.rglob("*")) == before


def test_the_settings_of_a_folder_above_and_of_the_user_have_no_say(folder, monkeypatch):
    (folder.path.parent / "conftest.py").write_text("raise RuntimeError")
    (folder.path.parent / "pytest.ini").write_text("[pytest]\naddopts = --nosuch")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--nosuch")
    assert run(folder.path, ["ex01_double"])[0].state == State.TO_DO


def test_the_report_tells_of_the_first_failing_test_of_the_first_unfinished_exercise(folder):
    folder.answer("return x")
    assert (
        report(run(folder.path, ["ex01_double", "ex02_half"]))
        == """\
    exercise                  points
 1  double                       0/2   not yet
 2  half                         0/1   to do
    total                        0/3

Exercise 1, ex01_double.py

Not yet: twice 2 is 4
  double(2) should be 4, but is 2
  Hint: how many twos?

1 more: minifcn exercises 1"""
    )


def test_the_report_of_one_exercise_tells_of_all_failing_tests(double):
    assert report([double("return x")]).endswith("""\
Not yet: twice 2 is 4
  double(2) should be 4, but is 2
  Hint: how many twos?

Not yet: twice 1 is 2
  double(1) should be 2, but is 1
  Hint: how often is x added to x?""")


def test_what_all_tests_meet_is_told_once(double):
    assert (
        explain(double("raise NotImplementedError"))
        == """\
Exercise 1, ex01_double.py

To do: twice 2 is 4
To do: twice 1 is 2
  double is still to be written
  Where: ex01_double.py, line 5: raise NotImplementedError"""
    )


def test_all_done(double):
    assert report([double("return 2 * x")]).endswith("All done.")


@pytest.mark.parametrize("there", [True, False], ids=["in the folder", "from outside"])
def test_plain_pytest_shows_the_same_report_and_nothing_else(folder, there):
    folder.answer("return x")
    folder.write("tests/test_ex02_half.py", "import nosuch")
    command = [sys.executable, "-m", "pytest"] + ([] if there else [str(folder.path)])
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    done = subprocess.run(
        command, cwd=folder.path if there else folder.path.parent, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == report(run(folder.path, ["ex01_double", "ex02_half"])).strip()
    assert (done.returncode, done.stderr) == (1, "")


def test_parameters_are_part_of_the_sentence(folder):
    any_number = """

@pytest.mark.parametrize("x", [3, 4])
def test_any(x):
    check(f"double({x})", answer.double(x), 2 * x)
"""
    folder.write("tests/test_ex01_double.py", "import pytest\n" + DOUBLE_TESTS + any_number)
    sentences = [point.sentence for point in run(folder.path, ["ex01_double"])[0].points]
    assert sentences == ["twice 2 is 4", "twice 1 is 2", "any[3]", "any[4]"]
