"""The site, as `make docs` has built it: every link leads somewhere, and no page needs a network or a wide screen."""

import functools
import html
import http.server
import importlib
import json
import os
import re
import subprocess
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import browser
import pytest
import webdriver

SITE = Path(os.environ["MINIFCN_SITE"]).resolve() if "MINIFCN_SITE" in os.environ else None
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html")) if SITE else []
pytestmark = pytest.mark.skipif(not PAGES, reason="no site to check: `make docs` builds one and checks it")


class Page(HTMLParser):
    """What a page is made of: the ids in it, the links that leave it, and the files that it loads."""

    def __init__(self, name):
        super().__init__()
        self.name, self.ids, self.links, self.loads = name, set(), [], []
        self.feed((SITE / name).read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids |= {values[key] for key in ("id", "name") if values.get(key)}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        self.loads += [values[key] for key in ("src", "srcset", "data", "poster") if values.get(key)]
        if tag == "link" and values.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.loads.append(values["href"])


@functools.cache
def page(name):
    return Page(name)


def outside(url):
    return bool(urlsplit(url).scheme or urlsplit(url).netloc) and urlsplit(url).scheme != "data"


def test_every_link_inside_the_site_leads_to_a_page_and_a_place_on_it():
    broken = []
    for name in PAGES:
        for link in filter(lambda link: not outside(link), page(name).links + page(name).loads):
            parts = urlsplit(link)
            if parts.scheme == "data" or parts.query:
                continue
            target = (SITE / name).parent.joinpath(unquote(parts.path)).resolve() if parts.path else SITE / name
            if not target.is_file():
                broken.append(f"{name}: {link}")
            elif parts.fragment and unquote(parts.fragment) not in page(target.relative_to(SITE).as_posix()).ids:
                broken.append(f"{name}: {link} (no such place)")
    assert not broken


def test_no_page_loads_anything_from_outside():
    assert [f"{name}: {url}" for name in PAGES for url in page(name).loads if outside(url)] == []


def test_no_style_sheet_loads_anything_from_outside():
    styles = {path.name: path.read_text("utf-8") for path in SITE.rglob("*.css")}
    assert "site.css" in styles
    load = re.compile(r"(?:@import\s+|url\(\s*)['\"]?(?:https?:|//)")
    assert [name for name, style in styles.items() if load.search(style)] == []


@pytest.mark.parametrize("room", ["functional", "nn", "explain", "data", "models", "training", "weights", "marking"])
def test_the_api_has_every_public_name_of(room):
    ids = set().union(*(page(name).ids for name in PAGES if name.startswith("api/")))
    module = importlib.import_module(f"minifcn.{room}")
    names = {name for name in module.__all__ if callable(getattr(module, name))}
    assert {name for name in names if f"minifcn.{room}.{name}" not in ids} == set()


def test_links_to_modules_lead_to_their_source_with_its_colours():
    assert "_modules/minifcn/compute/convolution.html" in page("readme.html").links


def test_korean_pages_say_that_they_are_korean():
    languages = {name: re.search(r"<html[^>]* lang=\"(\w+)\"", (SITE / name).read_text())[1] for name in PAGES}
    korean = {name for name, language in languages.items() if language == "ko"}
    assert korean == {"ko/README.html", "notebooks/ko/05_transposed_convolution.html"}


@pytest.mark.skipif(None in (webdriver.DRIVER, browser.BROWSER), reason=webdriver.MISSING)
def test_an_image_segmented_and_the_laboratory_with_its_numbers_are_in_the_first_screenful(driver):
    driver.width(1440, 900)
    driver.open((SITE / "index.html").as_uri())
    edge = "const one = document.querySelector(arguments[0]).getBoundingClientRect(); return [one.top, one.bottom]"
    edges = [
        driver.run(edge, one) for one in ("article img.clear", ".controls", ".bar", "[data-id=x-0]", "[data-id=y]")
    ]
    assert all(0 < top < bottom <= 900 for top, bottom in edges), edges


def test_every_picture_is_dimmed_or_turned_in_the_dark_or_has_no_paper():
    """What is drawn on white would shine there."""
    text = (SITE / "gallery.html").read_text("utf-8")
    found = {name: re.search(rf'<img [^>]*class="(\w+)"[^>]*/{name}\.png"', text) for name in CLASSES}
    assert {name: image and image[1] for name, image in found.items()} == CLASSES
    style = (SITE / "_static" / "site.css").read_text("utf-8")
    for light in ('body[data-theme="dark"]', 'body:not([data-theme="light"])'):
        assert f"{light} img.plot {{ filter: invert(" in style
        assert f"{light} img.photo {{ filter: brightness(" in style


CLASSES = {"demo-predictions": "clear", "camvid-predictions": "clear", "camvid-curves": "plot", "performance": "plot"}


def test_figures_of_notebooks_let_the_page_shine_through():
    for name in (name for name in PAGES if name.startswith("notebooks/")):
        figures = re.findall(r'<img[^>]*alt="Figure: [^>]*>', (SITE / name).read_text("utf-8"))
        assert [figure for figure in figures if 'class="clear"' not in figure] == []


def test_every_picture_has_a_text_alternative_that_is_not_the_name_of_its_file():
    images = {name: re.findall(r"<img\b[^>]*>", (SITE / name).read_text("utf-8")) for name in PAGES}
    texts = [re.search(r'alt="([^"]*)"', image) for found in images.values() for image in found]
    assert len(texts) > 70
    assert not [text for text in texts if text is None or not text[1] or text[1].endswith((".png", ".svg"))]


# Shows every page as a phone does, waits until its mathematics is set, and reports what can be seen of it.
VISITOR = """<!DOCTYPE html><body><script>
const pages = %s, seen = {};
const ready = (frame) => new Promise((done) => { frame.onload = done; });
const within = (promise, ms) => Promise.race([promise, new Promise((done) => setTimeout(done, ms))]);
(async () => {
  for (const name of pages) {
    const frame = document.createElement("iframe");
    frame.style = "width: 390px; height: 844px";
    frame.src = name;
    document.body.append(frame);
    await ready(frame);
    const shown = frame.contentWindow, text = frame.contentDocument;
    const formulas = text.querySelectorAll(".math").length;
    if (formulas) await within(shown.MathJax.startup.promise, 20000);
    seen[name] = {
      wide: text.documentElement.scrollWidth,
      formulas,
      set: text.querySelectorAll("mjx-container").length,
      wrong: text.querySelectorAll("mjx-merror, [data-mjx-error]").length,
      asked: shown.performance.getEntriesByType("resource").map((entry) => entry.name),
    };
    frame.remove();
  }
  await fetch("/seen", {method: "POST", body: JSON.stringify(seen)});
})();
</script>"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What Chromium, which can reach this machine only, sees of every page on a screen as wide as a phone's."""
    if browser.BROWSER is None:
        pytest.skip(browser.MISSING)
    answer, done = {}, threading.Event()

    class Server(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if self.path != "/visitor":
                return super().do_GET()
            body = (VISITOR % json.dumps(PAGES)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            answer.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            done.set()

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Server, directory=SITE)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        profile = tmp_path_factory.mktemp("profile")
        here_only = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        address = f"http://127.0.0.1:{server.server_port}"
        command = browser.command(profile, here_only, "--remote-debugging-port=0", f"{address}/visitor")
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as visitor:
            in_time = done.wait(170)
            visitor.terminate()  # which the debugging port has kept open
        server.shutdown()
    assert in_time, "the browser has not shown all pages in 170 seconds"
    return {"address": address, "pages": answer}


def test_a_browser_asks_nobody_for_anything_but_the_site(seen):
    asked = {url for shown in seen["pages"].values() for url in shown["asked"]}
    assert asked
    assert {url for url in asked if not url.startswith((seen["address"], "data:"))} == set()


def test_every_formula_is_set(seen):
    assert seen["pages"]["theory.html"]["formulas"] > 50
    unset = {name for name, shown in seen["pages"].items() if shown["formulas"] != shown["set"] or shown["wrong"]}
    assert unset == set()


def test_no_page_is_wider_than_a_phone(seen):
    assert {name: shown["wide"] for name, shown in seen["pages"].items() if shown["wide"] > 390} == {}


ASK = """<script>window.addEventListener("load", () => {
  const form = document.querySelector("form.predict"), inputs = [...form.querySelectorAll("input")], seen = [];
  const parts = [...document.querySelectorAll(".tag_answer-1, div.answer-1")];
  const text = () => form.querySelector("output").innerText;
  const note = () => seen.push([parts.map((part) => part.offsetParent !== null), text()]);
  const deeds = [() => {}, () => form.requestSubmit(),
    () => { [inputs[0].value, inputs[1].value] = ["5x5", "1000"]; form.requestSubmit(); }];
  for (const deed of deeds) { deed(); note(); }
  document.body.append(Object.assign(document.createElement("pre"), {id: "seen", textContent: JSON.stringify(seen)}));
});</script>"""


def asked(tmp_path, folder):
    """What notebook 5 of a folder shows at first, after nothing is handed in, and after a prediction."""
    text = (folder / "05_transposed_convolution.html").read_text("utf-8")
    text = text.replace("<head>", f'<head><base href="{folder.as_uri()}/">', 1).replace("</body>", f"{ASK}</body>", 1)
    (tmp_path / "page.html").write_text(text, "utf-8")
    command = browser.command(
        tmp_path / "profile", "--allow-file-access-from-files", "--dump-dom", (tmp_path / "page.html").as_uri()
    )
    dom = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120).stdout
    return json.loads(html.unescape(re.search(r'<pre id="seen">(.*?)</pre>', dom)[1]))


@pytest.mark.skipif(browser.BROWSER is None, reason=browser.MISSING)
def test_the_form_of_a_korean_notebook_speaks_korean(tmp_path):
    _, empty, predicted = asked(tmp_path, SITE / "notebooks" / "ko")
    assert empty[1] == "먼저 예상을 적어 보십시오. 틀려도 괜찮습니다."
    assert predicted[1].splitlines() == ["✓ 결과의 행과 열: 5x5", "✗ 한가운데의 수: 적은 것 1000, 답 1379"]


@pytest.mark.skipif(browser.BROWSER is None, reason=browser.MISSING)
def test_an_answer_is_hidden_until_a_prediction_is_written(tmp_path):
    at_first, empty, predicted = asked(tmp_path, SITE / "notebooks")
    assert len(at_first[0]) >= 2
    assert not any(at_first[0])
    assert not any(empty[0])
    assert "Write what you expect first" in empty[1]
    assert all(predicted[0])
    assert predicted[1].splitlines() == [
        "✓ rows and columns of the result: 5x5",
        "✗ the number in its middle: you wrote 1000, it is 1379",
    ]
