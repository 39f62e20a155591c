"""Softmax cross-entropy: which pixels count, what the sum is divided by, and where the gradient is zero."""

import re

import numpy as np
import pytest
import textbook

import minifcn.functional as F
from minifcn import Tensor
from minifcn.backend import to_device, to_host

VOID = 255


@pytest.fixture
def scores(rng):
    return rng.normal(size=(2, 4, 3, 5))


@pytest.fixture
def labels(rng):
    labels = rng.integers(0, 4, size=(2, 3, 5))
    labels[0, 0], labels[1, 2, 1] = VOID, VOID
    return labels


def loss_and_gradient(scores, labels, **settings):
    leaf = Tensor(scores, requires_grad=True)
    loss = F.softmax_cross_entropy(leaf, labels, **settings)
    loss.sum().backward()
    return to_host(loss.data), to_host(leaf.grad.data)


class TestValue:
    @pytest.mark.parametrize("classes", [2, 11, 21])
    def test_equal_scores_give_the_logarithm_of_the_number_of_classes(self, classes, dtype):
        loss = F.softmax_cross_entropy(Tensor(np.zeros((1, classes, 2, 3), dtype)), np.ones((1, 2, 3), int))
        assert loss.item() == pytest.approx(np.log(classes), rel=1e-6)
        assert loss.dtype == dtype

    @pytest.mark.parametrize("weight", [None, np.array([0.5, 2.0, 0.0, 3.0])], ids=["plain", "weighted"])
    @pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batch"])
    def test_is_the_textbooks(self, scores, labels, weight, reduction, device):
        losses, total = textbook.softmax_cross_entropy(scores, labels, weight)
        expected = {"mean": losses.sum() / total, "sum": losses.sum(), "none": losses, "batch": losses.sum() / 2}
        on_device = [a if a is None else to_device(a, device) for a in (scores, labels, weight)]
        found, _ = loss_and_gradient(*on_device[:2], weight=on_device[2], reduction=reduction)
        np.testing.assert_allclose(found, expected[reduction], rtol=1e-12, atol=1e-14)

    def test_a_label_that_is_certain_costs_nothing_and_one_that_is_excluded_its_score(self, dtype):
        scores = Tensor(np.array([[1000.0, 0.0], [1000.0, 0.0]], dtype))
        np.testing.assert_array_equal(
            F.softmax_cross_entropy(scores, np.array([0, 1]), reduction="none").data, [0.0, 1000.0]
        )

    def test_scores_of_whole_images_need_one_label_each(self, rng):
        scores, labels = rng.normal(size=(3, 4)), np.array([3, VOID, 0])
        losses, total = textbook.softmax_cross_entropy(scores, labels)
        assert F.softmax_cross_entropy(Tensor(scores), labels).item() == pytest.approx(losses.sum() / total)

    @pytest.mark.parametrize("kind", ["uint8", "int32", "int64"])
    def test_labels_are_any_integers_and_are_not_written_to(self, scores, labels, kind):
        expected = F.softmax_cross_entropy(Tensor(scores), labels).item()
        given = labels.astype(kind)
        given.flags.writeable = False
        assert F.softmax_cross_entropy(Tensor(scores), given).item() == expected
        assert F.softmax_cross_entropy(Tensor(scores), Tensor(given)).item() == expected


class TestGradient:
    @pytest.mark.parametrize("weight", [None, np.array([0.5, 2.0, 0.0, 3.0])], ids=["plain", "weighted"])
    @pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batch"])
    def test_is_softmax_minus_onehot_times_the_weight_over_the_divisor(self, scores, labels, weight, reduction):
        p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        onehot = (labels[:, None] == np.arange(4)[:, None, None]).astype(float)
        w = np.where(labels == VOID, 0, (np.ones(4) if weight is None else weight)[labels * (labels != VOID)])
        divisor = {"mean": w.sum(), "sum": 1, "none": 1, "batch": 2}[reduction]
        _, gradient = loss_and_gradient(scores, labels, weight=weight, reduction=reduction)
        np.testing.assert_allclose(gradient, (p - onehot) * w[:, None] / divisor, atol=1e-14)

    def test_is_zero_at_ignored_pixels(self, scores, labels):
        _, gradient = loss_and_gradient(scores, labels)
        assert not gradient[0, :, 0].any()
        assert not gradient[1, :, 2, 1].any()
        assert gradient[0, :, 1].all()


