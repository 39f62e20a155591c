"""`minifcn predict --data shapes`: generated pictures, and the network of the package that knows them."""

from pathlib import Path

import numpy as np
import pytest
import small_runs
from PIL import Image

from minifcn import models, training
from minifcn.cli import main
from minifcn.data import open_split

LABELS = ["shapes-2-0.png", "shapes-2-1.png"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 30)).save("photo.jpg")
    return tmp_path


def predict(*arguments):
    return main(["predict", "--device", "cpu", *arguments])


def test_without_a_checkpoint_the_network_of_the_package_predicts(capsys):
    assert predict("--data", "shapes", "--images", "2", "--label", "labels", "--out", "pictures") == 0
    net, pictures = models.pretrained("shapes-fcn8s"), open_split("shapes", "test", 2)
    for number, name in enumerate(LABELS):
        expected = training.predict(net, pictures[number].image, net.normalize)
        np.testing.assert_array_equal(np.array(Image.open(Path("labels", name))), expected)
    assert sorted(path.name for path in Path("pictures").iterdir()) == LABELS
    known, done = capsys.readouterr().err.splitlines()
    assert known == "minifcn: shapes-fcn8s knows background, disc, square, triangle, ring, cross (6 classes)"
    assert done.startswith("minifcn: 2 images in ")


def test_they_have_results_in_the_current_folder_too():
    assert predict("--data", "shapes", "--images", "1", "--label", ".", "--shares", "shares.csv") == 0
    assert Path(LABELS[0]).exists()
    assert Path("shares.csv").read_text().splitlines()[1].startswith("shapes-2-0,")


def test_a_network_of_ones_own_predicts_them_too(capsys):
    assert small_runs.train("run") == 0
    capsys.readouterr()
    assert predict("--data", "shapes", "--images", "1", "--label", "label.png", "--checkpoint", "run") == 0
    assert capsys.readouterr().err.startswith("minifcn: run knows background")


REFUSED = {
    "photographs without a checkpoint": (
        ["photo.jpg", "--out", "o.png"],
        "--checkpoint is missing; the network of the package knows generated pictures only (--data shapes)",
    ),
    "nothing": (["--out", "o.png"], "name the photographs, or give --data shapes"),
    "both": (["photo.jpg", "--data", "shapes", "--out", "o"], "leave out photo.jpg"),
    "other data": (["--data", "camvid:PATH", "--out", "o"], "--data of predict must be shapes"),
    "a number of photographs": (["photo.jpg", "--images", "2", "--out", "o"], "--images counts generated pictures"),
    "no result": (["--data", "shapes"], "no result was asked for"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_what_would_say_nothing_true_is_refused(folder, capsys, arguments, message):
    small_runs.assert_refused(["predict", *arguments], message, folder, capsys)
