"""The flight simulator's page in a real browser: what it shows, how it is used, and that it needs nothing else."""

import json
import re

import numpy as np
import pytest
import webdriver

from minifcn import data, explain, metrics
from minifcn.data import Sample

in_a_browser = pytest.mark.skipif(None in (webdriver.DRIVER, webdriver.browser.BROWSER), reason=webdriver.MISSING)
NETS = ["FCN-32s", "FCN-16s", "FCN-8s"]
TEXT = "return document.querySelector(arguments[0]).textContent"
DRAWN = "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
DRAG = """
const [map, right, down] = arguments, canvas = document.querySelector(`[data-map=${map}] canvas`);
const box = canvas.getBoundingClientRect(), unit = box.width / 192;  // of a pixel of the image
const send = (kind, x, y) => canvas.dispatchEvent(new PointerEvent(kind, {clientX: box.x + x, clientY: box.y + y}));
send("pointerdown", 90 * unit, 90 * unit);
send("pointermove", (90 + right) * unit, (90 + down) * unit);
send("pointerup", (90 + right) * unit, (90 + down) * unit);
"""
SLIDE = """
const input = document.querySelector(`[data-crop=${arguments[0]}]`);
input.value = arguments[1];
input.dispatchEvent(new Event("input"));
"""


@pytest.fixture(scope="module")
def simulator():
    return explain.FlightSimulator()


@pytest.fixture(scope="module")
def path(simulator, tmp_path_factory):
    path = tmp_path_factory.mktemp("simulator") / "fcn.html"
    simulator.save_html(path)
    return path


@pytest.fixture
def page(driver, path):
    """The page, shown at a state; a script's error anywhere fails the test."""

    def show(state=""):
        driver.visit(path.as_uri(), state)
        return driver

    driver.width(1600)
    driver.theme("light")
    driver.log("browser")
    yield show
    assert [entry["message"] for entry in driver.log("browser")] == []


def text(page, selector):
    page.run(DRAWN)
    return page.run(TEXT, selector)


def shown_iou(page, view="FCN-8s"):
    return float(text(page, f"[data-view='{view}'] figcaption").rsplit(" ", 1)[1])


