"""Which settings lead from one size to another, and how evenly they cover the result."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.explain.sizes import TransposedSize, shared_output, solve_sizes
from minifcn.explain.stamps import coverage


def convolved(size, kernel_size, stride, padding):
    """Rows that a convolution of so many rows gives."""
    x, weight = np.zeros((1, 1, size, 1)), np.zeros((1, 1, kernel_size, 1))
    return F.conv2d(Tensor(x), Tensor(weight), None, (stride, 1), (padding, 0)).shape[2]


def upsampled(size):
    """Rows that a transposed convolution gives."""
    x, weight = np.zeros((1, 1, size.input_size, 1)), np.zeros((1, 1, size.kernel_size, 1))
    stride, padding, extra = (size.stride, 1), (size.padding, 0), (size.output_padding, 0)
    return F.conv_transpose2d(Tensor(x), Tensor(weight), None, stride, padding, extra).shape[2]


class TestSolveSizes:
    @pytest.mark.parametrize(("n", "m"), [(5, 10), (7, 20), (4, 4), (1, 3), (16, 12)])
    def test_every_solution_is_one(self, n, m):
        solutions = solve_sizes(n, m)
        assert solutions
        assert all(size.output_size == upsampled(size) == m for size in solutions)

    def test_none_is_missing(self):
        found = {(s.kernel_size, s.stride, s.padding, s.output_padding) for s in solve_sizes(3, 7, 5, 3)}
        expected = {
            (k, s, p, extra)
            for s in range(1, 4)
            for k in range(1, 6)
            for p in range(k)
            for extra in range(s)
            if (3 - 1) * s - 2 * p + k + extra == 7
        }
        assert found == expected
        assert (3, 2, 0, 0) in found

    def test_a_kernel_of_twice_the_stride_is_not_needed_for_the_size(self):
        """K - 2P = S is: kernels 2, 4, 6 and 8 all double a size."""
        doubling = [s for s in solve_sizes(5, 10) if s.stride == 2 and s.output_padding == 0]
        assert [(s.kernel_size, s.padding) for s in doubling] == [(2, 0), (4, 1), (6, 2), (8, 3)]

    def test_the_upsampling_of_fcn32s_is_among_them(self):
        solutions = solve_sizes(7, 224, largest_kernel=64, largest_stride=32)
        assert TransposedSize(7, kernel_size=64, stride=32, padding=16) in solutions

    def test_none_may_exist(self):
        assert solve_sizes(2, 100) == []

    def test_the_formula_is_written_out(self):
        line = str(TransposedSize(7, kernel_size=3, stride=2, padding=1, output_padding=1))
        assert line == "kernel 3, stride 2, padding 1, output_padding 1: (7 - 1)·2 - 2·1 + 3 + 1 = 14"

    @pytest.mark.parametrize("sizes", [(0, 4), (4, -1), (2.5, 4), ((5, 5), 10), (5, "10")])
    def test_a_size_must_be_a_positive_whole_number(self, sizes):
        with pytest.raises(ValueError, match="put_size must be a whole number of at least 1"):
            solve_sizes(*sizes)

    @pytest.mark.parametrize("largest", [(0, 4), (8, 0), (-1, 4), (8, 2.5)])
    def test_there_must_be_something_to_search(self, largest):
        with pytest.raises(ValueError, match=r"largest_(kernel|stride) must be a whole number of at least 1"):
            solve_sizes(5, 10, *largest)


class TestSharedOutput:
    @pytest.mark.parametrize("settings", [(5, 3, 2), (3, 2, 1), (2, 2, 0), (3, 1, 1), (7, 4, 0)], ids=str)
    def test_all_sizes_that_become_six(self, settings):
        sizes = {size.output_size for size in shared_output(6, *settings)}
        assert sizes == {n for n in range(settings[0], 60) if convolved(n, *settings) == 6}
        assert len(sizes) == settings[1]

    def test_output_padding_picks_one(self):
        """16, 17 and 18 rows become 6; without output_padding 6 rows become 16."""
        shared = shared_output(6, 5, 3, 2)
        assert [(s.output_size, s.output_padding) for s in shared] == [(16, 0), (17, 1), (18, 2)]
        assert [upsampled(s) for s in shared] == [16, 17, 18]

    def test_an_empty_map_is_left_out(self):
        assert [s.output_size for s in shared_output(1, 1, 4, 1)] == [1, 2]

    @pytest.mark.parametrize("settings", [(6, 0, 3, 2), (6, (5, 5), 3, 2), (6, 5, 3, -1), (6, 5, 3, 2.5), (0, 5, 3, 2)])
    def test_settings_are_whole_numbers(self, settings):
        with pytest.raises(ValueError, match=r"must be a whole number of at least [01], got"):
            shared_output(*settings)


class TestCoverage:
    @pytest.mark.parametrize(
        ("settings", "counts"),
        [((3, 2), [1, 2, 4]), ((4, 2), [4]), ((5, 3), [1, 2, 4]), ((6, 3), [4]), ((2, 3), [0, 1]), ((2, 2), [1])],
        ids=str,
    )
    def test_counts_inside(self, settings, counts):
        """As in "Deconvolution and Checkerboard Artifacts"."""
        result = coverage(*settings, padding=0, size=6)
        assert np.unique(result.inside).tolist() == counts
        assert result.checkerboard == (len(counts) > 1)

    @pytest.mark.parametrize("size", [1, 2, (1, 3), 7])
    @pytest.mark.parametrize(
        ("kernel_size", "stride"), [(1, 2), (1, 5), (2, 3), (3, 2), (3, 3), (4, 2), (5, 3), (7, 2)]
    )
    def test_a_small_map_is_said_to_be_what_a_large_one_is(self, kernel_size, stride, size):
        """Whether there is a checkerboard is a matter of the kernel and the stride, not of the size of the map."""
        small, large = coverage(kernel_size, stride, 0, size), coverage(kernel_size, stride, 0, 12)
        assert small.checkerboard == large.checkerboard == bool(kernel_size % stride)
        assert str(small).splitlines()[1] == str(large).splitlines()[1]

    def test_what_there_would_be_inside_is_the_middle_of_a_larger_map(self, rng):
        for _ in range(200):
            kernel_size, stride, padding, pixels = (int(n) for n in rng.integers((1, 1, 0, 1), (9, 6, 4, 6)))
            if (pixels - 1) * stride + kernel_size <= 2 * padding:
                continue
            result = coverage(kernel_size, stride, padding, pixels)
            x, weight = Tensor(np.ones((1, 1, pixels + 20, 1))), Tensor(np.ones((1, 1, kernel_size, 1)))
            line = F.conv_transpose2d(x, weight, None, (stride, 1), (padding, 0)).data[0, 0, :, 0]
            line = line[10 * stride :][: len(result.inside)]
            np.testing.assert_array_equal(result.inside, np.outer(line, line))

    def test_map_by_hand(self):
        """Three stamps of two pixels each way, one apart: neighbours overlap."""
        result = coverage(2, 1, 0, (2, 3))
        assert result.stamps.tolist() == [[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1]]
        assert result.border == ([0, 2], [0, 3])

    @pytest.mark.parametrize("settings", [(3, 2, 0, 4), (4, 2, 1, (3, 5)), (5, 1, 2, 6), (7, 3, 2, (1, 2))], ids=str)
    def test_it_is_a_transposed_convolution_of_ones(self, settings):
        kernel_size, stride, padding, size = settings
        shape = size if isinstance(size, tuple) else (size, size)
        x, weight = Tensor(np.ones((1, 1, *shape))), Tensor(np.ones((1, 1, kernel_size, kernel_size)))
        expected = F.conv_transpose2d(x, weight, None, stride, padding).data[0, 0]
        np.testing.assert_array_equal(coverage(*settings).stamps, expected)

    def test_padding_cuts_the_thin_border_off(self):
        assert coverage(3, 1, 0, 5).border == ([0, 1, 5, 6], [0, 1, 5, 6])
        assert coverage(3, 1, 2, 5).border == ([], [])

    def test_the_border_of_fcn32s(self):
        result = coverage(64, 32, 16, 7)
        rows = [*range(16), *range(208, 224)]
        assert result.border == (rows, rows)
        assert result.partition_of_unity[0, 0] == pytest.approx(0.266, abs=5e-4)
        assert "to less on 26.5% of the pixels, down to 0.266" in str(result)

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ((3, 2, 0, 4), "a checkerboard, 1, 2 or 4 stamps"),
            ((4, 2, 1, 4), "even, 4 stamps on every pixel"),
            ((2, 2, 0, 4), "border: as the inside"),
            ((1, 1, 0, 4), "its stamps add up to 1 everywhere"),
            ((8, 2, 0, 8), "its stamps add up to 4 inside instead of 1"),
            ((2, 2, 0, 4), "its stamps add up to 0.25 inside instead of 1"),
            ((5, 2, 0, 8), "between 1.78 and 2.78 inside instead of 1"),
        ],
        ids=str,
    )
    def test_the_diagnosis_is_said_in_words(self, settings, words):
        assert words in str(coverage(*settings))

    def test_even_coverage_does_not_protect_from_learned_checkerboards(self, rng):
        """Kernel 4, stride 2 covers evenly, but weights that differ make a checkerboard of a flat map all the same."""
        assert not coverage(4, 2, 1, 6).checkerboard
        weight = Tensor(rng.normal(size=(1, 1, 4, 4)))
        y = F.conv_transpose2d(Tensor(np.ones((1, 1, 6, 6))), weight, None, 2, 1).data[0, 0, 2:-2, 2:-2]
        np.testing.assert_allclose(y[::2, ::2], y[0, 0], atol=1e-12)
        assert abs(y[0, 1] - y[0, 0]) > 0.1

    @pytest.mark.parametrize(
        ("settings", "name"),
        [
            (((3, 5), 2, 0, 4), "kernel_size"),
            ((3, (2, 1), 0, 4), "stride"),
            ((3, 2, (1, 0), 4), "padding"),
            ((3, 2, -1, 4), "padding"),
            ((3, 2, 0, 0), "size"),
        ],
        ids=str,
    )
    def test_settings_are_whole_numbers(self, settings, name):
        with pytest.raises(ValueError, match=rf"^{name} must be a whole number of at least [01]"):
            coverage(*settings)

    def test_padding_that_leaves_nothing(self):
        with pytest.raises(ValueError, match=r"padding 5 crops the whole result away; it must be less than 4\.5"):
            coverage(3, 2, 5, 4)
