"""Runs without what takes time and is looked at elsewhere: `pytestmark = pytest.mark.usefixtures("no_pictures")`."""

import pytest
import small_runs


def _leave_out(monkeypatch, *names):
    for name in names:
        monkeypatch.setattr(f"minifcn.pictures.{name}", lambda path, *rest: None)


@pytest.fixture
def no_curves_and_panels(monkeypatch):
    _leave_out(monkeypatch, "save_curves", "save_panel")


@pytest.fixture
def no_pictures(monkeypatch):
    _leave_out(monkeypatch, "save_curves", "save_ious", "save_panel", "save_confusion")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A small run that has ended."""
    out = tmp_path_factory.mktemp("run")
    assert small_runs.train(out) == 0
    return out
