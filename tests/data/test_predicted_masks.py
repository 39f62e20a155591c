"""What `minifcn predict` wrote is known where it lies among masks: a network's word is not what somebody drew."""

import json

import folder_sets
import numpy as np
import pytest
from PIL import Image

from minifcn import pictures
from minifcn.cli import main
from minifcn.data import Folder, inspect
from minifcn.data.folders import refuse
from minifcn.data.inspection import look
from minifcn.data.labels import PREDICTED, is_predicted
from minifcn.errors import UserError


def predicted(path, label=folder_sets.MASK):
    """Write a mask as `minifcn predict --label` does."""
    with pictures.signed(PREDICTED):
        pictures.save_label(path, label, folder_sets.COLOURS)


@pytest.fixture
def root(tmp_path):
    """Six photographs with masks."""
    return folder_sets.photos(tmp_path / "data")


def splits(root, report=refuse):
    return {split: Folder(root, split, report=report) for split in ("train", "val")}


@pytest.mark.parametrize("names", ["b", "abcdef"])
def test_such_masks_are_counted_and_named(root, names):
    for name in names:
        predicted(root / "masks" / f"{name}.png")
    found = [line for line in inspect(splits(root)).warnings if "predict" in line]
    number = f"{len(names)} of 6 labels {'was' if names == 'b' else 'were'} written by minifcn predict ({root}"
    assert len(found) == 1
    assert found[0].startswith(number)
    assert "put what was drawn in its place" in found[0]
    quickly = [line for line in look(splits(root)) if "predict" in line]
    assert len(quickly) == 1
    assert quickly[0].startswith(number)


def test_masks_of_others_are_not(root):
    predicted(root / "masks" / "b.png")
    Image.open(root / "masks" / "b.png").save(root / "masks" / "b.png")  # as after a correction
    assert not is_predicted(root / "masks" / "b.png")
    assert not any("predict" in line for line in inspect(splits(root)).warnings)


def test_what_predict_itself_writes_is_known(root, tmp_path):
    import small_runs

    small_runs.train(tmp_path / "run")
    command = ["predict", str(root / "images"), "--checkpoint", str(tmp_path / "run"), "--device", "cpu"]
    assert main([*command, "--label", str(root / "said"), "--out", str(root / "seen")]) == 0
    assert all(map(is_predicted, [*(root / "said").iterdir(), *(root / "seen").iterdir()]))


def draw(root):
    """Write what labelme writes beside each photograph."""
    outline = {"label": "cup", "shape_type": "polygon", "points": [[1, 1], [9, 1], [5, 6]]}
    for image in (root / "images").iterdir():
        about = {"imagePath": image.name, "imageHeight": 8, "imageWidth": 12, "shapes": [outline]}
        image.with_suffix(".json").write_text(json.dumps(about))


@pytest.mark.parametrize("names", ["b", "abcdef"])
def test_they_do_not_take_the_place_of_drawings(root, names):
    draw(root)
    splits(root)  # masks drawn by hand do
    for name in names:
        predicted(root / "masks" / f"{name}.png")
    were = "1 mask (b.png) was" if names == "b" else "6 masks (a.png, b.png, c.png and 3 more) were"
    with pytest.raises(UserError) as caught:
        splits(root)
    assert str(caught.value).startswith(f"{root / 'masks'}: {were} written by minifcn predict, and ")
    faults = []
    splits(root, faults.append)
    assert str(caught.value) in faults


def test_an_overlay_is_called_one(root):
    (root / "classes.csv").write_text("name,r,g,b\na,0,0,0\nb,128,64,128\nc,0,0,142\n")
    for name in "abcdef":
        folder_sets.save(folder_sets.COLOURS[folder_sets.MASK], root / "masks" / f"{name}.png")
    Folder(root, "all")
    with pictures.signed(PREDICTED):
        pictures.save_overlay(
            root / "masks" / "b.png",
            np.zeros((8, 12, 3), np.uint8),
            folder_sets.MASK,
            ["a", "b", "c"],
            folder_sets.COLOURS,
            with_legend=False,
        )
    with pytest.raises(UserError, match=r"masks/b\.png: it is an overlay of minifcn predict"):
        Folder(root, "all")
