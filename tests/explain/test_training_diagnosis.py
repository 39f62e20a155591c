"""What the rows of a log say about a training."""

import math

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, models, nn
from minifcn.explain.diagnosis import diagnose, diagnose_network
from minifcn.metrics import ConfusionMatrix

GOOD = {"valid_acc": 0.9, "valid_acc_cls": 0.7, "valid_mean_iu": 0.6, "valid_fwavacc": 0.8, "lr": 0.01}


def log(train, valid, **measures):
    """Rows with these losses, and the same measures in all of them."""
    losses = enumerate(zip(train, valid, strict=True), start=1)
    return [GOOD | measures | {"epoch": epoch, "train_loss": t, "valid_loss": v} for epoch, (t, v) in losses]


@pytest.mark.parametrize("rows", [[], log([1.0], [1.1]), log([2.0, 1.0, 0.5], [2.1, 1.2, 0.9])], ids=len)
def test_nothing_stands_out(rows):
    assert diagnose(rows, 11) == []


class TestNotFinite:
    def test_the_first_one_is_named_and_nothing_else(self):
        (finding,) = diagnose(log([2.0, math.nan, math.nan], [2.0, math.nan, 9.0]), 11)
        assert finding.startswith("In epoch 2 the training loss is nan")
        assert "(0.01)" in finding

    def test_validation_counts_as_well(self):
        (finding,) = diagnose(log([1.0], [math.inf]), 11)
        assert finding.startswith("In epoch 1 the validation loss is inf")


class TestGuessing:
    def test_equal_scores_have_the_loss_ln_c(self):
        scores, labels = Tensor(np.zeros((1, 11, 2, 2))), np.zeros((1, 2, 2), "uint8")
        loss = F.softmax_cross_entropy(scores, labels).item()
        (finding,) = diagnose(log([loss, loss], [loss, loss]), 11)
        assert finding.startswith("After 2 epochs the training loss is 2.398, and ln 11 = 2.398")

    @pytest.mark.parametrize("train", [[2.398], [2.398, 1.9], [9.0, 9.0]], ids=str)
    def test_one_epoch_or_another_loss_is_not_enough(self, train):
        assert diagnose(log(train, [2.0] * len(train)), 11) == []


class TestOneClass:
    @pytest.mark.parametrize("present", [2, 5, 11])
    def test_background_only(self, present, rng):
        """Measured on labels of which the prediction knows only class 0; absent classes do not count."""
        labels = np.where(rng.random(10_000) < 0.7, 0, rng.integers(0, present, 10_000)).reshape(1, 100, 100)
        matrix = ConfusionMatrix(11)
        matrix.update(labels, np.zeros_like(labels))
        measures = {
            "valid_acc": matrix.pixel_accuracy,
            "valid_acc_cls": matrix.mean_accuracy,
            "valid_mean_iu": matrix.mean_iou,
            "valid_fwavacc": matrix.frequency_weighted_iou,
        }
        (finding,) = diagnose(log([1.0], [1.0], **measures), 11)
        assert f"= {matrix.pixel_accuracy:.4f} / {present}:" in finding

    def test_weights_are_advised_only_where_they_may_help(self):
        measures = {"valid_acc": 0.5, "valid_acc_cls": 0.25, "valid_mean_iu": 0.125, "valid_fwavacc": 0.25}
        (may,), (may_not,) = (diagnose(log([1.0], [1.0], **measures), 4, 0.1, weigh=weigh) for weigh in (True, False))
        assert may.endswith(
            "Train longer, raise the learning rate (0.1), or give rare classes more weight in the loss."
        )
        assert may_not.endswith("Train longer, or raise the learning rate (0.1).")

    def test_a_little_more_than_one_class_is_no_finding(self):
        measures = {"valid_acc": 0.72, "valid_acc_cls": 0.12, "valid_mean_iu": 0.08, "valid_fwavacc": 0.53}
        assert diagnose(log([1.0], [1.0], **measures), 11) == []

    def test_a_nearly_perfect_network_knows_more_than_one_class(self):
        measures = {"valid_acc": 0.99, "valid_acc_cls": 0.99, "valid_mean_iu": 0.98, "valid_fwavacc": 0.98}
        assert diagnose(log([0.1], [0.1], **measures), 11) == []

    def test_a_perfect_network_is_no_finding(self):
        measures = dict.fromkeys(["valid_acc", "valid_acc_cls", "valid_mean_iu", "valid_fwavacc"], 1.0)
        assert diagnose(log([1.0], [1.0], **measures), 11) == []

    def test_a_class_that_no_label_has(self):
        matrix = ConfusionMatrix(3)
        matrix.update(np.array([[0, 1], [1, 0]]), np.full((2, 2), 2))
        measures = {
            "valid_acc": matrix.pixel_accuracy,
            "valid_acc_cls": matrix.mean_accuracy,
            "valid_mean_iu": matrix.mean_iou,
            "valid_fwavacc": matrix.frequency_weighted_iou,
        }
        (finding,) = diagnose(log([1.5, 1.5], [1.5, 1.5], **measures), 11)
        assert finding.startswith("In epoch 2 not one validation pixel is right")


