"""Sizes, strides, receptive fields and crop offsets of the paper and its reference implementation."""

from fractions import Fraction

import pytest

from minifcn import models
from minifcn.models.alignment import CoordinateMap, crop_offsets
from minifcn.models.geometry import trace
from minifcn.models.summary import rows, table
from minifcn.nn import Conv2d, ConvTranspose2d, MaxPool2d, Module, Sequential

NARROW = 1 / 64


@pytest.fixture(scope="module")
def networks():
    """Every network by its name and variant, made once."""
    return {
        (name, variant): models.create(name, num_classes=2, variant=variant, width=NARROW)
        for name in models.NETWORKS
        for variant in ("aligned", "paper")
    }


def sizes(model, n):
    """Rows of the map behind each layer, for an image of n x n pixels."""
    return {row.name: row.behind.shape[2] for row in rows(model, (n, n))}


class TestSizes:
    """Feature sizes of the reference nets: padding 100 and pools that round up."""

    @pytest.mark.parametrize(
        ("n", "pools", "fc", "upscore", "upscore2", "upscore16", "upscore_pool4", "upscore8"),
        [
            (1, (100, 50, 25, 13, 7), 1, 64, 4, 80, 10, 88),
            (32, (115, 58, 29, 15, 8), 2, 96, 6, 112, 14, 120),
            (64, (131, 66, 33, 17, 9), 3, 128, 8, 144, 18, 152),
            (224, (211, 106, 53, 27, 14), 8, 288, 18, 304, 38, 312),
            (360, (279, 140, 70, 35, 18), 12, 416, 26, 432, 54, 440),
            (375, (287, 144, 72, 36, 18), 12, 416, 26, 432, 54, 440),
            (480, (339, 170, 85, 43, 22), 16, 544, 34, 560, 70, 568),
            (500, (349, 175, 88, 44, 22), 16, 544, 34, 560, 70, 568),
            (512, (355, 178, 89, 45, 23), 17, 576, 36, 592, 74, 600),
        ],
    )
    def test_of_the_papers_variant(self, networks, n, pools, fc, upscore, upscore2, upscore16, upscore_pool4, upscore8):
        found = {name: sizes(networks[name, "paper"], n) for name in models.NETWORKS}
        for seen in found.values():
            assert tuple(seen[f"pool{stage}"] for stage in range(1, 6)) == pools
            assert seen["fc6"] == seen["fc7"] == seen["score_fr"] == fc
        assert found["fcn32s"]["upscore"] == upscore
        assert found["fcn16s"]["upscore2"] == found["fcn8s"]["upscore2"] == upscore2
        assert found["fcn16s"]["upscore16"] == upscore16
        assert found["fcn8s"]["upscore_pool4"] == upscore_pool4
        assert found["fcn8s"]["upscore8"] == upscore8

    @pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 360, 500])
    def test_of_the_aligned_variant_are_the_image_over_the_stride_rounded_up(self, networks, n):
        seen = sizes(networks["fcn8s", "aligned"], n)
        assert [seen[f"pool{stage}"] for stage in range(1, 6)] == [-(-n // 2**stage) for stage in range(1, 6)]
        assert seen["score_fr"] == seen["pool5"]
        assert seen["upscore2"] == 2 * seen["pool5"]

    @pytest.mark.parametrize("name", models.NETWORKS)
    @pytest.mark.parametrize("variant", ["aligned", "paper"])
    def test_every_crop_fits_for_every_size(self, networks, name, variant):
        for n in [*range(1, 130), *range(130, 1500, 13)]:
            trace(networks[name, variant], (n, n))  # raises where a crop does not fit, or fused maps differ


class TestCropOffsets:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("fcn32s", {"score": 19}),
            ("fcn16s", {"score_pool4": 5, "score": 27}),
            ("fcn8s", {"score_pool4": 5, "score_pool3": 9, "score": 31}),
        ],
    )
    def test_of_the_papers_variant_are_those_of_the_released_nets(self, networks, name, expected):
        assert crop_offsets(networks[name, "paper"]) == expected
        assert networks[name, "paper"].crop_offsets == expected

    @pytest.mark.parametrize("name", models.NETWORKS)
    def test_of_the_aligned_variant_are_zero(self, networks, name):
        assert set(crop_offsets(networks[name, "aligned"]).values()) == {0}

    def test_do_not_depend_on_the_size_of_the_image(self, networks):
        model = networks["fcn8s", "paper"]
        assert all(trace(model, (n, 2 * n)).crop_offsets == model.crop_offsets for n in (1, 50, 333))


