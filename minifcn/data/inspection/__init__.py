"""A look at a data set before it is trained on: what is there, and what is wrong with it."""

from minifcn.data.inspection.counts import SplitCounts
from minifcn.data.inspection.look import FirstLook, look, look_at
from minifcn.data.inspection.report import Inspection
from minifcn.data.inspection.survey import inspect

__all__ = ["FirstLook", "Inspection", "SplitCounts", "inspect", "look", "look_at"]
