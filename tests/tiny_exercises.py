"""A folder with two exercises of a line each, for tests of what marks exercises."""

from pathlib import Path

DOUBLE_TESTS = """
from minifcn.marking import Answer, check

answer = Answer("ex01_double")


def test_twice_2_is_4():
    check("double(2)", answer.double(2), 4, mistakes={"how many twos?": 2, "three times is too often": 6})


def test_twice_1_is_2():
    check("double(1)", answer.double(1), 2, mistakes={"how often is x added to x?": 1, "1 * 1 is not 2": 0})
"""
HALF_TESTS = """
from minifcn.marking import Answer, check


def test_half_of_6_is_3():
    check("half(6)", Answer("ex02_half").half(6), 3, mistakes={"that is all of it": 6, "/, not *": 12})
"""
TO_DO = "raise NotImplementedError"


def module(function, body):
    """The text of an exercise's module: one function of x."""
    return f'"""An exercise."""\n\n\ndef {function}(x):\n    {body}\n'


def wrong(right, **answers):
    """The page of wrong answers: what stands in place of the right line, and the hint for it."""
    sections = [
        f"## {name}\n\nIt is {line}.\n\nHint: {hint}\n\n```diff\n-    {right}\n+    {line}\n```\n"
        for name, (line, hint) in answers.items()
    ]
    return "\n".join(["# Wrong answers\n", *sections])


FILES = {
    "pytest.ini": (Path(__file__).parents[1] / "exercises" / "pytest.ini").read_text(),
    "ex01_double.py": module("double", TO_DO),
    "ex02_half.py": module("half", TO_DO),
    "tests/test_ex01_double.py": DOUBLE_TESTS,
    "tests/test_ex02_half.py": HALF_TESTS,
    "solutions/ex01_double.py": module("double", "return 2 * x"),
    "solutions/ex02_half.py": module("half", "return x / 2"),
    "solutions/wrong/ex01_double.md": wrong(
        "return 2 * x", once=("return x", "how many twos?"), thrice=("return 3 * x", "three times")
    ),
    "solutions/wrong/ex02_half.md": wrong(
        "return x / 2", all=("return x", "that is all"), times=("return x * 2", "/, not *")
    ),
}


class Folder:
    """The folder; `write` changes a file of it."""

    def __init__(self, path):
        self.path = path
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name, text):
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)

    def answer(self, body):
        """Answer the first exercise."""
        self.write("ex01_double.py", module("double", body))