@in_a_browser
class TestPage:
    def test_the_three_nets_stand_beside_image_and_label(self, page, simulator):
        page = page()
        views = page.run("return [...document.querySelector('.images').children].map((one) => one.dataset.view)")
        assert views == ["image", "label", "FCN-32s", "FCN-16s", "FCN-8s"]
        captions = [text(page, f"[data-view='{view}'] figcaption").split(":")[0] for view in NETS]
        assert captions == ["FCN-32s, cropped at 19", "FCN-16s, cropped at 27", "FCN-8s, cropped at 31"]
        assert {name: shown_iou(page, name) for name in NETS} == {
            name: round(iou, 3) for name, iou in simulator.mean_ious().items()
        }
        assert shown_iou(page, "FCN-32s") < shown_iou(page, "FCN-16s") < shown_iou(page, "FCN-8s")

    def test_streams_of_one_network_are_not_called_others(self, page):
        """FCN-32s and 16s do far better than the streams of an FCN-8s that was trained with all three."""
        page = page()
        captions = [text(page, f"[data-view='{view}'] figcaption").split(":")[0] for view in ("fc7", "pool4", "pool3")]
        assert captions == [
            "fc7's stream alone, at stride 32",
            "with pool4's, at stride 16",
            "with pool3's, as in FCN-8s",
        ]
        assert "not how well FCN-32s and FCN-16s do" in text(page, ".sums")
        assert shown_iou(page, "fc7") < shown_iou(page, "FCN-32s") - 0.1
        assert shown_iou(page, "pool4") < shown_iou(page, "FCN-16s") - 0.3
        assert shown_iou(page, "pool3") == shown_iou(page)

    def test_pictures_say_what_they_are(self, page):
        page = page("pixel=3,5")
        labels = page.run("return [...document.querySelectorAll('.frame canvas')].map((one) => one.ariaLabel)")
        assert labels[:2] == [f"{name}; row 3, column 5 is marked" for name in ("image", "label")]
        score = page.run("return document.querySelector('[data-map=score] canvas').ariaLabel")
        assert score == "score: the pixel is row 3, column 5"

    def test_the_table_of_streams_is_whole_on_a_phone(self, page):
        page = page()
        page.width(390)
        assert (
            page.run(
                "const {parentElement: box} = document.querySelector('.streams');"
                "return box.scrollWidth - box.clientWidth"
            )
            <= 0
        )

    def test_the_maps_of_a_row_stand_level(self, page):
        tops = page().run(
            "return [...document.querySelectorAll('.ruler:last-child canvas')].slice(0, 4)"
            ".map((one) => Math.round(one.getBoundingClientRect().top))"
        )
        assert len(set(tops)) == 1

    def test_an_empty_stamp_has_an_edge(self, page):
        edges = page("t=0").run(
            "return [...document.querySelectorAll('.stamps canvas')].map((one) => getComputedStyle(one).borderTopWidth)"
        )
        assert edges == ["1px"] * 3

    def test_its_mean_iou_is_that_of_the_network(self, page, simulator):
        assert f"mean IoU {shown_iou(page()):.3f})" in repr(simulator)

    def test_every_map_is_on_the_ruler(self, page, simulator):
        names = page().run("return [...document.querySelectorAll('[data-map]')].map((one) => one.dataset.map)")
        layers = [name for stage in simulator.net.trunk.layers for name in stage if not name.startswith("drop")]
        assert names[names.index("score") + 1 :] == ["image", *layers]
        assert names[: names.index("score")] == [
            *("score_fr", "upscore2", "score_pool4", "fuse_pool4", "upscore_pool4", "score_pool3", "fuse_pool3"),
            "upscore8",
        ]

    def test_every_map_says_what_the_pixel_sees_of_it(self, page):
        page = page("pixel=40,52")
        labels = page.run("return [...document.querySelectorAll('[data-map] canvas')].map((one) => one.ariaLabel)")
        assert len(labels) == 30
        assert "score_pool3: by pool3 the pixel sees rows 16..17, columns 18..19" in labels

    def test_the_image_is_drawn_48_pixels_from_the_left_of_the_ruler(self, page):
        """Two points of the screen for each of its pixels, in row 4, which has no frame in it."""
        ink = page("pixel=90,90").run(
            "const canvas = document.querySelector('[data-map=score] canvas');"
            "const {data} = canvas.getContext('2d').getImageData(0, 104, 192 * 2, 1);"
            "return [90, 100, 280, 292].map((x) => data[4 * x + 3])"
        )
        assert ink == [0, 255, 255, 0]

    def test_the_streams_of_a_pixel_add_up(self, page):
        page = page("pixel=40,52")
        rows = page.run(
            "return [...document.querySelectorAll('.streams tbody tr')].map((row) => "
            "[row.className, ...[...row.querySelectorAll('td')].map((cell) => Number(cell.textContent))])"
        )
        for _, *streams, total in rows:
            assert abs(sum(streams) - total) < 0.003
        totals = [row[-1] for row in rows]
        assert [row[0] for row in rows].index("winner") == int(np.argmax(totals))
        best, second = sorted(totals)[:-3:-1]
        margin = float(re.search(r", (\S+) above", text(page, ".sentence"))[1])
        assert abs(margin - (best - second)) < 0.002


@in_a_browser
class TestCrops:
    @pytest.mark.parametrize("name", ["score_pool4", "score_pool3", "score"])
    def test_a_slider_moves_the_mean_iou_and_the_button_brings_it_back(self, page, name):
        page = page()
        right = shown_iou(page)
        page.run(SLIDE, name, 2)
        assert shown_iou(page) < right
        assert re.search("crop.* 2, not [0-9]+", text(page, ".crops"))
        page.run("[...document.querySelectorAll('button')].find((one) => /derived/.test(one.textContent)).click()")
        assert shown_iou(page) == right

    @pytest.mark.parametrize(
        ("name", "crop", "by", "offset"),
        [
            ("score_pool4", "score_pool4", (16, -16), "4,6"),
            ("score_pool3", "score_pool3", (-16, 8), "10,7"),
            ("upscore8", "score", (5, -7), "24,36"),
        ],
    )
    def test_what_a_crop_keeps_is_dragged_by_cells_of_its_map(self, page, name, crop, by, offset):
        page = page()
        page.run(DRAG, name, *by)
        page.run(DRAWN)
        assert page.run("return location.hash") == f"#{crop}={offset}"

    def test_a_crop_cannot_leave_its_map(self, page):
        page = page()
        page.run(DRAG, "score_pool4", -500, 500)
        page.run(DRAWN)
        assert page.run("return location.hash") == "#score_pool4=9,0"

    @pytest.mark.parametrize("view", ["FCN-32s", "FCN-16s", "fc7", "pool4"])
    def test_what_has_no_pool3_does_not_move_with_its_crop(self, page, view):
        page = page()
        before = shown_iou(page, view)
        page.run(SLIDE, "score_pool3", 2)
        assert shown_iou(page, view) == before

    def test_the_crop_of_pool4_moves_fcn16s_too(self, page):
        page = page()
        before = {name: shown_iou(page, name) for name in NETS}
        page.run(SLIDE, "score_pool4", 4)
        assert shown_iou(page, "FCN-16s") < before["FCN-16s"]
        assert shown_iou(page, "FCN-32s") == before["FCN-32s"]

    @pytest.mark.parametrize(("offset", "crops"), [(29, [17, 25, 29]), (2, [0, 0, 2]), (88, [64, 80, 88])])
    def test_the_last_crop_moves_all_three_as_far_as_their_maps_go(self, page, offset, crops):
        page = page(f"score={offset},{offset}")
        captions = [text(page, f"[data-view='{view}'] figcaption").split(":")[0] for view in NETS]
        assert captions == [f"{name}, cropped at {crop}" for name, crop in zip(NETS, crops, strict=True)]


