"""The loss at its edges: ignored pixels with any scores and weights, labels and weights of any kind, no pixels."""

import re

import numpy as np
import pytest
import textbook

import minifcn.functional as F
from minifcn import Tensor, grad
from minifcn.backend import to_device, to_host

VOID, INF, NAN = 255, np.inf, np.nan
REDUCTIONS = ["mean", "sum", "none", "batch"]


def loss_and_derivatives(scores, labels, device="cpu", gy=None, v=None, **settings):
    """Loss, gradient, and the derivatives of <gradient, v> with respect to the scores and to the weights gy."""
    leaf = Tensor(to_device(scores, device), requires_grad=True)
    if settings.get("weight") is not None:
        settings["weight"] = to_device(settings["weight"], device)
    loss = F.softmax_cross_entropy(leaf, to_device(labels, device), **settings)
    gy = Tensor(to_device(np.ones(loss.shape, scores.dtype) if gy is None else gy, device), requires_grad=True)
    (gx,) = grad(loss, leaf, gy, create_graph=True)
    v = np.cos(np.arange(scores.size)).reshape(scores.shape).astype(scores.dtype) if v is None else v
    second = grad(gx, [leaf, gy], Tensor(to_device(v, device)))
    return [to_host(t.data) for t in (loss, gx, *second)]


@pytest.fixture
def scores(rng):
    return rng.normal(size=(2, 4, 3, 5))


@pytest.fixture
def labels(rng):
    labels = rng.integers(0, 4, size=(2, 3, 5))
    labels[0, 0], labels[1, 2, 1] = VOID, VOID
    return labels


class TestIgnoredPixels:
    @pytest.mark.parametrize("bad", [NAN, INF, -INF, 1e300])
    @pytest.mark.parametrize("classes", [[0], [1], [3], [0, 1, 2, 3]], ids=str)
    @pytest.mark.parametrize("reduction", REDUCTIONS)
    def test_reach_nothing_whatever_their_scores(self, scores, labels, reduction, classes, bad, device):
        expected = loss_and_derivatives(scores, labels, device, reduction=reduction)
        other = scores.copy()
        for c in classes:
            other[:, c][labels == VOID] = bad
        found = loss_and_derivatives(other, labels, device, reduction=reduction)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)

    @pytest.mark.parametrize("bad", [NAN, INF, -INF])
    def test_reach_no_gradient_whatever_its_weight_is(self, scores, labels, bad, device):
        """With reduction="none" every pixel's loss has a weight on the way back."""
        gy, v = np.cos(np.arange(30.0)).reshape(2, 3, 5), np.sin(np.arange(120.0)).reshape(scores.shape)
        expected = loss_and_derivatives(scores, labels, device, gy=gy, v=v, reduction="none")
        gy[labels == VOID] = bad
        v[np.broadcast_to(labels[:, None] == VOID, v.shape)] = bad
        found = loss_and_derivatives(scores, labels, device, gy=gy, v=v, reduction="none")
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)

    @pytest.mark.parametrize("bad", [NAN, INF])
    @pytest.mark.parametrize("absent", [0, 2])
    @pytest.mark.parametrize("reduction", REDUCTIONS)
    def test_and_classes_without_pixels_reach_nothing_whatever_the_weight(
        self, scores, labels, reduction, absent, bad, device
    ):
        """Median frequency balancing gives an infinite weight to a class that does not occur."""
        labels[labels == absent] = VOID
        weight = np.array([0.5, 2.0, 1.5, 3.0])
        expected = loss_and_derivatives(scores, labels, device, reduction=reduction, weight=weight)
        weight[absent] = bad
        found = loss_and_derivatives(scores, labels, device, reduction=reduction, weight=weight)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)

    @pytest.mark.parametrize("reduction", REDUCTIONS)
    def test_if_all_are_ignored_everything_is_zero(self, scores, reduction, device):
        found = loss_and_derivatives(scores * NAN, np.full((2, 3, 5), VOID), device, reduction=reduction)
        assert not any(a.any() for a in found)

    @pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "int64", "uint64"])
    @pytest.mark.parametrize("ignore_index", [0, 2, 255, -1, -100, 300, 65535, np.int64(-1), np.uint8(255)], ids=repr)
    def test_are_those_of_any_number_that_the_labels_can_have(self, scores, ignore_index, kind, device):
        """Of -1 a uint8 has only 255, which is another number."""
        limits = np.iinfo(kind)
        labels = np.arange(30).reshape(2, 3, 5) % 4
        if limits.min <= ignore_index <= limits.max:
            labels[1] = ignore_index
        losses, total = textbook.softmax_cross_entropy(scores, labels, ignore_index=int(ignore_index))
        loss, gradient, *_ = loss_and_derivatives(scores, labels.astype(kind), device, ignore_index=ignore_index)
        assert loss == pytest.approx(losses.sum() / total, rel=1e-12)
        counted = labels != int(ignore_index)
        assert not np.moveaxis(gradient, 1, -1)[~counted].any()
        assert np.moveaxis(gradient, 1, -1)[counted].all()

    @pytest.mark.parametrize("ignore_index", [255.0, None, "255", [255]], ids=repr)
    def test_have_a_label_that_is_a_whole_number(self, scores, labels, ignore_index):
        with pytest.raises(ValueError, match="softmax_cross_entropy: ignore_index must be a whole number, got"):
            F.softmax_cross_entropy(Tensor(scores), labels, ignore_index=ignore_index)

    def test_labels_that_are_changed_afterwards_do_not_change_the_gradient(self, scores, labels):
        _, expected, *_ = loss_and_derivatives(scores, labels)
        leaf = Tensor(scores, requires_grad=True)
        loss = F.softmax_cross_entropy(leaf, labels)
        labels[...] = 0
        loss.backward()
        np.testing.assert_array_equal(leaf.grad.data, expected)


