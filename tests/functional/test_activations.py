"""ReLU, dropout, softmax and local response normalisation."""

import numpy as np
import pytest
import textbook

import minifcn.functional as F
from minifcn import Tensor
from minifcn.backend import to_device, to_host


def test_relu_passes_gradient_only_above_zero():
    x = Tensor(np.array([-2.0, -0.0, 0.0, 3.0]), requires_grad=True)
    y = F.relu(x)
    y.backward(Tensor(np.array([1.0, 2.0, 3.0, 4.0])))
    np.testing.assert_array_equal(y.data, [0, 0, 0, 3])
    np.testing.assert_array_equal(x.grad.data, [0, 0, 0, 4])


@pytest.mark.parametrize("drop", [F.dropout, F.dropout2d])
class TestDropout:
    def test_without_training_nothing_changes(self, drop):
        x = Tensor(np.ones((2, 3, 4, 5)))
        assert drop(x, 0.5, training=False) is x

    def test_with_p_0_nothing_changes(self, drop):
        x = Tensor(np.ones((2, 3, 4, 5)))
        assert drop(x, 0.0, rng=np.random.default_rng(0)) is x

    @pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
    def test_p_is_the_part_that_is_dropped_and_the_mean_stays(self, drop, p, rng):
        y = drop(Tensor(np.ones((100, 100, 1, 2))), p, rng=rng).data
        assert set(np.unique(y)) == {0.0, 1 / (1 - p)}
        deviation = 5 * (p * (1 - p) / 10_000) ** 0.5
        assert (y == 0).mean() == pytest.approx(p, abs=deviation)
        assert y.mean() == pytest.approx(1, abs=deviation / (1 - p))

    def test_the_mask_comes_from_the_generator_alone(self, drop, dtype, device):
        x = Tensor(to_device(np.ones((2, 8, 3, 4), dtype), device))
        masks = [to_host(drop(x, rng=np.random.default_rng(7)).data) for _ in range(2)]
        reference = drop(Tensor(np.ones((2, 8, 3, 4))), rng=np.random.default_rng(7)).data
        np.testing.assert_array_equal(masks[0], masks[1])
        np.testing.assert_array_equal(masks[0], reference)
        assert not np.array_equal(masks[0], to_host(drop(x, rng=np.random.default_rng(8)).data))

    def test_the_mask_does_not_depend_on_the_memory_layout(self, drop):
        x = np.ones((2, 8, 3, 4))
        last = x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
        one, other = (drop(Tensor(a), rng=np.random.default_rng(7)).data for a in (x, last))
        np.testing.assert_array_equal(one, other)

    def test_the_gradient_passes_the_same_mask(self, drop, rng):
        x = Tensor(rng.normal(size=(2, 8, 3, 4)), requires_grad=True)
        y = drop(x, 0.3, rng=rng)
        y.sum().backward()
        np.testing.assert_allclose(y.data, x.data * x.grad.data, rtol=1e-14)

    def test_without_a_generator_training_is_refused(self, drop):
        with pytest.raises(ValueError, match=rf"{drop.__name__}: rng=None.*pass numpy.random.default_rng\(seed\)"):
            drop(Tensor(np.ones((1, 1, 1, 1))))

    @pytest.mark.parametrize("p", [-0.1, 1, 1.5, float("nan")])
    def test_p_must_be_a_probability_below_1(self, drop, p):
        with pytest.raises(ValueError, match=rf"{drop.__name__}: p is the probability to drop, in \[0, 1\), got"):
            drop(Tensor(np.ones((1, 1, 1, 1))), p)


def test_dropout_drops_single_elements(rng):
    y = F.dropout(Tensor(np.ones((1, 4, 50, 50))), rng=rng).data
    assert all(0 < (channel == 0).mean() < 1 for channel in y[0])