class TestWithoutLabels:
    def test_of_validation(self):
        matrix = ConfusionMatrix(3)
        matrix.update(np.full((2, 2), 255), np.zeros((2, 2), int))
        measures = {
            "valid_acc": matrix.pixel_accuracy,
            "valid_acc_cls": matrix.mean_accuracy,
            "valid_mean_iu": matrix.mean_iou,
            "valid_fwavacc": matrix.frequency_weighted_iou,
        }
        for loss in (0.0, math.nan):
            (finding,) = diagnose(log([1.0, 0.9], [loss, loss], **measures), 11)
            assert finding.startswith("In epoch 1 the measures are nan: no pixel of the validation images has a label")

    def test_of_training(self):
        loss = F.softmax_cross_entropy(Tensor(np.ones((1, 3, 2, 2))), np.full((1, 2, 2), 255)).item()
        (finding,) = diagnose(log([1.0, loss], [1.0, 1.0]), 11)
        assert finding.startswith("In epoch 2 the training loss is exactly 0: no pixel of the training images")

    def test_may_be_why_the_validation_loss_alone_is_nan(self):
        (finding,) = diagnose(log([1.0], [math.nan]), 11)
        assert finding.startswith("In epoch 1 the validation loss is nan")
        assert "If no validation pixel has a label" in finding


class TestDiverging:
    @pytest.mark.parametrize(
        ("train", "valid", "kind"),
        [
            ([2.0, 5.0, 50.0], [2.0, 5.0, 50.0], "training"),
            ([0.01, 0.2], [0.01, 0.01], "training"),
            ([1.0, 1.0, 1.0], [1.0, 9.0, 20.0], "validation"),
        ],
        ids=["worse than guessing", "twentyfold", "validation only"],
    )
    def test_a_loss_that_rises(self, train, valid, kind):
        (finding,) = diagnose(log(train, valid), 11)
        assert finding.startswith(f"From epoch 1 to {len(train)} the {kind} loss rose from")
        assert "diverges" in finding

    @pytest.mark.parametrize(
        "train", [[2.0, 2.3], [0.1, 0.3], [9.0, 9.5], [50.0, 5.0, 2.0], [1e-3, 1e-9, 3e-8]], ids=str
    )
    def test_this_is_none(self, train):
        assert diagnose(log(train, [1.0] * len(train)), 11) == []


class TestLearningRate:
    def test_the_configured_one_is_named_not_what_a_schedule_has_left_of_it(self):
        rows = log([2.398, 2.398], [2.398, 2.398], lr=2e-6)
        (finding,) = diagnose(rows, 11, lr=0.01)
        assert "raise the learning rate (0.01)" in finding
        assert "2e-06" not in finding
        (finding,) = diagnose(rows, 11)
        assert "raise the configured learning rate (the log ends with 2e-06, after any schedule)" in finding

    def test_without_it_a_tenth_is_that_of_the_largest_in_the_log(self):
        rows = log([1.0, math.nan], [1.0, 1.0])
        rows[1]["lr"] = 1e-5
        assert "a tenth of the learning rate (0.01)" in diagnose(rows, 11)[0]


