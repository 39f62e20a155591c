"""A label that was resized with interpolation or saved as JPEG is known by its borders, and no other is."""

import io

import numpy as np
import pytest
from PIL import Image

from minifcn.data import Shapes, open_dataset
from minifcn.data.inspection.borders import ENOUGH, MOST_LINES, find_borders

NEAREST, BILINEAR, BICUBIC, LANCZOS = (
    getattr(Image.Resampling, name) for name in ("NEAREST", "BILINEAR", "BICUBIC", "LANCZOS")
)


def resized(label, factor, how):
    height, width = (round(factor * length) for length in label.shape)
    return np.array(Image.fromarray(label).resize((width, height), how))


def jpeg(label, quality):
    memory = io.BytesIO()
    Image.fromarray(label).save(memory, "jpeg", quality=quality)
    return np.array(Image.open(memory))


def line(*runs):
    """A label of one row, of runs (value, length)."""
    return np.concatenate([np.full(length, value) for value, length in runs])[None]


@pytest.fixture(scope="module")
def labels():
    """Labels with squares and rings, but none whose classes differ by 1 alone: between 0 and 1 there is nothing."""
    drawn = [sample.label for sample in Shapes(24, (128, 128), 6)]
    labels = [label for label in drawn if (np.unique(label) > 1).any()]
    assert len(labels) > 15
    return labels


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        pytest.param(line((0, 9), (5, 9)), (1, 0, 0), id="sharp"),
        pytest.param(line((0, 9), (1, 1), (4, 1), (5, 9)), (0, 1, 0), id="stairs-up"),
        pytest.param(line((5, 9), (3, 4), (0, 9)), (0, 1, 0), id="stairs-down"),
        pytest.param(line((0, 9), (7, 2), (5, 9)), (0, 0, 1), id="a-pole-of-another-class"),
        pytest.param(line((0, 9), (3, 1), (2, 1), (5, 9)), (0, 0, 1), id="up-and-down"),
        pytest.param(line((0, 9), (2, 5), (5, 9)), (2, 0, 0), id="an-area-in-between"),
        pytest.param(line((0, 9), (1, 9)), (0, 0, 0), id="nothing-lies-between-0-and-1"),
        pytest.param(line((0, 9), (3, 1), (0, 9)), (0, 0, 0), id="a-pole-in-one-area"),
        pytest.param(line((255, 9), (64, 1), (0, 9)), (0, 1, 0), id="black-and-white"),
        pytest.param(line((-1, 9), (0, 1), (3, 9)), (0, 1, 0), id="negative"),
    ],
)
@pytest.mark.parametrize("turn", [False, True], ids=["row", "column"])
def test_a_border_is_sharp_or_stairs_or_specks(label, expected, turn):
    assert find_borders(label.T if turn else label)[:3] == expected


def test_the_end_of_a_row_borders_on_nothing():
    assert find_borders(np.array([[0] * 9, [5] * 9]))[:3] == (0, 0, 0)
    assert find_borders(np.array([[0] * 9 + [5] * 9, [5] * 9 + [0] * 9]))[:3] == (2, 0, 0)


def test_unsigned_values_do_not_wrap_around():
    assert find_borders(line((200, 9), (100, 1), (0, 9)).astype(np.uint8))[:3] == (0, 1, 0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1)])
def test_a_label_of_one_line_has_no_borders(shape):
    assert find_borders(np.zeros(shape, np.uint8))[:3] == (0, 0, 0)


def test_an_example_names_the_row_or_the_column():
    label = np.repeat(line((0, 9), (1, 1), (4, 1), (5, 9)), 3, axis=0)
    assert find_borders(label).example == "row 0: 0 1 4 5"
    assert find_borders(label.T).example == "column 0: 0 1 4 5"


def test_of_a_high_label_some_rows_are_looked_at_and_named_by_their_place():
    sharp = np.repeat(line((0, 9), (5, 9)), 10 * MOST_LINES, axis=0)
    assert find_borders(sharp).sharp == MOST_LINES
    sharp[50, 9] = 3
    assert find_borders(sharp).example == "row 50: 0 3 5"


def test_labels_as_they_were_drawn_are_not_suspected(labels):
    assert not any(find_borders(label).smoothed for label in labels)


@pytest.mark.parametrize("factor", [0.4, 0.5, 0.75, 1.5, 2, 3])
def test_resizing_with_nearest_neighbour_is_not_suspected(labels, factor):
    assert not any(find_borders(resized(label, factor, NEAREST)).smoothed for label in labels)


@pytest.mark.parametrize("factor", [0.5, 0.75, 1.5, 2, 3])
@pytest.mark.parametrize("how", [BILINEAR, BICUBIC, LANCZOS], ids=["bilinear", "bicubic", "lanczos"])
def test_interpolation_is_seen(labels, factor, how):
    found = [find_borders(resized(label, factor, how)).smoothed for label in labels]
    assert np.mean(found) >= 0.8


@pytest.mark.parametrize("quality", [75, 90, 95])
def test_jpeg_is_seen(labels, quality):
    assert np.mean([find_borders(jpeg(label, quality)).smoothed for label in labels]) >= 0.8


def test_a_few_stairs_are_an_accident():
    stairs = np.repeat(line((0, 9), (1, 1), (4, 1), (5, 9)), ENOUGH, axis=0)
    assert find_borders(stairs).smoothed
    assert not find_borders(stairs[1:]).smoothed


@pytest.mark.parametrize(("sharp", "smoothed"), [(1, True), (2, False)])
def test_specks_are_suspected_where_no_more_than_a_quarter_of_the_borders_is_sharp(sharp, smoothed):
    poles = [part for value in (5, 0, 5) for part in ((9, 2), (value, 9))]
    edges = [(7 * (number % 2 == 0), 9) for number in range(sharp)]
    label = np.repeat(line((0, 9), *poles, *edges), ENOUGH, axis=0)
    assert find_borders(label)[:3] == (sharp * ENOUGH, 0, 3 * ENOUGH)
    assert find_borders(label).smoothed == smoothed


def test_real_labels_with_poles_and_fences_are_not_suspected(camvid_root):
    labels = [sample.label for sample in open_dataset(f"camvid:{camvid_root}", "val")]
    assert not any(find_borders(label).smoothed for label in labels)
    assert not any(find_borders(resized(label, 0.5, NEAREST)).smoothed for label in labels)
    assert all(find_borders(resized(label, 0.5, BILINEAR)).smoothed for label in labels[::10])
