"""`minifcn train` leaves its results, refuses to write over a run, and continues one bit for bit."""

import json
import signal
import subprocess
import sys

import pytest
import small_runs
from PIL import Image
from small_runs import EPOCHS, STEPS_PER_EPOCH

from minifcn.training import Trainer, checkpoint
from minifcn.training.log import COLUMNS, read

# Training in the middle of the second epoch.
MIDDLE = STEPS_PER_EPOCH + 1


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "out"
    assert small_runs.train(out) == 0
    return out


def test_a_run_leaves_its_results(uninterrupted):
    assert {path.name for path in uninterrupted.iterdir()} == {
        *("config.json", "log.csv", "iou.csv", "checkpoint.npz", "best.npz"),
        *("curves.png", "iou.png", "predictions.png", "best_and_worst.png", "confusion.png"),
    }
    config = json.loads((uninterrupted / "config.json").read_text())
    assert (config["model"], config["size"], config["width"]) == ("fcn8s", [32, 32], 0.0625)
    rows = read(uninterrupted / "log.csv")
    assert list(rows[0]) == list(COLUMNS)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert [row["iteration"] for row in rows] == [STEPS_PER_EPOCH, 2 * STEPS_PER_EPOCH]
    for name in ("curves.png", "iou.png", "predictions.png", "best_and_worst.png"):
        with Image.open(uninterrupted / name) as picture:
            assert picture.width >= 1200


def test_the_measures_are_printed_at_the_end(tmp_path, capsys):
    assert small_runs.train(tmp_path, "--epochs", "1") == 0
    output = capsys.readouterr()
    for name in ("pixel accuracy", "mean accuracy", "mean IoU", "frequency-weighted IoU", "precision", "recall", "F1"):
        assert f"\n{name}" in output.out
    assert "epoch 1/1  training loss" in output.err


@pytest.fixture
def heed_ctrl_c():
    """Also where the tests themselves are a background job, whose SIGINT is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt(number):
    """Give a `Trainer.step` that sends this process a signal before the step in the middle of the second epoch."""
    step = Trainer.step

    def stepping(self, batch):
        if self.position.iteration == MIDDLE:
            signal.raise_signal(number)
        return step(self, batch)

    return stepping


@pytest.mark.usefixtures("heed_ctrl_c")
def test_ctrl_c_finishes_the_step_and_saves_and_resume_continues_bit_for_bit(
    tmp_path, uninterrupted, monkeypatch, capsys
):
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", interrupt(signal.SIGINT))
        assert small_runs.train(tmp_path) == 130
    assert "--resume" in capsys.readouterr().err
    position = checkpoint.load(tmp_path / "checkpoint.npz").position
    assert (position.iteration, position.batch) == (MIDDLE + 1, MIDDLE + 1 - STEPS_PER_EPOCH)
    assert small_runs.resume(tmp_path) == 0
    small_runs.assert_same_run(tmp_path, uninterrupted)


@pytest.mark.usefixtures("heed_ctrl_c")
def test_ctrl_c_during_validation_loses_no_step(tmp_path, uninterrupted, monkeypatch):
    validate = Trainer.validate

    def validating(self):
        signal.raise_signal(signal.SIGINT)
        return validate(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "validate", validating)
        assert small_runs.train(tmp_path) == 130
    assert checkpoint.load(tmp_path / "checkpoint.npz").position.batch == STEPS_PER_EPOCH
    assert small_runs.resume(tmp_path) == 0
    small_runs.assert_same_run(tmp_path, uninterrupted)


@pytest.mark.usefixtures("heed_ctrl_c")
def test_a_second_ctrl_c_stops_at_once(tmp_path, monkeypatch, capsys):
    def stepping(self, batch):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the second signal was not heeded")

    monkeypatch.setattr(Trainer, "step", stepping)
    assert small_runs.train(tmp_path) == 130
    assert capsys.readouterr().err == "minifcn: interrupted\n"
    assert checkpoint.load(tmp_path / "checkpoint.npz").position.iteration == 0


def test_a_background_job_of_a_script_is_not_meant_by_ctrl_c(tmp_path, heed_ctrl_c, uninterrupted, monkeypatch):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    monkeypatch.setattr(Trainer, "step", interrupt(signal.SIGINT))
    assert small_runs.train(tmp_path) == 0
    small_runs.assert_same_run(tmp_path, uninterrupted)


KILLED = {
    # What is replaced, at which of its calls, and how often a checkpoint is written.
    "in a step, with the checkpoint of the epoch": ("Trainer.step", MIDDLE + 1, "300"),
    "in a step, with a checkpoint of every step": ("Trainer.step", MIDDLE + 1, "0"),
    "when a checkpoint is about to be renamed": ("os.replace", 6, "0"),
    "after best.npz, before the checkpoint": ("Trainer.save", 3, "300"),
}
KILL = """
import os, signal, sys
from minifcn.cli import main
from minifcn.training import Trainer
place, number = sys.argv[1], int(sys.argv[2])
owner, name = {"Trainer": Trainer, "os": os}[place.split(".")[0]], place.split(".")[1]
original = getattr(owner, name)
def counting(*args):
    global number
    number -= place != "os.replace" or str(args[1]).endswith("checkpoint.npz")
    if number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args)