def test_dropout2d_drops_whole_channels_of_each_image(rng):
    y = F.dropout2d(Tensor(np.ones((40, 10, 3, 3))), rng=rng).data
    assert set(np.unique(y.mean((2, 3)))) == {0.0, 2.0}
    assert not np.array_equal(y[0], y[1])


class TestSoftmax:
    def test_by_hand(self, dtype):
        x = Tensor(np.log(np.array([[1, 2, 5]], dtype)))
        np.testing.assert_allclose(F.softmax(x).data, [[1 / 8, 2 / 8, 5 / 8]], rtol=1e-6)
        np.testing.assert_allclose(F.log_softmax(x).data, np.log([[1 / 8, 2 / 8, 5 / 8]]), rtol=1e-6)

    @pytest.mark.parametrize("axis", [0, 1, 2, -1])
    def test_sums_to_1_along_its_axis(self, axis, rng, device):
        x = Tensor(to_device(rng.normal(size=(2, 3, 4)), device))
        np.testing.assert_allclose(to_host(F.softmax(x, axis).data).sum(axis), 1, rtol=1e-12)
        np.testing.assert_allclose(
            to_host(F.log_softmax(x, axis).data), np.log(to_host(F.softmax(x, axis).data)), rtol=1e-12
        )

    @pytest.mark.parametrize("shift", [0.0, 1000.0, -1000.0, 1e30])
    def test_a_shift_of_all_scores_changes_nothing(self, shift, dtype):
        x = np.array([[0.0, 0.0, 0.0]], dtype) + dtype.type(shift)
        np.testing.assert_allclose(F.softmax(Tensor(x)).data, 1 / 3, rtol=1e-6)
        np.testing.assert_allclose(F.log_softmax(Tensor(x)).data, -np.log(3), rtol=1e-6)

    def test_scores_a_thousand_apart_neither_overflow_nor_give_log_of_zero(self, dtype):
        x = Tensor(np.array([[0.0, 1000.0]], dtype))
        np.testing.assert_array_equal(F.softmax(x).data, [[0, 1]])
        np.testing.assert_array_equal(F.log_softmax(x).data, [[-1000, 0]])

    def test_the_gradient_is_that_of_the_jacobian(self, rng):
        """∂y_i/∂x_j = y_i (δ_ij - y_j): the sum of the outputs is constant, so it takes other weights to see it."""
        x, v = Tensor(rng.normal(size=(1, 5)), requires_grad=True), rng.normal(size=5)
        y = F.softmax(x)
        y.backward(Tensor(v[None]))
        p = y.data[0]
        np.testing.assert_allclose(x.grad.data[0], (np.diag(p) - np.outer(p, p)) @ v, atol=1e-14)
        assert abs(x.grad.data).max() > 1e-3


class TestLocalResponseNorm:
    @pytest.mark.parametrize("channels", [1, 2, 4, 5, 9])
    @pytest.mark.parametrize("size", [1, 3, 5, 7])
    def test_is_caffes_formula(self, size, channels, rng, device):
        x = rng.normal(size=(2, channels, 3, 2))
        y = F.local_response_norm(Tensor(to_device(x, device)), size, alpha=0.4, beta=0.7, k=2.0)
        np.testing.assert_allclose(to_host(y.data), textbook.local_response_norm(x, size, 0.4, 0.7, 2.0), rtol=1e-12)

    def test_has_alexnets_settings_unless_told_otherwise(self, rng):
        x = 100 * rng.normal(size=(1, 7, 2, 2))
        np.testing.assert_allclose(
            F.local_response_norm(Tensor(x), 5).data, textbook.local_response_norm(x, 5, 1e-4, 0.75, 1.0), rtol=1e-12
        )

    @pytest.mark.parametrize("size", [0, -1, 2.5])
    def test_an_impossible_size_is_refused(self, size):
        with pytest.raises(ValueError, match="local_response_norm: size counts channels, at least 1, got"):
            F.local_response_norm(Tensor(np.ones((1, 3, 1, 1))), size)
