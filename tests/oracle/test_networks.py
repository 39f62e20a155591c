"""Whole networks beside PyTorch, live: scores and all gradients to 1e-9, in float64."""

import sys
from pathlib import Path

import numpy as np
import pytest

from minifcn import Tensor, models

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from train_with_pytorch import forward, tensors  # noqa: E402

pytestmark = pytest.mark.oracle


def relative_error(a, b):
    return abs(a - b).max() / max(1e-300, abs(b).max())


@pytest.mark.parametrize("size", [(1, 1), (37, 45), (64, 33)], ids=str)
@pytest.mark.parametrize("variant", ["aligned", "paper"])
@pytest.mark.parametrize("name", models.NETWORKS)
def test_scores_and_gradients(name, variant, size, rng):
    model = models.create(name, num_classes=5, variant=variant, width=1 / 16, dropout=0.0).astype("float64")
    for parameter in model.parameters():  # so that no score is zero
        if parameter.requires_grad:
            parameter.data += 0.05 * rng.normal(size=parameter.shape)
    image, cotangent = rng.normal(size=(2, 3, *size)), rng.normal(size=(2, 5, *size))

    x = Tensor(image, requires_grad=True)
    scores = model(x)
    scores.backward(Tensor(cotangent))

    weights = tensors(model.state_dict())
    torch_x = torch.tensor(image, requires_grad=True)
    expected = forward(name, weights, torch_x, paper=variant == "paper")
    expected.backward(torch.tensor(cotangent))

    assert relative_error(scores.data, expected.detach().numpy()) < 1e-9
    assert relative_error(x.grad.data, torch_x.grad.numpy()) < 1e-9
    for key, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert relative_error(parameter.grad.data, weights[key].grad.numpy()) < 1e-9, key
        else:
            assert np.array_equal(parameter.data, weights[key].detach().numpy())
            assert parameter.grad is None
