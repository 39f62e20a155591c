"""What a notebook asks: questions are found, truths are read off the asserts, and no edition shows an answer before."""

import itertools
import json
import re
import sys
from pathlib import Path

import pytest

from minifcn.explain.predictions import unseal

FOLDER = Path(__file__).parents[1] / "notebooks"
sys.path.insert(0, str(FOLDER))
pytest.importorskip("jupytext", reason="the editions are made where the site is: pip install -e '.[docs]'")

build, questions, reading = (pytest.importorskip(name) for name in ("build", "questions", "reading"))
SOURCES = build.sources()
every_notebook = pytest.mark.parametrize("source", SOURCES, ids=lambda path: "-".join(path.parts[-2:]))
LABEL = {"label": "n"}


class TestTheTruthIsWhatTheAssertSays:
    @pytest.mark.parametrize(
        ("statement", "truth"),
        [
            ("assert y.shape == (5, 5)", {"truth": [5, 5]}),
            ("assert a == b == 2 + 7", {"truth": [9]}),
            ("assert m.tolist() == [[1, 2], [3, 4]]", {"truth": [1, 2, 3, 4]}),
            ("np.testing.assert_allclose(x, 2 / 8, atol=1e-9)", {"truth": [0.25]}),
            ('assert order == ["L", "c"]', {"truth": ["L", "c"]}),
            ("assert 0.2 < share < 0.3", {"between": [0.2, 0.3]}),
            ("assert share > 0.9", {"between": [0.9, None]}),
            ("assert 0.9 > share", {"between": [None, 0.9]}),
        ],
    )
    def test_above_it_or_behind_it(self, statement, truth):
        assert questions.fields(f"# ask: n\n{statement}\n") == [LABEL | truth]
        assert questions.fields(f"{statement}  # ask: n\n") == [LABEL | truth]

    def test_in_a_loop(self):
        assert questions.fields("for i in range(3):\n    # ask: n\n    assert i == 3\n") == [LABEL | {"truth": [3]}]

    def test_of_a_choice_the_star_says(self):
        field = {"label": "it is (odd | even)", "options": ["odd", "even"], "right": 1}
        assert questions.fields("# ask: it is: odd | even*\nassert n % 2 == 0\n") == [field]

    @pytest.mark.parametrize(
        "code", ["# ask: n\nassert a == b\n", "# ask: n: a | b\nassert a\n", "# ask: n\nassert a\n"]
    )
    def test_where_it_says_nothing_the_notebook_is_refused(self, code):
        with pytest.raises(ValueError, match="n"):
            questions.fields(code)


@every_notebook
class TestEveryNotebook:
    def test_asks_something_that_can_be_filled_in(self, source):
        asked = questions.find(build.read(source).cells)
        fields = [field for question in asked for field in question.fields]
        compared = [field for field in fields if len(field) > 1]
        assert len(asked) >= 4
        assert len(compared) >= 3
        assert all(question.answers for question in asked), "a question without an answer behind it"

    def test_explains_an_answer_in_paragraphs_that_ask_nothing(self, source):
        """A paragraph that asks is shown at once, and with it what it says of the answer before."""
        cells = build.read(source).cells
        for question in questions.find(cells):
            for cell in cells[question.answers[-1] + 1 :][:1]:
                paragraph = cell.source.partition("\n\n")[0]
                assert questions.ASKS.match(paragraph) or not questions.ASKS.search(paragraph)

    def test_shows_nothing_that_answers_in_the_edition_of_the_student(self, source):
        """Neither the answer nor what comes behind it up to the next heading or question."""
        cells = json.loads(build.student(source))["cells"]
        shown = [part for cell in cells for part in "".join(cell["source"]).split("\n\n")]
        for call, behind in itertools.pairwise(cells):
            if "".join(call["source"]).startswith("predict("):
                assert behind["cell_type"] == "markdown"
        original = build.read(source).cells
        for question in questions.find(original):
            for number in question.sealed:
                if original[number].cell_type == "code":
                    assert questions.without_marks(original[number].source) not in "\n\n".join(shown)
                else:
                    assert original[number].source.partition("\n\n")[0] not in shown
        assert "# ask" not in "\n\n".join(shown)

    def test_holds_every_answer_sealed(self, source):
        opening = "".join(json.loads(build.student(source))["cells"][2]["source"])
        sealed = unseal(re.search(r'r"""\n(.*)\n"""', opening, re.DOTALL)[1])
        original = build.read(source).cells
        for question, answer in zip(questions.find(original), sealed, strict=True):
            code = [questions.without_marks(original[number].source) for number in question.answers]
            assert [part["code"] for part in answer["answer"] if "code" in part][: len(code)] == code

    def test_the_site_hides_what_the_student_does_not_see(self, source):
        cells = json.loads(build.site(source))["cells"]
        texts = ["".join(cell["source"]) for cell in cells]
        asked = questions.find(build.read(source).cells)
        assert sum(text.startswith("<form") for text in texts) == len(asked)
        for number, question in enumerate(asked, start=1):
            tagged = [cell for cell in cells if f"answer-{number}" in cell["metadata"].get("tags", [])]
            boxes = [text for text in texts if text.startswith(f":::::{{container}} answer-{number}\n")]
            assert len(tagged) >= len(question.answers)
            assert len(tagged) + len(boxes) == len(question.sealed)

    def test_is_committed_as_it_is_made(self, source):
        assert source.with_suffix(".ipynb").read_text("utf-8") == build.student(source), "run `make notebooks`"