class TestIgnoredPixels:
    def test_change_nothing_whatever_their_scores(self, scores, labels):
        other = scores.copy()
        other[0, :, 0] = 1e3
        assert F.softmax_cross_entropy(Tensor(other), labels).item() == pytest.approx(
            F.softmax_cross_entropy(Tensor(scores), labels).item(), rel=1e-14
        )

    @pytest.mark.parametrize("weight", [None, np.array([0.5, 2.0, 0.0, 3.0])], ids=["plain", "weighted"])
    @pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batch"])
    def test_if_all_are_ignored_loss_and_gradient_are_zero(self, scores, weight, reduction):
        loss, gradient = loss_and_gradient(scores, np.full((2, 3, 5), VOID), weight=weight, reduction=reduction)
        assert not loss.any()
        assert not gradient.any()

    def test_if_all_that_count_weigh_nothing_loss_and_gradient_are_zero(self, scores):
        labels, weight = np.full((2, 3, 5), 2), np.array([1.0, 1.0, 0.0, 1.0])
        loss, gradient = loss_and_gradient(scores, labels, weight=weight)
        assert loss == 0
        assert not gradient.any()

    @pytest.mark.parametrize(("ignore_index", "kind"), [(11, "uint8"), (0, "uint8"), (-1, "int64"), (-100, "int64")])
    def test_may_have_any_label(self, scores, labels, ignore_index, kind):
        labels[(labels == 0) | (labels == VOID)] = ignore_index
        losses, total = textbook.softmax_cross_entropy(scores, labels, ignore_index=ignore_index)
        found = F.softmax_cross_entropy(Tensor(scores), labels.astype(kind), ignore_index=ignore_index)
        assert found.item() == pytest.approx(losses.sum() / total)

    def test_a_negative_ignore_index_does_no_harm_to_unsigned_labels(self, scores, labels):
        labels[labels == VOID] = 1
        plain = F.softmax_cross_entropy(Tensor(scores), labels).item()
        assert F.softmax_cross_entropy(Tensor(scores), labels.astype("uint8"), ignore_index=-1).item() == plain


class TestReductions:
    def test_the_weighted_mean_is_over_the_weights_of_the_pixels_that_count(self):
        """-(1·log ½ + 3·log ½) / (1 + 3), although two of four pixels are ignored."""
        loss = F.softmax_cross_entropy(
            Tensor(np.zeros((1, 2, 1, 4))), np.array([[[0, 1, VOID, VOID]]]), weight=[1.0, 3.0]
        )
        assert loss.item() == pytest.approx(np.log(2), rel=1e-14)

    def test_batch_divides_by_the_number_of_images_as_caffe_does(self, scores, labels):
        total = F.softmax_cross_entropy(Tensor(scores), labels, reduction="sum").item()
        assert F.softmax_cross_entropy(Tensor(scores), labels, reduction="batch").item() == total / 2

    def test_none_gives_a_map_of_the_shape_of_the_labels(self, scores, labels):
        losses = F.softmax_cross_entropy(Tensor(scores), labels, reduction="none").data
        assert losses.shape == labels.shape
        assert not losses[labels == VOID].any()


class TestErrors:
    @pytest.mark.parametrize("label", [4, 100, -1])
    def test_a_label_out_of_range_is_named_with_its_position(self, scores, labels, label):
        labels[1, 0, 3] = label
        with pytest.raises(
            ValueError, match=rf"label {label} at \(1, 0, 3\) is neither a class 0..3 nor ignore_index 255;"
        ):
            F.softmax_cross_entropy(Tensor(scores), labels)

    def test_labels_on_another_device(self, gpu):
        scores = Tensor(to_device(np.zeros((1, 4, 2, 2)), gpu))
        message = f"labels are on cpu, but scores on {gpu}; pass minifcn.to_device(labels, '{gpu}')"
        with pytest.raises(ValueError, match=re.escape(message)):
            F.softmax_cross_entropy(scores, np.zeros((1, 2, 2), int))

    def test_labels_must_be_integers(self, scores):
        with pytest.raises(ValueError, match="labels must be integers, got float64; pass class indices"):
            F.softmax_cross_entropy(Tensor(scores), np.zeros((2, 3, 5)))

    @pytest.mark.parametrize(
        ("shape", "fix"),
        [((2, 5, 3), "resize"), ((3, 5), "resize"), ((2, 1, 3, 5), r"pass labels\[:, 0\]"), ((1, 3, 5), "resize")],
    )
    def test_labels_of_another_size(self, scores, shape, fix):
        with pytest.raises(
            ValueError, match=rf"labels have shape .*, but scores \(2, 4, 3, 5\) need \(2, 3, 5\); {fix}"
        ):
            F.softmax_cross_entropy(Tensor(scores), np.zeros(shape, int))

    @pytest.mark.parametrize("weight", [[1.0, 1.0], np.ones(5), np.ones((4, 1))], ids=["list", "array", "matrix"])
    def test_weights_of_another_number_of_classes(self, scores, labels, weight):
        with pytest.raises(ValueError, match="weight must have one number for each of the 4 classes"):
            F.softmax_cross_entropy(Tensor(scores), labels, weight)

    def test_an_unknown_reduction(self, scores, labels):
        with pytest.raises(
            ValueError, match=r"reduction must be one of \('mean', 'sum', 'none', 'batch'\), got 'average'"
        ):
            F.softmax_cross_entropy(Tensor(scores), labels, reduction="average")
