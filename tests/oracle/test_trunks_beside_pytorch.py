"""FCN on AlexNet and GoogLeNet beside PyTorch, live: scores and all gradients to 1e-9 in float64."""

import numpy as np
import pytest

import minifcn as mf
from minifcn import Tensor, models

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
written = pytest.importorskip("trunks_in_pytorch")  # beside this file

pytestmark = pytest.mark.oracle

CASES = {
    "alexnet, aligned": ("alexnet", {}),
    "alexnet, aligned, 6x6 fc6": ("alexnet", {"fc6_kernel": 6}),
    "alexnet, paper": ("alexnet", {"variant": "paper"}),
    "googlenet, aligned": ("googlenet", {}),
    "googlenet, paper": ("googlenet", {"variant": "paper"}),
}
every_network = pytest.mark.parametrize("name", models.NETWORKS)
every_case = pytest.mark.parametrize(("backbone", "options"), CASES.values(), ids=CASES)


def random_network(name, backbone, rng, **options):
    """A network in float64 all of whose weights, those of the scores too, show something."""
    model = models.create(name, num_classes=3, backbone=backbone, width=1 / 16, **options).astype("float64").eval()
    for key, parameter in model.named_parameters():
        scale = {"score": 0.1, "upsco": 0.05}.get(key[:5], 0.01)
        parameter.data += scale * rng.normal(size=parameter.shape) + 0.2 * key.endswith("bias")
        parameter.requires_grad = True  # the fixed ones too
    return model


def leaves(model):
    return {name: torch.tensor(array, requires_grad=True) for name, array in model.state_dict().items()}


def assert_close(found, expected, tolerance, name=""):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * abs(expected).max(), err_msg=name)


@every_network
@every_case
@pytest.mark.parametrize("size", [(1, 1), (37, 45), (64, 33)], ids=str)
def test_scores_and_gradients_agree_to_1e_9(name, backbone, options, size, rng):
    model = random_network(name, backbone, rng, **options)
    weights, images = leaves(model), rng.normal(size=(2, 3, *size))
    x, z = Tensor(images, requires_grad=True), torch.tensor(images, requires_grad=True)
    scores, expected = model(x), written.forward(backbone, name, weights, z, paper=model.paper)
    assert_close(scores.data, expected.detach().numpy(), 1e-9)
    v = rng.normal(size=scores.shape)
    scores.backward(Tensor(v))
    expected.backward(torch.tensor(v))
    assert_close(x.grad.data, z.grad.numpy(), 1e-9, "image")
    assert np.mean([bool(weight.grad.any()) for weight in weights.values()]) > 0.8  # few ReLUs are dead on one pixel
    for key, parameter in model.named_parameters():
        assert_close(parameter.grad.data, weights[key].grad.numpy(), 1e-9, key)


@every_network
@every_case
@pytest.mark.parametrize("algorithm", ["im2col", "strips", "winograd"])
def test_every_algorithm_agrees_in_float32(name, backbone, options, algorithm, rng):
    model = random_network(name, backbone, rng, **options)
    images = rng.normal(size=(1, 3, 37, 45))
    with torch.no_grad():
        expected = written.forward(backbone, name, leaves(model), torch.tensor(images), paper=model.paper).numpy()
    with mf.algorithm(algorithm), mf.no_grad():
        scores = model.astype("float32")(Tensor(images.astype("float32")))
    assert_close(scores.data, expected, 1e-4)
