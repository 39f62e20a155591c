"""The recipe of docs/results.md, step by step beside PyTorch: same weights, batches and dropout masks."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, models, optim
from minifcn.data import DataLoader, Shapes

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
beside = pytest.importorskip("train_with_pytorch")  # in benchmarks/

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("name", models.NETWORKS)
def test_ten_steps_of_adam_in_float64_agree_to_1e_9(name):
    model = models.create(name, num_classes=6, width=1 / 16, dropout=0.5).astype("float64").train()
    twin = models.create(name, num_classes=6, width=1 / 16, dropout=0.5)  # draws the same masks for PyTorch
    weights = beside.tensors({key: array.astype("float64") for key, array in twin.state_dict().items()})
    ours, theirs = optim.Adam(model.parameters(), lr=1e-3), torch.optim.Adam(weights.values(), lr=1e-3)
    loader = DataLoader(Shapes(20, (40, 48)), batch_size=2, shuffle=True)
    for batch in loader.epoch(0):
        images = batch.images.astype("float64")
        loss = F.softmax_cross_entropy(model(Tensor(images)), batch.labels)
        ours.zero_grad()
        loss.backward()
        ours.step()

        masks = list(beside.masks_like_minifcn(twin.dropout_rng, 0.5, twin.channels["fc7"], batch.images))
        scores = beside.forward(name, weights, torch.from_numpy(images), masks)
        expected = torch.nn.functional.cross_entropy(scores, torch.from_numpy(batch.labels).long())
        theirs.zero_grad()
        expected.backward()
        theirs.step()
        assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
    for key, parameter in model.named_parameters():
        other = weights[key].detach().numpy()
        np.testing.assert_allclose(parameter.data, other, rtol=0, atol=1e-9 * abs(other).max(), err_msg=key)
