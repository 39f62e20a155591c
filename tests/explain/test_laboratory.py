"""The laboratory's page in a real browser: what it shows, how it is used, and that it needs nothing but itself."""

import json
import re
import urllib.parse

import numpy as np
import pytest
import webdriver

from minifcn import explain
from minifcn.explain.laboratory.picture import picture

pytestmark = pytest.mark.skipif(None in (webdriver.DRIVER, webdriver.browser.BROWSER), reason=webdriver.MISSING)

# What the page shows of a table: the numbers in its cells, and which of them are lit.
TABLE = """
const cells = [...document.querySelectorAll(`[data-id="${arguments[0]}"] .cell`)];
return {texts: cells.map((cell) => cell.value ?? cell.firstChild?.textContent ?? ""),
  small: cells.map((cell) => cell.querySelector("small")?.textContent ?? ""),
  lit: cells.map((cell) => [...cell.classList])};
"""
TEXT = "return document.querySelector(arguments[0]).textContent"
CHOOSE = """
const menu = [...document.querySelectorAll("label")].find((label) => label.textContent.startsWith(arguments[0]))
  .querySelector("select");
menu.value = arguments[1];
menu.dispatchEvent(new Event("change"));
"""
PRESETS = """
return [...document.querySelectorAll(".menus label:first-child option")].map(({value}) => value).filter(Boolean);
"""
CLICK = "[...document.querySelectorAll('button')].find((one) => one.textContent.startsWith(arguments[0])).click()"


@pytest.fixture
def page(laboratory):
    return laboratory


def sentence(page):
    return page.run(TEXT, ".sentence")


def table(page, name):
    return page.run(TABLE, name)


def lit(page, name, kind):
    return [k for k, classes in enumerate(table(page, name)["lit"]) if kind in classes]


def state(page):
    hash_ = page.run("return location.hash.slice(1)")
    return dict(urllib.parse.parse_qsl(hash_))


class TestForward:
    def test_each_stamp_is_that_of_the_steps(self, page):
        x = digits = np.arange(1.0, 10).reshape(3, 3)
        page = page("t=0")
        for n, step in enumerate(explain.transposed_conv_steps(x, digits, 2, 1), 1):
            page.press("ArrowRight")
            assert sentence(page).startswith(f"stamp {n} of 9: x[{step.position[0]},{step.position[1]}] = ")
            assert [float(text) for text in table(page, "y")["texts"]] == step.output.ravel().tolist()
            assert [float(text) for text in table(page, "canvas")["texts"]] == step.uncropped.ravel().tolist()
            assert [float(text) for text in table(page, "stamp")["texts"]] == step.stamp.ravel().tolist()

    def test_each_window_is_that_of_the_steps(self, page):
        x, w = np.arange(16).reshape(4, 4) % 9 + 1, np.arange(1, 10).reshape(3, 3)
        page = page("op=conv&n=4&S=1&P=1&t=0")
        for n, step in enumerate(explain.conv_steps(x, w, 1, 1), 1):
            page.press("ArrowRight")
            assert sentence(page).startswith(
                f"pixel {n} of 16: y[{step.position[0]},{step.position[1]}] = {step.value:g}"
            )
            done = [float(text) for text in table(page, "y")["texts"]][:n]
            assert done == step.output.ravel()[:n].tolist()

    def test_the_four_views_light_the_same_products(self, page):
        """Stamp 5: nine cells of the canvas, one of x, one of the spread-out x, and nine of its column."""
        page = page("t=5")
        assert len(lit(page, "canvas", "touched")) == len(lit(page, "matrix0", "touched")) == 9
        assert lit(page, "gather-x0", "active") == [4]
        assert lit(page, "spread0", "active") == [3 * 7 + 3]
        assert lit(page, "matrix0", "active") == [4 + 9 * row for row in range(25)]

    def test_a_picked_pixel_is_written_out_and_found_in_every_view(self, page):
        page = page("t=9&pixel=6")  # y[1,1]
        assert page.run(TEXT, ".made") == "y[1,1] = 1·9 + 2·7 + 4·3 + 5·1 = 40"
        assert lit(page, "gather-x0", "reached") == [0, 1, 3, 4]
        assert [text for text in table(page, "gather-x0")["small"] if text] == ["·9", "·7", "·3", "·1"]
        assert lit(page, "turned0", "reached") == [0, 2, 6, 8]
        assert lit(page, "spread0", "touched") == [7 * r + c for r in (1, 2, 3) for c in (1, 2, 3)]
        assert lit(page, "matrix0", "reached") == [9 * 6 + q for q in (0, 1, 3, 4)]

    def test_overlaps_have_a_colour_for_each_quarter_of_the_kernel(self, page):
        page = page("t=9")
        quarters = [
            {name for name in classes if re.fullmatch("q[0-3]", name)} for classes in table(page, "canvas")["lit"]
        ]
        assert quarters[2 * 7 + 2] == {"q0", "q1", "q2", "q3"}  # y[1,1], under four stamps
        assert quarters[3 * 7 + 3] == {"q0"}  # y[2,2], under one
        assert quarters[0] == {"q0"}
        assert quarters[48] == {"q3"}

    def test_the_border_that_is_cut_off_is_dashed(self, page):
        border = np.ones((7, 7), bool)
        border[1:6, 1:6] = False
        assert lit(page(), "canvas", "dashed") == np.flatnonzero(border).tolist()

    def test_the_line_that_runs_is_lit_with_its_numbers(self, page):
        page = page("by=y&fine=1&t=7&u=3")
        lines = page.run("return [...document.querySelectorAll('.lit')].map((line) => line.textContent.trim())")
        assert lines[1] == "if whole(i, j): y[a,b] += x[i,j] * w[k,l]"
        filled = page.run(
            "return [...document.querySelectorAll('.filled')].map((line) => line.textContent.split('\\n'))"
        )
        assert filled[1] == ["i, j = (1+1-0)/2, (1+1-2)/2 = 1, 0", "y[1,1] = 23 + 4·3 = 35"]
        assert {last for _, last in filled} == {"y[1,1] = 23 + 4·3 = 35"}

    def test_the_axes_of_the_matrix_are_named_by_pixels(self, page):
        names = page("").run(
            "return [...document.querySelectorAll('[data-id=matrix0] .index')].map((name) => name.textContent)"
        )
        assert names[1:10] == [f"x[{i},{j}]" for i in range(3) for j in range(3)]
        assert names[10:] == [f"y[{a},{b}]" for a in range(5) for b in range(5)]

    def test_of_a_matrix_that_is_too_large_the_line_of_the_step_is_shown(self, page, driver):
        page = page("n=3&K=32&S=16&P=8&t=5&pixel=0")
        titles = [one for one in driver.run(TITLES) if one.startswith("Cᵀ")]
        assert titles == ["Cᵀ is 2304×9: folded to y, 48×48"]

    def test_channels_are_added_up(self, page, rng):
        page = page("C=2&O=3&n=2&t=4&shown=2")
        x = [[[1, 2], [3, 4]], [[4, 5], [6, 7]]]
        shown = page.run(
            "return [...document.querySelectorAll('.numbers [data-id^=weight]')].map((one) => one.dataset.id)"
        )
        assert shown == ["weight-0-2", "weight-1-2"]
        weight = np.zeros((2, 3, 3, 3))
        for c in range(2):
            weight[c, 2] = np.reshape([float(v) for v in table(page, f"weight-{c}-2")["texts"]], (3, 3))
        y = explain.by_stamps(x, weight, 2, 1)[2]
        assert [float(text) for text in table(page, "y")["texts"]] == y.ravel().tolist()


