"""`optim.CaffeSGD` beside Caffe's solver, written out in tests/caffe_solver.py, and what its momentum means."""

import numpy as np
import pytest
from caffe_solver import Blob, CaffeSolver

from minifcn import Tensor, optim

HEAVY = {"momentum": 0.99, "weight_decay": 0.0005}
ACCUMULATED = {"momentum": 0.9, "weight_decay": 0.0005}


def gradient(w):
    """Of Σ w⁴/4 - w."""
    return w**3 - 1


def one_step(optimizer, w):
    optimizer.zero_grad()
    (w**4 / 4 - w).sum().backward()
    optimizer.step()


@pytest.mark.parametrize("settings", [{}, HEAVY, ACCUMULATED], ids=str)
def test_a_step_is_caffe_s(settings):
    w = Tensor([2.0, -1.0, 0.5], requires_grad=True)
    optimizer = optim.CaffeSGD([w], lr=0.01, **settings)
    solver = CaffeSolver([Blob(2.0), Blob(-1.0), Blob(0.5)], base_lr=0.01, **settings)
    for _ in range(30):
        one_step(optimizer, w)
        solver.step(lambda _: [gradient(blob.data) for blob in solver.blobs])
    np.testing.assert_allclose(w.data, [blob.data for blob in solver.blobs], rtol=1e-12)


def test_biases_have_twice_the_rate_and_no_decay():
    weight, bias = Tensor([2.0], requires_grad=True), Tensor([2.0], requires_grad=True)
    groups = [{"params": [weight]}, {"params": [bias], "lr": 0.02, "weight_decay": 0.0}]
    optimizer = optim.CaffeSGD(groups, lr=0.01, momentum=0.9, weight_decay=0.1)
    solver = CaffeSolver([Blob(2.0), Blob(2.0, lr_mult=2, decay_mult=0)], 0.01, momentum=0.9, weight_decay=0.1)
    for _ in range(10):
        optimizer.zero_grad()
        for w in (weight, bias):
            (w**4 / 4 - w).sum().backward()
        optimizer.step()
        solver.step(lambda _: [gradient(blob.data) for blob in solver.blobs])
    np.testing.assert_allclose([weight.data[0], bias.data[0]], [blob.data for blob in solver.blobs], rtol=1e-12)
    assert solver.blobs[0].data != solver.blobs[1].data


class TestTheVelocity:
    """It holds lr in CaffeSGD, and not in SGD."""

    def paths(self, rates):
        for kind in (optim.SGD, optim.CaffeSGD):
            w = Tensor([2.0], requires_grad=True)
            optimizer = kind([w], lr=1.0, momentum=0.9)
            for lr in rates:
                optimizer.param_groups[0]["lr"] = lr
                one_step(optimizer, w)
            yield w.data.item()

    def test_makes_no_difference_while_lr_stays(self):
        ours, caffe = self.paths([0.01] * 20)
        assert ours == pytest.approx(caffe, rel=1e-12)

    def test_keeps_the_rate_it_came_with_when_lr_falls(self):
        ours, caffe = self.paths([0.01, 0.0])
        step = 0.01 * gradient(2.0)
        assert ours == pytest.approx(2 - step)
        assert caffe == pytest.approx(2 - step - 0.9 * step)


class TestMomentum:
    """p over k accumulated images fades a gradient as p^(1/k) does over single ones."""

    K, P = 20, 0.9

    def test_of_single_images_is_the_kth_root(self):
        assert pytest.approx(0.99475, abs=5e-6) == self.P ** (1 / self.K)

    def velocity(self, momentum, iter_size, images):
        """What is left of a gradient of 1, the first of so many images; the others have none."""
        solver, seen = CaffeSolver([Blob(0.0)], 1.0, momentum, iter_size=iter_size), iter(range(images))
        for _ in range(images // iter_size):
            solver.step(lambda _: [1.0 if next(seen) == 0 else 0.0])
        return solver.blobs[0].history

    def test_fades_alike(self):
        """From one accumulated step to the next, that is over k images."""
        for steps in (1, 2, 5):
            accumulated = self.velocity(self.P, self.K, (1 + steps) * self.K) / self.velocity(self.P, self.K, self.K)
            images = 1 + steps * self.K
            single = self.velocity(self.P ** (1 / self.K), 1, images) / self.velocity(self.P ** (1 / self.K), 1, 1)
            assert single == pytest.approx(accumulated, rel=1e-12) == pytest.approx(self.P**steps)

    def test_of_099_forgets_as_082_over_20_images_would(self):
        assert pytest.approx(0.818, abs=5e-4) == 0.99**self.K
