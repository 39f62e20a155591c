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
    assert tuple(pictures.colour(LABEL[:, :2], PALETTE, ignore_index=2)[1, 0]) == pictures.VOID_COLOUR


@pytest.mark.parametrize("index", [3, -1, -253, 254, 256, 300, -(2**40)])
@pytest.mark.parametrize("ignore_index", [255, 1])
def test_an_index_outside_the_palette_is_refused_and_not_wrapped(index, ignore_index):
    label = np.array([[0, 1], [0, index]])
    with pytest.raises(ValueError, match=rf"colour: label\[1, 1\] is {index}, but the palette has the classes 0\.\.2"):
        pictures.colour(label, PALETTE, ignore_index)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int64", "uint64"])
@pytest.mark.parametrize("ignore_index", [-1, 100, 255, 1000])
def test_any_integers_are_coloured(dtype, ignore_index):
    label = np.array([[0, 2]], dtype)
    if np.can_cast(np.min_scalar_type(ignore_index), dtype):
        label = np.append(label, np.array([[ignore_index]], dtype), axis=1)
    expected = [(0, 0, 0), (0, 200, 0), pictures.VOID_COLOUR][: label.shape[1]]
    np.testing.assert_array_equal(pictures.colour(label, PALETTE, ignore_index)[0], expected)


def test_a_palette_may_have_more_than_256_colours():
    palette = np.arange(900).reshape(300, 3) % 256
    np.testing.assert_array_equal(pictures.colour(np.array([[299]]), palette)[0, 0], palette[299])
    np.testing.assert_array_equal(pictures.colour(np.array([[254]], np.uint8), palette)[0, 0], palette[254])


@pytest.mark.parametrize("label", [LABEL.astype(float), LABEL == 1], ids=["float", "bool"])
def test_a_label_of_no_integers_is_refused(label):
    with pytest.raises(ValueError, match="colour: a label is an integer array, got"):
        pictures.colour(label, PALETTE)


@pytest.mark.parametrize(
    "palette",
    [PALETTE / 255, PALETTE.astype(int) + 200, PALETTE.astype(int) - 1, PALETTE[0], PALETTE[:0], np.zeros((2, 4), int)],
)
def test_a_palette_that_is_none_is_refused(palette):
    with pytest.raises(ValueError, match=r"a palette has whole numbers 0\.\.255 in the shape \(num_classes, 3\)"):
        pictures.colour(np.zeros((1, 1), int), palette)


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, (100, 100, 100)), (0.5, (114, 82, 114)), (1.0, (128, 64, 128))])
def test_overlay_mixes_image_and_colour(alpha, expected):
    np.testing.assert_allclose(pictures.overlay(IMAGE, LABEL, PALETTE, alpha)[0, 1], expected, atol=1)


@pytest.mark.parametrize("name", ["background", "_background_", "Background"])
def test_nothing_is_laid_over_the_background_and_the_legend_leaves_it_out(tmp_path, name):
    image, label = np.full((90, 400, 3), 100, np.uint8), np.zeros((90, 400), np.uint8)
    label[:, 200:] = 1
    pictures.save_overlay(tmp_path / "a.png", image, label, (name, "road", "tree"), PALETTE)
    with Image.open(tmp_path / "a.png") as picture:
        shown, legend = (colours_of(picture.crop((0, top, 400, end))) for top, end in ((0, 90), (90, picture.height)))
    assert shown == {(100, 100, 100), (114, 82, 114)}
    assert (128, 64, 128) in legend
    assert (0, 0, 0) not in legend


def test_overlay_wants_a_label_of_the_size_of_the_image():
    with pytest.raises(ValueError, match=r"label has shape \(3, 2\), but image is \(2, 3, 3\)"):
        pictures.overlay(IMAGE, LABEL.T, PALETTE)


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_overlay_wants_a_share(alpha):
    with pytest.raises(ValueError, match="overlay: alpha is a share"):
        pictures.overlay(IMAGE, LABEL, PALETTE, alpha)


@pytest.mark.parametrize(
    "image",
    [IMAGE / 255, IMAGE[..., 0], IMAGE[..., :1], IMAGE[:0], IMAGE.tolist(), None],
    ids=["float", "grey", "one-channel", "empty", "list", "none"],
)
def test_overlay_wants_an_image(image):
    with pytest.raises(ValueError, match=r"overlay: image is a uint8 array \(H, W, 3\) of at least one pixel"):
        pictures.overlay(image, LABEL, PALETTE)


@pytest.mark.parametrize("size", [(1, 1), (1, 20000), (5000, 1), (2, 3)])
def test_pictures_of_odd_sizes_are_saved(tmp_path, size):
    image, label = np.full((*size, 3), 100, np.uint8), np.ones(size, int)
    pictures.save_overlay(tmp_path / "overlay.png", image, label, NAMES, PALETTE)
    pictures.save_label(tmp_path / "label.png", label, PALETTE)
    pictures.save_panel(tmp_path / "panel.png", [(image[:20], label[:20], label[:20])], NAMES, PALETTE)
    with Image.open(tmp_path / "overlay.png") as picture:
        assert picture.width == size[1]
        assert picture.height > size[0]


@pytest.mark.parametrize("size", [(1, 20000), (20000, 1)])
def test_the_legend_of_a_strip_is_small(tmp_path, size):
    image, label = np.full((*size, 3), 100, np.uint8), np.ones(size, int)
    pictures.save_overlay(tmp_path / "overlay.png", image, label, NAMES, PALETTE)
    with Image.open(tmp_path / "overlay.png") as picture:
        assert size[0] < picture.height < size[0] + 100


