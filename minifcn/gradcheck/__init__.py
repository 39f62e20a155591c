"""Gradients against finite differences: minifcn's own, and anybody's."""

from minifcn.gradcheck.check import gradcheck, gradcheck_arrays
from minifcn.gradcheck.operations import CASES, check_all
from minifcn.gradcheck.report import GradcheckError, GradcheckReport

__all__ = ["CASES", "GradcheckError", "GradcheckReport", "check_all", "gradcheck", "gradcheck_arrays"]
