"""What students get is the folder without the solutions, whole or not at all."""

import shutil

import pytest

from minifcn.errors import UserError
from minifcn.marking.handout import hand_out
from minifcn.marking.marks import State
from minifcn.marking.run import run


def test_links_that_lead_out_of_the_folder_become_text(folder, tmp_path):
    folder.write("README.md", "Read [notebook 2](../notebooks/02.ipynb), then do [double](ex01_double.py).")
    hand_out(folder.path, tmp_path / "week1")
    assert (tmp_path / "week1" / "README.md").read_text() == "Read notebook 2, then do [double](ex01_double.py)."


def test_the_copy_has_all_but_solutions_marks_and_caches(folder, tmp_path):
    for name in ("score.json", "tests/__pycache__/x.pyc", ".pytest_cache/x", ".git/x", ".github/workflows/mark.yml"):
        folder.write(name, "")
    hand_out(folder.path, tmp_path / "week1")
    copied = sorted(str(path.relative_to(tmp_path / "week1")) for path in (tmp_path / "week1").rglob("*.*"))
    assert copied == [
        ".github",
        ".github/workflows/mark.yml",
        "ex01_double.py",
        "ex02_half.py",
        "pytest.ini",
        "tests/test_ex01_double.py",
        "tests/test_ex02_half.py",
    ]
    assert not (tmp_path / "week1" / "solutions").exists()
    assert run(tmp_path / "week1", ["ex01_double"])[0].state == State.TO_DO


@pytest.mark.parametrize(
    ("target", "words"), [("exercises", "is there already"), ("no/where", "no folder"), ("exercises/x", "outside")]
)
def test_it_refuses(folder, tmp_path, target, words):
    with pytest.raises(UserError, match=words):
        hand_out(folder.path, tmp_path / target)


def test_a_copy_that_breaks_off_leaves_nothing(folder, tmp_path, monkeypatch):
    before = sorted(tmp_path.iterdir())

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copystat", full)
    with pytest.raises(OSError, match="No space left"):
        hand_out(folder.path, tmp_path / "week1")
    assert sorted(tmp_path.iterdir()) == before
