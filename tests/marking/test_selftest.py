"""The self-test finds each fault that an exercise can have."""

from pathlib import Path

import pytest
from tiny_exercises import HALF_TESTS, TO_DO, module, wrong

from minifcn.errors import UserError
from minifcn.marking.folder import exercises
from minifcn.marking.selftest import self_test, strays

REAL = Path(__file__).parents[2] / "exercises"
WRONG = "solutions/wrong/ex02_half.md"


def half(**answers):
    return wrong("return x / 2", **answers)


def faults(folder):
    """Of the second exercise, which the tests spoil, and of what belongs to none."""
    return [fault for finding in self_test(folder, ["ex02_half"]) for fault in finding.faults] + strays(folder)


def test_exercises_without_a_fault(folder):
    assert [(f.name, f.tests, f.wrong_answers, f.faults) for f in self_test(folder.path, exercises(folder.path))] == [
        ("ex01_double", 2, 2, []),
        ("ex02_half", 1, 2, []),
    ]
    assert strays(folder.path) == []


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("ex02_half.py", module("half", "return x / 2"), "the skeleton should be to do, but is done: half of 6 is 3"),
        ("ex02_half.py", module("half", "return x"), "the skeleton should be to do, but is not yet: half of 6 is 3"),
        ("ex02_half.py", None, "there is no {folder}/ex02_half.py"),
        ("solutions/ex02_half.py", module("half", "return 1"), "the solution fails: half of 6 is 3: half(6) should be"),
        ("solutions/ex02_half.py", module("half", TO_DO), "the solution fails: half of 6 is 3: half is still to be"),
        ("solutions/ex02_half.py", None, "there is no {folder}/solutions/ex02_half.py"),
        (WRONG, None, "there is no {folder}/solutions/wrong/ex02_half.md"),
        (WRONG, "# Wrong answers", "at least 2 wrong answers are needed, found 0"),
        (WRONG, half(all=("return x / 2", "that is all")), "all: passes, but is wrong"),
        (
            WRONG,
            half(seven=("return 7", "that is all")),
            "seven: the first test that fails, 'half of 6 is 3', gives no hint (half(6) should be 3, but is 7)",
        ),
        (
            WRONG,
            half(all=("return x", "is it")),
            "all: the first test that fails, 'half of 6 is 3', gives 'that is all of it', not 'is it'",
        ),
        (WRONG, half(all=("return x", "that is all")).replace("Hint:", "Tip:"), "all: names no hint"),
        (
            WRONG,
            half(all=("return x", "that is all"), six=("return 6", "that is all")),
            "all and six get the same hint: that is all of it",
        ),
        (
            WRONG,
            wrong("return x // 2", all=("return x", "that is all")),
            "all: the lines to change must be in the solution once, but are there 0 times",
        ),
        ("tests/test_ex02_half.py", "", "there are no tests"),
        ("tests/test_ex02_half.py", "import nosuch", "the skeleton should be to do, but is not yet: its tests can be"),
        ("ex03_third.py", "", "{folder}/ex03_third.py: there are no tests of that name"),
        ("solutions/ex03_third.py", "", "{folder}/solutions/ex03_third.py: there are no tests of that name"),
        ("solutions/wrong/ex2_half.md", "", "{folder}/solutions/wrong/ex2_half.md: there are no tests of that"),
    ],
)
def test_a_fault_is_found_and_named(folder, file, text, fault):
    if text is None:
        (folder.path / file).unlink()
    else:
        folder.write(file, text)
    assert any(found.startswith(fault.format(folder=folder.path)) for found in faults(folder.path)), faults(folder.path)


def test_a_hint_for_another_mistake_is_found_in_a_later_test_too(folder):
    later = """
def test_half_of_0_is_0():
    check("half(0)", Answer("ex02_half").half(0), 0, mistakes={"that is all of it": 7})
"""
    folder.write("tests/test_ex02_half.py", HALF_TESTS + later)
    folder.write(WRONG, half(all=("return x", "that is all"), times=("return 2 * x or 7", "/, not *")))
    assert faults(folder.path) == ["all and times get the same hint: that is all of it"]


def test_the_hint_must_come_with_the_first_test_that_fails(folder):
    folder.write(
        "tests/test_ex02_half.py",
        HALF_TESTS.replace(
            "def test_half_of_6",
            """def test_half_of_2_is_1():
    check("half(2)", Answer("ex02_half").half(2), 1)


def test_half_of_6""",
        ),
    )
    assert [fault.split(", 'half")[0] for fault in faults(folder.path)] == [
        "all: the first test that fails",
        "times: the first test that fails",
    ]


def test_without_solutions_it_says_so(folder):
    (folder.path / "solutions").rename(folder.path / "elsewhere")
    with pytest.raises(UserError, match="there is no folder"):
        self_test(folder.path, exercises(folder.path))


@pytest.mark.parametrize("name", exercises(REAL))
def test_the_exercises_have_no_fault(name):
    (finding,) = self_test(REAL, [name])
    assert finding.faults == []


def test_every_module_belongs_to_an_exercise():
    assert strays(REAL) == []
