"""A question of a notebook: nothing is shown before a prediction, then it is compared, and the answer appears."""

import json

import pytest

from minifcn.errors import UserError
from minifcn.explain import Predictions
from minifcn.explain.predictions import NotPredicted, seal, unseal, verdict

SIZE = {"label": "size", "truth": [5, 5]}
CODE, TEXT = {"code": "y = 1 + 1", "shown": True}, {"text": "Because."}
QUESTION = {"fields": [SIZE], "answer": [CODE, TEXT]}


@pytest.fixture
def predict():
    return Predictions("05", seal([QUESTION, QUESTION]))


class TestNothingIsShownBefore:
    @pytest.mark.parametrize("predicted", [{}, {"size": ...}, {"size": " "}])
    def test_a_prediction(self, predict, predicted, capsys):
        with pytest.raises(NotPredicted, match='"size": write what you expect'):
            predict(1, predicted)
        assert capsys.readouterr().out == ""
        assert str(predict) == "05: 0 of 2 predicted, 0 of them right"

    def test_nor_for_a_choice_that_is_none(self):
        with pytest.raises(NotPredicted, match="write one of 'yes', 'no', not 'maybe'"):
            verdict({"label": "sure", "options": ["yes", "no"], "right": 0}, "maybe")

    def test_the_code_to_be_changed(self, predict):
        with pytest.raises(NotPredicted, match="predict first"):
            predict.edit(1)

    def test_in_the_sealed_text(self):
        sealed = seal([QUESTION])
        assert "Because" not in sealed
        assert "y = 1" not in sealed
        assert unseal(sealed) == [QUESTION]

    def test_a_notebook_shows_one_line_and_no_traceback(self):
        assert NotPredicted("write it")._render_traceback_() == ["write it"]


class TestThenTheAnswerAppears:
    def test_with_its_code_and_its_explanation(self, predict, capsys):
        predict(1, {"size": "4x4"})
        assert capsys.readouterr().out == "✗ size: you wrote 4x4, it is 5, 5\n\ny = 1 + 1\n\nBecause.\n"

    def test_what_only_draws_is_not_shown_as_code(self, capsys):
        folded = QUESTION | {"answer": [{"code": "draw()", "shown": False}, TEXT]}
        Predictions("05", seal([folded]))(1, {"size": 5})
        assert "draw" not in capsys.readouterr().out

    def test_its_code_can_be_changed(self, predict, capsys):
        predict(1, {"size": (5, 5)})
        capsys.readouterr()
        predict.edit(1)
        assert capsys.readouterr().out == "y = 1 + 1\n"

    def test_in_jupyter_it_runs_in_the_names_of_the_reader(self, predict):
        shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell()
        try:
            shell.__class__._instance = shell
            predict(1, {"size": 5})
            assert shell.user_ns["y"] == 2
        finally:
            shell.__class__.clear_instance()

    def test_there_is_no_other_question(self, predict):
        with pytest.raises(UserError, match="questions 1 to 2, but not 3"):
            predict(3, {})


class TestWhatIsRight:
    @pytest.mark.parametrize("said", ["5x5", "5 × 5", (5, 5), [5, 5], "5, 5", "5 by 5"])
    def test_of_two_numbers_however_they_are_written(self, said):
        assert verdict(SIZE, said)[0] is True

    @pytest.mark.parametrize(
        ("truth", "said", "right"),
        [
            (5, "5", True),
            (5, "5.05", False),  # a whole number is counted
            (0.266, "0.27", True),
            (0.266, "1/4", False),
            (1 / 3, "1/3", True),
            (0.5, ".5", True),
            (-1.0, "-1", True),
            (-1.0, "1", False),  # a sign
            (True, "True", True),
        ],
    )
    def test_of_a_number(self, truth, said, right):
        assert verdict({"label": "n", "truth": [truth]}, said)[0] is right

    def test_the_number_of_numbers_counts(self):
        assert verdict(SIZE, "5")[0] is False

    @pytest.mark.parametrize(("said", "right"), [("0.25", True), ("0.35", False), ("25", False), ("no idea", False)])
    def test_between_two_bounds(self, said, right):
        assert verdict({"label": "share", "between": [0.2, 0.3]}, said)[0] is right

    def test_above_a_bound(self):
        assert verdict({"label": "share", "between": [0.9, None]}, 0.95) == (True, "✓ share: 0.95")
        assert verdict({"label": "share", "between": [0.9, None]}, 0.5)[1] == "✗ share: you wrote 0.5, it is above 0.9"

    def test_of_words_in_order(self):
        order = {"label": "order", "truth": ["L", "c", "b"]}
        assert verdict(order, "L, c, b")[0] is True
        assert verdict(order, ["L", "b", "c"])[0] is False

    def test_of_a_choice_whatever_its_case(self):
        assert verdict({"label": "sure", "options": ["Yes", "no"], "right": 0}, "yes ")[0] is True

    def test_of_free_words_only_the_reader_knows(self):
        assert verdict({"label": "why"}, "they overlap") == (None, "why: they overlap")


class TestProgress:
    def test_is_kept_nowhere_unless_asked(self, predict, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        predict(1, {"size": 5})
        assert not list(tmp_path.iterdir())

    def test_is_kept_in_a_file_that_notebooks_share(self, predict, tmp_path):
        file = tmp_path / "progress.json"
        file.write_text('{"04": {"1": true}}')
        predict(2, {"size": "5x5"})
        predict.keep(file)
        predict(1, {"size": 4})
        assert json.loads(file.read_text()) == {"04": {"1": True}, "05": {"1": False, "2": True}}

    def test_goes_on_where_it_was(self, predict, tmp_path):
        file = tmp_path / "progress.json"
        file.write_text('{"05": {"1": true}}')
        predict.keep(file)
        assert str(predict) == "05: 1 of 2 predicted, 1 of them right"

    def test_the_first_prediction_counts(self, predict):
        predict(1, {"size": 4})
        predict(1, {"size": "5x5"})
        assert str(predict) == "05: 1 of 2 predicted, 0 of them right"

    @pytest.mark.parametrize("content", ["[1]", "not json", '{"05": 3}', "x" * 1_000_001])
    def test_another_file_is_refused_and_stays_as_it_is(self, predict, tmp_path, content):
        file = tmp_path / "other.json"
        file.write_text(content)
        with pytest.raises(UserError, match=r"other\.json"):
            predict.keep(file)
        assert file.read_text() == content


@pytest.mark.parametrize("text", ["", "what", "c-o~}", seal([])[:-3], seal([{"cells": [], "text": ""}])])
def test_damaged_answers_are_refused(text):
    with pytest.raises(UserError, match="damaged"):
        unseal(text)


def test_a_small_text_that_would_become_huge_is_refused():
    import base64
    import zlib

    bomb = base64.b85encode(zlib.compress(b"[" + b" " * 50_000_000 + b"]", 9)).decode()
    with pytest.raises(UserError, match="damaged"):
        unseal(bomb)
