"""Training on a GPU: it waits for nothing, moves nothing but the batch, and learns what the CPU learns."""

import dataclasses

import numpy as np
import pytest
import standin
from training.test_trainer import CONFIG, SHAPES

from minifcn import progress
from minifcn.compute.fast import strips
from minifcn.training import Trainer, build, checkpoint, transplant

BATCH = ["images", "labels"]  # what a step needs from the host
STEPS = {"stand-in": 30, "cuda": 100}  # NumPy in hiding takes two seconds for ten of them, and each does the same


def make_trainer(folder, device, **settings):
    config = dataclasses.replace(CONFIG, **settings)
    model = build.build_model(config, device)
    loaders = build.train_loader(config, SHAPES), build.valid_loader(config, SHAPES)
    return Trainer(config, model, build.build_optimizer(config, model), *loaders, folder)


def learned(folder, device, steps, **settings):
    """Parameters after some steps, on the host."""
    trainer = make_trainer(folder, device, dtype="float64", **settings)
    trainer.model.train()
    for number in range(steps):
        epoch, at = divmod(number, len(trainer.train_loader))
        trainer.step(next(iter(trainer.train_loader.epoch(epoch, start=at))))
    return trainer.model.state_dict()


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("variant", ["aligned", "paper"])
@pytest.mark.parametrize("recompute", [False, True])
class TestAStepOnTheStandIn:
    @pytest.fixture
    def trainer(self, tmp_path, stand_in, optimizer, variant, recompute):
        trainer = make_trainer(
            tmp_path, stand_in, optimizer=optimizer, variant=variant, recompute=recompute, schedule="poly"
        )
        trainer.model.train()
        return trainer

    def test_waits_for_nothing_and_adds_nothing_up_in_any_order(self, trainer):
        batches = list(trainer.train_loader.epoch(0))
        with standin.forbid("sync", "d2h", "atomic"):
            for batch in batches:
                trainer.step(batch)

    def test_uploads_the_batch_alone(self, trainer):
        (batch, *_) = trainer.train_loader.epoch(0)
        with standin.count() as events:
            trainer.step(batch)
        assert events["h2d"] == len(BATCH)


def test_an_epoch_waits_for_the_loss_alone_and_only_when_it_is_shown(tmp_path, stand_in, monkeypatch):
    """After the first step, and then once a second."""
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_READINGS", float("inf"))
    trainer = make_trainer(tmp_path, stand_in)
    with standin.count() as events:
        trainer.train_epoch()
    assert (events["sync"], events["atomic"]) == (1, 0)


@pytest.fixture
def weighed(tmp_path, stand_in):
    """A trainer with class weights and frozen layers."""
    weights = tuple(0.5 + number for number in range(CONFIG.num_classes))
    return make_trainer(tmp_path, stand_in, class_weights="by hand", loss_weights=weights, freeze=("conv[1-3]_*",))


def test_class_weights_and_frozen_layers_make_a_step_wait_for_nothing_and_upload_nothing(weighed):
    weighed.model.train()
    (batch, *_) = weighed.train_loader.epoch(0)
    with standin.forbid("sync", "d2h", "atomic"), standin.count() as events:
        weighed.step(batch)
    assert events["h2d"] == len(BATCH)


HEAVY = {"optimizer": "caffe-sgd", "lr": 1e-6, "momentum": 0.99, "reduction": "batch"}


@pytest.mark.parametrize("weights", [(), tuple(0.5 + n for n in range(CONFIG.num_classes))], ids=["alike", "weighed"])
def test_steps_of_several_batches_with_caffe_s_loss_wait_for_nothing(tmp_path, stand_in, weights):
    settings = {"class_weights": "by hand", "loss_weights": weights} if weights else {}
    trainer = make_trainer(tmp_path, stand_in, accumulate=2, **HEAVY, **settings)
    trainer.model.train()
    (batch, *_) = trainer.train_loader.epoch(0)
    with standin.forbid("sync", "d2h", "atomic"):
        trainer.step(batch)
        trainer.step(batch)


def test_sums_of_gradients_go_from_one_device_to_another(tmp_path, stand_in):
    """A run that stopped in the middle of a step is resumed where the other half is computed elsewhere."""
    trainer = make_trainer(tmp_path, stand_in, accumulate=2, **HEAVY)
    (batch, *_) = trainer.train_loader.epoch(0)
    trainer.position.loss_sum, trainer.position.batch = float(trainer.step(batch)), 1
    trainer.save()
    state = checkpoint.load(tmp_path / "checkpoint.npz")
    other = make_trainer(tmp_path, "cpu", accumulate=2, **HEAVY)
    other.restore(state)
    for name, array in state.gradients.items():
        np.testing.assert_array_equal(other.accumulation.state_dict()[name], array, err_msg=name)


def test_a_validation_with_class_weights_is_that_of_the_cpu(weighed, tmp_path):
    twin = make_trainer(tmp_path, "cpu", class_weights="by hand", loss_weights=weighed.config.loss_weights)
    assert weighed.validate()[1] == pytest.approx(twin.validate()[1], rel=1e-5)


def test_weights_of_a_checkpoint_reach_a_network_on_a_device(tmp_path, stand_in):
    """By name, by class, or not at all: here the classes are in another order."""
    there, here = make_trainer(tmp_path, "cpu", seed=1), make_trainer(tmp_path, stand_in, seed=2)
    there.model.score_fr.bias.data[...] = np.arange(CONFIG.num_classes)
    names = CONFIG.class_names
    transplant(here.model, there.model.state_dict(), classes=names[::-1], state_classes=names)
    state = here.model.state_dict()
    np.testing.assert_array_equal(state["conv1_1.weight"], there.model.conv1_1.weight.data)
    np.testing.assert_array_equal(state["score_fr.bias"], np.arange(CONFIG.num_classes)[::-1])
    assert here.model.device == stand_in


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_after_many_steps_the_parameters_are_those_of_the_cpu(tmp_path, gpu, optimizer, request):
    settings = {"optimizer": optimizer, "lr": {"adam": 1e-3, "sgd": 1e-2}[optimizer]}
    steps = STEPS[request.node.callspec.params["gpu"]]
    expected, found = (learned(tmp_path, device, steps, **settings) for device in ("cpu", gpu))
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=0, atol=1e-9 * abs(array).max(), err_msg=name)


def test_every_run_gives_the_same_bits(tmp_path, gpu):
    first, again = (learned(tmp_path, gpu, steps=4) for _ in range(2))
    for name, array in first.items():
        np.testing.assert_array_equal(again[name], array, err_msg=name)


def test_a_workspace_of_any_size_gives_the_same(tmp_path, gpu, monkeypatch):
    """Windows are gathered in strips."""
    expected = learned(tmp_path, gpu, steps=2)
    monkeypatch.setattr(strips, "gpu_strip_bytes", lambda device: 1 << 14)
    for name, array in learned(tmp_path, gpu, steps=2).items():
        np.testing.assert_allclose(array, expected[name], rtol=0, atol=1e-12 * abs(array).max(), err_msg=name)


def test_a_run_on_a_gpu_is_resumed_on_the_cpu(tmp_path, gpu):
    trainer = make_trainer(tmp_path, gpu)
    trainer.fit()
    state = checkpoint.load(tmp_path / "checkpoint.npz")
    resumed = make_trainer(tmp_path, "cpu", epochs=2)
    resumed.restore(state)
    resumed.fit()
    assert [row["epoch"] for row in resumed.log.rows] == [1, 2]
