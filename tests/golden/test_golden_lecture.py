"""The lecture's networks to 1e-9 of what its listing computed in PyTorch (make_lecture.py), and beside it, live."""

import numpy as np
import pytest
from make_golden import digest
from make_lecture import HERE, network, points

from minifcn import Tensor, models
from minifcn.backend import to_device, to_host

every_network = pytest.mark.parametrize("name", models.NETWORKS)


@pytest.fixture(scope="module")
def golden():
    with np.load(HERE / "lecture.npz", allow_pickle=False) as arrays:
        return dict(arrays)


@every_network
def test_network(name, golden, device):
    model = network(name)
    image, weights, v = points(model)
    model.load_state_dict(weights)
    x = Tensor(to_device(image, device), requires_grad=True)
    scores = model.to(device)(x)
    scores.backward(Tensor(to_device(v, device)))
    expected = golden[f"{name}/scores"]
    np.testing.assert_allclose(to_host(scores.data), expected, rtol=0, atol=1e-9 * abs(expected).max())
    tensors = {"image": x, **dict(model.named_parameters())}
    for (key, tensor), (product, norm) in zip(tensors.items(), golden[f"{name}/gradients"], strict=True):
        found = digest(to_host(tensor.grad.data))
        np.testing.assert_allclose(found, [product, norm], rtol=0, atol=1e-9 * norm, err_msg=key)


@pytest.mark.oracle
@every_network
@pytest.mark.parametrize("size", [(32, 32), (64, 96)], ids=str)
def test_a_state_dict_of_the_listing_gives_its_scores(name, size, rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
    import lecture_listing

    listing = lecture_listing.network(name, num_classes=5, width=1 / 16)
    model = models.create(name, num_classes=5, variant="lecture", width=1 / 16).astype("float64").eval()
    model.load_state_dict({key: value.numpy() for key, value in listing.state_dict().items()})
    images = rng.normal(size=(2, 3, *size))
    expected = listing(torch.tensor(images)).detach().numpy()
    np.testing.assert_allclose(model(Tensor(images)).data, expected, rtol=0, atol=1e-9 * abs(expected).max())


@pytest.mark.oracle
def test_first_weights_are_spread_as_those_of_the_listing():
    """Over half a million weights, the standard deviations agree to a hundredth."""
    pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
    import lecture_listing

    listing = dict(lecture_listing.network("fcn8s", num_classes=5, width=1 / 8).named_parameters())
    model = models.create("fcn8s", num_classes=5, variant="lecture", width=1 / 8)
    large = [(name, p) for name, p in model.named_parameters() if p.data.size > 30_000]
    assert len(large) > 5
    for name, parameter in large:
        theirs = listing[name].detach().numpy()
        np.testing.assert_allclose(parameter.data.std(), theirs.std(), rtol=0.01, err_msg=name)
        np.testing.assert_allclose(abs(parameter.data).max(), abs(theirs).max(), rtol=0.01, err_msg=name)
