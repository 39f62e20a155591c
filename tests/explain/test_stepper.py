"""The stepper shows the right cells, in a page, a figure and an animation that need nothing from outside."""

import re

import numpy as np
import pytest
from PIL import Image

from minifcn.explain.stepper import Stepper

KINDS = ["conv-transpose", "conv", "im2col", "max-pool"]
X, W = np.arange(1, 10).reshape(3, 3), np.arange(1, 10).reshape(3, 3)


@pytest.fixture(params=KINDS)
def stepper(request):
    return Stepper(X, W, stride=2, padding=1, kind=request.param)


class TestPage:
    def test_it_asks_for_nothing_outside(self, stepper):
        page = stepper._repr_html_()
        assert not re.search(r"https?:|//[a-z]|@import|url\(|<link|\bsrc=", page)

    def test_without_scripts_it_is_the_result_and_the_sentences(self, stepper):
        fallback = re.sub(r"<(script|style)\b.*?</\1>", "", stepper._repr_html_(), flags=re.DOTALL)
        for step in stepper.steps:
            assert f"<li>{step.sentence}</li>" in fallback
        cells = [float(text) for text in re.findall(r"<td>(.*?)</td>", fallback)]
        np.testing.assert_array_equal(cells, stepper.steps[-1].output.ravel())

    def test_it_says_whether_the_result_is_a_map_or_a_matrix(self, stepper):
        matrix = stepper.kind == "im2col"
        page = stepper._repr_html_()
        assert f"<caption>{'matrix of windows' if matrix else 'output y'}</caption>" in page
        assert (f"Point at a {'number of the matrix' if matrix else 'pixel of y'}, or") in page

    def test_no_placeholder_is_left(self, stepper):
        assert not re.search(r"@[A-Z]+@", stepper._repr_html_())

    def test_each_view_has_a_name_of_its_own(self, stepper):
        names = {re.search(r'id="([^"]*)"', stepper._repr_html_())[1] for _ in range(3)}
        assert len(names) == 3

    def test_a_saved_page_is_whole_and_always_the_same(self, stepper, tmp_path):
        for name in ("a.html", "b.html"):
            stepper.save_html(tmp_path / name)
        page = (tmp_path / "a.html").read_text("utf-8")
        assert page.startswith("<!DOCTYPE html>")
        assert '<meta name="color-scheme" content="light dark">' in page
        assert page == (tmp_path / "b.html").read_text("utf-8")


class TestGrids:
    def test_a_stamp_lights_its_pixel_and_its_place_on_the_output(self):
        x, _, stamp, y, *_ = Stepper(X, W, 2, 1)._scene.grids(4)
        assert np.argwhere(x.active).tolist() == [[1, 0]]
        np.testing.assert_array_equal(stamp.numbers, X[1, 0] * W)
        assert y.first == (-1, -1)
        assert np.argwhere(y.touched).tolist() == [[r, c] for r in (2, 3, 4) for c in (0, 1, 2)]

    @pytest.mark.parametrize("kind", ["conv-transpose", "conv", "max-pool"])
    def test_a_step_lights_its_row_of_the_matrix_and_its_column_of_the_transpose(self, kind):
        stepper = Stepper(X, W, 2, 1, kind=kind)
        for n, step in enumerate(stepper.steps, 1):
            *_, matrix, transpose = stepper._scene.grids(n)
            np.testing.assert_array_equal(matrix.numbers[matrix.active], step.column)
            np.testing.assert_array_equal(np.flatnonzero(transpose.active.any(axis=0)), [n - 1])
            np.testing.assert_array_equal(transpose.touched, transpose.active & (transpose.numbers != 0))

    def test_a_weight_of_zero_is_touched_all_the_same(self):
        *_, matrix, _ = Stepper([[5]], [[0, 1]])._scene.grids(1)
        assert matrix.touched.tolist() == [[True, True]]

    def test_nothing_is_lit_before_the_first_step(self, stepper):
        for grid in stepper._scene.grids(0):
            assert not any(mask.any() for mask in (grid.active, grid.touched) if mask is not None)

    def test_the_padding_surrounds_the_input_of_a_convolution(self):
        x, *_ = Stepper(X, W, 2, 1, kind="conv")._scene.grids(0)
        assert x.first == (-1, -1)
        np.testing.assert_array_equal(x.numbers.ravel()[x.cells], X.ravel())