class TestCoordinateMaps:
    @pytest.mark.parametrize(
        ("layer", "scale", "shift"),
        [
            (Conv2d(3, 1, 3, padding=100), 1, 99),
            (Conv2d(3, 1, 3, padding=1), 1, 0),
            (MaxPool2d(2), Fraction(1, 2), Fraction(-1, 4)),
            (Conv2d(3, 1, 7), 1, -3),
            (Conv2d(3, 1, 3, dilation=2), 1, -2),
            (ConvTranspose2d(3, 3, 4, 2), 2, Fraction(3, 2)),
            (ConvTranspose2d(3, 3, 4, 2, 1), 2, Fraction(1, 2)),
            (ConvTranspose2d(3, 3, 64, 32), 32, Fraction(63, 2)),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Module) else str(value),
    )
    def test_of_layers_are_caffes(self, layer, scale, shift):
        """coord_map.py: convolution and pool (1/S, (P - (K-1)/2)/S), transposed convolution (S, (K-1)/2 - P)."""
        found = CoordinateMap.of(layer.window, transposed=isinstance(layer, ConvTranspose2d))
        assert (found.scale, found.shift) == (scale, shift)

    def test_compose_applies_the_other_first(self):
        double, shift = CoordinateMap(Fraction(2)), CoordinateMap(shift=Fraction(3))
        assert double.compose(shift) == CoordinateMap(Fraction(2), Fraction(6))
        assert shift.compose(double) == CoordinateMap(Fraction(2), Fraction(3))

    def test_numbers_become_fractions(self):
        assert CoordinateMap(2, -0.5) == CoordinateMap(Fraction(2), Fraction(-1, 2))
        assert CoordinateMap(1, -3).crop_offset == 3
        assert CoordinateMap(0.25, 1).inverse() == CoordinateMap(4, -4)

    @pytest.mark.parametrize("scale", [0, -1, -0.5])
    def test_a_scale_is_above_zero(self, scale):
        with pytest.raises(ValueError, match="CoordinateMap: scale must be above 0, got"):
            CoordinateMap(scale)

    @pytest.mark.parametrize(("axis", "expected"), [(0, "u/2 - 1/2"), (1, "u - 1/2")])
    def test_rows_and_columns_have_maps_of_their_own(self, axis, expected):
        window = Conv2d(3, 1, (3, 2), (2, 1)).window
        assert str(CoordinateMap.of(window, axis=axis)) == expected

    def test_inverse_leads_back(self):
        there = CoordinateMap(Fraction(1, 32), Fraction(-7, 3))
        assert there.compose(there.inverse()) == there.inverse().compose(there) == CoordinateMap()

    @pytest.mark.parametrize(
        "there",
        [CoordinateMap(Fraction(2)), CoordinateMap(shift=Fraction(-37, 2)), CoordinateMap(shift=Fraction(1))],
        ids=["another scale", "half a pixel", "beyond the edge"],
    )
    def test_what_no_crop_aligns_is_refused(self, there):
        with pytest.raises(
            ValueError,
            match=r"no crop aligns these two maps: .*; change a kernel size, stride or padding: where kernel =",
        ):
            _ = there.crop_offset

    def test_a_kernel_of_64_would_put_alexnets_upsampling_half_a_pixel_off(self):
        """FCN-AlexNet upsamples with 63x63 for an offset of exactly 18."""
        path = [(11, 4, 100), (3, 2, 0), (5, 1, 2), (3, 2, 0), (3, 1, 1), (3, 1, 1), (3, 1, 1), (3, 2, 0), (6, 1, 0)]

        def behind(kernel):
            layers = [Conv2d(1, 1, k, s, p) for k, s, p in path] + [ConvTranspose2d(1, 1, kernel, 32)]
            return trace(Sequential(*layers), (227, 227)).layers[-1][2].coordinates

        assert behind(63).inverse().crop_offset == 18
        assert behind(64).inverse().shift == Fraction(-37, 2)


