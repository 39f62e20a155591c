"""The stepper's page in a real browser: buttons, slider and keys lead to the sentence and the cells they should."""

import json

import numpy as np
import pytest
import webdriver

from minifcn.explain.stepper import Stepper

pytestmark = pytest.mark.skipif(None in (webdriver.DRIVER, webdriver.browser.BROWSER), reason=webdriver.MISSING)

# What a test does to the page, and after each deed what the page shows.
DRIVER = """
<script>
const root = document.querySelectorAll(".minifcn-stepper")[%d], seen = [];
const button = (label) => root.querySelector(`[aria-label="${label}"]`).click();
const key = (name, target) => (target || root).dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true}));
const pixel = (k) => root.querySelectorAll("[role=gridcell]")[k];
const note = () => {
  const grids = [...root.querySelectorAll(".grid")].map((grid) => {
    const cells = [...grid.querySelectorAll(".cell")];
    const lit = (name) => cells.flatMap((cell, k) => cell.classList.contains(name) ? k : []);
    return {title: grid.getAttribute("aria-label"), texts: cells.map((cell) => cell.textContent), active: lit("active"),
      touched: lit("touched"), reached: lit("reached"), dashed: lit("dashed")};
  });
  const text = (name) => root.querySelector(name).textContent;
  seen.push({sentence: text(".sentence"), origin: text(".origin"), slider: root.querySelector("input").value, grids});
};
for (const deed of %s) { deed(); note(); }
document.body.append(Object.assign(document.createElement("pre"), {id: "seen", textContent: JSON.stringify(seen)}));
</script>
"""

STEPPER = Stepper([[1, 2], [3, 4]], np.arange(1, 10).reshape(3, 3), stride=2, padding=1)


@pytest.fixture
def watch(tmp_path, driver):
    """A function that shows steppers in the browser, does deeds to one of them, and tells what is seen after each."""

    def watch(deeds, *steppers, driven=0):
        fragments = "".join(stepper._repr_html_() for stepper in steppers or (STEPPER,))
        page = tmp_path / "page.html"
        script = DRIVER % (driven, f"[{', '.join(f'() => {deed}' for deed in deeds)}]")
        page.write_text(f'<!DOCTYPE html><meta charset="utf-8"><body>{fragments}{script}', "utf-8")
        driver.log("browser")
        driver.open(page.as_uri())
        seen = driver.run("return document.querySelector('#seen')?.textContent")
        assert seen, f"the page's script stopped with an error: {driver.log('browser')}"
        return json.loads(seen)

    return watch


def test_each_step_shows_its_sentence_and_lights_its_cells(watch):
    forward = 'button("one step forward")'
    start, *after = watch(["0", *[forward] * 4])
    assert start["sentence"] == "0 of 4 steps"
    for n, (state, step) in enumerate(zip(after, STEPPER.steps, strict=True), 1):
        assert state["sentence"] == step.sentence
        assert state["slider"] == str(n)
        for shown, grid in zip(state["grids"], STEPPER._scene.grids(n), strict=True):
            assert shown["title"] == grid.title
            assert shown["texts"] == grid.texts()
            for name in ("active", "touched"):
                mask = getattr(grid, name)
                assert shown[name] == ([] if mask is None else np.flatnonzero(mask).tolist()), (n, grid.title, name)


def test_the_column_of_the_step_is_lit_in_the_transposed_matrix(watch):
    (state,) = watch(['{ for (const n of [1, 2, 3]) button("one step forward"); }'])
    assert (
        state["sentence"]
        == "stamp 3 of 4: x[1,0] = 3 times w, added at rows 1..3 and columns -1..1 = column x[1,0] of Cᵀ"
    )
    x, *_, transpose = state["grids"]
    assert x["active"] == [2]
    assert transpose["title"] == "Cᵀ (9×4)"
    assert transpose["active"] == [2 + 4 * row for row in range(9)]


def test_the_lines_of_a_matrix_are_called_by_their_pixels(watch, driver):
    watch(["0"])
    names = "return [...document.querySelectorAll('.matrix')].map((one) => [...one.querySelectorAll('.index')].map("
    c, transpose = driver.run(f"{names}(name) => name.textContent))")
    x, y = ([f"{letter}[{i},{j}]" for i in range(n) for j in range(n)] for letter, n in (("x", 2), ("y", 3)))
    assert (c, transpose) == (["", *y, *x], ["", *x, *y])


@pytest.mark.parametrize("kind", ["im2col", "conv"])
def test_the_legend_names_only_colours_that_a_step_has(watch, driver, kind):
    watch(["0"], Stepper(np.arange(9).reshape(3, 3), np.ones((2, 2)), kind=kind))
    assert ("this step" in driver.run("return document.querySelector('.key').textContent")) == (kind == "conv")


def test_the_cropped_border_is_dashed(watch):
    (state,) = watch(["0"])
    y = np.ones((5, 5), bool)
    y[1:4, 1:4] = False
    assert state["grids"][3]["dashed"] == np.flatnonzero(y).tolist()


def test_keys_and_slider_lead_to_the_same_steps(watch):
    slide = '{ const s = root.querySelector("input"); s.value = 2; s.dispatchEvent(new Event("input")); }'
    keys = ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "Home", "ArrowLeft")
    deeds = [*(f'key("{key}")' for key in keys), slide, 'button("one step back")']
    assert [state["slider"] for state in watch(deeds)] == ["1", "2", "1", "4", "4", "0", "0", "2", "1"]