@pytest.mark.parametrize("size", [(16384, 1), (1, 16384)])
def test_a_panel_of_strips_is_no_larger_than_its_cells(tmp_path, size):
    image, label = np.full((*size, 3), 100, np.uint8), np.ones(size, int)
    pictures.save_panel(tmp_path / "panel.png", [(image, label, label)], NAMES, PALETTE)
    with Image.open(tmp_path / "panel.png") as picture:
        assert picture.width == 1488
        assert picture.height < 4 * 480 + 200


def test_a_panel_takes_rows_that_come_one_by_one(tmp_path):
    image, label = np.full((48, 64, 3), 100, np.uint8), np.ones((48, 64), int)
    rows = [(image, label, label)] * 2
    pictures.save_panel(tmp_path / "list.png", rows, NAMES, PALETTE)
    pictures.save_panel(tmp_path / "iterator.png", iter(rows), NAMES, PALETTE)
    assert (tmp_path / "iterator.png").read_bytes() == (tmp_path / "list.png").read_bytes()


@pytest.mark.parametrize("shape", [(0, 3), (3,), (2, 2, 2), ()])
def test_a_label_of_another_shape_is_not_saved(tmp_path, shape):
    with pytest.raises(ValueError, match=r"save_label: a label has at least one pixel and the shape \(H, W\), got"):
        pictures.save_label(tmp_path / "label.png", np.zeros(shape, int), PALETTE)


def test_a_class_beyond_255_is_not_saved_and_not_said_to_be_ignored(tmp_path):
    with pytest.raises(ValueError, match=r"but this label has 299\.\.299; join some of the classes"):
        pictures.save_label(tmp_path / "label.png", np.array([[299]]), np.zeros((300, 3), int))


def test_a_saved_label_holds_the_classes_and_shows_their_colours(tmp_path):
    pictures.save_label(tmp_path / "label.png", LABEL, PALETTE)
    with Image.open(tmp_path / "label.png") as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.array(picture), LABEL)
        np.testing.assert_array_equal(np.array(picture.convert("RGB")), pictures.colour(LABEL, PALETTE))


@pytest.mark.parametrize(("index", "ignore_index"), [(-1, -1), (256, 256), (1000, 1000)])
def test_an_index_that_a_file_cannot_hold_is_refused(tmp_path, index, ignore_index):
    with pytest.raises(ValueError, match=r"save_label: a file has one index of 0\.\.255 a pixel"):
        pictures.save_label(tmp_path / "label.png", np.array([[0, index]]), PALETTE, ignore_index)


@pytest.mark.parametrize("index", [3, -1, 300])
def test_an_index_outside_the_palette_is_not_saved(tmp_path, index):
    with pytest.raises(ValueError, match=rf"label\[0, 1\] is {index}"):
        pictures.save_label(tmp_path / "label.png", np.array([[0, index]]), PALETTE)
    assert not list(tmp_path.iterdir())


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


@pytest.mark.parametrize("ignore_index", [2, 255], ids=["a class", "none"])
def test_the_legend_has_the_colour_that_the_picture_has(tmp_path, ignore_index):
    image, label = np.full((90, 400, 3), 100, np.uint8), np.ones((90, 400), np.uint8)
    label[:, 200:] = ignore_index
    pictures.save_overlay(tmp_path / "a.png", image, label, NAMES, PALETTE, alpha=1, ignore_index=ignore_index)
    pictures.save_panel(tmp_path / "b.png", [(image, label, label)], NAMES, PALETTE, ignore_index)
    with Image.open(tmp_path / "a.png") as picture:
        shown, legend = (colours_of(picture.crop((0, top, 400, end))) for top, end in ((0, 90), (90, picture.height)))
    with Image.open(tmp_path / "b.png") as picture:
        panel = colours_of(picture.crop((0, picture.height - 100, picture.width, picture.height)))
    assert shown == {(128, 64, 128), pictures.VOID_COLOUR}
    assert shown <= legend
    assert shown <= panel
    assert (0, 200, 0) not in panel | legend


def test_a_name_for_each_colour_is_wanted(tmp_path):
    message = "the palette has one colour for each class, but it has 3 and there are 2 class names"
    with pytest.raises(ValueError, match=message):
        pictures.save_overlay(tmp_path / "a.png", IMAGE, LABEL, NAMES[:2], PALETTE)


@pytest.mark.parametrize("which", ["label", "prediction"])
def test_a_panel_wants_labels_of_the_size_of_the_image(tmp_path, which):
    row = {"label": LABEL, "prediction": LABEL} | {which: LABEL[:1]}
    with pytest.raises(ValueError, match=rf"save_panel: {which} has shape \(1, 3\), but image is \(2, 3, 3\)"):
        pictures.save_panel(tmp_path / "a.png", [(IMAGE, *row.values())], NAMES, PALETTE)


def test_a_panel_has_three_columns_per_row_and_the_classes_that_occur_in_its_legend(tmp_path):
    image, label = np.full((30, 40, 3), 100, np.uint8), np.ones((30, 40), np.uint8)
    pictures.save_panel(tmp_path / "panel.png", [(image, label, 2 * label), (image, label, label)], NAMES, PALETTE)
    with Image.open(tmp_path / "panel.png") as picture:
        third = picture.width // 6
        row = 200
        cells = [picture.getpixel((x, row)) for x in (third, 3 * third, 5 * third)]
        legend = colours_of(picture.crop((0, picture.height - 100, picture.width, picture.height)))
    assert cells == [(100, 100, 100), (128, 64, 128), (0, 200, 0)]
    assert {(128, 64, 128), (0, 200, 0)} <= legend
    assert not {(0, 0, 0), pictures.VOID_COLOUR} & legend


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
