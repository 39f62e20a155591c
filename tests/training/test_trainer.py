"""Training learns, stops without harm, and continues exactly."""

import dataclasses
import io

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from minifcn import models
from minifcn.data import DataLoader, Sample, Shapes
from minifcn.errors import UserError
from minifcn.metrics import ConfusionMatrix
from minifcn.training import Config, Trainer, build, checkpoint, paper_groups
from minifcn.training.checkpoint import Position

SHAPES = Shapes(4, size=(32, 32))
CONFIG = Config(
    size=(32, 32),
    width=1 / 16,
    epochs=1,
    batch_size=2,
    class_names=SHAPES.class_names,
    palette=tuple(map(tuple, SHAPES.palette.tolist())),
)


def make_trainer(folder, stream=None, **settings):
    config = dataclasses.replace(CONFIG, **settings)
    model = build.build_model(config)
    loaders = build.train_loader(config, SHAPES), build.valid_loader(config, SHAPES)
    return Trainer(config, model, build.build_optimizer(config, model), *loaders, folder, stream=stream)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_loss_falls(tmp_path, optimizer):
    trainer = make_trainer(tmp_path, epochs=8, optimizer=optimizer, lr={"adam": 3e-3, "sgd": 0.1}[optimizer], dropout=0)
    trainer.fit()
    losses = [row["train_loss"] for row in trainer.log.rows]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_poly_lets_every_learning_rate_fall_to_zero(tmp_path, optimizer):
    trainer = make_trainer(tmp_path, epochs=5, optimizer=optimizer, lr=1e-3, schedule="poly")
    first = [group["lr"] for group in trainer.optimizer.param_groups]
    trainer.fit()
    last_step = 1 - 9 / 10  # of 5 epochs with 2 steps each
    found = [group["lr"] for group in trainer.optimizer.param_groups]
    assert found == pytest.approx([lr * last_step**0.9 for lr in first])
    rates = [row["lr"] for row in trainer.log.rows]
    assert rates == sorted(rates, reverse=True)


def test_a_constant_learning_rate_stays(tmp_path):
    trainer = make_trainer(tmp_path, epochs=2, lr=1e-3)
    trainer.fit()
    assert [row["lr"] for row in trainer.log.rows] == [1e-3, 1e-3]


def test_the_same_seed_gives_the_same_network(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        make_trainer(tmp_path / name).fit()
    first, second = (checkpoint.load(tmp_path / name / "checkpoint.npz") for name in ("first", "second"))
    for name in first.model:
        np.testing.assert_array_equal(first.model[name], second.model[name], err_msg=name)


def test_recompute_gives_the_same_network(tmp_path, dtype):
    """Float64 takes a network whose products BLAS rounds by the number of its threads: forward and backward agree."""
    states = {}
    for recompute in (False, True):
        trainer = make_trainer(tmp_path, width=1 / 4, size=(70, 100), dtype=dtype.name, recompute=recompute)
        assert trainer.model.recompute == recompute
        with threadpool_limits(2, user_api="blas"):  # whatever the environment says
            trainer.train_epoch()
        states[recompute] = trainer.model.state_dict()
    for name in states[True]:
        np.testing.assert_array_equal(states[True][name], states[False][name], err_msg=name)


def test_float64_trains_in_float64(tmp_path):
    make_trainer(tmp_path, dtype="float64").fit()
    state = checkpoint.load(tmp_path / "checkpoint.npz")
    assert {array.dtype.name for array in state.model.values()} == {"float64"}


def test_best_is_the_highest_mean_iou_of_the_log(tmp_path):
    trainer = make_trainer(tmp_path, epochs=4)
    trainer.fit()
    best = checkpoint.load(tmp_path / "best.npz")
    assert best.position.best_mean_iou == max(row["valid_mean_iu"] for row in trainer.log.rows)
    assert trainer.log.rows[best.position.epoch]["valid_mean_iu"] == best.position.best_mean_iou


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_explodes_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path):
    trainer = make_trainer(tmp_path, optimizer="sgd", lr=1e30, epochs=9)
    with pytest.raises(UserError, match=r"(loss became|no longer finite).*smaller --lr"):
        trainer.fit()
    state = checkpoint.load(tmp_path / "checkpoint.npz")
    assert all(np.isfinite(array).all() for array in state.model.values())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_parameters_that_explode_in_the_last_step_are_neither_logged_nor_kept_as_the_best(tmp_path, monkeypatch):
    step = Trainer.step

    def exploding(self, batch):
        loss = step(self, batch)
        next(self.model.parameters()).data[...] = np.inf
        return loss

    monkeypatch.setattr(Trainer, "step", exploding)
    trainer = make_trainer(tmp_path)
    trainer.train_epoch()
    with pytest.raises(UserError, match=r"conv1_1.weight is no longer finite .* smaller --lr"):
        trainer.finish_epoch(ConfusionMatrix(CONFIG.num_classes), valid_loss=0.5, seconds=1.0)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    make_trainer(tmp_path).fit()
    state = checkpoint.load(tmp_path / "checkpoint.npz")
    with pytest.raises(UserError, match="does not fit a fcn32s"):
        make_trainer(tmp_path, model="fcn32s").restore(state)


