"""Predictions come back at the size of the photograph; void does not count."""

import numpy as np
import pytest

from minifcn import nn
from minifcn.autograd import Tensor
from minifcn.data import Batch
from minifcn.training import evaluate, predict


class Brightness(nn.Module):
    """Scores of three classes: dark, bright, and one that never wins."""

    def forward(self, x):
        value = x.data.mean(axis=1, keepdims=True)
        return Tensor(np.concatenate([-value, value, -9 - abs(value)], axis=1))


def normalize(image):
    return (image.astype("float32") - 128).transpose(2, 0, 1)


HALVES = np.repeat(np.where(np.arange(40) < 20, 0, 255).astype("uint8")[None, :, None], 24, axis=0).repeat(3, axis=2)


@pytest.mark.parametrize("size", [None, (24, 40), (12, 20), (48, 80), (7, 90)])
def test_a_prediction_has_the_size_of_the_image_whatever_the_network_sees(size):
    label = predict(Brightness(), HALVES, normalize, size=size)
    assert label.dtype == np.uint8
    np.testing.assert_array_equal(label, HALVES[..., 0] == 255)


def test_predict_leaves_the_model_in_the_mode_it_was_in():
    model = Brightness()
    predict(model, HALVES, normalize)
    assert model.training
    predict(model.eval(), HALVES, normalize)
    assert not model.training


def test_evaluate_counts_every_pixel_that_is_not_void():
    label = (HALVES[..., 0] == 255).astype("uint8")
    label[:4] = 255
    label[4] = 0
    batch = Batch(normalize(HALVES)[None], label[None], ("halves",), ((24, 40),))
    matrix, loss = evaluate(Brightness(), [batch, batch], 3)
    np.testing.assert_array_equal(matrix.matrix, 2 * np.array([[20 * 20, 20, 0], [0, 19 * 20, 0], [0, 0, 0]]))
    # The 20 wrong pixels of 800 cost 255, the right ones nothing.
    assert loss == pytest.approx(20 * 254 / 800, rel=1e-2)