class TestLabels:
    def test_may_be_a_list(self, scores, labels):
        expected = F.softmax_cross_entropy(Tensor(scores), labels).item()
        assert F.softmax_cross_entropy(Tensor(scores), labels.tolist()).item() == expected
        assert F.softmax_cross_entropy(Tensor([[0.0, 0.0]]), [1]).item() == pytest.approx(np.log(2))

    @pytest.mark.parametrize("kind", ["bool", "float32", "complex64", "object"])
    def test_must_be_integers(self, scores, labels, kind):
        message = f"labels must be integers, got {kind}; pass class indices"
        with pytest.raises(ValueError, match=message):
            F.softmax_cross_entropy(Tensor(scores), labels.astype(kind))

    def test_that_are_one_hot_are_refused_with_the_way_out(self, scores, labels):
        onehot = (labels[:, None] == np.arange(4)[:, None, None]).astype(int)
        with pytest.raises(ValueError, match=r"need \(2, 3, 5\); for one-hot labels pass labels.argmax\(axis=1\)"):
            F.softmax_cross_entropy(Tensor(scores), onehot)


class TestScores:
    @pytest.mark.parametrize("kind", ["bool", "int8", "uint8", "int64"])
    def test_of_whole_numbers_are_those_numbers_in_float64(self, labels, kind, rng):
        scores = rng.integers(0, 2 if kind == "bool" else 100, size=(2, 4, 3, 5)).astype(kind)
        found = F.softmax_cross_entropy(Tensor(scores), labels)
        assert found.dtype == np.float64
        assert found.item() == F.softmax_cross_entropy(Tensor(scores.astype("float64")), labels).item()

    def test_in_half_precision_may_be_those_of_more_pixels_than_it_can_count(self, rng):
        """65504 is its largest number."""
        scores, labels = rng.normal(size=(1, 3, 300, 300)).astype("float16"), rng.integers(0, 3, size=(1, 300, 300))
        leaf = Tensor(scores, requires_grad=True)
        loss = F.softmax_cross_entropy(leaf, labels)
        loss.backward()
        expected = F.softmax_cross_entropy(Tensor(scores.astype("float64")), labels).item()
        assert loss.dtype == leaf.grad.dtype == np.float16
        assert loss.item() == pytest.approx(expected, rel=1e-3)
        assert leaf.grad.data.any()

    @pytest.mark.parametrize("score", [1e-30, 1e30])
    def test_may_be_as_large_or_small_as_their_type_permits(self, score, dtype):
        scores, labels = np.array([[0, score, -score], [score, 0, 0]], dtype), np.array([1, 1])
        loss, gradient, *_ = loss_and_derivatives(scores, labels, reduction="none")
        if score > 1:
            np.testing.assert_array_equal(loss, np.array([0, score], dtype))
            np.testing.assert_array_equal(gradient, [[0, 0, 0], [1, -1, 0]])
        else:
            np.testing.assert_allclose(loss, np.log(3), rtol=1e-6)
            np.testing.assert_allclose(gradient, [[1 / 3, -2 / 3, 1 / 3]] * 2, rtol=1e-6)

    def test_without_classes_are_refused(self):
        with pytest.raises(ValueError, match=r"scores must be maps \(N, C, H, W\), or .* got \(3,\)"):
            F.softmax_cross_entropy(Tensor(np.ones(3)), np.zeros(3, int))


