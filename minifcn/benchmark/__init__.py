"""How long the parts of a network take, beside other programs that compute the same."""

from minifcn.benchmark.race import Result, race
from minifcn.benchmark.work import GROUPS, Work, choose

__all__ = ["GROUPS", "Result", "Work", "choose", "race"]
