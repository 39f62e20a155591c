"""`minifcn gradcheck` prints a line for each check; its exit status says whether all passed."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from minifcn.cli import main


@pytest.mark.parametrize(("ok", "status", "word"), [(True, 0, "ok"), (False, 1, "WRONG")])
def test_the_exit_status_is_1_if_a_gradient_is_wrong(monkeypatch, capsys, ok, status, word):
    room = ModuleType("minifcn.gradcheck")
    room.check_all = lambda: iter([("conv2d", SimpleNamespace(ok=ok, max_error=2e-9))])
    monkeypatch.setitem(sys.modules, "minifcn.gradcheck", room)
    assert main(["gradcheck"]) == status
    assert capsys.readouterr().out.splitlines()[1].split() == ["conv2d", "2.0e-09", word]
