"""Elementwise work in pieces: every element once, whatever the arrays look like in memory, on any number of threads."""

import numpy as np
import pytest

from minifcn.backend import pieces, piecewise, threads, to_device
from minifcn.backend.pieces import for_rows


@pytest.fixture(params=[1, 2, 3], ids=lambda count: f"{count} threads")
def count(request, monkeypatch):
    """Pieces of 20 elements, and so many threads."""
    monkeypatch.setattr(pieces, "PIECE", 20)
    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    monkeypatch.setattr(threads, "thread_count", lambda: request.param)
    return request.param


def channels_last(n, c, h, w):
    return np.zeros((n, h, w, c)).transpose(0, 3, 1, 2)


ARRAYS = {  # what makes two arrays of zeros
    "vectors": lambda: (np.zeros(90), np.zeros(90)),
    "maps that lie alike": lambda: (channels_last(2, 3, 4, 5), channels_last(2, 3, 4, 5)),
    "maps with gaps": lambda: (channels_last(6, 3, 8, 10)[:, :, ::2, ::2], channels_last(6, 3, 4, 5)),
    "a single map with gaps": lambda: (channels_last(1, 2, 40, 6)[:, :, 1::2, 1::2], channels_last(1, 2, 20, 3)),
    "two orders in memory": lambda: (np.zeros((2, 3, 4, 5)), channels_last(2, 3, 4, 5)),
    "shorter along every axis than there are pieces": lambda: (
        np.zeros((3, 3, 3, 6))[..., ::2],
        np.zeros((3, 3, 3, 3)),
    ),
    "less than a piece": lambda: (np.zeros(5), np.zeros(5)),
    "nothing": lambda: (np.zeros((0, 3)), np.zeros((0, 3))),
}


@pytest.mark.parametrize("make", ARRAYS.values(), ids=ARRAYS)
def test_every_element_once_and_beside_its_own(make, count, rng):
    a, b = make()
    b += (numbers := rng.standard_normal(b.shape))

    def add(a, b):
        a += b + 1

    piecewise(add, a, b)
    np.testing.assert_array_equal(a, numbers + 1)


CUT = {"vectors": 1, "a single map with gaps": 6}  # elements that no cut goes through


@pytest.mark.parametrize(("name", "unit"), CUT.items(), ids=CUT)
def test_all_threads_get_as_many_pieces_of_nearly_equal_length(name, unit, count):
    sizes = []
    piecewise(lambda a, b: sizes.append(a.size), *ARRAYS[name]())
    assert sum(sizes) / len(sizes) <= 20
    assert max(sizes) - min(sizes) <= unit
    assert len(sizes) % count == 0


def test_what_goes_over_them_more_often_is_shared_from_fewer_on(monkeypatch):
    monkeypatch.setattr(threads, "thread_count", lambda: 2)
    monkeypatch.setattr(threads, "WORTH_SHARING", 4 * 90 * pieces.ELEMENT_WORK)
    sizes = []
    for passes in (3, 4):
        piecewise(lambda a: sizes.append(a.size), np.zeros(90), passes=passes)
    assert sizes == [90, 45, 45]


def test_rows_are_cut_alike(count):
    rows, parts = np.zeros((50, 3)), []
    for_rows(parts.append, rows)
    assert sorted(i for part in parts for i in range(50)[part]) == list(range(50))
    assert 150 / len(parts) <= 20
    assert len(parts) % count == 0


@pytest.mark.parametrize(("name", "shape"), {"vectors": (90,), "maps that lie alike": (120,)}.items())
def test_a_gpu_gets_all_at_once_as_vectors(name, shape, stand_in, count):
    shapes = []
    piecewise(lambda a, b: shapes.append(a.shape), *(to_device(array, stand_in) for array in ARRAYS[name]()))
    assert shapes == [shape]


def test_a_gpu_gets_all_rows_at_once(stand_in, count):
    parts = []
    for_rows(parts.append, to_device(np.zeros((50, 3)), stand_in))
    assert parts == [slice(0, 50)]
