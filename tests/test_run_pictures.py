"""The pictures of a run's measures can be read with few classes and with many."""

import numpy as np
import pytest
from PIL import Image

from minifcn import pictures

COUNTS = [2, 6, 32, 255]


def names_of(count):
    return [f"class {n}" for n in range(count)]


class TestConfusion:
    @pytest.mark.parametrize("count", COUNTS)
    def test_any_number_of_classes_is_drawn(self, tmp_path, count):
        pictures.save_confusion(tmp_path / "a.png", np.eye(count, dtype=int), names_of(count))
        with Image.open(tmp_path / "a.png") as picture:
            assert 500 < picture.height < 3000
            assert 700 < picture.width < 3000

    def test_rows_are_shares_of_their_class_however_large_it_is(self, tmp_path):
        """A rare class that is right is as dark as a common one."""
        pictures.save_confusion(tmp_path / "a.png", np.array([[10**9, 0], [0, 10]]), ("a", "b"))
        with Image.open(tmp_path / "a.png") as picture:
            colours = {colour: count for count, colour in picture.getcolors(1 << 24)}
        assert colours[(0, 88, 150)] > 2 * 100**2

    def test_a_class_that_no_label_has_is_grey(self, tmp_path):
        pictures.save_confusion(tmp_path / "a.png", np.array([[5, 5], [0, 0]]), ("a", "b"))
        with Image.open(tmp_path / "a.png") as picture:
            colours = {colour: count for count, colour in picture.getcolors(1 << 24)}
        assert colours[(232, 232, 228)] > 2 * 100**2

    def test_nothing_counted_is_drawn_as_well(self, tmp_path):
        pictures.save_confusion(tmp_path / "a.png", np.zeros((3, 3), int), names_of(3))

    def test_a_long_name_is_cut(self, tmp_path):
        pictures.save_confusion(tmp_path / "long.png", np.eye(3, dtype=int), ["x" * 26, "b", "c"])
        pictures.save_confusion(tmp_path / "longer.png", np.eye(3, dtype=int), ["x" * 500, "b", "c"])
        with Image.open(tmp_path / "long.png") as long, Image.open(tmp_path / "longer.png") as longer:
            assert longer.width <= long.width

    @pytest.mark.parametrize("shape", [(2, 3), (3,), (4, 4), (0, 0)])
    def test_a_matrix_of_other_classes_is_refused(self, tmp_path, shape):
        with pytest.raises(ValueError, match="save_confusion: matrix has the shape"):
            pictures.save_confusion(tmp_path / "a.png", np.zeros(shape, int), names_of(3)[: shape[0] and 3])


class TestIous:
    @pytest.mark.parametrize("epochs", [1, 40])
    @pytest.mark.parametrize("count", COUNTS[:-1])
    def test_any_number_of_classes_and_epochs_is_drawn(self, tmp_path, count, epochs):
        ious = {epoch: np.full(count, epoch / 50) for epoch in range(1, epochs + 1)}
        pictures.save_ious(tmp_path / "a.png", ious, names_of(count), np.zeros((count, 3), np.uint8))
        with Image.open(tmp_path / "a.png") as picture:
            assert picture.width == 1350
            assert 300 < picture.height < 1500

    def test_the_area_under_a_line_has_the_colour_of_its_class(self, tmp_path):
        ious = {1: np.array([1.0, 0.0]), 2: np.array([1.0, 0.0])}
        palette = np.array([(255, 0, 0), (0, 0, 255)], np.uint8)
        pictures.save_ious(tmp_path / "a.png", ious, ("a", "b"), palette)
        with Image.open(tmp_path / "a.png") as picture:
            r, _, b = np.moveaxis(np.asarray(picture.convert("RGB"), int), 2, 0)
        assert (r - b > 100).mean() > 0.15
        assert (b - r > 100).mean() < 0.001

    def test_epochs_and_classes_without_a_number_leave_a_gap(self, tmp_path):
        ious = {3: np.array([np.nan, 0.5]), 5: np.array([np.nan, np.nan])}
        pictures.save_ious(tmp_path / "a.png", ious, ("a", "b"), np.zeros((2, 3), np.uint8))


def test_a_panel_has_a_title_above_each_row(tmp_path):
    image, label = np.full((30, 40, 3), 100, np.uint8), np.ones((30, 40), np.uint8)
    palette = np.array([(0, 0, 0), (128, 64, 128)], np.uint8)
    rows = [(image, label, label)] * 2
    pictures.save_panel(tmp_path / "without.png", rows, ("a", "b"), palette)
    pictures.save_panel(tmp_path / "with.png", rows, ("a", "b"), palette, titles=["first", "second"])
    with Image.open(tmp_path / "without.png") as without, Image.open(tmp_path / "with.png") as titled:
        assert titled.width == without.width
        assert titled.height > without.height + 60


@pytest.mark.parametrize("name", ["草地", "🚗", "عشب", r"$\frac{$"], ids=["Chinese", "emoji", "Arabic", "of dollars"])
@pytest.mark.filterwarnings("error")
def test_a_class_may_have_any_name(tmp_path, name):
    """A script that the font lacks is drawn as boxes, without a word of the library's on the terminal."""
    ious = {1: np.array([0.5, 0.0]), 2: np.array([0.6, 0.1])}
    pictures.save_ious(tmp_path / "iou.png", ious, ("background", name), np.array([[0, 0, 0], [0, 158, 115]]))
    with Image.open(tmp_path / "iou.png") as picture:
        assert picture.width == 1350
