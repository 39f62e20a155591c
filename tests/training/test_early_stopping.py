"""Which network is the best of a run, and when a run stops because no better one has come: epochs by a script."""

import dataclasses
import io

import numpy as np
import pytest

from minifcn.data import Shapes
from minifcn.errors import UserError
from minifcn.metrics import ConfusionMatrix
from minifcn.training import Config, Trainer, build, checkpoint

SHAPES = Shapes(2, size=(32, 32), num_classes=2)
CONFIG = Config(
    model="fcn32s",
    width=1 / 64,
    epochs=9,
    batch_size=2,
    class_names=SHAPES.class_names,
    palette=tuple(map(tuple, SHAPES.palette.tolist())),
)
LEARNS_UNTIL_3 = [(0.2, 1.0), (0.4, 0.9), (0.6, 0.8), (0.5, 0.7), (0.6, 0.9), (0.4, 0.6), (0.9, 0.1), (0.9, 0.1)]


def matrix_of(share):
    """A confusion matrix with this mean IoU: one class, of which so much is right."""
    matrix = ConfusionMatrix(2)
    matrix.matrix[0] = round(100 * share), round(100 * (1 - share))
    matrix.matrix[1, 1] = 0
    return matrix


def make_trainer(folder, monkeypatch, script, stream=None, **settings):
    """A trainer whose epochs take no steps, and whose validation gives what the script says: IoU of class 0, loss."""

    def train_epoch(self):
        self.position.batch = len(self.train_loader)
        self.position.loss_sum = 1.0
        self.position.iteration += len(self.train_loader)

    def validate(self):
        share, loss = script[self.position.epoch]
        return matrix_of(share), loss

    monkeypatch.setattr(Trainer, "train_epoch", train_epoch)
    monkeypatch.setattr(Trainer, "validate", validate)
    config = dataclasses.replace(CONFIG, **settings)
    model = build.build_model(config)
    loaders = build.train_loader(config, SHAPES), build.valid_loader(config, SHAPES)
    return Trainer(config, model, build.build_optimizer(config, model), *loaders, folder, stream=stream)


def epochs_of(trainer):
    return [row["epoch"] for row in trainer.log.rows]


def test_a_run_stops_when_so_many_epochs_had_no_better_network(tmp_path, monkeypatch):
    stream = io.StringIO()
    trainer = make_trainer(tmp_path, monkeypatch, LEARNS_UNTIL_3, stream, patience=3)
    trainer.fit()
    assert epochs_of(trainer) == [1, 2, 3, 4, 5, 6]
    assert trainer.is_complete()
    said = stream.getvalue().splitlines()[-1]
    assert said == (
        "stopped after epoch 6 of 9: no better mean IoU for 3 epochs than the 0.3000 of epoch 3 (--patience 3)"
    )


def test_a_run_without_patience_trains_all_epochs(tmp_path, monkeypatch):
    trainer = make_trainer(tmp_path, monkeypatch, [(0.5, 1.0)] * 9)
    trainer.fit()
    assert len(trainer.log.rows) == 9


def test_the_last_epoch_is_no_early_stop(tmp_path, monkeypatch):
    stream = io.StringIO()
    make_trainer(tmp_path, monkeypatch, LEARNS_UNTIL_3, stream, patience=3, epochs=6).fit()
    assert "stopped" not in stream.getvalue()


def test_a_poly_schedule_is_told_where_it_was_cut_off(tmp_path, monkeypatch):
    stream = io.StringIO()
    make_trainer(tmp_path, monkeypatch, LEARNS_UNTIL_3, stream, patience=3, schedule="poly", lr=0.01).fit()
    assert "--schedule poly had come from 0.01 to 0.0" in stream.getvalue()
    assert "--epochs 6 takes it down to 0" in stream.getvalue()


@pytest.mark.parametrize("epochs", [1, 2, 4, 5, 6])
def test_a_run_that_was_stopped_on_the_way_stops_at_the_same_epoch(tmp_path, monkeypatch, epochs):
    make_trainer(tmp_path, monkeypatch, LEARNS_UNTIL_3, patience=3, epochs=epochs).fit()
    resumed = make_trainer(tmp_path, monkeypatch, LEARNS_UNTIL_3, patience=3)
    resumed.restore(checkpoint.load(tmp_path / "checkpoint.npz"))
    assert resumed.is_complete() == (epochs == 6)
    resumed.fit()
    assert epochs_of(resumed) == [1, 2, 3, 4, 5, 6]


