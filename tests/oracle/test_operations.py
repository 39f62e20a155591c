"""Every operation beside PyTorch's, live: values, gradients, and gradients of gradients, to 1e-10 in float64."""

import numpy as np
import pytest
from cases import CONVOLUTIONS, POOLS

import minifcn.functional as F
from minifcn import Tensor, grad

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
TF = torch.nn.functional

pytestmark = pytest.mark.oracle


def assert_close(found, expected, tolerance=1e-10):
    found, expected = found.data, expected.detach().numpy()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1, abs(expected).max()))


def compare(ours, theirs, arrays, rng, second_order=False):
    """Hold value and gradients of two functions together, and with `second_order` the gradients of those."""
    our_leaves = [Tensor(a, requires_grad=True) for a in arrays]
    their_leaves = [torch.tensor(np.ascontiguousarray(a), requires_grad=True) for a in arrays]
    y, z = ours(*our_leaves), theirs(*their_leaves)
    assert_close(y, z)
    v = rng.normal(size=y.shape)
    first = grad(y, our_leaves, Tensor(v), create_graph=second_order)
    expected = torch.autograd.grad(z, their_leaves, torch.tensor(v), create_graph=second_order)
    for g, h in zip(first, expected, strict=True):
        assert_close(g, h)
    if second_order:
        for g, h in zip(
            grad(squares(first), our_leaves), torch.autograd.grad(squares(expected), their_leaves), strict=True
        ):
            assert_close(g, h)


def squares(gradients):
    return sum((g * g).sum() for g in gradients)


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_conv2d(case, rng):
    x, weight, _ = case.arrays(rng)
    bias = rng.normal(size=case.outputs)
    compare(
        lambda *a: F.conv2d(*a, Tensor(bias), **case.settings),
        lambda *a: TF.conv2d(*a, torch.tensor(bias), **case.settings),
        [x, weight],
        rng,
        second_order=True,
    )


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_conv_transpose2d(case, rng):
    _, weight, y = case.arrays(rng)
    bias = rng.normal(size=case.inputs)
    settings = case.settings | {"output_padding": case.output_padding}
    compare(
        lambda *a: F.conv_transpose2d(*a, Tensor(bias), **settings),
        lambda *a: TF.conv_transpose2d(*a, torch.tensor(bias), **settings),
        [y, weight],
        rng,
        second_order=True,
    )


@pytest.mark.parametrize("case", POOLS, ids=str)
def test_max_pool2d_with_ties_and_indices(case, rng):
    x = rng.integers(-3, 1, size=(2, 3, *case[-1])).astype("float64")
    compare(lambda x: F.max_pool2d(x, *case[:5]), lambda x: TF.max_pool2d(x, *case[:5]), [x], rng)
    _, ours = F.max_pool2d(Tensor(x), *case[:5], return_indices=True)
    _, theirs = TF.max_pool2d(torch.tensor(x), *case[:5], return_indices=True)
    np.testing.assert_array_equal(ours.data, theirs.numpy())


@pytest.mark.parametrize("settings", [(2, None, 0), (3, 3, 0), (2, 2, 1), ((2, 3), (2, 3), 0)], ids=str)
def test_max_unpool2d(settings, rng):
    x = rng.normal(size=(2, 3, 6, 12))
    y, indices = TF.max_pool2d(torch.tensor(x), *settings, return_indices=True)
    compare(
        lambda y: F.max_unpool2d(y, indices.numpy(), *settings, output_size=(6, 12)),
        lambda y: TF.max_unpool2d(y, indices, *settings, output_size=[6, 12]),
        [y.numpy()],
        rng,
    )


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("case", [case for case in POOLS if case[3] == 1], ids=str)
def test_avg_pool2d(case, include, rng):
    k, s, p, _, ceil_mode, size = case
    arguments = (k, s, p, ceil_mode, include)
    x = rng.normal(size=(2, 3, *size))
    compare(lambda x: F.avg_pool2d(x, *arguments), lambda x: TF.avg_pool2d(x, *arguments), [x], rng)


