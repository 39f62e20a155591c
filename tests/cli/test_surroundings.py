"""Full disks, closed pipes, poor terminals and broken plotting: nothing is lost, and nothing shows a traceback."""

import io
import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest
import small_runs

from minifcn.cli import main
from minifcn.cli.output import any_terminal
from minifcn.progress import Progress
from minifcn.training import checkpoint
from minifcn.training.log import read

SMALL = ["--data", "shapes", "--images", "2", "--size", "32x32", "--model", "fcn32s", "--width", "0.02"]
TRAIN = ["train", *SMALL, "--epochs", "1", "--device", "cpu", "--out"]
MINIFCN = [sys.executable, "-m", "minifcn"]


@pytest.fixture
def small_files():
    """No file may grow beyond 8 KB, as if the disk were full."""
    limits, before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_is_one_line_that_names_the_file(tmp_path, small_files, capsys):
    assert main([*TRAIN, str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"minifcn: {tmp_path / 'checkpoint.npz'}: ")
    assert os.listdir(tmp_path) == ["config.json"]


def test_a_disk_that_fills_during_training_leaves_the_last_checkpoint(tmp_path, monkeypatch, capsys):
    from minifcn.training import Trainer

    finish = Trainer.finish_epoch

    def filling(self, *arguments):
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
        finish(self, *arguments)

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    monkeypatch.setattr(Trainer, "finish_epoch", filling)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        assert main([*TRAIN, str(tmp_path)]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert f"{tmp_path / 'best.npz'}: " in capsys.readouterr().err
    assert checkpoint.load(tmp_path / "checkpoint.npz").position.iteration == 0
    monkeypatch.undo()
    assert small_runs.resume(tmp_path) == 0
    assert len(read(tmp_path / "log.csv")) == 1


PICTURES_OF = {"save_curves": ["curves.png"], "save_panel": ["predictions.png", "best_and_worst.png"]}


@pytest.mark.parametrize("name", PICTURES_OF)
def test_a_picture_that_cannot_be_drawn_costs_no_training(tmp_path, monkeypatch, capsys, name):
    def fail(*arguments):
        raise AttributeError("no such backend")

    monkeypatch.setattr(f"minifcn.pictures.{name}", fail)
    assert main([*TRAIN, str(tmp_path), "--epochs", "2"]) == 1
    output = capsys.readouterr()
    for picture in PICTURES_OF[name]:
        assert output.err.count(f"{picture} could not be drawn (no such backend); training goes on") == 1
    assert "mean IoU" in output.out
    assert len(read(tmp_path / "log.csv")) == 2


def test_pictures_are_drawn_whatever_backend_the_environment_names(tmp_path):
    environment = os.environ | {"MPLBACKEND": "nonsense"}
    result = subprocess.run([*MINIFCN, *TRAIN, str(tmp_path)], env=environment, capture_output=True, text=True)
    assert (result.returncode, "Traceback" in result.stderr) == (0, False)
    assert {"curves.png", "predictions.png"} <= set(os.listdir(tmp_path))


class Gone(io.StringIO):
    """A stream whose reader has left: a pipe to head, or a terminal that was closed."""

    def __init__(self, terminal=False):
        super().__init__()
        self.isatty = lambda: terminal

    def write(self, text):
        raise BrokenPipeError

    def flush(self):
        raise BrokenPipeError


@pytest.mark.parametrize("terminal", [False, True])
def test_training_goes_on_when_nobody_watches_any_more(tmp_path, monkeypatch, terminal):
    monkeypatch.setattr(sys, "stderr", Gone(terminal))
    assert main([*TRAIN, str(tmp_path)]) == 0
    assert len(read(tmp_path / "log.csv")) == 1


@pytest.mark.parametrize("terminal", [False, True])
def test_a_bar_on_a_terminal_that_is_gone_is_no_error(monkeypatch, terminal):
    monkeypatch.setattr("minifcn.progress._SECONDS_BETWEEN_LINES", 0)
    with Progress("title", 3, stream=Gone(terminal)) as progress:
        for _ in range(3):
            progress.advance("text")


def test_no_streams_at_all_are_no_error(tmp_path, monkeypatch):
    """As `minifcn train ... >&- 2>&-` starts it."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main([*TRAIN, str(tmp_path)]) == 0
    assert main([*TRAIN, str(tmp_path)]) == 2


def test_a_full_disk_behind_the_output_is_one_line():
    with open("/dev/full", "w") as full:
        result = subprocess.run([*MINIFCN, "summary", "--width", "0.1"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (2, "minifcn: standard output: No space left on device\n")


@pytest.mark.parametrize("encoding", ["cp1252", "cp949", "ascii", "utf-8"])
def test_a_terminal_that_lacks_a_character_shows_a_plain_one(monkeypatch, encoding):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    with any_terminal():
        print("Cᵀ · x → ≤ 3×3 日\u2603")
        print("Cᵀ", file=sys.stderr, flush=True)
    assert sys.stdout.errors == "strict"
    sys.stdout.flush()
    shown = sys.stdout.buffer.getvalue().decode(encoding)
    plain = {"ascii": "C^T * x -> <= 3x3 ??", "cp1252": "C^T · x -> <= 3×3 ??", "cp949": "C^T · x → ≤ 3×3 日?"}
    assert shown == plain.get(encoding, "Cᵀ · x → ≤ 3×3 日\u2603") + "\n"
    assert sys.stderr.buffer.getvalue().decode(encoding).startswith("C")


def test_a_name_with_control_characters_does_not_steer_the_terminal(tmp_path, capsys):
    np.savez(tmp_path / "x.npz", **{"about": np.array("{}"), "\x1b[2Jevil": np.zeros(1)})
    assert main(["evaluate", "--checkpoint", str(tmp_path / "x.npz"), "--device", "cpu"]) == 2
    assert main(["evaluate", "--checkpoint", "\x1b[2J.npz", "--device", "cpu"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_a_message_that_quotes_a_whole_file_is_cut(capsys):
    assert main(["evaluate", "--checkpoint", "x" * 5000, "--device", "cpu"]) == 2
    assert len(capsys.readouterr().err) < 2100