TITLES = "return [...document.querySelectorAll('.title')].map((title) => title.textContent)"
QUESTIONS = {
    "Why is": r"4 products land on y\[1,1\]: x\[0,0\] through w\[2,2\], x\[0,1\] through w\[2,0\]",
    "Where did": r"Padding 1 cuts it off: 24 of the 49 numbers that the stamps make are dashed",
    "Why is it called": r"takes 5×5 pixels to 3×3 by a matrix C of 9×25.*column x\[1,1\] of Cᵀ is row x\[1,1\] of C",
    "What would stride 3": r"Stride 3: the stamps begin 3 pixels apart, so 3×3 pixels become 7×7; the stamps touch",
}


@pytest.mark.parametrize(("question", "answer"), QUESTIONS.items(), ids=QUESTIONS)
def test_a_question_is_answered_by_one_click(page, question, answer):
    page = page()
    page.run(CLICK, question)
    assert re.search(answer, page.run(TEXT, ".reply"))


@pytest.mark.parametrize(("state", "is_drawn"), [("", True), ("n=8&K=8&S=5", False)], ids=["small", "folded"])
def test_the_answer_speaks_of_the_matrix_only_where_it_is_drawn(page, state, is_drawn):
    page = page(state)
    page.run(CLICK, "Why is it called")
    assert ("drawn with it" in page.run(TEXT, ".reply")) == is_drawn
    assert page.run("return document.querySelector('[data-id$=-of-convolution]') !== null") == is_drawn


def test_with_channels_products_and_matrices_are_counted_for_all_of_them(page):
    page = page("op=conv&n=4&S=1&C=3&O=2&t=6")  # y[1,1], whose window lies on x
    assert "756, 9·3 products = row y[1,1] of C times x" in sentence(page)
    page.run(CLICK, "Why is y")
    assert page.run(TEXT, ".reply").startswith("9·3 products land on y[1,1]: ")
    page.run(CLICK, "Why is it called")
    assert "C is 16×16 for each pair of channels" in page.run(TEXT, ".reply")
    page.run(CLICK, "Transposed")
    page.run(CLICK, "Why is it called")
    assert "by a matrix C of 16×16 for each pair of channels" in page.run(TEXT, ".reply")


