"""The laboratory's page at its ends: sliders, addresses, large and small numbers, a theme that changes, a long drag."""

import numpy as np
import pytest
import webdriver

from minifcn import explain

pytestmark = pytest.mark.skipif(None in (webdriver.DRIVER, webdriver.browser.BROWSER), reason=webdriver.MISSING)

TEXT = "return document.querySelector(arguments[0]).textContent"
MORE = 'document.querySelector(`[aria-label="more ${arguments[0]}"]`).click()'
SLIDE = """
const slider = document.querySelector("[data-name=S] input");
for (let n = 0; n < arguments[0]; n++) {
  slider.value = 1 + n % 5;
  slider.dispatchEvent(new Event("input"));
}
"""


def made(page):
    return page.run(TEXT, ".made")


def question(page):
    return page.run(TEXT, ".questions button")


def test_a_button_goes_no_further_than_its_slider(laboratory):
    """Else the address would not be understood by the page that it is sent to."""
    ends = "n=8&K=8&S=5&P=7&D=3&C=4&O=4"
    page = laboratory(ends)
    for name in ("size n", "kernel K", "stride S", "padding P", "dilation D", "channels in", "channels out"):
        page.run(MORE, name)
    assert page.run("return location.hash.slice(1)") == ends
    assert page.run("return [...document.querySelectorAll('.slider b')].map((one) => one.textContent).join()") == (
        "8,8,5,7,3,0,4,4"
    )


def test_a_window_that_sees_no_pixel_is_refused_by_a_sentence_as_minifcn_does(laboratory):
    page = laboratory("op=max-pool&n=1&K=2&P=1&S=1")
    page.run(MORE, "dilation D")
    assert page.run(TEXT, ".trouble").startswith(
        "A kernel of 2×2 with padding 1 and dilation 2 has a window that sees none of 1×1 pixels"
    )
    page.run("document.querySelector('[aria-label=\"less dilation D\"]').click()")
    assert page.run(TEXT, ".trouble") == ""


class TestQuestions:
    def test_why_is_this_54_is_about_the_54_that_is_shown(self, laboratory):
        """Two clicks: on the 54, and on the question."""
        page = laboratory()
        page.run("[...document.querySelectorAll('[data-id=y] .cell')].find((one) => one.textContent === '54').click()")
        assert made(page) == "y[1,3] = 2·9 + 3·7 + 5·3 = 54 so far; with 1 product still to come it is 60"
        assert question(page) == "Why is y[1,3] = 54?"
        page.run("document.querySelector('.questions button').click()")
        assert page.run(TEXT, ".reply").startswith("3 products land on y[1,3]: x[0,1] through w[2,2]")
        assert page.run(TEXT, "[data-id=y] .row:nth-child(3) .cell:nth-child(5)") == "54"

    def test_of_a_pixel_that_waits_it_is_about_its_end(self, laboratory):
        page = laboratory("t=0&pixel=3")
        assert made(page) == "y[0,3] = 0 so far; with 2 products still to come it is 24"
        assert question(page) == "Why is y[0,3] = 24?"
        page.run("document.querySelector('.questions button').click()")
        assert made(page) == "y[0,3] = 2·6 + 3·4 = 24"

    def test_before_the_first_step_no_pixel_has_the_focus(self, laboratory):
        assert made(laboratory("t=0")) == "Pick a pixel of y to see what it is made of."
        assert laboratory("t=0&ask=why").run(TEXT, ".reply") == ""

    @pytest.mark.parametrize(
        ("settings", "why"),
        [
            ("K=2&S=3&P=0&pixel=2", "the kernel is smaller than the stride"),
            ("S=3&P=0&A=2&pixel=120", "it is output padding, beyond the last stamp"),
            ("n=2&D=3&K=2&P=0&pixel=1", "the kernel has holes, as its dilation is 3"),
            ("op=conv&n=2&K=1&S=1&P=1&pixel=0", "its window sees only padding"),
        ],
    )
    def test_why_nothing_reaches_a_pixel(self, laboratory, settings, why):
        reply = laboratory(f"{settings}&ask=why").run(TEXT, ".reply")
        assert reply.endswith(f": {why}.")


