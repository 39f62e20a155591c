"""--device cuda and --precision: a whole run on a GPU, and its results on the CPU."""

import sys

import numpy as np
import pytest
import small_runs

from minifcn.benchmark.devices import compare_devices
from minifcn.cli import main
from minifcn.training import log


def test_a_run_on_a_gpu_is_that_of_the_cpu(tmp_path, gpu):
    folders = {device: tmp_path / device.partition(":")[0] for device in ("cpu", gpu)}
    for device, folder in folders.items():
        assert small_runs.train(folder, "--device", device, "--dtype", "float64") == 0
    rows = [log.read(folder / "log.csv") for folder in folders.values()]
    for row, on_gpu in zip(*rows, strict=True):
        assert on_gpu["train_loss"] == pytest.approx(row["train_loss"], rel=1e-9)
        assert on_gpu["valid_mean_iu"] == row["valid_mean_iu"]


def test_what_was_trained_on_a_gpu_is_evaluated_and_predicts_there(tmp_path, gpu, capsys):
    assert small_runs.train(tmp_path, "--device", gpu) == 0
    best, picture, out = str(tmp_path / "best.npz"), str(tmp_path / "predictions.png"), tmp_path / "overlay.png"
    capsys.readouterr()
    found = []
    for device in ("cpu", gpu):
        assert main(["evaluate", "--checkpoint", best, "--images", "3", "--device", device]) == 0
        found.append(capsys.readouterr().out)
        assert main(["predict", picture, "--checkpoint", best, "--out", str(out), "--device", device]) == 0
    assert found[0] == found[1]


@pytest.mark.parametrize("command", ["train", "evaluate", "predict"])
def test_precision_reaches_cupy(command, stand_in, monkeypatch):
    chosen = []
    monkeypatch.setattr(sys.modules["cupy"]._core, "set_compute_type", lambda *kind: chosen.append(kind))
    files = {
        "train": ["--out", "nowhere", "--resume"],
        "evaluate": ["--checkpoint", "nowhere.npz"],
        "predict": ["nowhere.jpg", "--checkpoint", "nowhere.npz", "--out", "nowhere.png"],
    }
    assert main([command, *files[command], "--device", "cuda", "--precision", "tf32"]) == 2
    assert chosen == [(np.float32, 7)]


@pytest.mark.parametrize(
    ("precision", "message"),
    [
        ("tf32", "precision 'tf32' is for GPUs, but the device is cpu; leave it out"),
        ("half", "precision must be one of float32, tf32, got 'half'"),
    ],
)
def test_a_precision_that_cannot_be_had(precision, message, tmp_path, capsys):
    assert small_runs.train(tmp_path / "run", "--precision", precision) == 2
    assert capsys.readouterr().err == f"minifcn: {message}\n"
    assert not (tmp_path / "run").exists()


class TestCompareDevices:
    def test_scores_agree_and_every_time_is_there(self, gpu):
        found = compare_devices("cpu", gpu, size=(33, 40), width=1 / 16, repeats=1)
        assert [t.device for t in found.times] == ["cpu", gpu]
        assert found.difference(1) < 1e-5
        assert all(min(t.upload, t.forward, t.products) > 0 for t in found.times)
        assert len(str(found).splitlines()) == 3

    def test_without_a_gpu_it_says_why_there_is_none(self, monkeypatch):
        monkeypatch.setattr("minifcn.benchmark.devices.cuda_problem", lambda: "it is in another town.")
        found = compare_devices(size=(32, 32), width=1 / 64, repeats=1)
        assert str(found).splitlines()[-1] == "No GPU: it is in another town."