def test_why_is_this_54_is_answered_by_a_click_on_it(page):
    """54 is there as the page opens; the sentence beside it has the products that are 54 so far."""
    page = page()
    page.run("[...document.querySelectorAll('[data-id=y] .cell')].find((cell) => cell.textContent === '54').click()")
    assert page.run(TEXT, ".made") == "y[1,3] = 2·9 + 3·7 + 5·3 = 54 so far; with 1 product still to come it is 60"
    page.run(CLICK, "Why is y[1,3] = 54?")
    assert "3 products land on y[1,3]: x[0,1] through w[2,2]" in page.run(TEXT, ".reply")


def test_the_menu_names_the_preset_that_is_shown_as_long_as_it_is_one(page):
    page = page()
    shown = "return document.querySelector('.menus select').value"
    assert page.run(shown) == "To begin with/0"
    page.run(CHOOSE, "Preset", "Upsampling in FCNs/4")
    page.press("ArrowRight")
    assert page.run(shown) == "Upsampling in FCNs/4"
    page.run("document.querySelector('[aria-label=\"more stride S\"]').click()")
    assert page.run(shown) == ""


@pytest.mark.parametrize("width", [1600, 390])
def test_at_1600_the_views_begin_in_the_upper_half_beside_nothing_that_is_cut_off(page, driver, width):
    driver.width(width)
    page = page()
    edge = "return Math.round(document.querySelector(arguments[0]).getBoundingClientRect()[arguments[1]])"
    y, controls, panels = (page.run(edge, one, "top") for one in ("[data-id=y]", ".controls", ".panels"))
    assert (y < controls + 40) == (width == 1600)
    assert (panels < 450) == (width == 1600)
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [1440, 1600])
def test_the_matrix_and_what_it_is_transposed_from_are_seen_whole_beside_each_other(page, driver, width):
    driver.width(width)
    page = page("ask=transposed")
    edges = "const {left, right, top} = document.querySelector(arguments[0]).getBoundingClientRect();"
    transposed, matrix = (
        page.run(f"{edges} return {{left, right, top}}", f"[data-id={name}]")
        for name in ("matrix0", "matrix0-of-convolution")
    )
    assert transposed["right"] < matrix["left"]
    assert transposed["top"] == matrix["top"]


@pytest.mark.parametrize("width", [1440, 1600])
@pytest.mark.parametrize(
    "state", ["ask=transposed", "op=conv&n=4&S=1&P=1", "op=conv&n=5&S=2&P=1", "op=conv&n=3&S=1&P=2"]
)
def test_matrices_of_a_usual_size_are_seen_whole(page, driver, width, state):
    driver.width(width)
    page = page(state)
    hidden = (
        "return [...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth)"
        ".map((one) => one.textContent.slice(0, 20))"
    )
    assert page.run(hidden) == []


def test_nothing_that_one_sets_hangs_over_the_edge_of_a_phone(page, driver):
    driver.width(360)  # the site leaves no more on one of 390 pixels
    over = (
        "const edge = document.querySelector('.body').getBoundingClientRect().right; "
        "return [...document.querySelectorAll('.controls button, .controls select, .bar button, .questions button')]"
        ".filter((one) => one.getBoundingClientRect().right > edge + 1).map((one) => one.ariaLabel ?? one.textContent)"
    )
    assert page().run(over) == []


# Of Dumoulin and Visin's report: pixels that go in and come out of each of its figures, in the order of the menu.
SIZES = [(4, 2), (5, 6), (5, 5), (5, 7), (5, 2), (5, 3), (6, 3), (7, 3), (5, 3), (5, 3)]
TRANSPOSED_SIZES = [(2, 4), (6, 5), (5, 5), (7, 5), (2, 5), (3, 5), (3, 6)]


@pytest.mark.parametrize(("group", "sizes"), [("convolution", SIZES), ("transposed", TRANSPOSED_SIZES)])
def test_the_presets_of_the_report_have_its_sizes(page, group, sizes):
    page, found = page(), []
    for k in range(len(sizes)):
        page.run(CHOOSE, "Preset", f"Dumoulin and Visin: {group}/{k}")
        x, y = (len(table(page, name)["texts"]) for name in ("x-0", "y" if k < 9 else "y-0"))
        found.append((round(x**0.5), round(y**0.5)))
    assert found == sizes


WRITTEN = """
const latest = performance.now() + 1000;  // of many addresses in a while, each waits for its turn
return new Promise((done) => {
  const look = () => location.hash !== before || performance.now() > latest ? done() : setTimeout(look, 20);
  look();
});"""