@pytest.mark.parametrize(
    ("name", "target", "kept"),
    [
        ("ArrowRight", 'root.querySelector("input")', True),
        ("Enter", 'root.querySelector("button")', True),
        ("ArrowRight", "root", True),
        ("Escape", "root", False),
    ],
)
def test_a_page_around_it_does_not_take_the_keys_that_it_uses(watch, name, target, kept):
    """As JupyterLab does, whose own commands have the arrows and Enter."""
    listen = "{ document.onkeydown = () => { root.querySelector('.sentence').textContent = 'taken'; }; }"
    _, state = watch([listen, f'key("{name}", {target})'])
    assert (state["sentence"] != "taken") == kept


def test_a_pixel_of_the_output_shows_what_it_is_made_of(watch):
    centre = 12  # of the 5 x 5 cells with the border: y[1,1], which all four stamps reach
    deeds = [f"pixel({centre}).focus()", f'key("ArrowLeft", pixel({centre}))', "document.activeElement.blur()"]
    focused, moved, left = watch(deeds)
    assert focused["origin"] == "in the end y[1,1] = 1·9 + 2·7 + 3·3 + 4·1 = 36 = row y[1,1] of Cᵀ times x"
    x, _, _, y, matrix, transpose = (grid["reached"] for grid in focused["grids"])
    assert x == [0, 1, 2, 3]
    assert y == [centre]
    assert matrix == [4 + 9 * row for row in range(4)]
    assert transpose == [4 * 4 + column for column in range(4)]
    assert moved["origin"] == "in the end y[1,0] = 1·8 + 3·2 = 14 = row y[1,0] of Cᵀ times x"
    assert moved["slider"] == "0"
    assert left["origin"].startswith("Point at a pixel of y")
    assert not any(grid["reached"] for grid in left["grids"])


def test_the_pointer_does_what_the_focus_does(watch):
    (state,) = watch(['pixel(12).dispatchEvent(new MouseEvent("mouseenter"))'])
    assert state["grids"][0]["reached"] == [0, 1, 2, 3]


def test_play_goes_on_to_the_end_and_then_begins_again(watch):
    play = '[...root.querySelectorAll("button")].pop().click()'
    by_hand = "{ window.setInterval = (tick) => { window.tick = tick; return 1; }; }"
    states = watch([by_hand, play, *["tick()"] * 4, play, play, "tick()"])
    assert [state["slider"] for state in states] == ["0", "1", "2", "3", "4", "4", "0", "0", "1"]


def test_two_steppers_on_a_page_do_not_meet(watch):
    forward = "document.querySelectorAll(\"[aria-label='one step forward']\")[1].click()"
    for driven, slider in [(0, "0"), (1, "1")]:
        (state,) = watch([forward], STEPPER, STEPPER, driven=driven)
        assert state["slider"] == slider


@pytest.mark.parametrize("kind", ["conv", "im2col", "max-pool"])
def test_the_other_kinds_end_with_their_last_sentence(watch, kind):
    stepper = Stepper(np.arange(16).reshape(4, 4), np.ones((3, 3)), stride=2, padding=1, kind=kind)
    (state,) = watch(['key("End")'], stepper)
    assert state["sentence"] == stepper.steps[-1].sentence
    texts = [grid.texts() for grid in stepper._scene.grids(len(stepper.steps))]
    assert [grid["texts"] for grid in state["grids"]] == texts


def test_a_pixel_of_a_convolution_lights_its_window_without_the_padding(watch):
    stepper = Stepper(np.arange(16).reshape(4, 4), np.ones((3, 3)), stride=2, padding=1, kind="conv")
    (state,) = watch(["pixel(0).focus()"], stepper)
    assert state["grids"][0]["reached"] == [7, 8, 13, 14]  # of 6 x 6 cells with the padding


def test_keys_work_at_once_on_a_page_of_its_own(tmp_path, driver):
    """Without a click before: whatever has the focus when the page is there takes them."""
    STEPPER.save_html(tmp_path / "page.html")
    driver.open((tmp_path / "page.html").as_uri())
    driver.press("End")
    assert driver.run("return document.querySelector('.sentence').textContent").startswith("stamp 4 of 4")


def test_arrows_go_from_channel_to_channel_of_the_output(watch):
    stepper = Stepper(np.arange(8).reshape(2, 2, 2), np.ones((3, 2, 2, 2)), kind="conv")
    deeds = ["pixel(0).focus()", 'key("ArrowRight", pixel(0))', 'key("ArrowRight", pixel(1))']
    origins = [state["origin"] for state in watch(deeds, stepper)]
    assert [origin.split(" = ")[0] for origin in origins] == [f"in the end y[{o},0,0]" for o in range(3)]


def test_a_pixel_lights_what_it_is_made_of_in_every_channel(watch):
    stepper = Stepper(np.arange(8).reshape(2, 2, 2), np.ones((3, 2, 2, 2)), kind="conv")
    (state,) = watch(["pixel(2).focus()"], stepper)
    reached = {grid["title"]: grid["reached"] for grid in state["grids"]}
    assert reached["input x[0]"] == reached["input x[1]"] == [0, 1, 2, 3]
    assert [reached[f"output y[{o}]"] for o in range(3)] == [[], [], [0]]
