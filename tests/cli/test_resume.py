"""`--resume` continues the same run, or says in one line why it cannot."""

import dataclasses
import os
import shutil

import numpy as np
import pytest
import small_runs
from PIL import Image

from minifcn.cli import main
from minifcn.training import checkpoint
from minifcn.training.log import read

NETWORK = ["--model", "fcn32s", "--width", "0.02", "--batch-size", "1", "--device", "cpu"]


pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of two epochs on four images in a folder of its own."""
    root = tmp_path_factory.mktemp("work")
    for split in ("train", "val"):
        for folder in (split, split + "annot"):
            (root / "data" / folder).mkdir(parents=True)
        for i in range(4):
            Image.fromarray(np.full((32, 32, 3), 60 * i, np.uint8)).save(root / "data" / split / f"{i}.png")
            Image.fromarray(np.full((32, 32), i, np.uint8)).save(root / "data" / f"{split}annot" / f"{i}.png")
    data = ["--data", f"camvid:{root / 'data'}", "--schedule", "poly", "--epochs", "2"]
    assert main(["train", *data, *NETWORK, "--out", str(root / "run")]) == 0
    return root


@pytest.fixture
def work(finished, tmp_path):
    """A copy of it; the configuration names the data of the original."""
    shutil.copytree(finished, tmp_path / "work")
    return tmp_path / "work"


def assert_refused(work, capsys, message, *arguments):
    small_runs.assert_refused(
        ["train", "--resume", "--device", "cpu", "--out", str(work / "run"), *arguments], message, work, capsys
    )


def test_a_finished_run_says_so_and_repeats_its_measures(work, capsys):
    log = (work / "run" / "log.csv").read_bytes()
    assert small_runs.resume(work / "run") == 0
    output = capsys.readouterr()
    assert "is complete; --epochs with more than 2" in output.err
    assert "mean IoU" in output.out
    assert (work / "run" / "log.csv").read_bytes() == log


def test_fewer_epochs_than_are_behind_are_refused(work, capsys):
    assert_refused(work, capsys, "--epochs is 1, but", "--epochs", "1")


def test_more_epochs_go_on(work):
    assert small_runs.resume(work / "run", "--epochs", "3") == 0
    assert [row["epoch"] for row in read(work / "run" / "log.csv")] == [1, 2, 3]
    assert all(np.isreal(row["lr"]) and row["lr"] > 0 for row in read(work / "run" / "log.csv"))


def test_resume_and_overwrite_together_are_refused(work, capsys):
    assert_refused(work, capsys, "choose one of the two", "--overwrite")


def test_data_that_moved_is_found_by_its_new_path(work, finished):
    moved = f"camvid:{work / 'data'}"
    assert small_runs.resume(work / "run", "--data", moved, "--epochs", "3") == 0
    assert checkpoint.load(work / "run" / "checkpoint.npz").config.data == moved


def test_data_that_are_gone_are_asked_for(work, capsys):
    """The run of the copy is told of its own data, which then move."""
    assert small_runs.resume(work / "run", "--data", f"camvid:{work / 'data'}") == 0
    capsys.readouterr()
    os.rename(work / "data", work / "moved")
    message = "does not exist; give its path; if it has moved, with --data camvid:PATH"
    assert_refused(work, capsys, message)
    assert main(["evaluate", "--checkpoint", str(work / "run" / "checkpoint.npz"), "--device", "cpu"]) == 2
    assert message in capsys.readouterr().err


def test_other_images_at_the_new_path_are_refused_by_their_names(work, capsys):
    for folder in ("val", "valannot"):
        os.rename(work / "data" / folder / "3.png", work / "data" / folder / "other.png")
    message = "of the split val 1 image is new (other.png), 1 image is missing (3.png); give --data the same images"
    assert_refused(work, capsys, message, "--data", f"camvid:{work / 'data'}")


def test_a_run_of_before_there_were_lists_of_images_goes_on_and_has_one_then(work):
    (work / "run" / "images.csv").unlink()
    assert small_runs.resume(work / "run", "--data", f"camvid:{work / 'data'}") == 0
    assert (work / "run" / "images.csv").is_file()


def test_data_of_another_kind_are_refused(work, capsys):
    assert_refused(work, capsys, "--data is shapes, but the run", "--data", "shapes")


@pytest.mark.parametrize("epochs", [[], ["--epochs", "3"]], ids=["finished", "going on"])
def test_data_that_lost_images_are_refused(work, capsys, epochs):
    """The learning rate of --schedule poly counts the steps of all epochs: with fewer it would fall below 0."""
    for name in ("2.png", "3.png"):
        os.remove(work / "data" / "train" / name)
        os.remove(work / "data" / "trainannot" / name)
    assert_refused(work, capsys, "the data set has changed since", "--data", f"camvid:{work / 'data'}", *epochs)


def test_data_that_gained_images_are_refused(work, capsys):
    for folder in ("train", "trainannot"):
        shutil.copy(work / "data" / folder / "3.png", work / "data" / folder / "4.png")
    assert_refused(work, capsys, "the data set has changed since", "--data", f"camvid:{work / 'data'}")


def test_other_class_weights_are_refused_by_their_option(work, capsys):
    path = work / "run" / "checkpoint.npz"
    state = checkpoint.load(path)
    config = dataclasses.replace(state.config, class_weights="w.csv", loss_weights=(1.0,) * 11)
    checkpoint.save(path, dataclasses.replace(state, config=config))
    assert_refused(work, capsys, "--class-weights is none, but the run in", "--class-weights", "none")


def test_a_log_that_lacks_epochs_is_refused(work, capsys):
    os.remove(work / "run" / "log.csv")
    assert_refused(work, capsys, "log.csv: has no row for epoch 1", "--epochs", "3")


@pytest.mark.parametrize("epochs", [[], ["--epochs", "3"]], ids=["finished", "going on"])
def test_a_run_without_its_best_network_is_refused_before_it_goes_on(work, capsys, epochs):
    os.remove(work / "run" / "best.npz")
    message = f"or copy {work / 'run' / 'checkpoint.npz'} to its place"
    assert_refused(work, capsys, message, *epochs)
    shutil.copy(work / "run" / "checkpoint.npz", work / "run" / "best.npz")
    assert small_runs.resume(work / "run", *epochs) == 0


def test_a_folder_without_a_checkpoint_is_not_said_to_be_resumable(work, capsys):
    for name in ("checkpoint.npz", "best.npz"):
        os.remove(work / "run" / name)
    arguments = ["train", *NETWORK, "--out", str(work / "run")]
    message = "; it has no checkpoint to continue from: replace it with --overwrite, or choose another --out"
    small_runs.assert_refused(arguments, message, work, capsys)


def test_a_checkpoint_of_another_network_is_refused_by_its_path(work, capsys):
    assert main(["train", "--images", "1", "--size", "32x32", "--epochs", "1", *NETWORK, "--out", str(work / "b")]) == 0
    state = checkpoint.load(work / "run" / "checkpoint.npz")
    state.model = checkpoint.load(work / "b" / "checkpoint.npz").model
    checkpoint.save(work / "run" / "checkpoint.npz", state)
    capsys.readouterr()
    assert_refused(work, capsys, f"{work / 'run' / 'checkpoint.npz'}: does not fit a fcn32s")
    for command in (["evaluate"], ["predict", str(work / "data/val/1.png"), "--out", str(work / "o.png")]):
        arguments = ["--checkpoint", str(work / "run" / "checkpoint.npz"), "--device", "cpu"]
        small_runs.assert_refused([*command, *arguments], "checkpoint.npz: does not fit a fcn32s", work, capsys)


def test_a_configuration_that_claims_a_large_network_is_refused_before_one_is_built(work, capsys, monkeypatch):
    state = checkpoint.load(work / "run" / "checkpoint.npz")
    state.config = dataclasses.replace(state.config, width=4.0)
    checkpoint.save(work / "run" / "checkpoint.npz", state)
    monkeypatch.setattr("minifcn.training.build.build_model", None)
    assert_refused(work, capsys, f"{work / 'run' / 'checkpoint.npz'}: does not fit a fcn32s")
