"""The forms of the site (docs/site/predict.js): what they call right, when an answer is shown, and what they keep."""

import base64
import functools
import http.server
import json
import sys
import threading
from pathlib import Path

import pytest
import webdriver

from minifcn.explain.predictions import Predictions, seal, verdict

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "notebooks"))
pytest.importorskip("jupytext", reason="the editions are made where the site is: pip install -e '.[docs]'")
build, questions = (pytest.importorskip(name) for name in ("build", "questions"))

pytestmark = pytest.mark.skipif(None in (webdriver.DRIVER, webdriver.browser.BROWSER), reason=webdriver.MISSING)
SOURCE = ROOT / "notebooks" / "05_transposed_convolution.py"
SAID = [  # a field, and what a reader may write into it
    ({"label": "n", "truth": [5, 5]}, ["5x5", "(5, 5)", "5 × 5", "5 by 5", "5", "5 5 5", "6x5"]),
    ({"label": "n", "truth": [0.266]}, ["0.27", ".27", "0.3", "27%", "4/15", "1e-1"]),
    ({"label": "n", "truth": [1379]}, ["1379", "1380", "1379.0", "about 1379"]),
    ({"label": "n", "truth": ["L", "c", "b"]}, ["L c b", "l, c, b", "L b c"]),
    ({"label": "n", "truth": [0.5, 0.5, 0]}, ["1/2 1/2 0", "0.5, 0.5, 0", "1 1 0"]),
    ({"label": "n", "truth": [1]}, ["True", "false", "yes", "1"]),
    ({"label": "n", "between": [0.2, 0.3]}, ["0.25", "1/4", "0.31", "a quarter"]),
    ({"label": "n", "between": [0.9, None]}, ["0.95", "0.5"]),
    ({"label": "n", "between": [None, 0.5]}, ["0", "0.6"]),
    ({"label": "n (a | b)", "options": ["a", "b"], "right": 1}, ["a", "b"]),
    ({"label": "in your words"}, ["it grows"]),
]


def page(fields):
    """A form for each list of fields, as the site has it, with an answer behind it."""
    parts = []
    for number, of_one in enumerate(fields, start=1):
        parts.append(build._form(SOURCE, number, questions.Question(0, [1], 2, of_one)))
        parts.append(f'<div class="answer-{number}">answer {number}</div>')
    script = (ROOT / "docs" / "site" / "predict.js").read_text("utf-8")
    body = f"<!DOCTYPE html><meta charset=utf-8><body>{''.join(parts)}<script>{script}</script></body>"
    return body.encode()


@pytest.fixture
def opened(driver, tmp_path):
    """Three questions with a number each, in a browser that has kept nothing yet; from a server, as a site comes.

    Two processes that Chromium has for files do not always see what the other one keeps.
    """
    (tmp_path / "page.html").write_bytes(page([[{"label": "n", "truth": [number]}] for number in (1, 2, 3)]))
    handler = functools.partial(Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/page.html"  # its port makes it a site of its own
        driver.open(address)
        yield lambda: driver.open(address)
        driver.open("about:blank")
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


def write(driver, number, text):
    driver.run(
        "const form = document.querySelector(`form[data-answer=answer-${arguments[0]}]`);"
        "form.querySelector('input').value = arguments[1]; form.requestSubmit();",
        number,
        text,
    )


def shown(driver):
    answers = "return [...document.querySelectorAll('div[class^=answer-]')].map((part) => part.offsetParent !== null)"
    return driver.run(answers)


def keep(driver):
    driver.run("document.querySelector('.predict-all input[type=checkbox]').click()")


def count(driver):
    return driver.run("return document.querySelector('.predict-all output').textContent")


def test_it_calls_right_what_the_notebook_calls_right(driver, tmp_path):
    cases = [(field, text) for field, texts in SAID for text in texts]
    (tmp_path / "page.html").write_bytes(page([[field] for field, _ in cases]))
    driver.open((tmp_path / "page.html").as_uri())
    found = driver.run(
        "const forms = [...document.querySelectorAll('form.predict')];"
        "return forms.map((form, n) => { const input = form.querySelector('input, select');"
        "input.value = arguments[0][n]; form.requestSubmit(); return form.querySelector('output').textContent[0]; });",
        [text for _, text in cases],
    )
    sign = {True: "✓", False: "✗", None: "C"}  # Compare with the answer below
    assert found == [sign[verdict(field, text)[0]] for field, text in cases]


def test_an_answer_appears_when_its_question_is_predicted(driver, opened):
    assert shown(driver) == [False, False, False]
    write(driver, 2, " ")
    assert shown(driver) == [False, False, False]
    write(driver, 2, "7")
    assert shown(driver) == [False, True, False]
    assert count(driver) == "1 of 3 predicted, 0 of them right"
    for expected in ([True, True, True], [False, True, False]):  # all, and back
        driver.run("document.querySelector('.predict-all label:last-child input').click()")
        assert shown(driver) == expected


def test_progress_is_kept_only_by_choice(driver, opened):
    write(driver, 1, "1")
    opened()
    assert shown(driver) == [False, False, False]
    assert driver.run("return localStorage.length") == 0

    keep(driver)
    write(driver, 1, "1")
    write(driver, 3, "7")
    write(driver, 3, "3")  # the first one counts
    opened()
    assert shown(driver) == [True, False, True]
    assert count(driver) == "2 of 3 predicted, 1 of them right"
    keep(driver)
    opened()
    assert shown(driver) == [False, False, False]


def test_its_file_is_that_of_the_notebook(driver, opened, tmp_path):
    """Each reads what the other writes."""
    driver.run("URL.createObjectURL = (blob) => { window.saved = blob; return '#'; };")
    driver.run("HTMLAnchorElement.prototype.click = function () { window.name = this.download; };")
    write(driver, 1, "1")
    driver.run("document.querySelector('.predict-all button').click()")
    file = tmp_path / driver.run("return window.name")
    file.write_text(driver.run("return window.saved.text()"), "utf-8")
    assert json.loads(file.read_text("utf-8")) == {"05": {"1": True}}

    fields = [{"label": "n", "truth": [2]}]
    predict = Predictions("05", seal([{"fields": fields, "answer": []}] * 3))
    predict.keep(file)
    predict(2, {"n": 7})
    assert json.loads(file.read_text("utf-8")) == {"05": {"1": True, "2": False}}

    opened()
    for text, answers in (('["no"]', [False] * 3), (file.read_text("utf-8"), [True, True, False])):
        driver.run(
            "const file = document.querySelector('.predict-all input[type=file]'), data = new DataTransfer();"
            "data.items.add(new File([atob(arguments[0])], 'kept.json')); file.files = data.files;"
            "file.dispatchEvent(new Event('change'));",
            base64.b64encode(text.encode()).decode(),
        )
        driver.run("return new Promise((done) => setTimeout(done, 200))")
        assert shown(driver) == answers
    assert count(driver) == "2 of 3 predicted, 1 of them right"