setattr(owner, name, counting)
main(sys.argv[3:])
"""


@pytest.mark.parametrize(("place", "number", "every"), KILLED.values(), ids=KILLED)
def test_resume_continues_bit_for_bit_after_the_process_was_killed(tmp_path, uninterrupted, place, number, every):
    arguments = ["train", *small_runs.SETTINGS, "--epochs", str(EPOCHS), "--device", "cpu", "--out", str(tmp_path)]
    command = [sys.executable, "-c", KILL, place, str(number), *arguments, "--checkpoint-every", every]
    killed = subprocess.run(command, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert small_runs.resume(tmp_path) == 0
    small_runs.assert_same_run(tmp_path, uninterrupted)


@pytest.mark.usefixtures("heed_ctrl_c")
@pytest.mark.parametrize(
    ("first", "then", "recorded"),
    [
        (["--recompute"], [], True),
        (["--recompute"], ["--no-recompute"], False),
        ([], ["--recompute"], True),
    ],
    ids=["from the start", "at first", "after the interruption"],
)
def test_recompute_changes_no_number_of_a_run_that_is_resumed(
    tmp_path, uninterrupted, monkeypatch, first, then, recorded
):
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", interrupt(signal.SIGINT))
        assert small_runs.train(tmp_path, *first) == 130
    assert checkpoint.load(tmp_path / "checkpoint.npz").config.recompute == bool(first)
    assert small_runs.resume(tmp_path, *then) == 0
    assert checkpoint.load(tmp_path / "checkpoint.npz").config.recompute == recorded
    small_runs.assert_same_run(tmp_path, uninterrupted)


def test_resume_with_more_epochs_goes_on(tmp_path):
    assert small_runs.train(tmp_path, "--epochs", "1") == 0
    assert small_runs.resume(tmp_path, "--epochs", "2") == 0
    assert [row["epoch"] for row in read(tmp_path / "log.csv")] == [1, 2]
    assert json.loads((tmp_path / "config.json").read_text())["epochs"] == 2


def test_resume_with_another_setting_names_it(uninterrupted, capsys):
    before = small_runs.contents(uninterrupted)
    assert small_runs.resume(uninterrupted, "--batch-size", "2") == 0
    assert small_runs.resume(uninterrupted, "--lr", "0.5") == 2
    assert "--lr is 0.5, but the run in" in capsys.readouterr().err
    after = small_runs.contents(uninterrupted)
    assert {name for name in before if before[name] != after[name]} <= {"checkpoint.npz"}  # its zip has a date


def test_a_folder_with_a_run_is_not_written_over(uninterrupted, capsys):
    before = small_runs.contents(uninterrupted)
    assert small_runs.train(uninterrupted) == 2
    assert capsys.readouterr().err == (
        f"minifcn: {uninterrupted} holds a run already; continue it with --resume, replace it with --overwrite, or "
        "choose another --out\n"
    )
    assert small_runs.contents(uninterrupted) == before


def test_overwrite_replaces_a_run(tmp_path):
    assert small_runs.train(tmp_path, "--epochs", "2") == 0
    assert small_runs.train(tmp_path, "--epochs", "1", "--overwrite") == 0
    assert [row["epoch"] for row in read(tmp_path / "log.csv")] == [1]


def test_a_loss_that_explodes_is_one_line_and_exit_status_2(tmp_path, capsys):
    assert small_runs.train(tmp_path, "--optimizer", "sgd", "--lr", "1e30") == 2
    message = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in message] == ["minifcn"]
    assert "smaller --lr" in message[0]
    checkpoint.load(tmp_path / "checkpoint.npz")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--optimizer", "sgd", "--momentum", "0.5", "--weight-decay", "0"],
        ["--mirror", "--crop", "24x32", "--scale", "0.8,1.2"],
        ["--variant", "paper", "--model", "fcn32s"],
        ["--dtype", "float64", "--dropout", "0"],
    ],
    ids=["sgd", "augmented", "paper", "float64"],
)
def test_every_setting_trains(tmp_path, arguments):
    assert small_runs.train(tmp_path, "--epochs", "1", *arguments) == 0
