"""Pools, activations and the loss beside PyTorch's on random numbers of which many are nan or inf, and on any size."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
TF = torch.nn.functional

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::RuntimeWarning")]  # PyTorch does not warn of nan

INF, NAN = np.inf, np.nan
NUMBERS = {
    "any": lambda rng, shape: rng.normal(size=shape),
    "with ties": lambda rng, shape: rng.integers(-2, 2, size=shape).astype("float64"),
    "with nan and inf": lambda rng, shape: rng.choice([-INF, NAN, INF, 0, 1, -1], size=shape),
    "with -inf": lambda rng, shape: rng.choice([-INF, 1, 2], p=[0.8, 0.1, 0.1], size=shape),
    "-inf": lambda rng, shape: np.full(shape, -INF),
}


@pytest.fixture(params=NUMBERS, ids=str)
def numbers(request, rng):
    return lambda shape: NUMBERS[request.param](rng, shape)


def random_pool(rng):
    """Shape of the map, kernel, stride, padding, dilation and ceil mode."""

    def two(low, high):
        return tuple(int(n) for n in rng.integers(low, high + 1, 2))

    kernel = two(1, 4)
    padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
    return (*two(0, 2), *two(1, 9)), kernel, two(1, 3), padding, two(1, 3), bool(rng.integers(2))


def channels_last(x, rng):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if rng.integers(2) else x


def gradients(ours, theirs, leaf, their_leaf, gy):
    (found,) = grad(ours, leaf, Tensor(gy))
    (expected,) = torch.autograd.grad(theirs, their_leaf, torch.tensor(gy))
    return found.data, expected.numpy()


def test_max_pool2d_gives_pytorchs_values_indices_and_gradients_or_refuses(numbers, rng):
    compared = 0
    for _ in range(120):
        shape, *settings = random_pool(rng)
        x = channels_last(numbers(shape), rng)
        leaf, their_leaf = Tensor(x, requires_grad=True), torch.tensor(np.ascontiguousarray(x), requires_grad=True)
        try:
            y, indices = F.max_pool2d(leaf, *settings, return_indices=True)
        except ValueError:
            continue
        if 0 in shape[1:]:
            continue  # which PyTorch refuses
        z, their_indices = TF.max_pool2d(their_leaf, *settings, return_indices=True)
        np.testing.assert_array_equal(y.data, z.detach().numpy())
        np.testing.assert_array_equal(indices.data, their_indices.numpy())
        found, expected = gradients(y, z, leaf, their_leaf, numbers(y.shape))
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
        compared += 1
    assert compared > 20


def test_max_unpool2d_takes_the_sizes_that_pytorch_takes(rng):
    for _ in range(120):
        shape, kernel, stride, padding, _, _ = random_pool(rng)
        x, size = np.ones((1, 1, *shape[2:])), tuple(int(n) for n in rng.integers(1, 30, 2))
        indices = np.zeros(x.shape, int)
        try:
            expected = TF.max_unpool2d(torch.tensor(x), torch.tensor(indices), kernel, stride, padding, size).shape
        except ValueError:
            with pytest.raises(ValueError, match=r"max_unpool2d: a map of .* is pooled from one of"):
                F.max_unpool2d(Tensor(x), indices, kernel, stride, padding, size)
        else:
            assert F.max_unpool2d(Tensor(x), indices, kernel, stride, padding, size).shape == expected


def test_avg_pool2d(numbers, rng):
    for _ in range(50):
        shape, kernel, stride, padding, _, ceil_mode = random_pool(rng)
        settings = (kernel, stride, padding, ceil_mode, bool(rng.integers(2)))
        x = channels_last(numbers(shape), rng)
        leaf, their_leaf = Tensor(x, requires_grad=True), torch.tensor(np.ascontiguousarray(x), requires_grad=True)
        try:
            z = TF.avg_pool2d(their_leaf, *settings)
        except RuntimeError:
            continue
        y = F.avg_pool2d(leaf, *settings)
        np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-12, atol=1e-14)
        found, expected = gradients(y, z, leaf, their_leaf, numbers(y.shape))
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("shape", [(3, 4, 5), (0, 3), (3, 0), (150_000,)], ids=str)
def test_relu(numbers, shape):
    x = numbers(shape)
    leaf, their_leaf = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = F.relu(leaf), torch.relu(their_leaf)
    np.testing.assert_array_equal(y.data, z.detach().numpy())
    np.testing.assert_array_equal(*gradients(y, z, leaf, their_leaf, numbers(shape)))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name, numbers, rng):
    for _ in range(30):
        shape = tuple(int(n) for n in rng.integers(0, 5, rng.integers(1, 5)))
        axis = int(rng.integers(-len(shape), len(shape)))
        x = numbers(shape)
        x[x == INF] = 3  # of which PyTorch makes 0 or nan, depending on the layout
        leaf, their_leaf = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y, z = getattr(F, name)(leaf, axis), getattr(TF, name)(their_leaf, axis)
        np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-12)
        found, expected = gradients(y, z, leaf, their_leaf, rng.normal(size=shape))
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_softmax_cross_entropy_with_any_label_ignored(reduction, rng):
    """Ignored pixels have scores that are finite here: of others PyTorch makes nan in the gradient."""
    for _ in range(50):
        shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(2, 5)))
        ignore_index = int(rng.choice([255, -1, -100, 0, 1, 1000]))
        labels = rng.integers(0, shape[1], size=shape[:1] + shape[2:])
        labels[rng.random(labels.shape) < 0.4] = ignore_index
        weight = None if rng.integers(2) else rng.choice([0.5, 1.0, 2.0, 3.0], size=shape[1])
        if reduction == "mean" and (labels == ignore_index).all():
            continue  # the mean of nothing is 0 here and nan there
        x = rng.normal(size=shape)
        leaf, their_leaf = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y = F.softmax_cross_entropy(leaf, labels, weight, ignore_index, reduction)
        z = TF.cross_entropy(
            their_leaf,
            torch.tensor(labels),
            None if weight is None else torch.tensor(weight),
            ignore_index=ignore_index,
            reduction=reduction,
        )
        np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-12)
        v, gy = rng.normal(size=shape), rng.normal(size=y.shape)
        (gx,) = grad(y, leaf, Tensor(gy), create_graph=True)
        (their_gx,) = torch.autograd.grad(z, their_leaf, torch.tensor(gy), create_graph=True)
        np.testing.assert_allclose(gx.data, their_gx.detach().numpy(), rtol=1e-10, atol=1e-14)
        (ggx,) = grad(gx, leaf, Tensor(v))
        (their_ggx,) = torch.autograd.grad(their_gx, their_leaf, torch.tensor(v))
        np.testing.assert_allclose(ggx.data, their_ggx.numpy(), rtol=1e-10, atol=1e-13)