def test_translations_ask_the_same():
    for korean in (source for source in SOURCES if source.parent.name == "ko"):
        pairs = zip(
            questions.find(build.read(korean).cells),
            questions.find(build.read(FOLDER / korean.name).cells),
            strict=True,
        )
        for translated, original in pairs:
            kinds = [[sorted(field) for field in question.fields] for question in (translated, original)]
            truths = [[field.get("truth") or field.get("right") for field in q.fields] for q in (translated, original)]
            assert kinds[0] == kinds[1]
            assert truths[0] == truths[1]


def test_the_page_of_the_path_has_every_notebook_with_its_minutes():
    page = (FOLDER.parent / "docs" / "notebooks.md").read_text("utf-8")
    for source in (source for source in SOURCES if source.parent == FOLDER):
        card = page[page.index(f":link: notebooks/{source.stem}\n") :].partition(":::")[0]
        assert f"**{reading.minutes(source)} minutes, estimated**" in card, source.stem
        assert (FOLDER.parent / "docs" / re.search(r":img-top: (\S+)", card)[1]).is_file()


def test_pages_that_say_how_long_the_notebooks_take_say_that_it_is_estimated():
    minutes = [reading.minutes(source) for source in SOURCES if source.parent == FOLDER]
    said = f"an estimated {min(minutes)} to {max(minutes)} minutes"
    for page in ("README.md", "docs/index.md", "docs/teaching.md"):
        assert said in " ".join((FOLDER.parent / page).read_text("utf-8").split()), page
    assert f"{min(minutes)}분에서 {max(minutes)}분이 걸린다고 어림" in (FOLDER.parent / "docs/ko/README.md").read_text(
        "utf-8"
    )


@pytest.mark.slow
def test_in_jupyter_a_student_sees_the_answer_only_after_the_prediction(tmp_path):
    """Notebook 5 in a kernel: the first question stops it; with a prediction it goes on, and keeps progress."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    made = build.student(FOLDER / "05_transposed_convolution.py")

    def run(notebook):
        nbclient.NotebookClient(notebook, timeout=100, resources={"metadata": {"path": str(tmp_path)}}).execute()

    with pytest.raises(Exception, match="write what you expect in place of the dots"):
        run(nbformat.reads(made, 4))

    notebook = nbformat.reads(made, 4)
    cells = [cell for cell in notebook.cells if cell.source.startswith("predict(")]
    for cell in cells:
        first = re.search(r"\((?:[^()|]*) \| ", cell.source)
        cell.source = re.sub(r"\(([^|()]*) \|([^()]*)\)\": \.\.\.", r'(\1 |\2)": "\1"', cell.source)
        cell.source = cell.source.replace('": ...', '": "9x9"')
        assert first is None or '": ...' not in cell.source
    notebook.cells[2].source += '\npredict.keep("progress.json")'
    run(notebook)
    assert "is 5, 5" in str(cells[0].outputs)
    assert "result[top : top + k, left : left + k]" in str(cells[0].outputs)
    assert len(json.loads((tmp_path / "progress.json").read_text())["05"]) == len(cells)
