"""Every public name is explained, and shown at work by an example that runs."""

import importlib
import inspect

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
