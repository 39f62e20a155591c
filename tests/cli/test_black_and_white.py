"""Masks in black and white: pictures show the foreground in a colour, files of labels keep 0 and 255."""

import folder_sets
import numpy as np
import pytest
from PIL import Image

from minifcn.cli import main


@pytest.fixture
def data(tmp_path):
    """Six white images, most of each is foreground, which a network learns at once."""
    white = np.repeat([[0] * 8 + [255] * 56], 64, axis=0)
    for name in "abcdef":
        folder_sets.save(np.full((64, 64, 3), 255), tmp_path / "photos" / "images" / f"{name}.png")
        folder_sets.save(white, tmp_path / "photos" / "masks" / f"{name}.png")
    return tmp_path / "photos"


def holds_red(path):
    pixels = np.array(Image.open(path).convert("RGB")).astype(int)
    return bool(((pixels[..., 0] > pixels[..., 1] + 60) & (pixels[..., 1] == pixels[..., 2])).any())


def test_the_picture_of_check_data(data, tmp_path):
    main(["check-data", f"folder:{data}", "--out", str(tmp_path / "check.png")])
    assert holds_red(tmp_path / "check.png")


def test_the_pictures_of_a_run_and_of_a_prediction(data, tmp_path):
    run, label, out = tmp_path / "run", tmp_path / "label.png", tmp_path / "out.png"
    words = ["--epochs", "1", "--width", "0.015625", "--size", "32x32", "--batch-size", "2", "--device", "cpu"]
    assert main(["train", "--data", f"folder:{data}", "--out", str(run), *words]) == 0
    assert holds_red(run / "predictions.png")
    photo = str(data / "images" / "a.png")
    words = ["--checkpoint", str(run), "--out", str(out), "--label", str(label), "--device", "cpu"]
    assert main(["predict", photo, *words]) == 0
    assert holds_red(out)
    assert set(np.unique(Image.open(label).convert("L"))) <= {0, 255}
    assert Image.open(label).getpalette()[:6] == [0, 0, 0, 255, 255, 255]