def test_every_preset_fits_every_width_and_comes_back_from_its_address(laboratory):
    page = laboratory()
    for k, name in enumerate(page.run(PRESETS)):
        if k % 8 == 0:  # or its addresses would wait for their turn
            laboratory(anew=True)
        page.run(f"window.before = location.hash; {CHOOSE}", "Preset", name)
        for width in (390, 1600):
            page.width(width)
            assert page.run("return document.documentElement.scrollWidth") <= width, (name, width)
        page.run(WRITTEN)
        before = page.run(
            "return [location.hash, document.querySelector('.numbers').textContent, "
            "[...document.querySelectorAll('.numbers input')].map((cell) => cell.value)]"
        )
        page.run("const hash = location.hash; location.hash = ''; location.hash = hash")
        after = page.run(
            "return [location.hash, document.querySelector('.numbers').textContent, "
            "[...document.querySelectorAll('.numbers input')].map((cell) => cell.value)]"
        )
        assert after == before, name


def test_a_fill_keeps_to_a_size_that_changes_and_has_a_name_in_the_address(page):
    page = page("weight=bilinear&K=4&P=1")
    assert table(page, "weight-0-0")["texts"][:4] == ["0.0625", "0.188", "0.188", "0.0625"]
    page.run("document.querySelector('[aria-label=\"more kernel K\"]').click()")
    assert state(page) == {"weight": "bilinear", "K": "5"}
    texts = table(page, "weight-0-0")["texts"]
    np.testing.assert_allclose([float(text) for text in texts[:5]], explain.bilinear_steps(5).kernel[0], atol=5e-4)


def test_what_is_typed_stays_when_a_size_changes(page):
    page = page("x=9,8,7,6,5,4,3,2,0")
    page.run("document.querySelector('[aria-label=\"less size n\"]').click()")
    assert table(page, "x-0")["texts"] == ["9", "8", "6", "5"]


class TestBackward:
    def test_the_right_way_back_agrees_with_its_difference_quotients_everywhere(self, page):
        page, checked = page(), 0
        for name in page.run(PRESETS):
            if name.startswith("Backward"):
                page.run(CHOOSE, "Preset", name)
                assert re.search(r"all \d+ numbers agree", steps_back_to_the_summary(page)), name
                assert page.run("return document.querySelectorAll('.panels .bad').length") == 0
                checked += 1
        assert checked == 6

    # Of each wrong way back a state that shows it, and the gradients in which it does.
    WRONG = [
        ("op=conv&way=backward", "no-flip", "dx"),
        ("op=conv&way=backward", "no-crop", "dx and dweight"),
        ("op=conv&way=backward", "wrong-stride", "dx and dweight"),
        ("op=conv&way=backward", "mean-bias", "dbias"),
        ("way=backward", "no-flip", "dx"),
        ("way=backward", "no-crop", "dx and dweight"),
        ("way=backward", "wrong-stride", "dx and dweight"),
        ("way=backward", "mean-bias", "dbias"),
        ("op=max-pool&n=4&K=2&S=2&P=0&x=1,1,2,3,1,1,4,0,5,6,7,7,1,2,7,0", "every-tie", "dx"),
        ("op=max-pool&n=3&K=3&S=2&P=1&x=9,1,1,1,9,1,1,1,1", "overwrite", "dx"),
        ("op=max-pool&n=4&K=2&S=2&P=0", "average", "dx"),
        ("op=cross-entropy&C=3&n=2", "no-onehot", "dscores"),
        ("op=cross-entropy&C=3&n=2", "count-all", "dscores"),
        ("op=cross-entropy&C=3&n=2", "ignored-too", "dscores"),
    ]

    @pytest.mark.parametrize(("settings", "mistake", "where"), WRONG)
    def test_a_wrong_way_back_lights_up(self, page, settings, mistake, where):
        page = page(f"{settings}&mistake={mistake}")
        assert re.search(rf"Wrong on purpose: .* light up, in {where}\.", page.run(TEXT, ".made"))
        assert page.run("return document.querySelectorAll('.panels .bad').length") > 0

    def test_a_mistake_that_cannot_be_seen_is_said_to_be_hidden(self, page):
        page = page("op=conv&way=backward&P=0&mistake=no-crop")
        assert "Nothing lights up here: P = 0, perhaps. A test on these numbers would not find it." in page.run(
            TEXT, ".made"
        )

    def test_at_a_tie_there_is_no_derivative_and_any_of_equal_pixels_may_have_it(self, page):
        settings = "op=max-pool&n=2&K=2&S=2&P=0&x=7,7,1,2&g=1&t=1"
        page = page(settings)
        assert "a kink, as equal numbers are the largest: any number from 0 to 1 will do" in sentence(page)
        assert table(page, "dx-0")["small"] == ["0|1", "0|1", "0", "0"]
        assert lit(page, "dx-0", "kink") == [0, 1]

    def test_at_a_tie_together_they_must_have_the_gradient_once(self, page):
        page = page("op=max-pool&n=2&K=2&S=2&P=0&x=7,7,1,2&g=1&t=1&mistake=every-tie")
        assert "when all of the equal numbers move together, the slope is another one: wrong" in sentence(page)
        assert lit(page, "dx-0", "bad") == [0, 1]

    def test_a_step_reads_the_numbers_that_it_adds_up(self, page):
        page = page("op=conv&way=backward&t=5")
        assert sentence(page) == "5 of 19: dx[1,1] = (-2)·9 + 3·7 + 1·3 + (-1)·1 = 5; the difference quotient is 5 too"
        assert lit(page, "weight-0-0", "touched") == [0, 2, 6, 8]
        assert lit(page, "g-0", "touched") == [0, 1, 2, 3]
        assert lit(page, "dx-0", "active") == [4]

    def test_ignored_pixels_have_no_gradient(self, page):
        page = page("op=cross-entropy&C=3&n=2&labels=0,255,1,2")
        for c in range(3):
            texts = table(page, f"dx-{c}")["texts"]
            assert texts[1] == "0"
            assert "0" not in texts[:1] + texts[2:]