def test_more_patience_goes_on_with_a_run_that_stopped(tmp_path, monkeypatch):
    make_trainer(tmp_path, monkeypatch, LEARNS_UNTIL_3, patience=3).fit()
    resumed = make_trainer(tmp_path, monkeypatch, LEARNS_UNTIL_3, patience=4, epochs=8)
    resumed.restore(checkpoint.load(tmp_path / "checkpoint.npz"))
    resumed.fit()
    assert epochs_of(resumed) == list(range(1, 9))
    assert checkpoint.load(tmp_path / "best.npz").position.epoch + 1 == 7


BEST = {
    "a higher mean IoU, whatever the loss": ([(0.4, 1.0), (0.5, 2.0)], 2),
    "a lower mean IoU, whatever the loss": ([(0.5, 2.0), (0.4, 1.0)], 1),
    "an equal mean IoU and a lower loss": ([(0.5, 2.0), (0.5, 1.0)], 2),
    "an equal mean IoU and a higher loss": ([(0.5, 1.0), (0.5, 2.0)], 1),
    "the same twice": ([(0.5, 1.0), (0.5, 1.0)], 1),
}


@pytest.mark.parametrize("resumed", [False, True], ids=["in one go", "resumed"])
@pytest.mark.parametrize(("script", "best"), BEST.values(), ids=BEST)
def test_the_best_network_has_the_highest_mean_iou_and_of_equal_ones_the_lowest_loss(
    tmp_path, monkeypatch, script, best, resumed
):
    trainer = make_trainer(tmp_path, monkeypatch, script, epochs=1 if resumed else 2)
    trainer.fit()
    if resumed:
        trainer = make_trainer(tmp_path, monkeypatch, script, epochs=2)
        trainer.restore(checkpoint.load(tmp_path / "checkpoint.npz"))
        trainer.fit()
    assert checkpoint.load(tmp_path / "best.npz").position.epoch + 1 == best


def test_the_log_of_another_run_with_as_many_epochs_is_refused(tmp_path, monkeypatch):
    for name, share in (("one", 0.5), ("other", 0.7)):
        (tmp_path / name).mkdir()
        make_trainer(tmp_path / name, monkeypatch, [(share, 1.0)] * 2, epochs=2).fit()
    (tmp_path / "other" / "log.csv").replace(tmp_path / "one" / "log.csv")
    trainer = make_trainer(tmp_path / "one", monkeypatch, [], epochs=2)
    with pytest.raises(
        UserError, match=r"log\.csv: its best mean IoU is 0\.3500, in epoch 1, but the checkpoint has 0"
    ):
        trainer.restore(checkpoint.load(tmp_path / "one" / "checkpoint.npz"))


def test_a_spreadsheet_may_have_rounded_the_log(tmp_path, monkeypatch):
    make_trainer(tmp_path, monkeypatch, [(1 / 3, 1.0)], epochs=1).fit()
    path = tmp_path / "log.csv"
    path.write_text(path.read_text().replace("0.165", "0.16503"))
    make_trainer(tmp_path, monkeypatch, [], epochs=1).restore(checkpoint.load(tmp_path / "checkpoint.npz"))


def test_runs_of_before_have_no_patience_and_no_iou_of_classes(tmp_path, monkeypatch):
    make_trainer(tmp_path, monkeypatch, [(0.5, 1.0)] * 2, epochs=1).fit()
    (tmp_path / "iou.csv").unlink()
    settings = CONFIG.to_dict()
    del settings["patience"]
    assert Config.from_dict(settings).patience is None
    trainer = make_trainer(tmp_path, monkeypatch, [(0.5, 1.0)] * 2, epochs=2)
    trainer.restore(checkpoint.load(tmp_path / "checkpoint.npz"))
    trainer.fit()
    assert list(trainer.iou_log.rows) == [2]
    np.testing.assert_array_equal(trainer.iou_log.rows[2], [0.5, 0])