@in_a_browser
class TestUse:
    def test_arrows_move_the_pixel_at_once(self, page):
        page = page()
        page.press("ArrowRight", "ArrowRight", "ArrowUp")
        assert text(page, ".sentence").startswith("Row 47, column 50: ")

    def test_a_touch_picks_a_pixel(self, page):
        page = page("pixel=3,4")
        page.touch("[data-view=image] canvas")
        assert re.match(r"Row (47|48), column (47|48): ", text(page, ".sentence"))

    def test_stamps_are_stepped_and_found_for_the_pixel(self, page):
        page = page("stage=upscore2&pixel=48,48")
        assert text(page, ".stamp-sentence").endswith("none of the 16 stamps of score_fr is added yet")
        page.run("document.querySelector('[aria-label=\"one stamp further\"]').click()")
        assert text(page, ".stamp-sentence").startswith("stamp 1 of 16: the 6 scores of score_fr[0,0]")
        page.run("[...document.querySelectorAll('button')].find((one) => one.textContent === 'to the pixel').click()")
        found = re.search(r"rows (\d+)\.\.(\d+), columns (\d+)\.\.(\d+) of upscore2", text(page, ".stamp-sentence"))
        top, bottom, left, right = map(int, found.groups())
        label = page.run("return document.querySelector('[data-map=upscore2] canvas').ariaLabel")
        seen = list(map(int, re.search(r"rows (\d+)\.\.(\d+), columns (\d+)\.\.(\d+)", label).groups()))
        assert top <= seen[1] <= bottom
        assert left <= seen[3] <= right

    def test_a_state_comes_back_from_its_address(self, page):
        state = "pixel=30,41&score_pool4=4,7&score=20,31&shown=2&stage=upscore8&t=40"
        page = page(state)
        page.run(DRAWN)
        assert page.run("return location.hash.slice(1)") == state

    @pytest.mark.parametrize("state", ["pixel=96,0", "score=89,0", "score_pool4=-1,2", "shown=6", "stage=x&t=-3", "%"])
    def test_a_state_that_cannot_be_is_left_out(self, page, state):
        page = page(state)
        page.run(DRAWN)
        assert page.run("return location.hash") == ""

    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize("width", [390, 1600])
    def test_it_fits_every_width(self, page, width, theme):
        page = page()
        page.theme(theme)
        page.width(width)
        assert page.run("return document.documentElement.scrollWidth") <= width

    @pytest.mark.parametrize("width", [390, 1440])
    def test_the_crops_hide_nothing_that_has_the_focus(self, page, width):
        page = page()
        page.width(width, 900)
        page.drawn()
        assert page.run(webdriver.HIDDEN) == []

    def test_everything_that_can_be_set_is_reached_with_tab(self, page):
        page, reached = page(), set()
        for _ in range(60):
            page.press("Tab")
            reached.add(
                page.run(
                    "const one = document.activeElement;"
                    "return one.dataset.crop ?? one.ariaLabel ?? one.closest('label')?.firstChild.textContent"
                )
            )
        wanted = {"score_pool4", "score_pool3", "score", "upsampling", "stamps added", "channel of conv3_1"}
        assert wanted <= reached

    def test_it_asks_for_nothing(self, driver, page):
        page = page()
        driver.log("performance")
        page.run("location.reload()")
        page.run(DRAWN)
        sent = [json.loads(entry["message"])["message"] for entry in driver.log("performance")]
        urls = {one["params"]["request"]["url"] for one in sent if one["method"] == "Network.requestWillBeSent"}
        assert {url.split(":", 1)[0] for url in urls} <= {"file", "data"}
        assert len([url for url in urls if url.startswith("file")]) == 1


