"""Run the tests of exercises.

pytest runs in this process: a second one would start NumPy and minifcn once more, which takes longer than the tests,
and the self-test runs pytest for every wrong answer. What a student's code may do to a process, pytest and the time
limit of the plugin catch: exceptions, `sys.exit()`, a loop that never ends.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from minifcn.marking.marks import Mark
from minifcn.marking.plugin import Marker

UNUSED = ("terminal", "cacheprovider", "warnings", "faulthandler", "unraisableexception", "threadexception")


def run(folder: Path, names: Sequence[str], answers: Path | None = None) -> list[Mark]:
    """Run the tests of some exercises, silently.

    Parameters
    ----------
    folder : path
        The folder of exercises.
    names : sequence of str
        Which of them, by module name.
    answers : path, optional
        Where the modules under test lie; in `folder` unless given.

    Returns
    -------
    list of Mark
        In the order of the exercises.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C.
    """
    answers = answers or folder
    marker = Marker(answers)
    options = [
        *("-c", os.devnull, "--rootdir", str(folder), "--noconftest"),  # nothing around the folder has a say
        *("-o", f"pythonpath={answers.resolve()}", "--import-mode=importlib", "--assert=plain"),
        *(word for plugin in UNUSED for word in ("-p", f"no:{plugin}")),
        "--continue-on-collection-errors",
    ]
    tests = [str(folder / "tests" / f"test_{name}.py") for name in names]
    with _apart(folder, answers):
        status = pytest.main([*options, *tests], [marker])
    if status == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if status in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        raise RuntimeError(f"pytest could not run the tests (its exit status is {status})")
    marks = {mark.name: mark for mark in marker.marks}
    return [marks.get(name, Mark(name)) for name in names]


@contextmanager
def _apart(*folders: Path) -> Iterator[None]:
    """Import the modules of these folders afresh, leave nothing in them, and keep out what the user has set up."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        patch.delenv("PYTEST_ADDOPTS", raising=False)
        warnings.simplefilter("default")
        patch.setattr(warnings, "showwarning", _print_warning)
        yield
    places = {folder.resolve() for folder in folders}
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and not places.isdisjoint(Path(file).resolve().parents):
            del sys.modules[name]


def _print_warning(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any) -> None:
    """Print it as a student's code prints: it is shown with the test, if that fails."""
    print(f"{Path(filename).name}, line {lineno}: {category.__name__}: {message}")
