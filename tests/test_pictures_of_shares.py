"""The picture of a data set: bars as long as the shares, for any number of classes and pairs."""

import numpy as np
import pytest
from PIL import Image

from minifcn import pictures

RED, BLUE = (200, 0, 0), (0, 0, 200)


def draw(path, shares, names=("road", "sky"), palette=(RED, BLUE), examples=(), ignore_index=255):
    pictures.save_shares(path, shares, list(examples), names, np.array(palette, np.uint8), ignore_index)
    with Image.open(path) as picture:
        return np.array(picture.convert("RGB"))


def longest(picture, colour):
    """The number of pixels of a colour in the row that has most of them."""
    return int((abs(picture.astype(int) - colour).max(axis=2) <= 2).sum(axis=1).max())


@pytest.mark.parametrize("share", [0.25, 0.8])
def test_bars_are_as_long_as_the_shares(tmp_path, share):
    picture = draw(tmp_path / "a.png", {"train": np.array([share, 1 - share])})
    assert longest(picture, RED) / longest(picture, BLUE) == pytest.approx(share / (1 - share), rel=0.02)


def test_a_class_without_a_pixel_and_one_that_is_ignored_have_no_bar(tmp_path):
    assert longest(draw(tmp_path / "a.png", {"": np.array([1.0, 0.0])}), BLUE) == 0
    assert longest(draw(tmp_path / "a.png", {"": np.array([0.5, 0.5])}, ignore_index=1), BLUE) == 0


def test_a_second_split_has_bars_of_a_lighter_shade(tmp_path):
    shares = {"train": np.array([0.5, 0.5]), "val": np.array([0.25, 0.75])}
    picture = draw(tmp_path / "a.png", shares)
    light = [(255 + value) / 2 for value in RED]
    assert longest(picture, light) == pytest.approx(longest(picture, RED) / 2, rel=0.05)


@pytest.mark.parametrize(("count", "classes"), [(0, 2), (1, 2), (2, 2), (6, 2), (0, 40), (6, 40)])
def test_any_number_of_pairs_and_classes_fits(tmp_path, count, classes):
    palette = np.random.default_rng(0).integers(30, 220, (classes, 3))
    names = [f"class {number}" for number in range(classes)]
    example = ("a", np.full((30, 40, 3), 128, np.uint8), np.ones((30, 40), np.uint8))
    shares = {"train": np.full(classes, 1 / classes)}
    picture = draw(tmp_path / "a.png", shares, names, palette, count * [example])
    expected = (np.array([128, 128, 128]) + palette[1]) / 2
    shown = np.abs(picture - expected).max(axis=2) <= 1
    assert shown.sum() / (450 * 340) == pytest.approx(count, abs=0.25 * count)
    assert picture.shape[1] == 1500
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert (edge == 255).all()  # nothing is cut off


@pytest.mark.parametrize("name", ["a" * 200, "$x_1 길", ""])
def test_any_name_is_drawn(tmp_path, name):
    picture = draw(tmp_path / "a.png", {name: np.array([0.5, 0.5])}, names=(name, "sky"))
    assert longest(picture, RED) > 500


def test_pairs_of_any_shape_are_drawn(tmp_path):
    shapes = [(1, 1), (1, 300), (300, 1)]
    examples = [("a", np.zeros((*shape, 3), np.uint8), np.full(shape, 255)) for shape in shapes]
    assert draw(tmp_path / "a.png", {"": np.array([0.5, 0.5])}, examples=examples).shape[1] == 1500


def test_a_label_of_another_size_than_its_image_is_refused(tmp_path):
    example = ("a", np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.uint8))
    with pytest.raises(ValueError, match="save_shares: a: label has shape"):
        draw(tmp_path / "a.png", {"": np.array([0.5, 0.5])}, examples=[example])
