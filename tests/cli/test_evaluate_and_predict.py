"""`minifcn evaluate` and `minifcn predict` use a checkpoint that `minifcn train` left."""

import csv
import dataclasses
import errno
import json

import numpy as np
import pytest
from PIL import Image

from minifcn.cli import evaluate as cli_evaluate
from minifcn.cli import main
from minifcn.data import Normalize, open_split, read_image
from minifcn.metrics import ConfusionMatrix
from minifcn.training import checkpoint, load_model, predict
from minifcn.training.log import read


@pytest.fixture
def best(run_folder):
    return str(run_folder / "best.npz")


@pytest.fixture
def palette(best):
    return np.array(checkpoint.load(best).config.palette, np.uint8)


@pytest.fixture
def photo(tmp_path, rng):
    """A photograph of 90 x 60 whose camera was held upright: EXIF says to turn it."""
    path = tmp_path / "photo.jpg"
    image = Image.fromarray(rng.integers(0, 255, (60, 90, 3), np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    image.save(path, exif=exif)
    return path


def test_evaluate_repeats_the_numbers_of_the_training_log(best, run_folder, capsys):
    arguments = ["--checkpoint", best, "--images", "5", "--device", "cpu", "--json", "--network-size"]
    assert main(["evaluate", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    row = max(read(run_folder / "log.csv"), key=lambda row: row["valid_mean_iu"])
    names = {"mean IoU": "valid_mean_iu", "pixel accuracy": "valid_acc", "frequency-weighted IoU": "valid_fwavacc"}
    for name, column in names.items():
        assert found[name] == row[column]
    assert found["loss"] == row["valid_loss"]
    assert found["images"] == 5
    assert list(found["IoU"]) == list(checkpoint.load(best).config.class_names)


def test_evaluate_measures_at_the_size_of_the_labels(run_folder, capsys):
    """The network was trained on 32x32; the images have 96x96."""
    assert main(["evaluate", "--checkpoint", str(run_folder), "--images", "3", "--device", "cpu", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    state = checkpoint.load(run_folder)
    model, pictures = load_model(state.config, state.model), open_split("shapes", "val", 3)
    matrix = ConfusionMatrix(6)
    for sample in (pictures[i] for i in range(3)):
        matrix.update(sample.label, predict(model, sample.image, Normalize(), size=(32, 32)))
    assert matrix.matrix.sum() == 3 * 96 * 96
    assert found["mean IoU"] == matrix.mean_iou
    assert list(found["accuracy"].values()) == [None if np.isnan(a) else a for a in matrix.class_accuracy]
    assert found["size"] == "labels"


SIZES = {"of the labels": ([], "at the size of the labels"), "of the network": (["--network-size"], "at 32x32")}


@pytest.mark.parametrize(("arguments", "expected"), SIZES.values(), ids=SIZES)
def test_evaluate_says_loss_and_size(best, capsys, arguments, expected):
    assert main(["evaluate", "--checkpoint", best, "--images", "2", "--device", "cpu", *arguments]) == 0
    first, loss, *_ = capsys.readouterr().out.splitlines()
    assert first == f"{best} on 2 images of shapes, split val, {expected}"
    assert loss.split()[0] == "loss"
    assert 0 < float(loss.split()[1]) < 10


def test_evaluate_saves_the_confusion_matrix_as_numbers_and_as_a_picture(best, tmp_path, capsys):
    files = [str(tmp_path / name) for name in ("confusion.csv", "confusion.PNG")]
    arguments = ["--checkpoint", best, "--images", "2", "--device", "cpu", "--json", "--confusion", *files]
    assert main(["evaluate", *arguments]) == 0
    names = list(json.loads(capsys.readouterr().out)["IoU"])
    with open(files[0], newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["label", *names]
    assert [row[0] for row in rows] == names
    assert np.array([row[1:] for row in rows], int).sum() == 2 * 96 * 96
    with Image.open(files[1]) as picture:
        assert picture.format == "PNG"


def test_a_confusion_matrix_that_cannot_be_saved_loses_no_number(best, tmp_path, capsys, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(cli_evaluate, "atomic_write", full)
    arguments = ["--images", "2", "--device", "cpu", "--confusion", str(tmp_path / "confusion.csv")]
    assert main(["evaluate", "--checkpoint", best, *arguments]) == 2
    output, message = capsys.readouterr()
    assert "mean IoU" in output
    assert message.endswith("confusion.csv: No space left on device; make room on the disk, or choose another place\n")


def test_evaluate_shows_every_class(best, capsys):
    assert main(["evaluate", "--checkpoint", best, "--images", "2", "--split", "test", "--device", "cpu"]) == 0
    output = capsys.readouterr().out
    assert "mean IoU" in output
    for name in checkpoint.load(best).config.class_names:
        assert f"\n{name} " in output


@pytest.mark.parametrize("size", [[], ["--full-size"], ["--size", "20x30"]], ids=["as trained", "full", "given"])
def test_predict_turns_the_photograph_and_keeps_its_size(best, photo, tmp_path, palette, size):
    out, label = tmp_path / "overlay.png", tmp_path / "label.png"
    arguments = ["--checkpoint", best, "--out", str(out), "--label", str(label), "--device", "cpu", *size]
    assert main(["predict", str(photo), *arguments]) == 0
    with Image.open(label) as picture:
        assert picture.mode == "P"
        assert picture.size == (60, 90)
        classes = np.array(picture)
        assert classes.max() < len(palette)
        np.testing.assert_array_equal(np.array(picture.convert("RGB")), palette[classes])
    with Image.open(out) as picture:
        assert picture.width == 60
        assert (picture.height > 90) == classes.any()  # the legend of what is no background is below


def test_predict_lays_the_colours_over_the_photograph(best, photo, tmp_path, palette):
    out, label = tmp_path / "overlay.png", tmp_path / "label.png"
    arguments = ["--checkpoint", best, "--out", str(out), "--label", str(label), "--alpha", "1", "--device", "cpu"]
    assert main(["predict", str(photo), *arguments]) == 0
    overlay, classes = np.array(Image.open(out)), np.array(Image.open(label))
    turned = read_image(photo)  # as it is where there is background
    np.testing.assert_array_equal(overlay[:90], np.where(classes[..., None] == 0, turned, palette[classes]))


def test_predict_writes_several_photographs_into_a_folder(best, photo, tmp_path):
    second = tmp_path / "second.png"
    Image.new("L", (31, 17), 90).save(second)
    out = tmp_path / "overlays"
    assert main(["predict", str(photo), str(second), "--checkpoint", best, "--out", str(out), "--device", "cpu"]) == 0
    assert {path.name for path in out.iterdir()} == {"photo.png", "second.png"}


@pytest.fixture
def seen(monkeypatch):
    """The sizes at which the network was shown the photographs."""
    sizes = []

    def scoring(model, image, normalize, *, size, **options):
        sizes.append(tuple(size))
        return []

    monkeypatch.setattr("minifcn.cli.predict.score_blocks", scoring)
    monkeypatch.setattr("minifcn.pictures.save_overlay", lambda *arguments, **options: None)
    return sizes


SCALES = {
    # The photograph, the --size of the training, further arguments, what the network sees.
    "as in training": ((120, 60), (32, 48), [], (48, 24)),
    "larger, as in training": ((10, 20), (32, 48), [], (24, 48)),
    "as it is": ((120, 60), None, [], (120, 60)),
    "a large one": ((3000, 1500), None, [], (2048, 1024)),
    "a large one, and trained on larger ones": ((3000, 1500), (4096, 4096), [], (2048, 1024)),
    "a narrow one": ((3000, 1), None, [], (2048, 1)),
    "the longer side given": ((3000, 1500), (32, 48), ["--longer-side", "100"], (100, 50)),
    "the size given": ((3000, 1500), (32, 48), ["--size", "70x80"], (70, 80)),
    "a large one, in tiles": ((3000, 1500), None, ["--tile", "64"], (3000, 1500)),
    "in tiles, as in training": ((120, 60), (32, 48), ["--tile", "64"], (48, 24)),
    "full size": ((3000, 1500), (32, 48), ["--full-size"], (3000, 1500)),
}


@pytest.mark.parametrize(("photo_size", "trained", "arguments", "expected"), SCALES.values(), ids=SCALES)
def test_what_the_network_sees_is_scaled_as_the_help_says(
    best, tmp_path, seen, photo_size, trained, arguments, expected
):
    state = checkpoint.load(best)
    state.config = dataclasses.replace(state.config, size=trained)
    checkpoint.save(tmp_path / "run.npz", state)
    Image.new("L", photo_size[::-1]).save(tmp_path / "photo.png")
    files = [str(tmp_path / "photo.png"), "--checkpoint", str(tmp_path / "run.npz"), "--out", str(tmp_path / "o")]
    assert main(["predict", *files, "--device", "cpu", *arguments]) == 0
    assert seen == [expected]
