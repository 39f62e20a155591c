"""`minifcn train` looks at its data first: faults are refused before anything is written, and the rest is a line."""

import json
import shutil

import folder_sets
import numpy as np
import pytest
import small_runs
from PIL import Image

from minifcn.cli import first_look, main
from minifcn.cli.first_look import say_if_large
from minifcn.data import Dataset, Sample
from minifcn.training import Config

TRAIN = ["train", "--epochs", "1", "--width", "0.03125", "--device", "cpu", "--size", "32x32"]


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Six pairs in a folder `my data`; the folder above is the current one."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "my data"
    folder_sets.photos(root)
    (root / "classes.txt").write_text(folder_sets.NAMES)
    return root


def test_a_fault_is_refused_and_the_command_that_lists_all_is_named(data, capsys, tmp_path):
    for name in "bc":
        (data / "images" / f"{name}.jpg").write_bytes(b"")
    assert main([*TRAIN, "--data", "folder:my data", "--out", "run"]) == 2
    assert capsys.readouterr().err.splitlines()[1:] == [
        "minifcn: my data/images/b.jpg: the file is empty (0 bytes); copy or download it again (and 1 more in the 6 "
        "pairs looked at); minifcn check-data 'folder:my data' lists all"
    ]
    assert not (tmp_path / "run").exists()


def test_a_fault_at_opening_names_the_command_that_lists_all(data, capsys, tmp_path):
    (data / "masks" / "b.png").write_bytes(b"")
    message = "b.png: the file is empty (0 bytes); copy or download it again; minifcn check-data 'folder:my data' lists"
    small_runs.assert_refused([*TRAIN, "--data", "folder:my data", "--out", "run"], message, tmp_path, capsys)


def test_a_class_that_is_not_there_is_told_in_a_line(data, capsys):
    (data / "classes.txt").write_text(f"{folder_sets.NAMES}tram\n")
    assert main([*TRAIN, "--data", "folder:my data", "--out", "run"]) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "check-data" in line]
    assert told == [
        "minifcn: train: no label has the class tram, so a network cannot learn it "
        "(minifcn check-data 'folder:my data' looks at all)"
    ]


@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_a_class_that_only_validation_has_gets_no_advice(data, capsys, weights):
    """It cannot be learned, whatever one does, and a line has said so."""
    (data / "classes.txt").write_text(f"{folder_sets.NAMES}tram\n")
    (data / "train.txt").write_text("a\nb\nc\n")
    (data / "val.txt").write_text("d\n")
    mask = np.array(Image.open(data / "masks" / "d.png"))
    mask[:3] = len(folder_sets.NAMES.split())
    Image.fromarray(mask).save(data / "masks" / "d.png")
    words = ["--data", "folder:my data", "--out", "run", "--lr", "1e-9", "--class-weights", weights]
    assert main([*TRAIN, *words]) == 0
    said = capsys.readouterr()
    (advice,) = [line for line in said.err.splitlines() if "still at IoU 0" in line]
    assert "tram" not in advice
    assert "tram" in said.err + said.out
    assert "more weight" not in advice  # it is there already, or the classes at 0 are as common as the others


def test_nothing_is_told_of_a_sound_data_set(data, capsys):
    assert main([*TRAIN, "--data", "folder:my data", "--out", "run"]) == 0
    assert "check-data" not in capsys.readouterr().err


def test_what_check_data_says_of_a_small_data_set_training_says_too(data, capsys):
    (data / "classes.txt").write_text("0 background\n1 road\n2 car\n")
    (data / "train.txt").write_text("a\nb\nc\n")
    (data / "val.txt").write_text("d\n")  # e and f are in no list
    shutil.copy(data / "images" / "a.jpg", data / "images" / "b.jpg")
    shutil.copy(data / "images" / "c.jpg", data / "images" / "d.jpg")
    folder_sets.save_palette(folder_sets.MASK, data / "masks" / "a.png")
    Image.fromarray(folder_sets.MASK).quantize(3).save(data / "masks" / "b.png")
    assert main(["check-data", "folder:my data", "--json"]) == 0
    warnings = json.loads(capsys.readouterr().out)["warnings"]
    assert len(warnings) == 5
    assert main([*TRAIN, "--data", "folder:my data", "--out", "run"]) == 0
    told = capsys.readouterr().err
    for warning in warnings:
        assert f"minifcn: {warning}" in told


def test_labels_that_look_smoothed_are_told(data, capsys):
    stairs = np.repeat([9 * [0] + [1] + 9 * [2]], 40, axis=0)
    for name in "abcdef":
        folder_sets.save(stairs, data / "masks" / f"{name}.png")
        folder_sets.save(np.zeros((*stairs.shape, 3)) + ord(name), data / "images" / f"{name}.jpg")
    assert main([*TRAIN, "--data", "folder:my data", "--out", "run"]) == 0
    assert "minifcn: 6 of 6 labels look resized with interpolation or saved as JPEG (my data/masks/" in (
        capsys.readouterr().err
    )


class Photographs(Dataset):
    """Black images of one size."""

    class_names, palette = ("nothing",), np.zeros((1, 3), np.uint8)

    def __init__(self, height, width):
        self.shape = height, width

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return Sample(np.zeros((*self.shape, 3), np.uint8), np.zeros(self.shape, np.uint8), str(index))


def test_large_photographs_at_full_size_are_told_with_what_would_be_faster(capsys):
    say_if_large(Config(), Photographs(1200, 1600))
    assert capsys.readouterr().err == (
        "minifcn: images of 1600 x 1200 are trained on at full size; --longer-side 512 would be about 10 times less "
        "work\n"
    )


@pytest.mark.parametrize(
    ("config", "size"),
    [
        pytest.param({}, (360, 480), id="images-of-camvid"),
        pytest.param({"size": (600, 800)}, (1200, 1600), id="a-size-that-was-chosen"),
        pytest.param({"longer_side": 1600}, (1200, 1600), id="a-longer-side-that-was-chosen"),
        pytest.param({"crop": (256, 256)}, (1200, 1600), id="crops"),
    ],
)
def test_nothing_is_told_of_images_that_are_small_or_made_so(config, size, capsys):
    say_if_large(Config(**config), Photographs(*size))
    assert capsys.readouterr().err == ""


def test_training_tells_of_large_photographs_before_the_first_step(data, capsys, monkeypatch):
    monkeypatch.setattr(first_look, "_LARGE", 90)
    assert main([*TRAIN[:-2], "--images", "1", "--data", "folder:my data", "--out", "run"]) == 0
    assert "minifcn: images of 12 x 8 are trained on at full size" in capsys.readouterr().err
