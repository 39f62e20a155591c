"""The fuzzer finds faults: ten, each put into minifcn on purpose, and the kind of case that has to notice."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make fuzz` installs it")

import test_random_graphs  # noqa: E402
from running import run_cases  # noqa: E402
from test_random_operations import KINDS  # noqa: E402

from minifcn.compute import algorithm, convolution, cross_entropy, pooling  # noqa: E402
from minifcn.compute.fast import pooling as fast_pooling  # noqa: E402
from minifcn.compute.fast import winograd  # noqa: E402
from minifcn.functional import fused, indexing  # noqa: E402
from minifcn.functional import pooling as pooling_operations  # noqa: E402


def last_row_lost(found):
    """Winograd's tiles end one row too early."""
    y = found.copy()
    y[:, :, -1:] = 0
    return y


def last_tie_wins(patch):
    """Max-pooling, as defined and fast, that gives a tie to the last pixel instead of the first."""
    for room in (pooling, fast_pooling):

        def from_behind(x, *args, max_pool=room.max_pool, **kwargs):
            y, winner = max_pool(x[:, :, ::-1, ::-1], *args, **kwargs)
            return y[:, :, ::-1, ::-1], None if winner is None else winner[:, :, ::-1, ::-1]

        patch.setattr(room, "max_pool", from_behind)


def overwriting(x, *, index, shape):
    """The gradient of an index that is written instead of added up."""
    y = np.zeros(shape, x.dtype)
    y[index] = x.data
    return y, None


def overwriting_pixels(x, *, positions, size):
    """Unpooling where one value replaces another one on the same pixel."""
    (n, c), count = x.shape[:2], x.shape[2] * x.shape[3]
    y = np.zeros((n * c, size[0] * size[1]), x.dtype)
    y[np.arange(n * c)[:, None], positions.reshape(n * c, count)] = x.data.reshape(n * c, count)
    return y.reshape(n, c, *size), lambda gy: (pooling_operations.take_from_plane(gy, positions=positions),)


PLANTED = {
    "a pixel that is nan spoils its tile": (
        "conv2d like VGG's",
        lambda patch: patch.setattr(algorithm, "has_nan", lambda result: False),
    ),
    "a gradient passes where the ReLU was 0": (
        "conv2d",
        lambda patch: patch.setattr(fused, "where_positive", lambda g, *, y: g),
    ),
    "unpooling overwrites": (
        "max_unpool2d",
        lambda patch: patch.setattr(pooling_operations, "put_in_plane", indexing.operation(overwriting_pixels)),
    ),
    "an ignored pixel that is nan counts": (
        "softmax_cross_entropy",
        lambda patch: patch.setattr(cross_entropy, "clear", lambda *a: None),
    ),
    "winograd loses a row": (
        "conv2d like VGG's",
        lambda patch: patch.setattr(
            winograd, "convolve", lambda *a, f=winograd.convolve, **k: last_row_lost(f(*a, **k))
        ),
    ),
    "a transposed convolution turned twice": (
        "conv_transpose2d",
        lambda patch: patch.setattr(
            convolution,
            "convolve_transposed",
            lambda y, w, *a, f=convolution.convolve_transposed: f(y, w[:, :, ::-1], *a),
        ),
    ),
    "a tie in max-pooling goes to the last": (
        "max_pool2d",
        last_tie_wins,
    ),
    "a repeated index is counted once": (
        "indexing",
        lambda patch: patch.setattr(indexing, "put", indexing.operation(overwriting)),
    ),
    "the loss gradient forgets the weights": (
        "softmax_cross_entropy",
        lambda patch: patch.setattr(
            cross_entropy,
            "gradient",
            lambda s, c, w, *rest, f=cross_entropy.gradient: f(s, c, (w != 0) * np.abs(w).max(initial=0), *rest),
        ),
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name, monkeypatch):
    kind, plant = PLANTED[name]
    run_cases(*KINDS[kind], count=300, seed=1, shrink=False)
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        run_cases(*KINDS[kind], count=2000, seed=1, shrink=False)


def test_a_planted_fault_of_the_graph_is_found(monkeypatch):
    """A gradient that is handed on before all contributions have arrived."""
    import heapq

    monkeypatch.setattr(heapq, "heappop", lambda waiting: waiting.pop())
    with pytest.raises(AssertionError):
        run_cases(test_random_graphs.graphs(), test_random_graphs.check, count=500, seed=1, shrink=False)