@pytest.mark.parametrize("random", [{}, [], {"bit_generator": "MT19937"}, {"bit_generator": "PCG64", "state": 1}])
def test_damaged_random_numbers_are_refused(tmp_path, random):
    make_trainer(tmp_path).save()
    state = checkpoint.load(tmp_path / "checkpoint.npz")
    state.random = random
    with pytest.raises(UserError, match="does not fit"):
        make_trainer(tmp_path).restore(state)


def test_progress_in_a_file_is_whole_lines(tmp_path):
    stream = io.StringIO()
    make_trainer(tmp_path, stream=stream).fit()
    assert "\r" not in stream.getvalue()
    assert stream.getvalue().startswith("epoch 1/1  training loss ")


def test_progress_on_a_terminal_is_a_bar_with_loss_and_time_left(tmp_path):
    stream = io.StringIO()
    stream.isatty = lambda: True
    make_trainer(tmp_path, stream=stream).fit()
    assert "epoch 1/1" in stream.getvalue()
    assert "loss " in stream.getvalue()
    assert " left]" in stream.getvalue()


def test_paper_groups_double_the_learning_rate_of_biases_and_leave_fixed_weights_out():
    model = models.create("fcn8s", num_classes=3, variant="paper", width=1 / 16)
    weights, biases = paper_groups(model, lr=0.1, weight_decay=0.01)
    assert (weights["lr"], weights["weight_decay"]) == (0.1, 0.01)
    assert (biases["lr"], biases["weight_decay"]) == (0.2, 0.0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert all(names[id(p)].endswith("bias") for p in biases["params"])
    assert len(weights["params"]) == len(biases["params"]) == 18  # 15 convolutions of VGG16, three score layers
    assert not any("upscore" in names[id(p)] for p in weights["params"])


def test_poly_never_falls_below_zero(tmp_path):
    trainer = make_trainer(tmp_path, epochs=2, schedule="poly")
    assert [trainer.schedule.factor(step) for step in (0, 4, 5, 10**6)] == [1, 0, 0, 0]


def other(**settings):
    """Give a change of the arguments of a Trainer: a model and its optimizer of another configuration."""
    model = build.build_model(dataclasses.replace(CONFIG, **settings))
    return {"model": model, "optimizer": build.build_optimizer(CONFIG, model)}


MISFITS = {
    "a model of other classes": (lambda: other(class_names=("a",), palette=((0, 0, 0),)), "model has 1 classes"),
    "a model of another dtype": (lambda: other(dtype="float64"), "conv1_1.weight is float64, but config.dtype"),
    "negative seconds": (lambda: {"checkpoint_every": -1}, "checkpoint_every must be seconds"),
    "seconds that are no number": (lambda: {"checkpoint_every": float("nan")}, "checkpoint_every must be seconds"),
}


@pytest.mark.parametrize(("change", "message"), MISFITS.values(), ids=MISFITS)
def test_parts_that_do_not_belong_together_are_refused(tmp_path, change, message):
    model = build.build_model(CONFIG)
    parts = {
        "model": model,
        "optimizer": build.build_optimizer(CONFIG, model),
        "train_loader": build.train_loader(CONFIG, SHAPES),
        "valid_loader": build.valid_loader(CONFIG, SHAPES),
    }
    with pytest.raises(ValueError, match=message):
        Trainer(CONFIG, **(parts | change()), folder=tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="there is no such folder"):
        make_trainer(tmp_path / "nowhere").fit()


POSITIONS = {
    "of a larger data set": (Position(epoch=1, iteration=3), "the data set has changed"),
    "of a smaller data set": (Position(epoch=1, iteration=1), "the data set has changed"),
    "behind the last batch": (Position(batch=3, iteration=3), "the data set has changed"),
    "behind the last epoch": (Position(epoch=2, iteration=4), "--epochs is 1, but"),
    "in the midst of the epoch after the last": (Position(epoch=1, batch=1, iteration=3), "--epochs is 1, but"),
}


@pytest.mark.parametrize(("position", "message"), POSITIONS.values(), ids=POSITIONS)
def test_a_position_that_the_run_cannot_have_is_refused(tmp_path, position, message):
    make_trainer(tmp_path).fit()
    state = checkpoint.load(tmp_path / "checkpoint.npz")
    state.position = position
    with pytest.raises(ValueError, match=message):
        make_trainer(tmp_path).restore(state)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_validation_loss_that_is_not_finite_ends_the_run(tmp_path):
    trainer = make_trainer(tmp_path)
    trainer.train_epoch()
    matrix = ConfusionMatrix(CONFIG.num_classes)
    with pytest.raises(UserError, match="no pixel of the validation split counts: all are ignored"):
        trainer.finish_epoch(matrix, valid_loss=float("nan"), seconds=1.0)
    matrix.update(np.array([[0]]), np.array([[0]]))
    with pytest.raises(ValueError, match=r"loss on the validation split became nan .* smaller --lr"):
        trainer.finish_epoch(matrix, valid_loss=float("nan"), seconds=1.0)
    assert list(tmp_path.iterdir()) == []


def test_a_state_of_the_optimizer_that_explodes_is_not_saved(tmp_path, monkeypatch):
    """Adam's second moments overflow before the loss does; the parameter would stand still from then on."""
    trainer = make_trainer(tmp_path)
    trainer.train_epoch()
    trainer.save()
    monkeypatch.setattr(trainer.optimizer, "state_dict", lambda: {"v.0": np.array(np.inf, "float32")})
    with pytest.raises(ValueError, match=r"v\.0 of the optimizer is no longer finite"):
        trainer.save()
    checkpoint.load(tmp_path / "checkpoint.npz")


def test_leftovers_of_killed_runs_do_not_pile_up(tmp_path):
    for name in ("0123456789abcdef", "fedcba9876543210"):
        (tmp_path / f".minifcn-{name}.tmp").write_bytes(b"half a checkpoint")
    make_trainer(tmp_path).fit()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.npz", "checkpoint.npz", "iou.csv", "log.csv"]


def test_images_of_mixed_sizes_are_trained_on_padded_or_not_at_all(tmp_path):
    """Steps are counted by whole batches, so a resumed epoch would go on elsewhere if sizes cut them."""

    class Mixed(Shapes):
        def __getitem__(self, index):
            sample, rows = super().__getitem__(index), 32 - 4 * index
            return Sample(sample.image[:rows], sample.label[:rows], sample.name)

    trainer = make_trainer(tmp_path, size=None)
    padded, cut = (DataLoader(Mixed(4, size=(32, 32)), 2, pad=pad) for pad in (True, False))
    trainer.train_loader = cut
    with pytest.raises(UserError, match="training batch have different sizes; make train_loader with pad=True"):
        trainer.train_epoch()
    assert trainer.position.batch == 0
    trainer.train_loader = padded
    trainer.train_epoch()
    assert trainer.position.batch == 2


def test_training_loaders_pad_and_those_for_evaluation_do_not():
    assert build.train_loader(CONFIG, SHAPES).pad
    assert not build.valid_loader(CONFIG, SHAPES).pad