class TestChannels:
    """Each channel has a table; what is lit of one is lit of the others, where they belong to the step."""

    CONV = Stepper(np.arange(18).reshape(2, 3, 3), np.ones((3, 2, 2, 2)), kind="conv")

    def test_a_window_is_lit_on_every_channel_and_its_result_on_one(self):
        grids = {grid.title: grid for grid in self.CONV._scene.grids(6)}  # y[1,0,1]
        for c in range(2):
            assert np.argwhere(grids[f"input x[{c}]"].touched).tolist() == [[r, s] for r in (0, 1) for s in (1, 2)]
        assert [grids[f"output y[{o}]"].active.any() for o in range(3)] == [False, True, False]
        used = [grids[f"kernel w[{o},{c}]"].touched.all() for o in range(3) for c in range(2)]
        assert used == [False, False, True, True, False, False]

    def test_a_stamp_is_lit_on_every_channel_of_the_result(self):
        stepper = Stepper(np.ones((2, 1, 2)), np.ones((2, 3, 2, 2)))
        grids = {grid.title: grid for grid in stepper._scene.grids(4)}  # x[1,0,1]
        assert [grids[f"input x[{c}]"].active.tolist() for c in range(2)] == [[[False, False]], [[False, True]]]
        for o in range(3):
            assert np.argwhere(grids[f"output y[{o}]"].touched).tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]

    def test_a_window_of_a_pool_is_lit_on_its_channel(self):
        stepper = Stepper([[[1, 2]], [[4, 3]]], (1, 2), kind="max-pool")
        first, second, *_ = stepper._scene.grids(2)
        assert first.touched is None or not first.touched.any()
        assert second.touched.all()
        assert second.active.tolist() == [[True, False]]

    def test_a_number_is_made_of_all_channels(self):
        pixels, sentence = Stepper([[[1]], [[5]]], [[[[2]], [[3]]]], kind="conv")._scene.origin(0)
        assert pixels == [0, 1]
        assert sentence == "y[0,0,0] = 1·2 + 5·3 = 17 = row y[0,0,0] of C times x"

    def test_repr_has_the_channels(self):
        assert repr(self.CONV).startswith("Stepper(conv, x 2x3x3 -> y 3x2x2, kernel 2x2")


class TestCeilMode:
    def test_a_window_over_the_edge_has_cells_beyond_the_map(self):
        stepper = Stepper([[1, 2, 3]], 2, kind="max-pool", ceil_mode=True, padding=(1, 0))
        x, window, *_ = stepper._scene.grids(2)
        assert x.numbers.shape == (3, 4)
        assert np.argwhere(x.touched).tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]
        assert window.texts() == ["-∞", "-∞", "3", "-∞"]


class TestNumbers:
    """What is shown is what there is, or so many digits of it that it is not taken for something else."""

    TINY = Stepper([[0.0004, 0.9999], [0, 1e-17]], [[1, -1e-9]])

    def test_a_small_number_is_no_zero(self):
        assert self.TINY._scene.grids(0)[0].texts() == ["0.0004", "1.000", "0", "1e-17"]

    def test_the_table_without_scripts_says_the_same(self):
        cells = re.findall(r"<td>(.*?)</td>", self.TINY._fallback())
        assert cells == ["0.0004", "1.000", "-1.00e-09", "0", "1e-17", "-1e-26"]

    def test_a_small_weight_has_no_dot_in_the_matrix(self):
        *_, matrix, _ = self.TINY._scene.grids(0)
        assert matrix.texts()[:3] == ["1", "-1e-09", "·"]

    def test_a_large_whole_number_is_written_out(self):
        assert (
            Stepper([[12345678]], [[1]])._scene.origin(0)[1]
            == "y[0,0] = 12345678·1 = 12345678 = row y[0,0] of Cᵀ times x"
        )

    def test_the_largest_of_a_window_looks_larger_than_the_others(self):
        x = np.array([[0.33331, 0.33334], [0.25, 0.5]])
        stepper = Stepper(x, 2, kind="max-pool", padding=1, stride=1)
        for n in range(1, 10):
            padded, window, y, *_ = stepper._scene.grids(n)
            assert {"0.33331", "0.33334", "0.25", "0.5"} <= set(padded.texts())
            assert len(set(window.texts())) == len(np.unique(window.numbers))
        assert "0.33334" in y.texts()

    def test_random_numbers_are_shown_to_three_digits_at_least(self, rng):
        for scale in 10.0 ** np.arange(-30, 30, 7):
            x = scale * rng.normal(size=(3, 4))
            shown = [float(text) for text in Stepper(x, W)._scene.grids(0)[0].texts()]
            np.testing.assert_allclose(shown, x.ravel(), rtol=6e-3, atol=0)


class TestOrigin:
    """What a number of the result is made of."""

    def test_a_pixel_is_the_sum_of_the_stamps_that_reach_it(self):
        pixels, sentence = Stepper([[1, 2]], [[3, 4, 5]], stride=2)._scene.origin(2)
        assert pixels == [0, 1]
        assert sentence == "y[0,2] = 1·5 + 2·3 = 11 = row y[0,2] of Cᵀ times x"

    def test_a_pixel_between_the_stamps_is_zero(self):
        assert Stepper([[1, 2]], [[3]], stride=2)._scene.origin(1) == ([], "y[0,1] = 0, for no pixel of x reaches it")

    def test_a_pixel_of_a_convolution_is_its_window(self):
        pixels, sentence = Stepper([[1, 2, 3]], [[10, 1]], kind="conv")._scene.origin(1)
        assert pixels == [1, 2]
        assert sentence == "y[0,1] = 2·10 + 3·1 = 23 = row y[0,1] of C times x"

    def test_a_maximum_is_one_pixel(self):
        assert Stepper([[1, 5, 2]], (1, 3), kind="max-pool")._scene.origin(0)[0] == [1]