class TestDifferences:
    RIGHT = [
        "op=conv&way=backward&n=2&K=2&P=0&S=1&x=999999,999999,1,1&weight=999999,1,999999,1",
        "way=backward&n=2&K=2&x=999999,999999,1,1&weight=999999,1,999999,1",
        "op=max-pool&n=2&K=2&S=2&P=0&x=999999,999999,1,1",
        "op=max-pool&n=2&K=2&S=2&P=0&x=0.000001,0.000002,0,0",
        "op=cross-entropy&n=2&C=2&x=999999,0,-999999,3,1,1,1,1",
    ]

    @pytest.mark.parametrize("state", RIGHT)
    def test_large_and_small_numbers_do_not_make_a_right_way_back_wrong(self, laboratory, state):
        page = laboratory(f"{state}&t=0")
        assert "numbers agree with their difference quotients" in page.run(TEXT, ".sentence")
        beside = page.run(
            "return [...document.querySelectorAll('.panels .cell:not(.kink)')].map((one) => "
            "[one.firstChild.textContent, one.querySelector('small').textContent])"
        )
        assert [one for one in beside if one[0] != one[1]] == []

    def test_numbers_that_nearly_tie_are_no_kink(self, laboratory):
        sentence = laboratory("op=max-pool&n=2&K=2&S=2&P=0&x=1,1.000001,1,1&t=0").run(TEXT, ".sentence")
        assert sentence.endswith("all 4 numbers agree with their difference quotients")

    @pytest.mark.parametrize(
        "state",
        [
            "op=conv&way=backward&n=2&K=2&P=0&S=1&g=0.000001&mistake=no-flip",
            "op=cross-entropy&n=2&C=2&g=0.000001&x=1,0,2,3,1,1,1,1&mistake=count-all",
            "op=max-pool&n=2&K=2&S=2&P=0&g=0.000001&x=1,1,0,0&mistake=every-tie",
        ],
    )
    def test_small_numbers_do_not_hide_a_mistake(self, laboratory, state):
        page = laboratory(state)
        assert "light up" in made(page)
        assert page.run("return document.querySelectorAll('.panels .bad').length") > 0

    def test_under_a_tie_that_is_wrong_together_stands_what_would_do(self, laboratory):
        page = laboratory("op=max-pool&n=2&K=2&S=2&P=0&x=7,7,1,2&g=1&mistake=every-tie")
        assert page.run("return [...document.querySelectorAll('.bad small')].map((one) => one.textContent)") == [
            "0|1",
            "0|1",
        ]

    def test_a_number_that_wins_no_window_lights_no_line(self, laboratory):
        page = laboratory("op=max-pool&n=2&K=2&S=2&P=0&x=1,7,2,3&t=1")
        assert page.run(TEXT, ".sentence") == (
            "1 of 4: dx[0,0] = 0; it wins no window, and the difference quotient is 0 too"
        )
        assert page.run("return document.querySelectorAll('.code .lit').length") == 0


class TestAddress:
    def test_products_beyond_the_last_are_left_at_once(self, laboratory):
        page = laboratory("fine=1&t=3&u=999")
        page.press("ArrowLeft")
        assert page.run(TEXT, ".sentence").startswith("pixel 3 of 9, product 8: ")

    @pytest.mark.parametrize("state", ["fine=1&t=5&u=-1", "t=-1", "x=,,,,,,,,", "x=1,2,3,4,5,6,7,8,"])
    def test_what_cannot_be_is_left_out(self, laboratory, state):
        page = laboratory(state)
        assert page.run(TEXT, ".sentence").startswith("stamp 5 of 9: x[1,1] = 5 times w")
        assert page.run("return location.hash.slice(1)") in ("", "fine=1")

    def test_after_a_long_drag_it_is_that_of_the_last_state(self, laboratory):
        """A browser takes only so many addresses in a while, and says so in its log."""
        page = laboratory("n=1&K=1&P=0&t=1", anew=True)
        page.run(
            "window.written = 0; window.began = performance.now(); const {replaceState} = history;"
            "history.replaceState = function (...all) { written++; replaceState.apply(this, all); };"
        )
        page.run(SLIDE, 60)
        written, seconds = page.run("return [written, (performance.now() - began) / 1000]")
        assert written <= 41 + seconds / 0.7
        assert written < 60 or seconds > 12
        page.run(
            "return new Promise((done) => { const look = () => "
            "(/S=5/.test(location.hash) ? done() : setTimeout(look, 50)); look(); })"
        )
        assert page.run(TEXT, "[data-name=S] b") == "5"


