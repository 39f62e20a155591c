"""The recipe of docs/results.md, step by step beside PyTorch: same weights, batches and dropout masks."""

import dataclasses

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, models, optim
from minifcn.data import DataLoader, Shapes
from minifcn.training import Config, Trainer, build, build_model, build_optimizer, weigh_classes

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")
beside = pytest.importorskip("train_with_pytorch")  # in benchmarks/

pytestmark = pytest.mark.oracle


def test_the_gradient_of_a_batch_with_class_weights_agrees_to_1e_12(tmp_path):
    """What a Trainer does in a step, beside `torch.nn.CrossEntropyLoss(weight, ignore_index=255)`."""
    shapes = Shapes(4, (40, 48))
    colours = tuple(map(tuple, shapes.palette.tolist()))
    config = Config(
        model="fcn16s", width=1 / 16, dropout=0.0, dtype="float64", class_names=shapes.class_names, palette=colours
    )
    config, _ = weigh_classes(dataclasses.replace(config, class_weights="median"), shapes)
    model, twin = build_model(config), build_model(config)
    loaders = build.train_loader(config, shapes), build.valid_loader(config, shapes)
    trainer = Trainer(config, model, build_optimizer(config, model), *loaders, tmp_path)
    batch = next(loaders[0].epoch(0))
    batch.labels[0, :9] = 255
    model.train()
    loss = trainer.step(batch)

    weights = beside.tensors(twin.state_dict())
    scores = beside.forward("fcn16s", weights, torch.from_numpy(batch.images.astype("float64")), None)
    criterion = torch.nn.CrossEntropyLoss(torch.tensor(config.loss_weights, dtype=torch.float64), ignore_index=255)
    expected = criterion(scores, torch.from_numpy(batch.labels).long())
    expected.backward()
    assert float(loss) == pytest.approx(expected.item(), rel=1e-12)
    for key, parameter in model.named_parameters():
        other = weights[key].grad.numpy()
        np.testing.assert_allclose(parameter.grad.data, other, rtol=0, atol=1e-12 * abs(other).max(), err_msg=key)


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
