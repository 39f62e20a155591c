"""SGD and Adam beside PyTorch's, live: 20 steps of a small network with parameter groups."""

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, optim

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make oracle` installs it")

pytestmark = pytest.mark.oracle

SETTINGS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}),
    ("Adam", {}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-3, "weight_decay": 0.01}),
]


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
def test_twenty_steps_agree(name, settings, rng):
    settings = {"lr": 1e-3} | settings
    start = [rng.normal(size=(5, 3, 3, 3)), rng.normal(size=5)]
    images, labels = rng.normal(size=(20, 2, 3, 6, 6)), rng.integers(0, 5, size=(20, 2, 4, 4))
    ours = [Tensor(array.copy(), requires_grad=True) for array in start]
    theirs = [torch.tensor(array, requires_grad=True) for array in start]
    groups = [
        [{"params": [weight]}, {"params": [bias], "lr": 2 * settings["lr"], "weight_decay": 0.0}]
        for weight, bias in (ours, theirs)
    ]
    optimizer, reference = (
        getattr(optim, name)(groups[0], **settings),
        getattr(torch.optim, name)(groups[1], **settings),
    )
    for x, target in zip(images, labels, strict=True):
        optimizer.zero_grad()
        F.softmax_cross_entropy(F.conv2d(Tensor(x), *ours), target).backward()
        optimizer.step()
        reference.zero_grad()
        scores = torch.nn.functional.conv2d(torch.tensor(x), *theirs)
        torch.nn.functional.cross_entropy(scores, torch.tensor(target)).backward()
        reference.step()
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found.data, expected.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
def test_gradients_that_come_and_go_through_a_saved_state(name, settings, rng):
    """60 random sets of parameters, scalars and empty ones too, of which some have a gradient in each step."""
    settings = {"lr": 1e-3} | settings
    for _ in range(60):
        start = [rng.normal(size=rng.integers(0, 4, size=rng.integers(0, 3))) for _ in range(rng.integers(1, 5))]
        ours = [Tensor(np.array(array), requires_grad=True) for array in start]
        theirs = [torch.tensor(array, requires_grad=True) for array in start]
        optimizer = getattr(optim, name)(ours, **settings)
        reference = getattr(torch.optim, name)(theirs, **settings)
        for step in range(12):
            for w, v in zip(ours, theirs, strict=True):
                gradient = rng.normal(size=w.shape) if rng.random() < 0.6 else None
                w.grad = None if gradient is None else Tensor(np.asarray(gradient))
                v.grad = None if gradient is None else torch.tensor(gradient)
            if any(w.grad is not None for w in ours):  # without any, ours refuses
                optimizer.step()
                reference.step()
            if step == 6:
                state = optimizer.state_dict()
                optimizer = getattr(optim, name)(ours, **settings)
                optimizer.load_state_dict(state)
        for found, expected in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(found.data, expected.detach().numpy(), rtol=1e-9, atol=1e-12)