@pytest.mark.parametrize("width", [340, 1600])
def test_a_map_that_is_drawn_is_seen_whole_and_a_click_picks_the_pixel_that_it_points_at(laboratory, driver, width):
    driver.width(width)
    page = laboratory("n=8&K=8&S=5&P=0&t=64")
    found = page.run(
        "const map = document.querySelector('.panels [data-id=canvas] canvas'), {left, top, width} = "
        "map.getBoundingClientRect(), cell = width / 43; map.dispatchEvent(new MouseEvent('click', "
        "{clientX: left + 30.5 * cell, clientY: top + 12.5 * cell})); const box = map.parentNode; "
        "return [box.scrollWidth <= box.clientWidth, document.querySelector('.made').textContent]"
    )
    assert found[0]
    assert found[1].startswith("y[12,30] = ")


def test_a_map_that_is_drawn_changes_its_ink_with_the_theme(laboratory):
    page = laboratory("n=2&K=16&S=8&P=4&weight=ones")
    page.run(
        "window.ink = () => { const copy = document.createElement('canvas').getContext('2d');"
        "copy.drawImage(document.querySelector('[data-id=weight-0-0] canvas'), 0, 0);"
        "return [...copy.getImageData(40, 40, 1, 1).data]; }"
    )
    dark, _, _, opaque = page.run("return ink()")
    page.theme("dark")
    page.run(
        "return new Promise((done) => { const look = () => (ink()[0] > 200 ? done() : setTimeout(look, 50)); look(); })"
    )
    assert opaque > 0
    assert dark < 50


def test_a_line_of_code_breaks_at_spaces(laboratory):
    page = laboratory("D=2")
    page.width(390)
    widths = page.run("return [...document.querySelectorAll('.code')].map((one) => one.scrollWidth - one.clientWidth)")
    assert max(widths) <= 0
    heights = page.run("return [...document.querySelectorAll('.code i')].map((word) => word.getClientRects().length)")
    assert set(heights) == {1}


@pytest.mark.parametrize(
    ("name", "most", "others"),
    [
        ("stride", 32, {"weight": [[1]], "padding": 0}),
        ("dilation", 8, {"weight": [[1]], "padding": 0}),
        ("padding", 64, {"x": np.ones((16, 16)), "weight": np.ones((64, 64)), "stride": 5}),
    ],
)
def test_python_begins_with_nothing_that_the_page_would_leave_out(laboratory, name, most, others):
    page = laboratory(explain.Laboratory(**others, **{name: most}).address)
    assert page.run(TEXT, f"[data-name={name[0].upper()}] b") == str(most)
    with pytest.raises(ValueError, match=f"{name} may be at most {most}, got {most + 1}"):
        explain.Laboratory(**others, **{name: most + 1})


def test_python_begins_with_no_way_back_that_is_too_large(laboratory):
    with pytest.raises(ValueError, match="rows of x may be at most 6 on the way back, got 7"):
        explain.Laboratory(np.ones((7, 7)), backward=True)
    with pytest.raises(ValueError, match="rows of the kernel may be at most 5 on the way back, got 6"):
        explain.Laboratory(weight=np.ones((6, 6)), backward=True)


def test_python_begins_with_a_mistake(laboratory):
    page = laboratory(explain.Laboratory(backward=True, mistake="no-flip").address)
    assert made(page).startswith("Wrong on purpose: dx with the kernel turned.")
    with pytest.raises(ValueError, match="mistake must be one of the way back of conv-transpose, no-flip"):
        explain.Laboratory(mistake="no-flip")
