"""The classifiers beside PyTorch, live: scores and all gradients to 1e-9 in float64, written as PyTorch users do."""

import numpy as np
import pytest

from minifcn import Tensor, models

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
from torch.nn.functional import avg_pool2d, conv2d, linear, local_response_norm, max_pool2d, relu  # noqa: E402

pytestmark = pytest.mark.oracle


class Layers:
    """The layers of a state, by name."""

    def __init__(self, state):
        self.state = state

    def conv(self, name, x, **settings):
        return relu(conv2d(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"], **settings))

    def full(self, name, x):
        return linear(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"])


def vgg16(layers, x):
    for stage, count in enumerate((2, 2, 3, 3, 3), start=1):
        for number in range(1, count + 1):
            x = layers.conv(f"conv{stage}_{number}", x, padding=1)
        x = max_pool2d(x, 2)
    x = torch.flatten(x, 1)
    return layers.full("fc8", relu(layers.full("fc7", relu(layers.full("fc6", x)))))


def alexnet(layers, x):
    for name, settings in (("conv1", {"stride": 4}), ("conv2", {"padding": 2, "groups": 2})):
        x = max_pool2d(layers.conv(name, x, **settings), 3, stride=2, ceil_mode=True)
        x = local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0)
    x = layers.conv("conv4", layers.conv("conv3", x, padding=1), padding=1, groups=2)
    x = max_pool2d(layers.conv("conv5", x, padding=1, groups=2), 3, stride=2, ceil_mode=True)
    x = torch.flatten(x, 1)
    return layers.full("fc8", relu(layers.full("fc7", relu(layers.full("fc6", x)))))


def googlenet(layers, x):
    def inception(name, x):
        name = f"inception_{name}"
        three = layers.conv(f"{name}.conv3x3", layers.conv(f"{name}.conv3x3_reduce", x), padding=1)
        five = layers.conv(f"{name}.conv5x5", layers.conv(f"{name}.conv5x5_reduce", x), padding=2)
        pool = layers.conv(f"{name}.pool_proj", max_pool2d(x, 3, stride=1, padding=1))
        return torch.cat([layers.conv(f"{name}.conv1x1", x), three, five, pool], dim=1)

    def pool(x):
        return max_pool2d(x, 3, stride=2, ceil_mode=True)

    x = pool(layers.conv("conv1_7x7_s2", x, stride=2, padding=3))
    x = layers.conv("conv2_3x3_reduce", local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0))
    x = pool(local_response_norm(layers.conv("conv2_3x3", x, padding=1), 5, alpha=1e-4, beta=0.75, k=1.0))
    x = pool(inception("3b", inception("3a", x)))
    for name in ("4a", "4b", "4c", "4d", "4e"):
        x = inception(name, x)
    x = inception("5b", inception("5a", pool(x)))
    return layers.full("loss3_classifier", torch.flatten(avg_pool2d(x, 7), 1))


@pytest.mark.parametrize(
    ("name", "expected"), [("vgg16", vgg16), ("alexnet", alexnet), ("googlenet", googlenet)], ids=lambda x: str(x)[:9]
)
def test_scores_and_gradients_agree_to_1e_9(name, expected, rng):
    net = models.classifier(name, 7, width=1 / 16, rng=rng).astype("float64").eval()
    for parameter in net.parameters():
        parameter.data += 0.01 * rng.normal(size=parameter.shape)
    images = rng.normal(size=(2, 3, net.crop_size, net.crop_size))
    x, z = Tensor(images, requires_grad=True), torch.tensor(images, requires_grad=True)
    state = {key: torch.tensor(value, requires_grad=True) for key, value in net.state_dict().items()}
    found, scores = net(x), expected(Layers(state), z)
    assert found.shape == (2, 7)
    assert_close(found.data, scores.detach().numpy())
    v = rng.normal(size=(2, 7))
    found.backward(Tensor(v))
    scores.backward(torch.tensor(v))
    assert_close(x.grad.data, z.grad.numpy(), "image")
    for key, parameter in net.named_parameters():
        assert_close(parameter.grad.data, state[key].grad.numpy(), key)


def assert_close(found, expected, name=""):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * abs(expected).max(), err_msg=name)
