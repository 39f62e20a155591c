"""What is translated into Korean says what the English says: the same cells, code, links and pictures; and it runs.

When one of these fails after a change to an English text, the Korean one beside it is out of date.
"""

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks" / "ko").glob("[0-9][0-9]_*.py"))
README, README_KO = ROOT / "README.md", ROOT / "docs" / "ko" / "README.md"
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HANGUL = re.compile("[가-힣]")
every_notebook = pytest.mark.parametrize("korean", NOTEBOOKS, ids=lambda path: path.stem)

# A figure is drawn by a font of matplotlib's, which has no Korean: a missing letter is a warning, so an error here.
RUN_AND_DRAW = """
import runpy, sys
import matplotlib.pyplot as plt
runpy.run_path(sys.argv[1])
for number in plt.get_fignums():
    plt.figure(number).canvas.draw()
"""


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def cells(notebook: Path) -> list[tuple[str, str]]:
    """The kind, "markdown" or "code", and the text of every cell."""
    parts = re.split(r"^# %%( \[markdown\])?\n", read(notebook), flags=re.MULTILINE)
    return [("markdown" if kind else "code", text) for kind, text in zip(parts[1::2], parts[2::2], strict=True)]


class WithoutText(ast.NodeTransformer):
    """Of a string nothing is left, of an f-string the values that it shows: the words and their layout may differ."""

    def visit_Constant(self, node):
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node):
        return ast.List([self.visit(part.value) for part in node.values if isinstance(part, ast.FormattedValue)])


def without_text(code: str) -> str:
    return ast.dump(WithoutText().visit(ast.parse(code)))


def structure(markdown: str) -> dict:
    """What a translation keeps: headings with their numbers, list items and the code that is named."""
    lines = [line.removeprefix("#").strip() for line in markdown.splitlines()]
    return {
        "headings": [re.match(r"(#+) ([\d.]*)", line).groups() for line in lines if line.startswith("#")],
        "items": [re.match(r"\S+", line)[0] for line in lines if re.match(r"(-|\d\.) ", line)],
        "code": set(re.findall(r"`[^`]+`", " ".join(lines))),
    }


@every_notebook
class TestNotebook:
    def test_runs_and_draws_its_figures(self, korean, tmp_path):
        """In an empty folder, without a display, with every warning an error."""
        command = [sys.executable, "-W", "error", "-c", RUN_AND_DRAW, str(korean)]
        environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=120
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert not list(tmp_path.iterdir())

    def test_has_the_cells_of_the_original(self, korean):
        original = ROOT / "notebooks" / korean.name
        assert [kind for kind, _ in cells(korean)] == [kind for kind, _ in cells(original)]

    def test_has_the_code_of_the_original(self, korean):
        """But for comments and for what strings say."""
        pairs = zip(cells(korean), cells(ROOT / "notebooks" / korean.name), strict=True)
        for (kind, code), (_, original) in pairs:
            if kind == "code":
                assert without_text(code) == without_text(original), code

    def test_has_the_headings_lists_and_names_of_the_original(self, korean):
        pairs = zip(cells(korean), cells(ROOT / "notebooks" / korean.name), strict=True)
        for (kind, text), (_, original) in pairs:
            if kind == "markdown":
                assert HANGUL.search(text), text
                assert structure(text) == structure(original), text

    def test_has_the_predictions_and_the_sections_of_the_original(self, korean):
        text, original = read(korean), read(ROOT / "notebooks" / korean.name)
        words = {
            "**예상해 보십시오**": "**Predict**",
            "## 생각해 볼 문제\n": "## Questions\n",
            "## 더 읽을거리\n": "## What to read next\n",
        }
        for word, english in words.items():
            assert text.count(word) == original.count(english) > 0, word


def links(page: Path) -> list[str]:
    """Where the links and pictures of a page lead, pictures first; those into the repository as paths from its root."""
    prose = FENCE.sub("", read(page))
    targets = re.findall(r'<img [^>]*?src="([^"]+)"', prose) + re.findall(r'\]\(([^)\s]+)\)|href="([^"]+)"', prose)
    targets = [target if isinstance(target, str) else "".join(target) for target in targets]
    return [target if ":" in target else resolved(page, target) for target in targets]


def resolved(page: Path, target: str) -> str:
    path = os.path.normpath(page.parent / target.partition("#")[0]) if not target.startswith("#") else page
    return Path(path).relative_to(ROOT).as_posix()


def in_english(target: str) -> str:
    """A Korean page may link to a translation where there is one."""
    return "README.md" if target == "docs/ko/README.md" else target.replace("notebooks/ko/", "notebooks/")


class TestReadme:
    """docs/ko/README.md beside README.md. Its examples run as doctests, as those of every page."""

    def test_has_the_code_blocks_of_the_original(self):
        assert FENCE.findall(read(README_KO)) == FENCE.findall(read(README))

    def test_has_the_headings_of_the_original(self):
        def levels(page):
            return re.findall(r"^#+(?= )", FENCE.sub("", read(page)), re.MULTILINE)

        assert levels(README_KO) == levels(README)

    def test_has_the_tables_of_the_original(self):
        def columns(page):
            return [row.count("|") for row in read(page).splitlines() if row.startswith("|")]

        assert columns(README_KO) == columns(README)

    def test_has_the_pictures_of_the_original(self):
        def pictures(page):
            return [target for target in links(page) if target.endswith((".png", ".svg", ".gif"))]

        assert pictures(README_KO) == pictures(README) != []

    def test_has_the_links_of_the_original(self):
        """In any order: the words of a sentence come in another order."""
        assert Counter(map(in_english, links(README_KO))) == Counter(map(in_english, links(README)))

    @pytest.mark.parametrize("page", [README, README_KO], ids=["English", "Korean"])
    def test_links_lead_somewhere(self, page):
        assert [target for target in links(page) if ":" not in target and not (ROOT / target).exists()] == []

    def test_no_line_is_left_in_english(self):
        """Code, pictures and where links lead aside."""
        prose = re.sub(r"<[^>]*>|`[^`]*`|\]\([^)]*\)", "", FENCE.sub("", read(README_KO)))
        english = [line for line in prose.splitlines() if len(re.findall(r"[a-z]{2,}", line)) > 4]
        assert [line for line in english if not HANGUL.search(line)] == []
