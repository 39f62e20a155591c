"""Every public name is explained, and shown at work by an example that runs."""

import importlib
import inspect
import re

import pytest

ROOMS = (
    *("minifcn", "minifcn.backend", "minifcn.data", "minifcn.explain", "minifcn.functional", "minifcn.gradcheck"),
    *("minifcn.marking", "minifcn.metrics", "minifcn.models", "minifcn.models.alignment", "minifcn.nn"),
    *("minifcn.nn.init", "minifcn.optim", "minifcn.pictures", "minifcn.training", "minifcn.weights"),
)
SHOWN_ELSEWHERE = {
    # What other names return; their examples show it.
    *("AdjointTest", "AlignmentTable", "BilinearSteps", "Comparison", "Coverage", "Graph", "GradcheckReport"),
    *("ReceptiveField", "Source", "Step"),
    # What others are made from.
    *("FCN", "Optimizer", "Checkpoint", "GradcheckError", "Source", "Weights"),
}


def public_names():
    for room in ROOMS:
        module = importlib.import_module(room)
        names = getattr(module, "__all__", None) or [
            name for name, value in vars(module).items() if getattr(value, "__module__", "") == room and name[0] != "_"
        ]
        for name in names:
            if callable(getattr(module, name)):
                yield pytest.param(getattr(module, name), id=f"{room}.{name}")


@pytest.mark.parametrize("thing", list(public_names()))
def test_has_a_docstring_with_an_example(thing):
    text = inspect.getdoc(thing)
    assert text
    assert ">>>" in text or thing.__name__ in SHOWN_ELSEWHERE


@pytest.mark.parametrize("thing", list(public_names()))
def test_the_parameters_that_are_explained_are_those_that_there_are(thing):
    section = re.search(r"^Parameters\n-+\n(.*?)(\n\n\S|\Z)", inspect.getdoc(thing), flags=re.DOTALL | re.MULTILINE)
    if section:  # otherwise the first sentences say it
        explained = re.findall(r"^([\w*][\w*, ]*?)(?: :.*)?$", section[1], flags=re.MULTILINE)
        names = {name.strip("*") for line in explained for name in line.split(", ")}
        made_by = thing.__init__ if inspect.isclass(thing) and "__init__" in vars(thing) else thing
        assert names == set(inspect.signature(made_by).parameters) - {"self"}