class TestOverfitting:
    def test_validation_loss_rises_while_training_loss_falls(self):
        (finding,) = diagnose(log([2.0, 1.0, 0.5, 0.2], [2.0, 1.1, 1.2, 1.5]), 11)
        assert "From epoch 2 to 4 the validation loss rose from 1.100 to 1.500" in finding
        assert "fell from 1.000 to 0.200" in finding

    @pytest.mark.parametrize(
        ("train", "valid"),
        [
            ([2.0, 1.0, 0.9], [2.0, 1.00, 1.04]),
            ([2.0, 1.0, 1.6], [2.0, 1.0, 1.5]),
            ([1.0, 0.5, 0.25, 0.12, 0.11], [1.0, 0.5, 0.25, 0.12, 0.2]),
            ([1.0, 0.5, 0.4, 0.3, 0.2], [1.0, 0.5, 0.9, 0.51, 0.9]),
        ],
        ids=["within the noise", "both rise", "one odd epoch", "two odd epochs, no trend"],
    )
    def test_this_is_something_else(self, train, valid):
        assert diagnose(log(train, valid), 11) == []


def test_one_class_is_not_enough():
    with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
        diagnose([], 1)


class TestNetwork:
    @pytest.fixture
    def network(self):
        model = models.FCN8s(3, width=1 / 16)
        model.score_pool3.weight.data[...] = 0.01
        return model

    @pytest.fixture
    def images(self, rng):
        return Tensor(rng.normal(size=(2, 3, 32, 32)).astype("float32"))

    def test_a_new_network_is_fine(self, network, images):
        assert diagnose_network(network, images) == []

    def test_dead_relus_are_counted(self, network, images):
        network.conv2_2.bias.data[:5] = -1e6
        (finding,) = diagnose_network(network, images)
        assert finding.startswith("conv2_2 is dead on 5 of 8 channels: they are 0 on every pixel")

    def test_a_few_are_no_reason_to_worry(self, network, images):
        network.conv2_2.bias.data[:3] = -1e6
        assert diagnose_network(network, images) == []

    def test_scores_that_explode(self, network, images):
        network.score_pool3.weight.data[...] = 1e4
        (finding,) = diagnose_network(network, images)
        assert finding.startswith("The scores reach ")

    def test_scores_that_are_not_finite(self, network, images):
        network.score_pool3.bias.data[0] = np.nan
        (finding,) = diagnose_network(network, images)
        assert finding.startswith("Some scores are not finite")

    def test_the_network_is_left_as_it_was(self, network, images):
        before = network.eval()(images).data
        network.train()
        diagnose_network(network, images)
        assert network.training
        np.testing.assert_array_equal(network.eval()(images).data, before)
        assert "forward" not in vars(network.conv1_1)

    def test_every_module_gets_back_its_own_mode(self, network, images):
        network.train()
        network.conv1_1.eval()  # a frozen layer
        before = [(name, module.training) for name, module in network.named_modules()]
        diagnose_network(network, images)
        assert [(name, module.training) for name, module in network.named_modules()] == before
        network.conv2_2.forward = lambda x: 1 / 0
        with pytest.raises(ZeroDivisionError):
            diagnose_network(network, images)
        assert [(name, module.training) for name, module in network.named_modules()] == before
        assert "forward" not in vars(network.conv1_1)
        assert "forward" in vars(network.conv2_2)

    @pytest.mark.parametrize("shared", [False, True])
    def test_relus_that_are_layers_of_their_own(self, shared, rng):
        first, last = nn.Conv2d(3, 4, 3, rng=rng), nn.Conv2d(4, 2, 1, rng=rng)
        relu = nn.ReLU()
        net = nn.Sequential(first, relu, last, relu if shared else nn.ReLU())
        first.bias.data[...] = -1e6
        last.bias.data[...] = 1.0
        (finding,) = diagnose_network(net, Tensor(np.ones((1, 3, 8, 8), "float32")))
        assert finding.startswith("0 is dead on 4 of 4 channels")

    def test_a_layer_made_without_random_numbers_is_told_as_that(self, images):
        net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))
        (finding,) = diagnose_network(net, images)
        assert finding.startswith("0 has weights that are all 0, so neither it nor any layer before it learns: make it")

    def test_no_images(self, network):
        with pytest.raises(ValueError, match="images is empty"):
            diagnose_network(network, Tensor(np.ones((0, 3, 8, 8), "float32")))

    def test_images_that_are_no_tensor(self, network, images):
        with pytest.raises(TypeError, match=r"images must be a Tensor, got a ndarray; pass Tensor\(images\)"):
            diagnose_network(network, images.data)
