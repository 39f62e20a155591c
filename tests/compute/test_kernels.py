"""The text of the GPU's kernels, compiled by a C++ compiler and run on the CPU: it gives what its NumPy twin gives."""

import numpy as np
import pytest
import standin
from cases import random_convolutions
from standin.kernels import COMPILER

from minifcn import to_device, to_host
from minifcn.compute.fast import kernels, strips

pytestmark = pytest.mark.skipif(not COMPILER, reason="no C++ compiler, so the stand-in runs no kernels")
CONVOLUTIONS = random_convolutions(12, seed=3)


def gathered(x, window, device):
    """All windows, as the strips of the last rows and of those before."""
    (height, width), x = window.output_size(x.shape[2:]), to_device(x, device)
    parts = slice(0, height // 2), slice(height // 2, height)
    return [
        to_host(strips.gather(x, window, (slice(0, len(x)), rows), width)).copy()
        for rows in parts
        if rows.start < rows.stop
    ]


def assert_twins_agree(x, window, device):
    for found, expected in zip(gathered(x, window, device), gathered(x, window, "cpu"), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("convolution", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("channels", [1, 3, 4, 8])
def test_gather(convolution, channels, dtype, rng, stand_in):
    shape = (convolution.batch, channels, *convolution.size)
    x = rng.standard_normal(shape).astype(dtype)
    assert_twins_agree(x, convolution.window, stand_in)


FAULTS = {
    "a row too far": ("oh * SH", "(oh + 1) * SH"),
    "rows and columns confused": ("* W + w)", "* H + w)"),
    "no zeros above": ("h >= 0 && ", ""),
    "no zeros below": ("h < H && ", ""),
    "no zeros on the left": ("w >= 0 && ", ""),
    "no zeros on the right": ("&& w < W", ""),
    "the edge itself left out": ("w < W", "w < W - 1"),
    "dilation forgotten": ("kw * DW", "kw"),
    "images forgotten": ("(ptrdiff_t)n * H", "(ptrdiff_t)0 * H"),
}


@pytest.mark.parametrize(("right", "wrong"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_found(right, wrong, rng, stand_in, monkeypatch):
    *parameters, text = kernels.GATHER
    assert right in text
    monkeypatch.setattr(kernels, "GATHER", (*parameters, text.replace(right, wrong)))
    window = strips.Window((3, 2), (2, 1), (1, 1), (1, 2))
    x = rng.standard_normal((2, 3, 5, 6)).astype("float32")
    with pytest.raises((AssertionError, IndexError)):
        assert_twins_agree(x, window, stand_in)


@pytest.fixture
def cp():
    with standin.installed() as cupy:
        yield cupy


def test_an_index_beyond_an_array_is_an_error(cp):
    kernel = cp.ElementwiseKernel("raw T x", "T y", "y = x[i + 1];", "next")
    with pytest.raises(IndexError, match="next: element 3 lies outside a raw array"):
        kernel(cp.arange(3), cp.empty(3, int))


def test_a_kernel_is_one_launch_and_takes_numbers(cp):
    x, y = cp.arange(4.0), cp.empty(4)
    with standin.forbid("h2d"), standin.count() as events:
        cp.ElementwiseKernel("T x, int32 n", "T y", "y = n * x;", "times")(x, 3, y)
    assert (events["kernel"], y.tolist()) == (1, [0, 3, 6, 9])


@pytest.mark.parametrize(
    ("error", "arrays"),
    [
        (TypeError, lambda cp: (cp.arange(3.0), cp.empty(3, "float32"))),
        (ValueError, lambda cp: (cp.arange(3.0), cp.empty(4))),
        (TypeError, lambda cp: (np.arange(3.0), cp.empty(3))),
    ],
    ids=["two types", "two sizes", "an array of the host"],
)
def test_what_cupy_refuses(error, arrays, cp):
    with pytest.raises(error):
        cp.ElementwiseKernel("T x", "T y", "y = x;", "same")(*arrays(cp))
