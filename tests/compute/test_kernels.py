"""The text of the GPU's kernels, compiled by a C++ compiler and run on the CPU: each gives what its twin does."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import standin
from cases import random_convolutions
from standin.kernels import COMPILER

import minifcn
import minifcn.functional as F
from minifcn import Tensor, grad, to_device, to_host
from minifcn.backend import philox
from minifcn.compute import algorithm, dropout
from minifcn.compute.dropout import Mask
from minifcn.compute.fast import kernels, strips
from minifcn.compute.window import Window

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


POOLS = {  # window, size of the map, size of the result
    "2x2": (Window((2, 2), (2, 2)), (6, 4), (3, 2)),
    "3x3, overlapping": (Window((3, 3), (2, 2)), (7, 9), (3, 4)),
    "ceil mode": (Window((3, 2), (2, 2)), (6, 5), (3, 3)),
    "padding": (Window((3, 3), (1, 2), (1, 1)), (5, 6), (5, 3)),
    "dilation": (Window((3, 3), (1, 2), (1, 1), (3, 2)), (8, 9), (4, 4)),
    "a longer step down than right": (Window((3, 2), (2, 1), (1, 0)), (7, 5), (4, 4)),
    "strides above the kernel": (Window((2, 2), (3, 4)), (8, 9), (3, 2)),
    "more entries than a byte counts": (Window((17, 17), (3, 3), (8, 8)), (20, 19), (7, 7)),
}


def pooled(x, y, window, size, device):
    """Both pools: the maxima and who they are, and every y back at its winner."""
    maxima, winner = algorithm.max_pool(to_device(x, device), window, size)
    back = algorithm.scatter_winner(to_device(y, device), winner, window, x.shape[2:])
    return [to_host(a) for a in (maxima, winner, back)]


def assert_pools_agree(pool, x, device, rng):
    window, _, size = pool
    y = rng.standard_normal((*x.shape[:2], *size)).astype(x.dtype)
    for found, expected in zip(pooled(x, y, window, size, device), pooled(x, y, window, size, "cpu"), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
@pytest.mark.parametrize("values", ["of every kind", "alike", "-inf", "nan here and there"])
def test_pools(pool, values, dtype, rng, stand_in):
    x = rng.standard_normal((2, 3, *pool[1])).astype(dtype)
    if values == "alike":
        x = np.sign(x)
    if values == "-inf":
        x[:] = -np.inf
    if values == "nan here and there":
        x[rng.random(x.shape) < 0.2] = np.nan
    assert_pools_agree(pool, x, stand_in, rng)


def added_up(y, weight, window, size, device):
    """A transposed convolution, each of its pixels the sum of what reaches it."""
    return to_host(algorithm.convolve_transposed(to_device(y, device), to_device(weight, device), window, size))


def assert_sums_agree(y, weight, window, size, device):
    """On the host the definition adds the windows up one after the other; the products are whole numbers."""
    with minifcn.algorithm("im2col"):
        expected = added_up(y, weight, window, size, "cpu")
    np.testing.assert_array_equal(added_up(y, weight, window, size, device), expected)


def whole(rng, shape, dtype):
    return rng.integers(-9, 10, shape).astype(dtype)


@pytest.mark.parametrize("convolution", CONVOLUTIONS, ids=str)
def test_col2im(convolution, dtype, rng, stand_in):
    one = dataclasses.replace(convolution, groups=1)
    y, weight = whole(rng, one.y_shape, dtype), whole(rng, one.weight_shape, dtype)
    assert_sums_agree(y, weight, one.window, one.size, stand_in)


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(4, 2, 1), (16, 8, 4), (64, 32, 0)], ids=str)
def test_col2im_as_the_nets_upsample(kernel, stride, padding, rng, stand_in):
    window = Window.of(kernel, stride, padding)
    size = tuple((n - 1) * stride - 2 * padding + kernel for n in (3, 2))
    y, weight = whole(rng, (2, 3, 3, 2), "float32"), whole(rng, (3, 3, kernel, kernel), "float32")
    assert_sums_agree(y, weight, window, size, stand_in)


def assert_masks_agree(shape, dtype, device, rng):
    x = rng.standard_normal(shape).astype(dtype)
    shapes = [shape, shape[:2] + (1,) * (len(shape) - 2)]
    for drawn, p, first in itertools.product(shapes, [0.1, 0.5, "a word"], [0, 3]):
        key = int.from_bytes(rng.bytes(16), "little")
        if p == "a word":  # the least that is kept
            p = int(philox.words(key, 1, first * math.prod(drawn[1:]))[0]) / 2**32
        mask = Mask(key, p, drawn, first)
        np.testing.assert_array_equal(to_host(mask.times(to_device(x, device))), mask.times(x))


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (2, 5, 7), (2, 3, 5, 4), (1, 64, 9, 9)], ids=str)
def test_drop(shape, dtype, rng, stand_in):
    assert_masks_agree(shape, dtype, stand_in, rng)


FAULTS = {
    "GATHER": {
        "a row too far": ("oh * SH", "(oh + 1) * SH"),
        "rows and columns confused": ("* W + w)", "* H + w)"),
        "no zeros above": ("h >= 0 && ", ""),
        "no zeros below": ("h < H && ", ""),
        "no zeros on the left": ("w >= 0 && ", ""),
        "no zeros on the right": ("&& w < W", ""),
        "the edge itself left out": ("w < W", "w < W - 1"),
        "dilation forgotten": ("kw * DW", "kw"),
        "dilation of rows forgotten": ("kh * DH", "kh"),
        "images forgotten": ("(ptrdiff_t)n * H", "(ptrdiff_t)0 * H"),
    },
    "COL2IM": {
        "the padding of columns for rows": ("oh >= 0 && h + PH", "oh >= 0 && h + PW"),
        "the padding of rows for columns": ("ow >= 0 && w + PW", "ow >= 0 && w + PH"),
        "the first row left out": ("oh >= 0", "oh > 0"),
        "the first column left out": ("ow >= 0", "ow > 0"),
        "windows that do not reach": ("(KH - 1) * DH", "KH * DH"),
        "the last window missed": ("<= (KW - 1)", "< (KW - 1)"),
        "rows beyond the map": ("oh >= OH || ", ""),
        "columns beyond the map": ("ow >= OW || ", ""),
        "dilation forgotten": ("|| kh % DH", ""),
        "the kernel turned": ("int k = ", "int k = KH * KW - 1 - "),
        "padding forgotten": ("kw = w + PW", "kw = w"),
        "padding of one pixel": ("ow = (w + PW)", "ow = (w + 1)"),
        "a column too far": ("ow = (w + PW)", "ow = (w + 1 + PW)"),
        "the last instead of the sum": ("sum +=", "sum ="),
        "not from zero": ("T sum = 0", "T sum = 1"),
    },
    "MAX_POOL": {
        "the last of equals": ("value > most", "value >= most"),
        "zero where all is less": ("best < 0 || ", ""),
        "nan overlooked": (" || value != value", ""),
        "padding forgotten": ("- PH", ""),
        "no edge on the right": (" || w >= W", ""),
        "no edge above": ("h < 0 || ", ""),
        "dilation forgotten": ("k % KW * DW", "k % KW"),
        "rows and columns confused": ("k / KW", "k / KH"),
    },
    "SCATTER_WINNER": {
        "another entry": ("winner[output * C + c] == k", "winner[output * C + c] == k + 1"),
        "everybody wins": ("if (winner[output * C + c] == k)", ""),
        "one winner too few": ("sum +=", "sum ="),
        "another channel": ("y[output * C + c]", "y[output * C]"),
        "strides forgotten": ("(w + PW) / SW", "(w + PW)"),
        "the dilation of columns for rows": ("kh / DH", "kh / DW"),
        "the stride of columns for rows": ("oh * SH <=", "oh * SW <="),
    },
    "DROP": {
        "a round less": ("round < 10", "round < 9"),
        "a counter from 0": ("j / 8 + 1", "j / 8"),
        "the upper half first": ("(j % 2)", "(1 - j % 2)"),
        "half the words": ("j / 2 % 4", "j / 2 % 2"),
        "the first key alone": ("c = high ^ d ^ k1", "c = high ^ d"),
        "a key that stays": ("k1 += 0xBB67AE8584CAA73BULL;", ""),
        "a digit of a factor": ("0xD2E7470EE14C6C93ULL * a", "0xD2E7470EE14C6C91ULL * a"),
        "the other half of a product": ("c = high ^", "c = low ^"),
        "kept and dropped": ("word >= least", "word < least"),
        "the least of those kept dropped": ("word >= least", "word > least"),
        "not scaled": ("T(scale)", "T(1)"),
        "a word for every number": ("n / (C * pixels) * C + n % C", "n"),
        "images forgotten": ("n / (C * pixels) * C + ", ""),
        "channels forgotten": ("* C + n % C", "* C"),
        "images before it forgotten": (" + first", ""),
    },
}


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [pytest.param(name, *fault, id=f"{name}: {what}") for name in FAULTS for what, fault in FAULTS[name].items()],
)
def test_a_planted_fault_is_found(name, right, wrong, rng, stand_in, monkeypatch):
    room = dropout if name == "DROP" else kernels
    *parameters, text = getattr(room, name)
    assert right in text
    monkeypatch.setattr(room, name, (*parameters, text.replace(right, wrong)))
    with pytest.raises((AssertionError, IndexError)):
        assert_all_agree(name, stand_in, rng)


@np.errstate(invalid="ignore")
def assert_all_agree(name, device, rng):
    """What the other tests ask of one kernel, on windows that show every fault."""
    window, size = Window((3, 2), (2, 1), (2, 1), (1, 2)), (5, 6)
    if name == "GATHER":
        for some in (window, Window((3, 2), (1, 2), (1, 0), (2, 1))):
            assert_twins_agree(rng.standard_normal((2, 3, *size)).astype("float32"), some, device)
    elif name == "DROP":
        assert_masks_agree((3, 5, 4, 2), "float32", device, rng)
    elif name == "COL2IM":
        dilated, plain = Window((3, 3), (2, 2), (1, 1), (2, 2)), Window((2, 3), (2, 1), (0, 2))
        for some, map_size in [(window, size), (dilated, (8, 9)), (plain, (5, 4))]:
            y = whole(rng, (2, 3, *some.output_size(map_size)), "float32")
            assert_sums_agree(y, whole(rng, (3, 2, *some.kernel), "float32"), some, map_size, device)
    else:
        for pool, values in itertools.product(POOLS.values(), (np.sign, np.log)):  # with equals; with nan
            x = values(rng.standard_normal((2, 3, *pool[1])).astype("float32"))
            assert_pools_agree(pool, x, device, rng)


SUMMED = {
    "conv2d": lambda x, weight: F.conv2d(x, weight, padding=1),
    "conv_transpose2d": lambda x, weight: F.conv_transpose2d(x, weight, stride=2),
    "max_pool2d": lambda x, weight: F.max_pool2d(x, 2) * weight.sum(),
    "dropout": lambda x, weight: F.dropout(x, rng=np.random.default_rng(0)) * weight.sum(),
}


@pytest.mark.parametrize("function", SUMMED.values(), ids=SUMMED)
def test_the_gradient_of_a_sum_which_is_one_number_everywhere(function, rng, stand_in):
    arrays = [whole(rng, shape, "float32") for shape in [(1, 4, 6, 6), (4, 4, 3, 3)]]

    def gradients(device):
        leaves = [Tensor(to_device(a, device), requires_grad=True) for a in arrays]
        return [to_host(g.data) for g in grad(function(*leaves).sum(), leaves)]

    for found, expected in zip(gradients(stand_in), gradients("cpu"), strict=True):
        np.testing.assert_array_equal(found, expected)


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