class TestFiles:
    def test_a_figure_says_its_sentence_and_shows_the_numbers(self, stepper):
        texts = [text.get_text().replace("\n", " ") for text in stepper.figure(2).axes[0].texts]
        assert texts[0] == stepper.steps[1].sentence
        assert "input x" in " ".join(texts)

    def test_every_step_has_the_same_size(self, stepper):
        sizes = {tuple(stepper.figure(n).get_size_inches()) for n in (0, 1, len(stepper.steps))}
        assert len(sizes) == 1

    def test_a_notebook_shows_a_figure_that_it_has_not_imported_pyplot_for(self, stepper):
        assert stepper.figure(0)._repr_png_().startswith(b"\x89PNG")

    def test_the_figure_is_of_the_last_step_unless_said_otherwise(self, stepper):
        given = stepper.figure(len(stepper.steps))
        assert stepper.figure().axes[0].texts[0].get_text() == given.axes[0].texts[0].get_text()

    def test_an_animation_has_a_frame_for_the_start_and_for_each_step(self, tmp_path):
        Stepper([[1, 2]], [[3]]).save_gif(tmp_path / "a.gif")
        with Image.open(tmp_path / "a.gif") as animation:
            assert animation.n_frames == 3
            assert animation.info["loop"] == 0

    def test_a_picture_is_a_png(self, stepper, tmp_path):
        stepper.save_png(tmp_path / "a.png", 1)
        with Image.open(tmp_path / "a.png") as picture:
            assert picture.format == "PNG"

    @pytest.mark.parametrize("seconds", [-1, 0, 1000, float("nan"), "1", None])
    def test_a_time_that_a_gif_cannot_hold(self, tmp_path, seconds):
        with pytest.raises(ValueError, match=r"save_gif: seconds must be a number from 0.02 to 200, got"):
            Stepper([[1]], [[1]]).save_gif(tmp_path / "a.gif", seconds)

    @pytest.mark.parametrize("step", [-1, 10, 1.5, "1", np.array([1, 2])])
    def test_a_step_that_there_is_not(self, step):
        with pytest.raises(ValueError, match=r"step must be a whole number from 0 .* to 9, got"):
            Stepper(X, W, 2, 1).figure(step)


@pytest.mark.parametrize(
    "kernel",
    [3, np.int64(3), (3, 3), [3, 3], W, W.tolist()],
    ids=["number", "int64", "pair", "list", "weight", "lists"],
)
@pytest.mark.parametrize("kind", ["im2col", "max-pool"])
def test_where_only_the_window_counts_its_size_is_enough(kind, kernel):
    assert repr(Stepper(X, kernel, padding=1, stride=2, kind=kind)) == repr(Stepper(X, W, 2, 1, kind=kind))


def test_the_kernel_has_the_digits_from_1_to_9_unless_it_is_given():
    assert Stepper([[1]]).steps[0].stamp.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert repr(Stepper(X, kind="max-pool")) == repr(Stepper(X, 2, kind="max-pool"))


def test_repr_names_the_sizes():
    shown = repr(Stepper(X, W, 2, 1, 1))
    assert shown == "Stepper(conv-transpose, x 3x3 -> y 6x6, kernel 3x3, stride 2x2, padding 1x1, 9 steps)"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: Stepper(X, W, kind=["conv"]),
            "kind must be conv-transpose, conv, im2col, max-pool, cross-entropy, got",
        ),
        (lambda: Stepper(X, W, ceil_mode=True), "ceil_mode belongs to max-pool, but kind is conv-transpose"),
        (lambda: Stepper(X, W, output_padding=[0, 1], kind="conv"), "output_padding belongs to conv-transpose"),
        (lambda: Stepper(X, np.ones(3), kind="im2col"), "weight must be one channel"),
        (
            lambda: Stepper(X, W, kind="pool"),
            "kind must be conv-transpose, conv, im2col, max-pool, cross-entropy, got 'pool'",
        ),
        (lambda: Stepper(X, W, output_padding=1, kind="conv"), "output_padding belongs to conv-transpose"),
        (lambda: Stepper(np.ones((20, 20)), W), "too much to read: C has 400 x 484 numbers"),
        (lambda: Stepper([[1]], np.ones((201, 201)), padding=100), "too much to read: y has 201 x 201 numbers"),
        (lambda: Stepper(X, W, 900, 900, kind="conv"), "too much to read: x has 1803 x 1803 numbers"),
        (lambda: Stepper(np.ones((99, 99)), 1, 99, kind="im2col"), "too much to read: x has 99 x 99 numbers"),
    ],
)
def test_mistakes_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