def steps_back_to_the_summary(page):
    page.press("Home")
    return sentence(page)


class TestKeys:
    def test_arrows_step_at_once_before_anything_has_the_focus(self, page):
        page = page("t=5", anew=True)
        assert page.run("return document.activeElement === document.body")
        for key, step in [("ArrowRight", 6), ("ArrowLeft", 5), ("End", 9), ("ArrowRight", 9), ("ArrowLeft", 8)]:
            page.press(key)
            assert sentence(page).startswith(f"stamp {step} of 9"), key
        page.press("Home")
        assert sentence(page) == "0 of 9 steps: nothing is added up yet"

    def test_everything_that_can_be_set_is_reached_with_tab(self, page):
        page, reached = page(), []
        for _ in range(60):
            page.press("Tab")
            reached.append(
                page.run(
                    "const one = document.activeElement; return one === document.body ? null : "
                    "(one.ariaLabel ?? one.closest('label')?.textContent ?? one.textContent)"
                )
            )
            if reached[-1] is None and any(reached):  # the first Tab of a busy browser may reach nothing
                break
        wanted = [
            "Transposed",
            "backward",
            "Preset",
            "stride S",
            "one step forward",
            "by pixels of y",
            "a product",
            "Why is y",
            "x[0,0,0]",
            "weight[0,0,0,0]",
            "bias[0]",
        ]
        for name in wanted:
            assert any(text and text.startswith(name) for text in reached), (name, reached)

    @pytest.mark.parametrize("width", [390, 1440, 1600])
    def test_tab_goes_down_the_page_and_from_left_to_right(self, page, driver, width):
        driver.width(width)
        page = page()
        stops = page.run(
            "const body = document.querySelector('.body'), place = (one) => one.getBoundingClientRect(); "
            "return [...body.querySelectorAll('button, select, input, [tabindex]')].filter((one) => one.tabIndex >= 0 "
            "&& one.offsetParent).map((one) => [...body.children].find((block) => block.contains(one)))"
            ".map((block) => [Math.round(place(block).top / 40), place(block).left, block.className])"
        )
        assert stops == sorted(stops, key=lambda stop: stop[:2])
        assert len({name for *_, name in stops}) == 5  # what one sets, the numbers, the steps, questions, views

    @pytest.mark.parametrize("width", [390, 1440])
    def test_the_bar_hides_nothing_that_has_the_focus(self, page, driver, width):
        driver.width(width, 700)
        page = page("ask=transposed")
        assert page.run(webdriver.HIDDEN) == []

    def test_a_cell_keeps_the_focus_when_the_page_grows_narrow(self, page, driver):
        page = page()
        page.run("document.querySelector('[data-id=x-0] input').focus()")
        driver.width(1000)
        driver.drawn()
        assert page.run("return document.activeElement.ariaLabel") == "x[0,0,0]"
        assert page.run("return document.querySelector('.numbers').nextSibling.className") == "panels"

    def test_a_cell_is_typed_into(self, page):
        page = page("t=9")
        page.run("document.querySelector('[data-id=x-0] input').focus()")
        page.press("1", "0", "ArrowRight")
        assert page.run("return document.activeElement.ariaLabel") == "x[0,0,1]"
        assert table(page, "y")["texts"][0] == "50"  # 10 times the middle of the kernel
        assert state(page)["x"] == "10,2,3,4,5,6,7,8,9"

    @pytest.mark.parametrize("text", ["two", "1e9", "0x10", "1/0", "1/2/3", ""])
    def test_what_is_no_number_is_refused_and_the_old_one_stays(self, page, text):
        page = page("t=9")
        page.run("document.querySelector('[data-id=x-0] input').focus()")
        page.press(*(text or ["Backspace"]), "Tab")
        assert page.run(TEXT, ".trouble") == f"x[0,0,0] stays as it is: “{text}” is no number."
        assert table(page, "x-0")["texts"][0] == "1"
        assert table(page, "y")["texts"][0] == "5"
        page.run("document.activeElement.blur()")
        page.press("ArrowLeft")
        assert page.run(TEXT, ".trouble") == ""

    def test_a_fraction_may_be_typed(self, page):
        page = page("t=9")
        page.run("document.querySelector('[data-id=x-0] input').focus()")
        page.press("1/2", "Enter")
        assert table(page, "y")["texts"][0] == "2.5"

    def test_a_pixel_is_picked_in_the_output(self, page):
        page = page("t=9")
        page.run("document.querySelector('[data-id=y] .cell').focus()")
        page.press("ArrowRight", "ArrowDown", "Enter")
        assert page.run(TEXT, ".made").startswith("y[1,1] = 1·9 + 2·7 + 4·3 + 5·1 = 40")
        assert state(page)["pixel"] == "6"

    def test_a_slider_moves_with_the_arrows(self, page):
        page = page()
        page.run("document.querySelector('[data-name=S] input').focus()")
        page.press("ArrowRight")
        assert state(page)["S"] == "3"
        assert page.run(TEXT, "[data-name=S] b") == "3"


