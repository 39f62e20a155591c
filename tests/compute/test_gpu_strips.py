"""On a GPU a strip of windows takes a sixteenth of the memory that is free at first, and at most 4 GiB."""

import numpy as np
import pytest
import standin
from standin.kernels import COMPILER

import minifcn.functional as F
from minifcn import Tensor, grad, to_device, to_host
from minifcn.backend import cutting

GIB = 1 << 30


@pytest.fixture
def with_free(monkeypatch):
    """Let a GPU have so many bytes free; gives how often it was asked."""

    def let(free):
        asked = []
        monkeypatch.setattr(cutting, "device_memory", lambda device: asked.append(device) or {"free": free})
        cutting.gpu_strip_bytes.cache_clear()
        return asked

    yield let
    cutting.gpu_strip_bytes.cache_clear()


@pytest.mark.parametrize(
    ("free", "strip"), [(8 * GIB, GIB // 2), (64 * GIB, 4 * GIB), (80 * GIB, 4 * GIB), (1600, 100)]
)
def test_a_sixteenth_of_what_is_free(with_free, free, strip):
    with_free(free)
    assert cutting.gpu_strip_bytes("cuda:0") == strip


def test_each_gpu_is_asked_once(with_free):
    asked = with_free(GIB)
    for device in ("cuda:0", "cuda:1", "cuda:0"):
        cutting.gpu_strip_bytes(device)
    assert asked == ["cuda:0", "cuda:1"]


@pytest.mark.skipif(not COMPILER, reason="no C++ compiler, so the stand-in runs no kernels")
@pytest.mark.parametrize(("free", "products"), [(GIB, 1), (16 * 8 * 8 * 9 * 4 * 4 // 2, 2), (16 * 8 * 9 * 4 * 4, 8)])
def test_a_layer_is_as_many_products_as_memory_asks(with_free, free, products, rng, stand_in):
    """Windows of 8x8 outputs, 3x3 entries and 4 channels in float32; each product is a gather and a multiplication."""
    with_free(free)
    shapes = [(1, 8, 8, 4), (2, 3, 3, 4)]
    x, weight = (rng.integers(-9, 10, shape).astype("float32").transpose(0, 3, 1, 2) for shape in shapes)
    leaves = [Tensor(to_device(a, stand_in), requires_grad=True) for a in (x, weight)]
    with standin.count() as events:
        y = F.conv2d(*leaves, padding=1)
    assert events["kernel"] == 2 * products
    found = [y, *grad((y * y).sum(), leaves)]
    twins = [Tensor(a, requires_grad=True) for a in (x, weight)]
    expected = F.conv2d(*twins, padding=1)
    for one, other in zip(found, [expected, *grad((expected * expected).sum(), twins)], strict=True):
        np.testing.assert_array_equal(to_host(one.data), other.data)
