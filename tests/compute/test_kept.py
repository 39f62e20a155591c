"""What is made of a weight is kept while nothing trains, and never used for another weight than it was made of."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import minifcn as mf
import minifcn.functional as F
from minifcn import nn, optim
from minifcn.backend import kept, workspace
from minifcn.compute.fast import winograd

WIDTH = 32
U_BYTES, COPY_BYTES = 36 * WIDTH * WIDTH * 4, 9 * WIDTH * WIDTH * 4


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    mf.release_workspace()
    workspace.limit.cache_clear()
    yield
    monkeypatch.undo()
    mf.release_workspace()
    workspace.limit.cache_clear()


@pytest.fixture
def transforms(monkeypatch):
    """Count how often the weights of WIDTH outputs are transformed, at once or in parts."""
    outputs, transformed = [], winograd.transformed

    def counted(weight, **memory):
        outputs.append(len(weight))
        return transformed(weight, **memory)

    monkeypatch.setattr(winograd, "transformed", counted)
    return lambda: sum(outputs) / WIDTH


@pytest.fixture
def layer(rng):
    return nn.Conv2d(WIDTH, WIDTH, 3, padding=1, rng=rng)


@pytest.fixture
def x(rng):
    return mf.Tensor(rng.standard_normal((1, WIDTH, 40, 40)).astype("float32"))


def inferred(layer, x):
    with mf.no_grad(), mf.algorithm("winograd"):
        return layer(x).numpy()


def defined(layer, x):
    with mf.no_grad(), mf.algorithm("im2col"):
        return layer(x).numpy()


def assert_as_defined(found, layer, x):
    """To the rounding of Winograd's algorithm, which docs/performance.md states."""
    expected = defined(layer, x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * np.nanmax(abs(expected)))


def kept_bytes():
    return sum(entry.nbytes for entry in workspace._shared[0].values())


def test_a_weight_is_transformed_once(layer, x, transforms):
    first = inferred(layer, x)
    assert transforms() == 1
    assert np.array_equal(inferred(layer, x), first)
    assert transforms() == 1
    assert kept_bytes() == U_BYTES + COPY_BYTES


def by_an_optimiser(layer):
    layer.weight.grad = mf.Tensor(np.ones_like(layer.weight.data))
    optim.SGD([layer.weight], lr=0.1).step()


def by_a_state(layer):
    layer.load_state_dict({name: 2 * array for name, array in layer.state_dict().items()})


def by_another_array(layer):
    layer.weight.data = layer.weight.data + 1


def in_place(layer):
    layer.weight.data[0, 0] = 1


def by_two_that_change_places(layer):
    layer.weight.data[[0, 1]] = layer.weight.data[[1, 0]]


def by_one_bit(layer):
    bits = layer.weight.data.transpose(0, 2, 3, 1).view("uint32")
    bits[0, 0, 0, 0] ^= 1 << 22


def by_a_nan(layer):
    layer.weight.data[3, 2, 1, 0] = np.nan


CHANGES = [by_an_optimiser, by_a_state, by_another_array, in_place, by_two_that_change_places, by_one_bit, by_a_nan]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_weight_that_is_changed_is_transformed_anew(layer, x, transforms, change):
    before = inferred(layer, x)
    change(layer)
    after = inferred(layer, x)
    assert transforms() == 2
    assert_as_defined(after, layer, x)
    assert not np.array_equal(after, before)
    assert kept_bytes() == U_BYTES + COPY_BYTES


def test_a_change_through_an_older_view_is_seen(layer, x):
    view = layer.weight.data[5]
    inferred(layer, x)
    view[...] = 0
    assert_as_defined(inferred(layer, x), layer, x)


def test_another_weight_at_the_same_address_is_another(x, transforms):
    memory = np.zeros((WIDTH, 3, 3, WIDTH), "float32")
    for value in (1.0, 2.0):
        memory[...] = value
        weight, bias = mf.Tensor(memory.transpose(0, 3, 1, 2)), mf.Tensor(np.zeros(WIDTH, "float32"))
        with mf.no_grad(), mf.algorithm("winograd"):
            y = F.conv2d(x, weight, bias, padding=1).numpy()
        expected = value * x.numpy()[0, :, :3, :3].sum()
        assert y[0, 0, 1, 1] == pytest.approx(expected, abs=1e-2)
    assert transforms() == 2


