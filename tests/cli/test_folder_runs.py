"""`train` and `evaluate` on a folder of one's own images: what it says, and the validation images that stay."""

import json
import shutil

import folder_sets
import numpy as np
import pytest
import small_runs

from minifcn.cli import main

NETWORK = ["--width", "0.015625", "--batch-size", "2", "--epochs", "1", "--device", "cpu"]


@pytest.fixture
def data(tmp_path):
    return folder_sets.photos(tmp_path / "mine")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on six images, one of which was drawn for validation."""
    root = tmp_path_factory.mktemp("trained")
    assert train(folder_sets.photos(root / "mine"), root / "run") == 0
    return root


@pytest.fixture
def run(trained, tmp_path):
    """A copy of that run, and of its data in `mine` beside it."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path / "run"


def train(data, out, *arguments):
    return main(["train", "--data", f"folder:{data}", *NETWORK, "--out", str(out), *arguments])


def evaluate(run, data, *arguments):
    checkpoint = ["--checkpoint", str(run / "best.npz"), "--device", "cpu"]
    return main(["evaluate", *checkpoint, "--data", f"folder:{data}", *arguments])


def val_names(out):
    return json.loads((out / "config.json").read_text())["val_names"]


def test_one_line_says_what_was_found(data, tmp_path, capsys):
    assert train(data, tmp_path / "run", "--val-share", "0.5", "--seed", "3") == 0
    assert capsys.readouterr().err.splitlines()[0] == (
        "minifcn: folder: 6 images in images/, masks in masks/ (class indices, grey), 3 classes from the masks; "
        "train 3, val 3 (drawn at random, --val-share 0.5, --seed 3)"
    )


def test_an_export_of_labelme_trains_as_it_is(tmp_path):
    assert train(folder_sets.labelme(tmp_path / "mine"), tmp_path / "run") == 0


def test_validation_images_stay_when_images_are_added(run, capsys):
    data, drawn = run.parent / "mine", val_names(run)
    assert len(drawn) == 1
    folder_sets.photos(data, "012345")
    assert evaluate(run, data) == 0
    output = capsys.readouterr()
    assert "on 1 images of" in output.out
    assert "train 11, val 1 (val as the run drew it)" in output.err
    assert small_runs.resume(run, "--epochs", "2", "--data", f"folder:{data}") == 2  # an epoch has more batches now
    assert val_names(run) == drawn


def test_other_images_are_evaluated_as_the_split_all(run, tmp_path, capsys):
    other = folder_sets.photos(tmp_path / "other", "xyz")
    assert evaluate(run, other) == 2
    assert "1 of the 1 images that the run was validated on are not there" in capsys.readouterr().err
    assert evaluate(run, other, "--split", "all") == 0
    assert "on 3 images of" in capsys.readouterr().out


@pytest.mark.parametrize("share", ["0", "1", "-0.5", "nan"])
def test_a_share_is_between_0_and_1(data, tmp_path, capsys, share):
    arguments = ["train", "--data", f"folder:{data}", "--out", str(tmp_path / "run"), f"--val-share={share}"]
    small_runs.assert_refused(arguments, "--val-share", tmp_path, capsys)


def test_a_share_of_another_data_set_is_refused(tmp_path, capsys):
    arguments = ["train", "--out", str(tmp_path / "run"), "--val-share", "0.5"]
    small_runs.assert_refused(arguments, "--val-share draws images of folder:PATH, but", tmp_path, capsys)


def test_a_run_goes_on_with_the_share_that_it_has(run, capsys):
    assert small_runs.resume(run, "--val-share", "0.5") == 2
    assert "--val-share is 0.5, but the run in" in capsys.readouterr().err


def test_the_sample_set_of_keras_segmentation_may_be_validated_on_its_test_images(tmp_path, capsys):
    """Then nothing is drawn."""
    data, out = folder_sets.keras_segmentation(tmp_path / "mine"), tmp_path / "run"
    assert train(data, out, "--val-split", "test") == 0
    assert "train 3, test 1 (by subfolders)" in capsys.readouterr().err
    assert val_names(out) == []
    assert evaluate(out, data) == 0
    assert "on 1 images of" in (text := capsys.readouterr().out)
    assert "split test" in text


def test_a_share_and_another_split_contradict_each_other(data, tmp_path, capsys):
    arguments = ["train", "--data", f"folder:{data}", "--out", str(tmp_path / "run"), "--val-share", "0.5"]
    message = "--val-share draws the split val, but --val-split is test; leave it out"
    small_runs.assert_refused([*arguments, "--val-split", "test"], message, tmp_path, capsys)


def test_a_run_keeps_its_classes_where_the_masks_hold_fewer(run, tmp_path, capsys):
    other = folder_sets.photos(tmp_path / "other", "xyz", mask=folder_sets.MASK % 2)
    assert evaluate(run, other, "--split", "all") == 0
    assert "3 classes from the run; all 3" in capsys.readouterr().err
    folder_sets.photos(other, "xyz", mask=folder_sets.MASK * 2)
    assert evaluate(run, other, "--split", "all") == 2
    assert "it holds the value 4, but there are 3 classes (0..2) in the run" in capsys.readouterr().err


def test_what_a_run_ignored_does_not_become_white_where_the_masks_hold_little_else(run, tmp_path, capsys):
    mask = np.zeros_like(folder_sets.MASK)
    mask[:2] = 255
    others = folder_sets.photos(tmp_path / "others", names="xy", mask=mask)
    assert evaluate(run, others, "--split", "all") == 2
    assert capsys.readouterr().err.endswith(
        "others: all masks hold the class 'class 0' alone; look whether they are the right files\n"
    )