class TestWeights:
    @pytest.mark.parametrize("scale", [1e-30, 1e30])
    def test_may_be_of_any_size(self, scores, labels, scale, dtype):
        weight = np.array([1.0, 2.0, 3.0, 4.0])
        expected = loss_and_derivatives(scores, labels, weight=weight)
        found = loss_and_derivatives(scores.astype(dtype), labels, weight=scale * weight)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)

    @pytest.mark.parametrize("weight", [[1, 2, 0, 3], np.array([1, 2, 0, 3], "uint8"), (1.0, 2.0, 0.0, 3.0)], ids=repr)
    def test_may_be_a_list_or_whole_numbers(self, scores, labels, weight, dtype):
        scores = Tensor(scores.astype(dtype))
        found = F.softmax_cross_entropy(scores, labels, weight)
        assert found.dtype == dtype
        assert found.item() == F.softmax_cross_entropy(scores, labels, np.array([1.0, 2.0, 0.0, 3.0])).item()

    @pytest.mark.parametrize("bad", [-1.0, -INF])
    def test_that_are_negative_are_refused(self, scores, labels, bad):
        with pytest.raises(ValueError, match=rf"weight\[2\] is {bad}, but a weight must be at least 0"):
            F.softmax_cross_entropy(Tensor(scores), labels, [1.0, 1.0, bad, 1.0])

    @pytest.mark.parametrize("bad", [NAN, INF])
    def test_that_are_not_finite_are_refused_where_their_class_counts(self, scores, labels, bad):
        labels[1, 1, 1] = 2
        message = rf"weight\[2\] is {bad} in float64, but class 2 has pixels that count; pass a finite weight"
        with pytest.raises(ValueError, match=message):
            F.softmax_cross_entropy(Tensor(scores), labels, [1.0, 1.0, bad, 1.0])

    @pytest.mark.parametrize("weight", ["abcd", {"a": 1}, 1.0, [1j] * 4, ["1"] * 4, [[1.0] * 4]], ids=repr)
    def test_that_are_no_weights_are_refused(self, scores, labels, weight):
        with pytest.raises(ValueError, match="weight must have one number for each of the 4 classes, got"):
            F.softmax_cross_entropy(Tensor(scores), labels, weight)

    def test_that_ask_for_a_gradient_are_refused(self, scores, labels):
        with pytest.raises(ValueError, match=r"weight requires a gradient, .* pass weight.detach\(\)"):
            F.softmax_cross_entropy(Tensor(scores), labels, Tensor(np.ones(4), requires_grad=True))

    def test_on_a_device_are_not_for_scores_on_the_host(self, scores, labels, gpu):
        message = f"weight is on {gpu}, but scores on cpu; pass minifcn.to_host(weight)"
        with pytest.raises(ValueError, match=re.escape(message)):
            F.softmax_cross_entropy(Tensor(scores), labels, to_device(np.ones(4), gpu))

    def test_on_the_host_serve_scores_on_a_device(self, scores, labels, gpu):
        weight = np.array([1.0, 2.0, 0.5, 3.0])
        expected = F.softmax_cross_entropy(Tensor(scores), labels, weight).item()
        found = F.softmax_cross_entropy(Tensor(to_device(scores, gpu)), to_device(labels, gpu), weight)
        assert found.item() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 2, 2), (2, 3, 0, 2), (2, 0, 2, 2), (0, 0)], ids=str)
@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 3.0]], ids=["plain", "weighted"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_without_pixels_or_classes_the_loss_is_zero_and_its_gradient_empty(reduction, weight, shape, dtype, device):
    """As where all pixels are ignored; the labels of maps without classes cannot be anything else."""
    scores, labels = np.ones(shape, dtype), np.full(shape[:1] + shape[2:], VOID, "uint8")
    weight = None if weight is None else np.array(weight[: shape[1]])
    loss, *derivatives = loss_and_derivatives(scores, labels, device, weight=weight, reduction=reduction)
    assert loss.dtype == dtype
    assert loss.shape == (labels.shape if reduction == "none" else ())
    assert not loss.any()
    assert [a.shape for a in derivatives] == [shape, shape, loss.shape]


def test_a_label_where_there_are_no_classes_is_refused():
    with pytest.raises(ValueError, match=r"label 0 at \(0, 0\) is neither a class"):
        F.softmax_cross_entropy(Tensor(np.ones((1, 0, 1))), np.zeros((1, 1), int))