@pytest.mark.parametrize("channels", [1, 3, 8])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
def test_local_response_norm(size, channels, rng):
    x = rng.normal(size=(2, channels, 4, 5))
    settings = {"size": size, "alpha": 0.4, "beta": 0.7, "k": 2.0}
    compare(
        lambda x: F.local_response_norm(x, **settings),
        lambda x: TF.local_response_norm(x, **settings),
        [x],
        rng,
        second_order=True,
    )


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name, axis, rng):
    x = 5 * rng.normal(size=(3, 4, 5))
    compare(lambda x: getattr(F, name)(x, axis), lambda x: getattr(TF, name)(x, axis), [x], rng, second_order=True)


@pytest.mark.parametrize("shape", [(2, 5, 4, 3), (6, 5)], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_softmax_cross_entropy(reduction, weighted, shape, rng):
    labels = rng.integers(0, 5, size=shape[:1] + shape[2:])
    labels.ravel()[::4] = 255
    weight = rng.uniform(0.1, 3, size=5) if weighted else None
    theirs = {"weight": None if weight is None else torch.tensor(weight), "ignore_index": 255, "reduction": reduction}
    compare(
        lambda x: F.softmax_cross_entropy(x, labels, weight, reduction=reduction),
        lambda x: TF.cross_entropy(x, torch.tensor(labels), **theirs),
        [rng.normal(size=shape)],
        rng,
        second_order=True,
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "shapes"),
    [
        (F.relu, TF.relu, [(3, 4, 5)]),
        (F.linear, TF.linear, [(2, 3, 4), (5, 4), (5,)]),
        (lambda x: F.pad(x, (1, 2, 3, 0)), lambda x: TF.pad(x, (1, 2, 3, 0)), [(2, 3, 4, 5)]),
        (lambda x: F.crop(x, (1, 2), (3, 2)), lambda x: x[:, :, 1:4, 2:4], [(2, 3, 5, 6)]),
        (lambda *a: F.concatenate(a, 2), lambda *a: torch.cat(a, 2), [(1, 2, 3), (1, 2, 1), (1, 2, 4)]),
        (lambda x: x.max(axis=1), lambda x: x.max(dim=1).values, [(3, 4, 2)]),
        (F.exp, torch.exp, [(3, 4)]),
        (lambda x: F.log(x * x + 1), lambda x: torch.log(x * x + 1), [(3, 4)]),
    ],
    ids=["relu", "linear", "pad", "crop", "concatenate", "max", "exp", "log"],
)
def test_others(ours, theirs, shapes, rng):
    """Squared, so that the gradients of linear ones depend on their inputs."""
    compare(
        lambda *a: ours(*a) ** 2,
        lambda *a: theirs(*a) ** 2,
        [rng.normal(size=s) for s in shapes],
        rng,
        second_order=True,
    )


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (lambda a, b: a @ b, [(5, 1, 2, 3), (4, 3, 6)]),
        (lambda a, b: a @ b, [(3,), (4, 3, 6)]),
        (lambda a, b: (a - b) / (b * b + 1), [(4, 1, 3), (2, 1)]),
        (lambda x: (x * x + 1) ** -0.75, [(4, 3)]),
        (lambda x: x[1:, [2, 0, 0]] ** 2, [(3, 4)]),
        (lambda x: x.reshape(4, 6).sum(0) ** 3, [(2, 3, 4)]),
        (lambda x: x.mean((0, 2)) ** 2, [(2, 3, 4)]),
    ],
    ids=["matmul, stacks", "matmul, a vector", "arithmetic", "power", "index", "reshape, sum", "mean"],
)
def test_what_is_written_alike_for_both(function, shapes, rng):
    compare(function, function, [rng.normal(size=shape) for shape in shapes], rng, second_order=True)
