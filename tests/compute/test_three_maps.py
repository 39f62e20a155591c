"""Convolution, transposed convolution and weight gradient: three sides of one form, by any algorithm."""

import numpy as np
import pytest
import textbook
from cases import CONVOLUTIONS, LAYOUTS, Convolution, read_only, three_maps
from cut_products import cut_products

import minifcn as mf
from minifcn.backend import cutting, to_device, to_host
from minifcn.backend.threads import evenly
from minifcn.compute import algorithm
from minifcn.compute.algorithm import ALGORITHMS
from minifcn.compute.fast import rows, strips, winograd
from minifcn.compute.window import Window

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def three_textbook_maps(case, x, weight, y):
    return (
        textbook.convolve(x, weight, case.window, case.groups),
        textbook.convolve_transposed(y, weight, case.window, case.size, case.groups),
        textbook.convolve_weight(x, y, case.window, case.groups),
    )


def assert_all_close(found, expected, tolerance):
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(1, abs(other).max()))


@pytest.fixture
def many_strips(monkeypatch):
    """Strips of a few rows or tiles, and products of few multiply-adds, so that small maps are cut too."""
    cut_products(monkeypatch)
    for room in (cutting, strips, rows):
        monkeypatch.setattr(room, "STRIP_BYTES", 512)
    monkeypatch.setattr(winograd, "TILES", 1)
    monkeypatch.setattr(winograd, "NUMBERS", dict.fromkeys(winograd.NUMBERS, 1))
    monkeypatch.setattr(winograd, "OUTPUTS", 2)


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
class TestOverAGridOfWindows:
    def test_they_are_what_the_textbook_says(self, case, rng, device):
        arrays = case.arrays(rng)
        found = three_maps(case, *(to_device(a, device) for a in arrays))
        assert_all_close(map(to_host, found), three_textbook_maps(case, *arrays), 1e-12)

    def test_they_are_adjoint(self, case, rng):
        """<y, W x> = <x, Wᵀ y> = <weight, weight gradient of (x, y)>."""
        x, weight, y = case.arrays(rng)
        convolved, transposed, weight_gradient = three_maps(case, x, weight, y)
        form = np.vdot(y, convolved)
        bound = 1e-12 * (1 + np.linalg.norm(y) * np.linalg.norm(convolved))
        assert np.vdot(x, transposed) == pytest.approx(form, abs=bound)
        assert np.vdot(weight, weight_gradient) == pytest.approx(form, abs=bound)

    @pytest.mark.parametrize("name", ALGORITHMS)
    def test_every_algorithm_gives_the_same(self, case, name, rng, dtype, many_strips):
        arrays = case.arrays(rng)
        expected = three_maps(case, *arrays)
        with mf.algorithm(name):
            found = three_maps(case, *(a.astype(dtype) for a in arrays))
        assert all(a.dtype == dtype for a in found)
        assert_all_close(found, expected, TOLERANCE[str(dtype)])


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", CONVOLUTIONS[1:8], ids=str)
def test_any_layout_gives_the_same_and_is_not_written_to(case, layout, name, rng):
    arrays = case.arrays(rng)
    with mf.algorithm(name):
        found = three_maps(case, *(read_only(LAYOUTS[layout](a)) for a in arrays))
    assert_all_close(found, three_maps(case, *arrays), 1e-12)


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("case", [c for c in CONVOLUTIONS if c.groups == 1][:12], ids=str)
def test_maps_come_out_channels_last(case, name, rng):
    with mf.algorithm(name):
        convolved, transposed, _ = three_maps(case, *case.arrays(rng))
    for result in (convolved, transposed):
        channel, column = result.strides[1], result.strides[3]
        assert result.shape[1] == 1 or result.shape[3] == 1 or channel < column


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("width", [64, 65])
def test_a_strip_in_the_middle_and_a_short_last_one(name, width, rng):
    """Ten megabytes of float32 windows are cut into several strips as they stand."""
    case = Convolution(Window((3, 3), padding=(1, 1)), (67, width), batch=2, inputs=32, outputs=8)
    arrays = case.arrays(rng)
    expected = three_maps(case, *arrays)
    with mf.algorithm(name):
        assert_all_close(three_maps(case, *(a.astype("float32") for a in arrays)), expected, 1e-5)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_one_that_is_forced_is_chosen_where_it_applies(name):
    x, windows = np.zeros((1, 32, 24, 24), "float32"), [case.window for case in CONVOLUTIONS]
    with mf.algorithm(name):
        chosen = [algorithm.choose(x, window, (24, 24), 32, 32) for window in windows]
    assert ALGORITHMS[name] in chosen


def test_algorithms_nest_and_end_with_their_block():
    x, window = np.zeros((1, 1, 1, 1), "float32"), Window((1, 1))

    def chosen():
        return algorithm.choose(x, window, (1, 1), 1, 1)

    with mf.algorithm("im2col"):
        with mf.algorithm("strips"):
            assert chosen() is ALGORITHMS["strips"]
        assert chosen() is ALGORITHMS["im2col"]
    assert chosen() is ALGORITHMS["strips"]


def test_an_unknown_algorithm_is_refused():
    known = ", ".join(map(repr, ALGORITHMS))
    with pytest.raises(ValueError, match=f"unknown name 'fft'; there are {known}"), mf.algorithm("fft"):
        pass


@pytest.mark.parametrize("images", [1, 2])
def test_rows_of_a_single_strip_are_shared_where_the_weight_is_small(images):
    """And the outputs where it is large."""
    work, small, large = cutting.LARGE_WEIGHT * 100, cutting.LARGE_WEIGHT, cutting.LARGE_WEIGHT + 1
    shared = cutting.cut_map(images, 8, 1, work, small)
    assert len(shared) == evenly(1, work)
    assert sum((strip[0].stop - strip[0].start) * (strip[1].stop - strip[1].start) for strip in shared) == 8 * images
    assert cutting.cut_map(images, 8, 1, work, large) == [(slice(0, images), slice(0, 8))]
    assert cutting.cut_map(images, 8, 1, 1, small) == [(slice(0, images), slice(0, 8))]
