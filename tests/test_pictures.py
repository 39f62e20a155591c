"""Pictures show every class in its colour, and void in a colour of its own."""

import numpy as np
import pytest
from PIL import Image

from minifcn import pictures

PALETTE = np.array([(0, 0, 0), (128, 64, 128), (0, 200, 0)], np.uint8)
NAMES = ("sky", "road", "tree")
LABEL = np.array([[0, 1, 1], [2, 2, 255]], np.uint8)
IMAGE = np.full((2, 3, 3), 100, np.uint8)


def test_colour_looks_the_palette_up():
    np.testing.assert_array_equal(pictures.colour(LABEL, PALETTE)[1], [(0, 200, 0), (0, 200, 0), pictures.VOID_COLOUR])


def test_an_ignore_index_inside_the_palette_is_void():
    assert tuple(pictures.colour(LABEL, PALETTE, ignore_index=2)[1, 0]) == pictures.VOID_COLOUR


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, (100, 100, 100)), (0.5, (114, 82, 114)), (1.0, (128, 64, 128))])
def test_overlay_mixes_image_and_colour(alpha, expected):
    np.testing.assert_allclose(pictures.overlay(IMAGE, LABEL, PALETTE, alpha)[0, 1], expected, atol=1)


def test_overlay_wants_a_label_of_the_size_of_the_image():
    with pytest.raises(ValueError, match=r"label has shape \(3, 2\), but image is \(2, 3, 3\)"):
        pictures.overlay(IMAGE, LABEL.T, PALETTE)


def test_a_saved_label_holds_the_classes_and_shows_their_colours(tmp_path):
    pictures.save_label(tmp_path / "label.png", LABEL, PALETTE)
    with Image.open(tmp_path / "label.png") as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.array(picture), LABEL)
        np.testing.assert_array_equal(np.array(picture.convert("RGB")), pictures.colour(LABEL, PALETTE))


def colours_of(picture):
    return {colour for _, colour in picture.getcolors(maxcolors=1 << 24)}


def test_the_legend_of_an_overlay_has_the_classes_that_occur(tmp_path):
    image, label = np.full((90, 400, 3), 100, np.uint8), np.ones((90, 400), np.uint8)
    pictures.save_overlay(tmp_path / "overlay.png", image, label, NAMES, PALETTE)
    with Image.open(tmp_path / "overlay.png") as picture:
        assert picture.width == 400
        legend = colours_of(picture.crop((0, 90, 400, picture.height)))
    assert (128, 64, 128) in legend
    assert (0, 200, 0) not in legend


def test_a_panel_has_three_columns_per_row_and_all_classes_and_void_in_its_legend(tmp_path):
    image, label = np.full((30, 40, 3), 100, np.uint8), np.ones((30, 40), np.uint8)
    pictures.save_panel(tmp_path / "panel.png", [(image, label, 2 * label), (image, label, label)], NAMES, PALETTE)
    with Image.open(tmp_path / "panel.png") as picture:
        third = picture.width // 6
        row = 200
        cells = [picture.getpixel((x, row)) for x in (third, 3 * third, 5 * third)]
        legend = colours_of(picture.crop((0, picture.height - 100, picture.width, picture.height)))
    assert cells == [(100, 100, 100), (128, 64, 128), (0, 200, 0)]
    assert {*map(tuple, PALETTE.tolist()), pictures.VOID_COLOUR} <= legend


@pytest.mark.parametrize("width", [60, 300, 2000])
@pytest.mark.parametrize("count", [0, 1, 21])
def test_a_legend_is_as_wide_as_asked_and_as_high_as_needed(width, count):
    entries = [(f"class {number}", (number, 0, 0)) for number in range(1, count + 1)]
    picture = pictures.legend(entries, width, font_size=14)
    assert picture.width == width
    assert {rgb for _, rgb in entries} <= (colours_of(picture) if count else set())


@pytest.mark.parametrize("epochs", [1, 40])
def test_curves_are_drawn_from_one_epoch_on(tmp_path, epochs):
    names = ("train_loss", "valid_loss", "valid_acc", "valid_acc_cls", "valid_mean_iu", "valid_fwavacc")
    rows = [{"epoch": epoch, **dict.fromkeys(names, 1 / epoch)} for epoch in range(1, epochs + 1)]
    pictures.save_curves(tmp_path / "curves.png", rows)
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size == (1350, 690)
