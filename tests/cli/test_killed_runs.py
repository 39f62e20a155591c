"""A run that is killed at any moment continues to the numbers of one that was not: at each write, and at a signal."""

import os
import shutil
import signal

import pytest
import small_runs

from minifcn.cli import main
from minifcn.files import lock_folder
from minifcn.training import Trainer, checkpoint
from minifcn.training.log import read

SMALL = ["--data", "shapes", "--images", "3", "--batch-size", "2", "--size", "32x32", "--model", "fcn32s"]
SETTINGS = [*SMALL, "--width", "0.02", "--epochs", "2", "--schedule", "poly", "--device", "cpu"]


pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def heeded():
    """Also where the tests themselves are a background job, or under nohup."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def train(out, *arguments):
    return main(["train", *SETTINGS, "--out", str(out), *arguments])


@pytest.mark.parametrize("every", ["0", "300"])
def test_resume_after_a_kill_at_each_write_gives_the_same_log_and_networks(tmp_path, monkeypatch, every):
    """What the folder holds after each renaming is what a kill leaves there, until the next."""
    out, left = tmp_path / "out", []
    replace = os.replace

    def replacing(source, target):
        replace(source, target)
        left.append(tmp_path / f"killed {len(left)}")
        shutil.copytree(out, left[-1])

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replacing)
        assert train(out, "--checkpoint-every", every) == 0
    assert len(left) == {"0": 18, "300": 10}[every]  # config.json; twice log.csv, iou.csv, best.npz; checkpoints
    for folder in left:
        if not (folder / "checkpoint.npz").exists():
            assert small_runs.resume(folder) == 2
            continue
        assert small_runs.resume(folder) == 0
        small_runs.assert_same_run(folder, out)
        assert set(os.listdir(folder)) == {"config.json", "log.csv", "iou.csv", "checkpoint.npz", "best.npz"}


def test_resume_draws_what_a_kill_after_the_last_checkpoint_left_undrawn(tmp_path, monkeypatch):
    drawn = []

    def draw(path, rows):
        if len(rows) == small_runs.EPOCHS and not drawn[1:]:
            drawn.append("killed")
            raise KeyboardInterrupt
        drawn.append(len(rows))

    monkeypatch.setattr("minifcn.pictures.save_curves", draw)
    assert small_runs.train(tmp_path / "out") == 130
    assert small_runs.resume(tmp_path / "out") == 0
    assert drawn == [1, "killed", small_runs.EPOCHS]


def test_the_learning_rate_in_the_log_is_that_of_the_last_step_after_a_kill_before_validation(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(self):
        raise Killed

    assert train(tmp_path / "whole") == 0
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "validate", kill)
        with pytest.raises(Killed):
            train(tmp_path / "killed", "--checkpoint-every", "0")
    assert small_runs.resume(tmp_path / "killed") == 0
    rates = [[row["lr"] for row in read(tmp_path / name / "log.csv")] for name in ("whole", "killed")]
    assert rates[0] == rates[1]


STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
def test_a_signal_finishes_the_step_saves_and_tells_its_number(tmp_path, monkeypatch, capsys, number):
    step = Trainer.step

    def stepping(self, batch):
        signal.raise_signal(number)
        return step(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stepping)
        assert train(tmp_path / "out") == STATUS[number]
    assert "--resume continues from it" in capsys.readouterr().err
    assert checkpoint.load(tmp_path / "out" / "checkpoint.npz").position.iteration == 1
    assert train(tmp_path / "whole") == small_runs.resume(tmp_path / "out") == 0
    small_runs.assert_same_run(tmp_path / "out", tmp_path / "whole")


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
def test_a_signal_after_the_last_step_is_heeded_as_well(tmp_path, monkeypatch, number):
    monkeypatch.setattr("minifcn.pictures.save_curves", lambda path, rows: signal.raise_signal(number))
    assert train(tmp_path, "--epochs", "1") == STATUS[number]
    assert checkpoint.load(tmp_path / "checkpoint.npz").position.epoch == 1


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_that_was_ignored_stays_ignored(tmp_path, monkeypatch, number):
    """SIGHUP under nohup, SIGINT of a script's background job."""
    monkeypatch.setattr("minifcn.pictures.save_curves", lambda path, rows: signal.raise_signal(number))
    signal.signal(number, signal.SIG_IGN)
    assert train(tmp_path, "--epochs", "1") == 0


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
def test_a_signal_during_another_command_is_one_line(monkeypatch, capsys, number):
    monkeypatch.setattr("minifcn.cli.summary.run", lambda args: signal.raise_signal(number))
    assert main(["summary"]) == STATUS[number]
    assert capsys.readouterr().err == "minifcn: interrupted\n"
    assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)


@pytest.mark.parametrize("arguments", [[], ["--overwrite"], ["--resume"]], ids=["new", "overwrite", "resume"])
def test_a_second_run_in_a_folder_is_refused_while_the_first_lives(tmp_path, monkeypatch, capsys, arguments):
    """The first is of another thread here; tests/test_files.py has other processes, living and dead."""
    import threading

    assert train(tmp_path, "--epochs", "1") == 0
    before = small_runs.contents(tmp_path)
    statuses = []
    with lock_folder(tmp_path):
        run = small_runs.resume if arguments == ["--resume"] else train
        rest = [] if arguments == ["--resume"] else arguments
        thread = threading.Thread(target=lambda: statuses.append(run(tmp_path, *rest)))
        thread.start()
        thread.join()
    assert statuses == [2]
    assert ("another run is at work there" if arguments else "holds a run already") in capsys.readouterr().err
    assert small_runs.contents(tmp_path) == before