def test_a_finger_picks_a_pixel_and_presses_a_button(page):
    page = page("t=9")
    page.width(390)
    page.command("Emulation.setTouchEmulationEnabled", enabled=True)
    page.touch("[data-id=y] .cell:nth-child(3)")
    assert page.run(TEXT, ".made").startswith("y[0,1] = ")
    page.touch("[aria-label='more stride S']")
    assert state(page)["S"] == "3"


def test_a_screen_reader_is_told_the_sentence_and_every_control_has_a_name(page):
    page = page("t=5")
    region = page.run("const node = document.querySelector('.sentence'); return [node.ariaLive, node.textContent]")
    assert region == [
        "polite",
        "stamp 5 of 9: x[1,1] = 5 times w, added at rows 1..3 and columns 1..3 = column x[1,1] of Cᵀ",
    ]
    nodes = page.command("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "slider", "combobox", "textbox", "gridcell", "grid"}
    named = [node for node in nodes if node.get("role", {}).get("value") in roles and not node["ignored"]]
    assert len(named) > 100
    nameless = [node for node in named if not node.get("name", {}).get("value")]
    assert [node["role"]["value"] for node in nameless] == []
    assert "y[1,1] = 40" in {node["name"]["value"] for node in named}


def test_it_asks_for_nothing_but_itself(page, driver, address):
    driver.log("performance")
    page = page("C=2&op=conv&way=backward", anew=True)
    page.run(CLICK, "Transposed")
    messages = [json.loads(entry["message"])["message"] for entry in driver.log("performance")]
    asked = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if url.split("#")[0] not in (address, "about:blank")] == []
    assert address in {url.split("#")[0] for url in asked}


CONTRAST = """
const light = (color) => {
  const pen = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d");
  pen.fillStyle = color;
  pen.fillRect(0, 0, 1, 1);
  const parts = [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
};
const probe = document.body.appendChild(document.createElement("i"));
probe.style.color = "Canvas";
const back = light(getComputedStyle(probe).color);
probe.remove();
return [".sentence", ".panel h3", "button", ".cell", "select", ".index"].map((name) => {
  const ink = light(getComputedStyle(document.querySelector(name)).color);
  return (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
});
"""


def test_text_is_read_in_both_themes(page):
    page = page()
    for theme in ("light", "dark"):
        page.theme(theme)
        assert min(page.run(CONTRAST)) > 7, theme


class TestAddress:
    HOSTILE = [
        "op=nothing&n=1e9&K=-3&S=0&P=zero&t=99999999&x=1,2&weight=a,b",
        "op=max-pool&n=2&K=5&P=5",
        "op=constructor",
        "n=16&K=64&S=32&P=64&D=8&A=31&C=4&O=4&way=backward",
        "mistake=toString&ask=why&pixel=999&shown=3",
        "op=cross-entropy&labels=9,9,9,9&n=2&C=2",
        "%ff&x=%3Cscript%3E&t=-1",
    ]

    @pytest.mark.parametrize("hash_", HOSTILE)
    def test_whatever_an_address_says_a_page_comes_out(self, page, hash_):
        page = page(hash_, anew=True)
        text = page.run(
            "return document.querySelector('.trouble').textContent || document.querySelector('.sentence').textContent"
        )
        assert len(text) > 10
        page.press("ArrowRight", "End", "ArrowLeft")

    def test_what_does_not_fit_is_said_in_a_sentence(self, page):
        page = page("op=conv&n=2&K=5&P=0&S=1")
        assert page.run(TEXT, ".trouble") == (
            "A kernel that spans 5 pixels does not fit on 2×2 pixels with padding 0: make K or D smaller, or n or P "
            "larger."
        )
        page.run(
            "document.querySelector('[aria-label=\"more padding P\"]').click(); "
            "document.querySelector('[aria-label=\"more padding P\"]').click()"
        )
        assert page.run(TEXT, ".trouble") == ""

    def test_the_state_of_a_laboratory_in_python_is_an_address(self, page):
        lab = explain.Laboratory(np.eye(4), [[1, 2], [3, 4]], stride=2, padding=1, kind="conv")
        page = page(lab.address)
        page.press("End")
        y = explain.conv_steps(np.eye(4), [[1, 2], [3, 4]], 2, 1)[-1].output
        assert [float(text) for text in table(page, "y")["texts"]] == y.ravel().tolist()