class TestReceptiveFields:
    @pytest.mark.parametrize("variant", ["aligned", "paper"])
    def test_of_the_trunk(self, networks, variant):
        fields = {row.name: row.behind.receptive_field for row in rows(networks["fcn8s", variant], (224, 224))}
        assert (fields["pool3"], fields["pool4"], fields["pool5"]) == (44, 100, 212)
        assert fields["fc6"] == fields["fc7"] == (404 if variant == "paper" else 212)

    @pytest.mark.parametrize(
        ("layer", "stride"),
        [
            ("pool3", 8),
            ("pool4", 16),
            ("pool5", 32),
            ("fc7", 32),
            ("upscore2", 16),
            ("upscore_pool4", 8),
            ("upscore8", 1),
        ],
    )
    def test_strides(self, networks, layer, stride):
        behind = {row.name: row.behind for row in rows(networks["fcn8s", "paper"], (224, 224))}[layer]
        assert 1 / behind.coordinates.scale == stride

    def test_of_a_sum_is_the_larger_one(self, networks):
        behind = {row.name: row.behind for row in rows(networks["fcn8s", "paper"], (224, 224))}
        assert behind["upscore_pool4"].receptive_field >= behind["score_pool4"].receptive_field

    def test_of_two_convolutions_with_stride_and_dilation_by_hand(self):
        """3 + (3 - 1)·2 = 7 behind stride 2, and a 3-kernel with dilation 3 adds 6 steps of 2: 19."""
        net = Sequential(Conv2d(3, 1, 3, stride=2), Conv2d(1, 1, 3), Conv2d(1, 1, 3, dilation=3))
        assert [output.receptive_field for _, _, output in trace(net, (99, 99)).layers] == [3, 7, 19]


class TestSummary:
    def test_has_a_row_for_each_convolution_and_pool(self, networks):
        names = [row.name for row in rows(networks["fcn16s", "paper"], (500, 500))]
        assert names[:3] == ["conv1_1", "conv1_2", "pool1"]
        assert names[-7:] == ["pool5", "fc6", "fc7", "score_fr", "upscore2", "score_pool4", "upscore16"]
        assert len(names) == 13 + 5 + 2 + 4

    def test_multiply_adds_of_a_layer_by_hand(self):
        model = models.FCN32s(21, width=NARROW)
        found = {row.name: row.multiply_adds for row in rows(model, (64, 96))}
        assert found["conv1_1"] == 1 * 3 * 9 * 64 * 96
        assert found["pool1"] == 0
        assert found["upscore"] == 21 * 21 * 64 * 64 * 2 * 3  # each pixel of the coarse map stamps every kernel once

    def test_cells_of_a_row(self, networks):
        row = next(row for row in rows(networks["fcn8s", "paper"], (500, 375)) if row.name == "pool3")
        assert row.cells() == ("pool3", "4x88x72", "0", "0", "99.0 KiB", "8", "44", "11.9375")

    def test_the_table_ends_with_the_totals(self, networks):
        model = networks["fcn8s", "paper"]
        lines = table(model, (64, 64)).splitlines()
        assert lines[0].split() == [
            "layer",
            "output",
            "parameters",
            "multiply-adds",
            "memory",
            "stride",
            "field",
            "offset",
        ]
        assert lines[-4].startswith("learned parameters  ")
        assert lines[-4].endswith(f"(and {4 * (16 + 16 + 256):,} fixed)")
        assert lines[-1] == "crop offsets        score_pool4 5, score_pool3 9, score 31"
        assert len({len(line) for line in lines[: len(rows(model, (64, 64))) + 1]}) == 1  # columns line up


def test_fused_maps_that_are_not_aligned_are_refused():
    class Crooked(Module):
        def __init__(self):
            self.padded, self.bare = Conv2d(3, 2, 3, padding=1), Conv2d(3, 2, 1, padding=0)
            self.shifted = Conv2d(3, 2, 2, padding=1)

        def forward(self, x):
            return self.padded(x) + self.shifted(x)

    with pytest.raises(ValueError, match="maps to be fused are not aligned"):
        trace(Crooked(), (8, 8))