class TestFile:
    def test_it_is_small_and_names_no_other_place(self, path):
        content = path.read_text("utf-8")
        assert 300_000 < len(content) < 3_000_000
        assert re.findall(r"https?://|src=(?!\"data:)|@import|url\(", content) == []

    def test_without_a_script_predictions_and_streams_are_there(self, path):
        before = path.read_text("utf-8").partition("<script>")[0]
        captions = re.findall(
            r'<figcaption>(.*?)</figcaption><img src="data:image/png;base64,[^"]{100,}" alt="', before
        )
        assert captions == [
            *("image", "label", "FCN-32s: mean IoU 0.547", "FCN-16s: mean IoU 0.841", "FCN-8s: mean IoU 0.947"),
            *("score_fr, from fc7", "score_pool4, from pool4", "score_pool3, from pool3", "their sum, the score"),
        ]
        assert "What the three streams of FCN-8s add to the score of disc: orange is above 0" in before

    def test_the_streams_of_the_pictures_add_up_to_the_score(self, simulator):
        from minifcn import Tensor, no_grad
        from minifcn.explain.simulator.still import streams

        x = simulator._x
        with no_grad():
            score = simulator.net(Tensor(x[None])).data[0]
        found = streams(simulator.net, x, simulator._maps)
        np.testing.assert_allclose(sum(found.values()), score, rtol=0, atol=1e-11)
        assert min(abs(stream).max() for stream in found.values()) > 1

    def test_two_in_a_notebook_have_names_of_their_own(self, simulator):
        ids = [re.search(r'id="(minifcn-\w+)"', simulator._repr_html_())[1] for _ in range(2)]
        assert ids[0] != ids[1]

    def test_the_papers_geometry_costs_little_away_from_the_border(self):
        """The same weights, on a grid that begins elsewhere: over 20 pictures, within 0.06 of the aligned network."""
        from minifcn import Tensor, models, no_grad
        from minifcn.explain.simulator.network import in_the_papers_geometry

        trained, shapes = models.pretrained("shapes-fcn8s"), data.Shapes(20, size=96, seed=5)
        ious = []
        for net, dtype in [(trained, "float32"), (in_the_papers_geometry(trained), "float64")]:
            confusion = metrics.ConfusionMatrix(6)
            for sample in shapes:
                with no_grad():
                    score = net(Tensor(trained.normalize(sample.image)[None].astype(dtype))).data
                confusion.update(sample.label[None], score.argmax(axis=1))
            ious.append(confusion.mean_iou)
        assert min(ious) > 0.85
        assert abs(ious[0] - ious[1]) < 0.06


IMAGE, LABEL = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8)


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (Sample(IMAGE[:10], LABEL[:10], "low"), r"must have 16 to 128 pixels a side, got \(10, 40\)"),
        (Sample(IMAGE, LABEL + 6, "other"), "knows the classes 0 to 5, but the label has 6"),
    ],
)
def test_mistakes_are_named(sample, words):
    with pytest.raises(ValueError, match=words):
        explain.FlightSimulator(sample)


def test_a_crop_that_there_is_not_is_named(simulator):
    with pytest.raises(ValueError, match="no crop 'pool4'; name one of score_pool4, score_pool3, score"):
        simulator.mean_iou(pool4=4)


def test_other_crops_are_tried_and_forgotten(simulator):
    derived, mean_iou = dict(simulator.net.crop_offsets), simulator.mean_iou()
    assert simulator.mean_iou(score_pool3=(8, 9)) < mean_iou
    assert simulator.net.crop_offsets == derived
    assert simulator.mean_iou() == mean_iou


def test_pixels_that_do_not_count_may_have_any_label():
    label = LABEL.copy()
    label[:5] = 255
    assert "mean IoU" in repr(explain.FlightSimulator(Sample(IMAGE, label, "void")))