KIND_OF_STATE = "return [...document.querySelectorAll('.choice [aria-pressed=true]')].map((one) => one.dataset.value)"


@pytest.mark.parametrize("kind", ["conv-transpose", "conv", "max-pool", "cross-entropy"])
def test_what_python_begins_with_is_what_the_page_begins_with(page, kind):
    page = page(explain.Laboratory(kind=kind, backward=True).address.replace("t=0", "t=2"))
    assert page.run(KIND_OF_STATE)[:2] == [kind, "backward"]
    second = explain.Stepper(*FIRST_NUMBERS[kind], kind=kind, **FIRST_SETTINGS.get(kind, {})).backward().steps[1]
    written = second.sentence.split(": ", 1)[1].replace("dx", "dscores" if kind == "cross-entropy" else "dx")
    assert sentence(page).split(": ", 1)[1].split(";")[0].split(" = ")[0] == written.split(" = ")[0]
    assert float(sentence(page).split(";")[0].split(" = ")[-1]) == pytest.approx(second.gradient.value, abs=5e-4)


FIRST_NUMBERS = {
    "conv-transpose": (np.arange(1, 10).reshape(3, 3),),
    "conv": (np.arange(1, 10).reshape(3, 3),),
    "max-pool": ([[4, 7, 1, 7], [2, 9, 3, 3], [5, 4, 7, 1], [7, 2, 9, 3]],),
    "cross-entropy": ([[[-1, 2], [0, 3]], [[3, 1], [-1, 2]], [[2, 0], [3, 1]]], [[0, 255], [1, 0]]),
}
FIRST_SETTINGS = {"conv-transpose": {"stride": 2, "padding": 1}}


CODE = """
return [...document.querySelectorAll(".code > span")].map((line) => line.textContent.trim());
"""
LINES = {
    "op=conv&way=backward&D=2&n=5": "where i = S*a + D*k - P and j = S*b + D*l - P",
    "op=conv&way=backward&mistake=no-flip": "dx[i,j] += g[a,b] * w[K-1-k,K-1-l]",
    "op=conv&way=backward&mistake=no-crop": "where i = S*a + k and j = S*b + l",
    "way=backward&mistake=wrong-stride": "where a = 1*i + k - P and b = 1*j + l - P",
    "way=backward&mistake=mean-bias": "dbias += g[a,b] / g.size",
    "op=max-pool&K=2&P=0&mistake=every-tie": "winner: each of the largest",
    "op=max-pool&K=2&P=0&mistake=overwrite": "dx[winner(a,b)] = g[a,b]",
    "op=max-pool&K=2&P=0&mistake=average": "dx[pixel] += g[a,b] / len(window(a,b))",
    "op=cross-entropy&C=3&mistake=no-onehot": "dscores = g * (softmax(scores)) * w / sum(w)",
    "op=cross-entropy&C=3&mistake=count-all": "dscores = g * (softmax(scores) - onehot) * w / labels.size",
    "op=cross-entropy&C=3&mistake=ignored-too": "of each pixel whether ignored or not",
}


@pytest.mark.parametrize(("settings", "line"), LINES.items(), ids=LINES)
def test_the_lines_of_the_way_back_are_those_that_run_also_when_they_are_wrong(page, settings, line):
    assert line in page(settings).run(CODE)
    right = page(re.sub(r"&?(mistake=[\w-]+|D=2)", "", settings)).run(CODE)
    assert line not in right