@pytest.mark.parametrize("behind", [[], [nn.MaxPool2d(2)]], ids=["alone", "with a pool"])
def test_what_is_recorded_keeps_nothing_and_forgets(behind, layer, x):
    net = nn.Sequential(layer, *behind)
    inferred(net, x)
    assert kept_bytes() > 0
    with mf.algorithm("winograd"):
        net(x)
    assert kept_bytes() == 0


def test_a_training_step_keeps_nothing(layer, x):
    optimiser = optim.SGD(layer.parameters(), lr=1e-3)
    with mf.algorithm("winograd"):
        layer(x).sum().backward()
    optimiser.step()
    assert kept_bytes() == 0


def test_validation_between_two_steps_changes_no_bit_of_them(x):
    def steps(validate):
        layer = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, rng=np.random.default_rng(0))
        optimiser = optim.SGD(layer.parameters(), lr=1e-3)
        for _ in range(3):
            if validate:
                inferred(layer, x)
            optimiser.zero_grad()
            with mf.algorithm("winograd"):
                layer(x).sum().backward()
            optimiser.step()
        return layer.weight.numpy()

    assert np.array_equal(steps(validate=True), steps(validate=False))


def test_what_belongs_to_a_weight_goes_with_it(layer, x):
    inferred(layer, x)
    layer.weight.data = np.zeros_like(layer.weight.data)
    gc.collect()
    assert kept_bytes() == 0


def test_a_copied_layer_has_its_own(layer, x, transforms, rng):
    other = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
    other.load_state_dict(layer.state_dict())
    assert np.array_equal(inferred(layer, x), inferred(other, x))
    assert transforms() == 2


def test_it_is_scratch_memory_and_freed_as_such(layer, x):
    inferred(layer, x)
    assert workspace.workspace_bytes() > U_BYTES
    mf.release_workspace()
    assert workspace.workspace_bytes() == kept_bytes() == 0


@pytest.mark.parametrize("name", ["MINIFCN_KEEP_MB", "MINIFCN_WORKSPACE_MB"])
def test_with_a_limit_of_0_nothing_is_kept(layer, x, transforms, monkeypatch, name):
    monkeypatch.setenv(name, "0")
    workspace.limit.cache_clear()
    first = inferred(layer, x)
    assert np.array_equal(inferred(layer, x), first)
    assert (transforms(), kept_bytes()) == (2, 0)


def test_beyond_its_limit_the_next_weight_is_not_kept(x, rng, monkeypatch):
    monkeypatch.setattr(workspace, "limit", lambda *_: int(1.5 * (U_BYTES + COPY_BYTES)))
    layers = [nn.Conv2d(WIDTH, WIDTH, 3, padding=1, rng=rng) for _ in range(2)]
    for layer in (*layers, *layers):
        assert_as_defined(inferred(layer, x), layer, x)
    assert kept_bytes() == U_BYTES + COPY_BYTES


def test_two_threads_that_make_something_at_once_stay_within_the_limit(monkeypatch):
    monkeypatch.setenv("MINIFCN_KEEP_MB", "1")
    workspace.limit.cache_clear()
    weights, both_are_here = [np.zeros(100_000, "float32") for _ in range(2)], threading.Barrier(2, timeout=10)

    def make(weight):
        both_are_here.wait()  # when each has seen that there is room
        return 2 * weight

    with ThreadPoolExecutor(2) as callers:
        list(callers.map(lambda weight: kept("double", weight, make, weight.nbytes, keep=True), weights))
    assert kept_bytes() == 2 * weights[0].nbytes


def test_what_another_thread_changes_while_something_is_made_of_a_weight_is_not_kept():
    """Afterwards the weight is again what it was: what is kept must be that of the same numbers."""
    weight = np.ones(3)

    def make(array):
        weight[...] = 5  # as the other thread does
        return 2 * array

    kept("double", weight, make, weight.nbytes, keep=True)
    weight[...] = 1
    assert kept("double", weight, make, weight.nbytes, keep=True).tolist() == [2, 2, 2]


def test_of_few_tiles_nothing_is_kept(layer, rng):
    x = mf.Tensor(rng.standard_normal((1, WIDTH, 20, 20)).astype("float32"))
    inferred(layer, x)
    assert kept_bytes() == 0
    inferred(layer, mf.Tensor(np.concatenate([x.data, x.data])))
    assert kept_bytes() > 0


def test_threads_that_predict_with_one_layer_find_what_one_finds(layer, x):
    expected, found = inferred(layer, x), []
    mf.release_workspace()
    threads = [threading.Thread(target=lambda: found.append(inferred(layer, x))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(np.array_equal(y, expected) for y in found)
