"""Exercises that mark themselves: what their tests are written with, and the score they lead to.

An exercise is a module with functions to write (`exercises/ex01_output_size.py`) and a test of each thing it must do
(`exercises/tests/test_ex01_output_size.py`). A test compares with `check`, which knows the mistakes that are often made
and gives a hint for each. `minifcn exercises` runs the tests and prints a table.

What runs tests (`plugin`, `run`, `selftest`) imports pytest, and is imported only when exercises run.
"""

from minifcn.marking.answer import Answer
from minifcn.marking.check import NotYet, check

__all__ = ["Answer", "NotYet", "check"]