class TestInsideANotebook:
    @pytest.fixture
    def two(self, driver, tmp_path):
        fragments = explain.Laboratory()._repr_html_() + explain.Laboratory(np.eye(4), kind="conv")._repr_html_()
        path = tmp_path / "page.html"
        path.write_text(f'<!DOCTYPE html><meta charset="utf-8"><body>{fragments}', "utf-8")
        driver.width(1600)
        driver.open(path.as_uri())
        return driver

    SENTENCES = "return [...document.querySelectorAll('.sentence')].map((node) => node.textContent.slice(0, 7))"

    def test_two_do_not_meet(self, two):
        before = two.run(self.SENTENCES)
        two.run("document.querySelectorAll('[aria-label=\"one step forward\"]')[1].click()")
        after = two.run(self.SENTENCES)
        assert after[0] == before[0] == "stamp 5"
        assert (before[1], after[1]) == ("pixel 1", "pixel 2")

    def test_before_anything_has_the_focus_the_keys_are_those_of_the_one_in_view(self, two):
        two.press("ArrowRight")
        assert two.run(self.SENTENCES) == ["stamp 6", "pixel 1"]
        two.run("document.querySelectorAll('.minifcn-laboratory')[1].scrollIntoView()")
        two.press("ArrowRight")
        assert two.run(self.SENTENCES) == ["stamp 6", "pixel 2"]

    def test_then_they_are_those_of_the_one_that_has_it_and_the_address_is_that_of_the_page(self, two):
        two.run("document.querySelectorAll('.minifcn-laboratory')[1].focus()")
        two.press("ArrowRight")
        assert two.run(self.SENTENCES) == ["stamp 5", "pixel 2"]
        two.run("document.querySelector('.minifcn-laboratory').focus()")
        two.press("ArrowLeft")
        assert two.run(self.SENTENCES) == ["stamp 4", "pixel 2"]
        assert two.run("return location.hash") == ""

    def test_a_link_to_a_page_of_its_own_takes_the_state_along(self, two):
        two.run("document.body.insertAdjacentHTML('afterbegin', '<a href=lab.html data-laboratory>its own page</a>')")
        two.run("document.querySelector('[aria-label=\"more stride S\"]').click()")
        assert two.run("return document.querySelector('a').href.split('/').pop()") == "lab.html#S=3"

    def test_keys_that_it_uses_do_not_reach_the_page_around_it(self, two):
        two.run("window.heard = []; document.onkeydown = (event) => heard.push(event.key)")
        two.run("document.querySelector('.minifcn-laboratory').focus()")
        two.press("ArrowRight", "q")
        assert two.run("return heard") == ["q"]


class TestPython:
    def test_without_a_script_the_first_state_is_there_as_a_picture(self):
        page = re.sub(r"<(script|style)\b.*?</\1>", "", explain.Laboratory()._repr_html_(), flags=re.DOTALL)
        assert "stamp 5 of 9: x[1,1] = 5 times w" in page
        assert "column x[1,1] of Cᵀ</figcaption>" in page
        assert page.count("<svg") == 1
        y = explain.transposed_conv_steps(np.arange(1, 10).reshape(3, 3), np.arange(1, 10).reshape(3, 3), 2, 1)[4]
        texts = re.findall(r"<text[^>]*middle[^>]*>(.*?)</text>", page)
        assert texts[-49:] == [f"{value:g}" for value in y.uncropped.ravel()]

    def test_the_picture_of_a_way_back_has_its_gradients(self):
        for kind in ("conv", "max-pool", "cross-entropy"):
            assert ">by differences: dx" in explain.Laboratory(kind=kind, backward=True)._repr_html_()

    def test_a_picture_that_nobody_could_read_is_a_sentence(self):
        page = explain.Laboratory(np.ones((2, 2)), explain.bilinear_steps(64).kernel, 32, 16)._repr_html_()
        assert "<svg" not in page
        assert "its numbers are shown where scripts run" in page

    def test_the_page_holds_no_address_of_anything(self):
        assert not re.search(
            r"https?:|//[a-z]+\.|@import|url\(|<link|\bsrc=|\bfetch\b|XMLHttp", explain.Laboratory()._repr_html_()
        )

    def test_no_placeholder_is_left(self):
        assert not re.search(r"@[A-Z]+@", explain.Laboratory()._repr_html_())

    def test_a_picture_escapes_what_it_is_told(self):
        assert "<b>" not in picture([], "<b>")

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            (
                lambda: explain.Laboratory(kind="loss"),
                "kind must be conv-transpose, conv, max-pool, cross-entropy, got 'loss'",
            ),
            (lambda: explain.Laboratory([[1, 2, 3]]), r"x must be square, .* got \(1, 1, 3\); cut a square out of it"),
            (lambda: explain.Laboratory(np.ones((17, 17))), "x may have 16 rows and 4 channels"),
            (lambda: explain.Laboratory(np.ones((5, 2, 2))), "x may have 16 rows and 4 channels"),
            (lambda: explain.Laboratory([[np.nan]]), "x must hold finite numbers below 1e6"),
            (lambda: explain.Laboratory(stride=(1, 2)), "stride must be one number for rows and columns"),
            (lambda: explain.Laboratory(padding=9), "crops the whole result"),
            (lambda: explain.Laboratory(weight=[[3]], kind="cross-entropy"), "labels must be integers of shape"),
        ],
    )
    def test_mistakes_are_named(self, call, words):
        with pytest.raises(ValueError, match=words):
            call()
