"""Products in pieces: the same numbers, and none larger than what BLAS multiplies without packing."""

import itertools
import types

import numpy as np
import pytest
from cut_products import cut_products

from minifcn.backend import products, sum_of_products, unpacked

SHAPES = [(50, 3, 4), (7, 5, 90), (64, 9, 33), (33, 2, 40), (4, 6, 200), (1, 1, 1), (8, 4, 1), (200, 20, 3), (3, 90, 5)]
SHAPES += [(25, 3, 16)]  # of 12 rows, 12 and 1


class Sizes(list):
    """Sizes of products, and the most numbers that one sums up."""

    deepest = 0


@pytest.fixture
def asked(monkeypatch):
    """Let pieces be of 600 multiply-adds, on every machine; give the sizes of all products that BLAS is asked for."""
    sizes = Sizes()

    class Spy:
        def __getattr__(self, name):
            return getattr(np, name)

        def matmul(self, a, b, out=None):
            sizes.append(a.shape[-2] * a.shape[-1] * b.shape[-1])
            sizes.deepest = max(sizes.deepest, a.shape[-1])
            return np.matmul(a, b, out=out)

    cut_products(monkeypatch)
    spy = Spy()  # one, as buffers belong to a module
    monkeypatch.setattr(unpacked, "array_module", lambda a: spy)
    return sizes


def draw(rng, *shape, lies="as it is"):
    """An array that lies in memory as it is, transposed, or as every second row and some columns of a larger one."""
    if lies == "transposed":
        return rng.standard_normal((*shape[:-2], shape[-1], shape[-2])).swapaxes(-1, -2)
    if lies == "a part":
        return rng.standard_normal((*shape[:-2], 2 * shape[-2], shape[-1] + 5))[..., ::2, 3:-2]
    return rng.standard_normal(shape)


@pytest.mark.parametrize("of_b", ["as it is", "a part", "transposed"])
@pytest.mark.parametrize("of_a", ["as it is", "a part", "transposed"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_they_are_the_product(shape, of_a, of_b, rng, asked):
    m, k, n = shape
    a, b, out = draw(rng, m, k, lies=of_a), draw(rng, k, n, lies=of_b), draw(rng, m, n, lies="a part")
    assert products(a, b, out) is out
    np.testing.assert_allclose(out, a @ b, rtol=0, atol=1e-13 * k)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_of_stacks_too_and_of_one_matrix_and_a_stack(shape, rng, asked):
    m, k, n = shape
    for a, of_b in itertools.product(
        (draw(rng, 3, m, k), draw(rng, 3, m, k, lies="transposed"), draw(rng, m, k)), ("as it is", "transposed")
    ):
        b = draw(rng, 3, k, n, lies=of_b)
        np.testing.assert_allclose(products(a, b, np.empty((3, m, n))), a @ b, rtol=0, atol=1e-13 * k)
    b = draw(rng, 3, k, n, lies="transposed")
    for a in (draw(rng, 3, m, k), draw(rng, m, k)):
        np.testing.assert_allclose(products(a, b, np.empty((3, m, n))), a @ b, rtol=0, atol=1e-13 * k)


@pytest.mark.parametrize(("m", "k", "n"), [(50, 3, 4), (64, 9, 12), (200, 20, 3), (7, 5, 90), (20, 6, 33)])
def test_no_piece_is_larger_than_what_is_not_packed(m, k, n, rng, asked):
    products(draw(rng, m, k), draw(rng, k, n), np.empty((m, n)))
    assert max(asked) <= unpacked.LARGEST


@pytest.mark.parametrize(("m", "k", "n"), [(64, 8, 12), (200, 20, 3), (20, 22, 5), (40, 15, 2), (2, 40, 3)])
def test_a_piece_sums_up_few_numbers_as_it_rounds_after_each(m, k, n, rng, asked):
    a, b = draw(rng, m, k), draw(rng, k, n)
    np.testing.assert_allclose(products(a, b, np.full((m, n), np.nan)), a @ b, rtol=0, atol=1e-13 * k)
    assert asked.deepest <= unpacked.DEEPEST


@pytest.mark.parametrize(("m", "k", "n"), [(100, 300, 4), (40, 20, 40), (4, 30, 50)])
def test_a_product_stays_whole_where_pieces_would_have_too_few_rows_or_it_is_large_both_ways(m, k, n, rng, asked):
    products(draw(rng, m, k), draw(rng, k, n), np.empty((m, n)))
    assert asked == [m * k * n]


def test_a_large_weight_as_it_lies_in_memory_comes_first(rng, asked):
    """And nothing is copied but the result."""
    x, weight = draw(rng, 4, 30), draw(rng, 50, 30)
    np.testing.assert_allclose(products(x, weight.T, np.empty((4, 50))), x @ weight.T, rtol=0, atol=1e-12)
    assert asked == []


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_sum_over_rows(shape, given, rng, asked):
    m, o, k = shape
    a, b = draw(rng, m, o, lies="a part"), draw(rng, m, k)
    out = np.full((o, k), np.nan) if given else None
    found = sum_of_products(a, b, out=out)
    np.testing.assert_allclose(found, a.T @ b, rtol=0, atol=1e-13 * m)
    assert not given or found is out


def test_where_blas_packs_every_product_none_is_cut(rng, asked, monkeypatch):
    monkeypatch.setattr(unpacked, "packs_nothing", lambda: False)
    products(draw(rng, 50, 30), draw(rng, 30, 4), np.empty((50, 4)))
    sum_of_products(draw(rng, 50, 30), draw(rng, 50, 4))
    assert asked == [50 * 30 * 4] * 2


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [("SkylakeX", True), ("SapphireRapids", True), ("Haswell", False), ("Zen", False), (None, False)],
)
def test_blas_says_which_kernels_it_has(architecture, expected, monkeypatch):
    library = types.SimpleNamespace(**({"architecture": architecture} if architecture else {}))
    monkeypatch.setattr(unpacked, "blas_libraries", lambda: [(library, None)])
    assert unpacked.packs_nothing.__wrapped__() is expected
