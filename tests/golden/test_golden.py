"""Operations to 1e-10 and networks to 1e-9 of what PyTorch computed once (make_golden.py)."""

from pathlib import Path

import numpy as np
import pytest
from make_golden import OPERATIONS, TRUNKS, digest, labels, network, points

import minifcn.functional as F
from minifcn import Tensor, grad, models
from minifcn.backend import to_device, to_host

HERE = Path(__file__).parent


def load(name):
    with np.load(HERE / name, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def operations():
    return load("operations.npz")


@pytest.fixture(scope="module")
def networks():
    return load("networks.npz")


@pytest.fixture(scope="module")
def trunks():
    return load("trunks.npz")


def assert_close(found, expected, tolerance):
    np.testing.assert_allclose(to_host(found.data), expected, rtol=0, atol=tolerance * abs(expected).max())


def test_the_files_hold_what_the_script_lists(operations, networks, trunks):
    assert {key.partition("/")[0] for key in operations} == set(OPERATIONS)
    assert {key.partition("/")[0] for key in networks} == {
        f"{name} {variant}" for name in models.NETWORKS for variant in ("aligned", "paper")
    }
    assert {key.partition("/")[0] for key in trunks} == {
        f"{trunk} {name} {variant}" for trunk in TRUNKS for name in models.NETWORKS for variant in ("aligned", "paper")
    }


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name, operations, device, dtype):
    function, shapes, settings = OPERATIONS[name]
    if function == "softmax_cross_entropy":
        settings = settings | {"labels": to_device(labels(shapes[0]), device)}
    inputs = [operations[f"{name}/x{i}"].astype(dtype) for i in range(len(shapes))]
    leaves = [Tensor(to_device(x, device), requires_grad=True) for x in inputs]
    y = getattr(F, function)(*leaves, **settings)
    tolerance = {"float32": 1e-5, "float64": 1e-10}[str(dtype)]
    assert_close(y, operations[f"{name}/y"], tolerance)
    v = Tensor(to_device(operations[f"{name}/v"].astype(dtype), device))
    for i, gradient in enumerate(grad(y, leaves, v)):
        assert_close(gradient, operations[f"{name}/gradient{i}"], tolerance)


@pytest.mark.parametrize("name", models.NETWORKS)
@pytest.mark.parametrize("variant", ["aligned", "paper"])
def test_network(name, variant, networks, device):
    assert_as_frozen(network(name, variant), networks, f"{name} {variant}", device)


@pytest.mark.parametrize("name", models.NETWORKS)
@pytest.mark.parametrize("variant", ["aligned", "paper"])
@pytest.mark.parametrize("backbone", TRUNKS)
def test_network_on_another_trunk(name, variant, backbone, trunks, device):
    assert_as_frozen(network(name, variant, backbone), trunks, f"{backbone} {name} {variant}", device)


def assert_as_frozen(model, frozen, case, device):
    """Scores and gradients of a network are those of PyTorch."""
    image, weights, v = points(model)
    model.load_state_dict(weights)
    for parameter in model.to(device).parameters():
        parameter.requires_grad = True  # the fixed ones too
    x = Tensor(to_device(image, device), requires_grad=True)
    scores = model(x)
    scores.backward(Tensor(to_device(v, device)))
    assert_close(scores, frozen[f"{case}/scores"], 1e-9)
    tensors = {"image": x, **dict(model.named_parameters())}
    for (key, tensor), (product, norm) in zip(tensors.items(), frozen[f"{case}/gradients"], strict=True):
        found = digest(to_host(tensor.grad.data))
        np.testing.assert_allclose(found, [product, norm], rtol=0, atol=1e-9 * norm, err_msg=key)
