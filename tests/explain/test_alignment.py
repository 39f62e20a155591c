"""The table that derives the crop offsets of the networks, layer by layer."""

from fractions import Fraction

import pytest

from minifcn import models
from minifcn.explain.alignment import CropRow, MovedRow, alignment_table, written
from minifcn.models.coordinates import CoordinateMap

NETWORKS = ["fcn32s", "fcn16s", "fcn8s"]


def table_of(name, variant, **options):
    return alignment_table(models.create(name, num_classes=2, variant=variant, width=1 / 64, **options))


@pytest.mark.parametrize(("name", "offsets"), [("fcn32s", [19]), ("fcn16s", [5, 27]), ("fcn8s", [5, 9, 31])])
def test_the_famous_offsets_of_the_paper(name, offsets):
    assert list(table_of(name, "paper").crop_offsets.values()) == offsets


@pytest.mark.parametrize("kernel", [1, 7])
@pytest.mark.parametrize("name", NETWORKS)
def test_aligned_networks_need_no_offset(name, kernel):
    assert set(table_of(name, "aligned", fc6_kernel=kernel).crop_offsets.values()) == {0}


@pytest.mark.parametrize("variant", ["aligned", "paper"])
@pytest.mark.parametrize("name", NETWORKS)
def test_they_are_the_offsets_that_the_network_crops_at(name, variant):
    model = models.create(name, num_classes=2, variant=variant, width=1 / 64)
    assert alignment_table(model).crop_offsets == model.crop_offsets


def test_every_layer_that_moves_pixels_is_a_step_on_the_way():
    """Along a chain without skips, each step leads from the total before it to the next one."""
    total = CoordinateMap()
    for row in table_of("fcn32s", "paper").rows:
        if isinstance(row, MovedRow):
            total = row.step.compose(total)
            assert row.total == total
    assert total.shift == 19


def test_steps_by_hand():
    """Padding 100 around a 3x3 kernel moves by 99; a 2x2 pool puts pixel 1/2 at 0; a 7x7 kernel moves by -3."""
    steps = {row.name: written(row.step) for row in table_of("fcn8s", "paper").rows if isinstance(row, MovedRow)}
    assert steps["conv1_1"] == "u + 99"
    assert steps["pool1"] == "u/2 - 1/4"
    assert steps["fc6"] == "u - 3"
    assert steps["upscore2"] == "2u + 3/2"
    assert steps["upscore8"] == "8u + 15/2"
    assert steps["conv1_2"] == "u"


def test_crops_stand_where_they_happen():
    names = [f"crop {row.name}" if isinstance(row, CropRow) else row.name for row in table_of("fcn8s", "paper").rows]
    assert names[names.index("upscore2") :] == [
        "upscore2",
        "score_pool4",
        "crop score_pool4",
        "upscore_pool4",
        "score_pool3",
        "crop score_pool3",
        "upscore8",
        "crop score",
    ]


def test_the_differences_are_written_out():
    lines = str(table_of("fcn8s", "paper")).splitlines()
    assert [line.split("  ")[0] for line in lines if line.startswith("crop")] == [
        "crop score_pool4",
        "crop score_pool3",
        "crop score",
    ]
    assert "183/32 - 23/32 = 5 " in lines[9]
    assert "191/16 - 47/16 = 9 " in lines[11]
    assert "31 - 0 = 31 " in lines[13]
    assert lines[-1] == "16 more layers move nothing."


@pytest.mark.parametrize(
    ("scale", "shift", "formula"),
    [(1, 0, "u"), (1, -3, "u - 3"), ("1/32", "-31/64", "u/32 - 31/64"), (2, "1/2", "2u + 1/2"), ("3/2", 1, "3u/2 + 1")],
)
def test_maps_are_written_as_formulas(scale, shift, formula):
    assert written(CoordinateMap(Fraction(scale), Fraction(shift))) == formula
