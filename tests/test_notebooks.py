"""Every notebook runs from top to bottom by itself, and its claims, which are asserts, hold.

`make docs` runs the generated .ipynb in Jupyter as well, by the same rules (docs/site/notebook_startup.py). So the CI,
which does that, leaves `test_runs` out.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
SOURCES = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
RETURN_WHAT_THEY_DRAW = {
    *("axis", "bar", "colorbar", "imshow", "legend", "plot", "set", "set_title", "set_xlabel", "set_xticks"),
    *("set_ylabel", "set_yticks", "suptitle", "text"),
}
every_notebook = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


@every_notebook
def test_runs(source, tmp_path):
    """As a script, in an empty folder, without a display, with every warning an error."""
    command = [sys.executable, "-W", "error", str(source)]
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(FOLDER.parent)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not list(tmp_path.iterdir())  # a notebook leaves no files behind


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("import warnings; warnings.warn('old')", "UserWarning: old"),
        ("import numpy; numpy.array([1.0]) / 0", "RuntimeWarning: divide by zero"),
        ("open('left.txt', 'w')", "PermissionError: a notebook leaves no files behind, but here is one: left.txt"),
        ("import pathlib; pathlib.Path('left.png').write_bytes(b'')", "PermissionError"),
        ("import os; os.mkdir('left')", "PermissionError"),
        ("os.getcwd()", "NameError: name 'os' is not defined"),
        ("import tempfile; tempfile.TemporaryFile().write(b'elsewhere')", ""),
    ],
)
def test_the_site_refuses_what_this_does(cell, error, tmp_path):
    """In a kernel as here: a warning, and a file that is left behind."""
    code = (FOLDER.parent / "docs" / "site" / "notebook_startup.py").read_text() + cell
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert error in done.stderr
    assert (done.returncode != 0) == bool(error), done.stderr
    assert not list(tmp_path.iterdir())


@every_notebook
class TestEveryNotebook:
    def test_has_a_title_predictions_questions_and_claims_that_are_checked(self, source):
        text = source.read_text()
        assert re.match(r"# %% \[markdown\]\n# # \d+\. ", text)
        for part in ("**Predict**", "## Questions", "## What to read next"):
            assert part in text, part
        assert text.count("assert") >= 5

    def test_number_of_its_title_is_that_of_its_name(self, source):
        assert int(re.search(r"# # (\d+)\.", source.read_text())[1]) == int(source.name[:2])

    def test_shows_no_object_that_drawing_leaves_over(self, source):
        """A cell that ends with ax.set(...) would print [Text(...), ...] above its figure."""
        for cell in re.split(r"^# %%.*\n", source.read_text(), flags=re.MULTILINE):
            *_, last = ast.parse(cell).body or [None]
            shown = last.value if isinstance(last, ast.Expr) else None
            assert not (isinstance(shown, ast.Call) and getattr(shown.func, "attr", None) in RETURN_WHAT_THEY_DRAW)
            assert not (isinstance(shown, ast.Name) and shown.id in ("fig", "figure")), "Jupyter would show it twice"

    def test_loads_nothing_from_outside(self, source):
        code = "\n".join(line for line in source.read_text().splitlines() if not line.startswith("#"))
        assert "http" not in code
        assert "show()" not in code
