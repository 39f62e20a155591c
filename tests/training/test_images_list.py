"""A run goes on with the images it began with, wherever they have moved, and with no others."""

import json
import shutil
import zlib
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from minifcn.data import Shapes, open_split
from minifcn.errors import UserError
from minifcn.training import images_list


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for folder in (split, split + "annot"):
            (tmp_path / "data" / folder).mkdir(parents=True)
        for i in range(3):
            image = rng.integers(0, 256, (8, 8 + i, 3), dtype=np.uint8)
            Image.fromarray(image).save(tmp_path / "data" / split / f"{i}.png")
            Image.fromarray(np.zeros((8, 8 + i), np.uint8)).save(tmp_path / "data" / f"{split}annot" / f"{i}.png")
    return tmp_path / "data"


def splits_of(root, images=None):
    return {split: open_split(f"camvid:{root}", split, images) for split in ("train", "val")}


@pytest.fixture
def path(root):
    """The list of a run that began with these images."""
    images_list.write(root.parent / "images.csv", splits_of(root))
    return root.parent / "images.csv"


def test_the_list_names_each_image_with_its_sizes_and_what_its_files_hold(root, path):
    header, first, *rest = path.read_text().splitlines()
    assert header == "split,image,bytes,label_bytes,label_crc32,image_crc32"
    image, label = (f"{zlib.crc32((root / folder / '0.png').read_bytes()):08x}" for folder in ("train", "trainannot"))
    sizes = [(root / folder / "0.png").stat().st_size for folder in ("train", "trainannot")]
    assert first == f"train,0.png,{sizes[0]},{sizes[1]},{label},{image}"
    assert len(rest) == 5


def test_images_that_moved_are_the_same(root, path):
    shutil.move(root, root.parent / "elsewhere")
    images_list.check(path, splits_of(root.parent / "elsewhere"), "camvid:elsewhere")


def turn_last_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def change(root, name):
    train, labels = root / "train", root / "trainannot"
    if name == "new":
        for folder in (train, labels):
            shutil.copy(folder / "2.png", folder / "3.png")
    elif name == "missing":
        for folder in (train, labels):
            (folder / "1.png").unlink()
    elif name == "renamed":
        for folder in (train, labels):
            (folder / "1.png").rename(folder / "9.png")
    elif name == "other bytes":
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(train / "0.png")
    elif name == "another label":
        Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) % 5).save(labels / "0.png")
    elif name == "another label of as many bytes":
        turn_last_bit(labels / "0.png")
    elif name == "other pixels of as many bytes":
        turn_last_bit(train / "0.png")
    elif name == "image and label":
        change(root, "other bytes")
        change(root, "another label")


CHANGES = {
    "new": "of the split train 1 image is new (3.png); give",
    "missing": "of the split train 1 image is missing (1.png); give",
    "renamed": "1 image is new (9.png), 1 image is missing (1.png)",
    "other bytes": "of the split train 1 image has another size in bytes (0.png); give",
    "another label": "of the split train 1 image has another label (0.png); give",
    "another label of as many bytes": "of the split train 1 image has another label (0.png); give",
    "other pixels of as many bytes": "of the split train 1 image is another one of as many bytes (0.png); give",
    "image and label": "1 image has another size in bytes (0.png), 1 image has another label (0.png)",
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_has_changed_is_named(root, path, name):
    change(root, name)
    with pytest.raises(UserError) as error:
        images_list.check(path, splits_of(root), "camvid:here")
    assert str(error.value).startswith("camvid:here: the data set has changed since the run began: ")
    assert CHANGES[name] in str(error.value)


@pytest.mark.parametrize(
    ("columns", "unseen", "seen"),
    [
        (5, "other pixels of as many bytes", "another label of as many bytes"),
        (4, "another label of as many bytes", "another label"),
    ],
)
def test_a_list_of_before_files_were_looked_into_still_counts(root, path, columns, unseen, seen):
    path.write_text("".join(",".join(line.split(",")[:columns]) + "\n" for line in path.read_text().splitlines()))
    images_list.check(path, splits_of(root), "camvid:here")
    change(root, unseen)
    images_list.check(path, splits_of(root), "camvid:here")
    change(root, seen)
    with pytest.raises(UserError, match="another label"):
        images_list.check(path, splits_of(root), "camvid:here")


def test_a_large_image_is_looked_into_at_both_ends_and_between(root, path):
    """As it is not compressed anew, only what covers a tenth of the file is sure to be seen."""
    large = root / "train" / "0.png"
    content = large.read_bytes() + np.random.default_rng(0).bytes(3 << 20)  # readers stop at the end of the picture
    large.write_bytes(content)
    images_list.write(path, splits_of(root))
    places = [len(content) * number // 10 for number in range(11)]
    for first, last in pairwise(places):
        changed = np.frombuffer(content, np.uint8).copy()
        changed[max(first, 1000) : last] ^= 1  # not the picture itself
        large.write_bytes(changed.tobytes())
        with pytest.raises(UserError, match=r"1 image is another one of as many bytes \(0\.png\)"):
            images_list.check(path, splits_of(root), "camvid:here")


def test_another_name_in_a_drawing_is_another_label(tmp_path):
    """labelme's file is as long with dog as with cat."""
    folder, listed = tmp_path / "photos", tmp_path / "images.csv"
    folder.mkdir()
    for number in range(4):
        drawing = {"imagePath": f"{number}.png", "imageHeight": 8, "imageWidth": 8, "version": "5.5.0", "flags": {}}
        outline = {"label": "cat", "points": [[0, 0], [6, 0], [6, 6]], "shape_type": "polygon", "flags": {}}
        Image.new("RGB", (8, 8)).save(folder / f"{number}.png")
        text = json.dumps(drawing | {"shapes": [outline, outline | {"label": "dog"}], "imageData": None})
        (folder / f"{number}.json").write_text(text)
    splits = {"all": open_split(f"folder:{folder}", "all", None)}
    images_list.write(listed, splits)
    (folder / "2.json").write_text((folder / "2.json").read_text().replace("cat", "dog", 1))
    with pytest.raises(UserError, match=r"of the split all 1 image has another label \(2\.png\)"):
        images_list.check(listed, splits, "folder:here")


def test_another_order_is_another_run():
    a, b = images_list.Listed("a.png", 1, 1), images_list.Listed("b.png", 1, 1)
    assert images_list.difference([a, b], [b, a]) == "the images come in another order"


def test_only_the_first_images_count_where_only_they_are_used(root):
    path = root.parent / "few.csv"
    images_list.write(path, splits_of(root, images=2))
    change(root, "new")
    images_list.check(path, splits_of(root, images=2), "camvid:here")


def test_generated_images_have_no_list_and_runs_of_before_go_on_without(root, tmp_path):
    images_list.write(tmp_path / "images.csv", {"train": Shapes(3)})
    assert not (tmp_path / "images.csv").exists()
    images_list.check(tmp_path / "images.csv", splits_of(root), "camvid:here")


SHORT = "split,image,bytes,label_bytes,label_crc32,image_crc32\ntrain,a.png,1,1,0\n"


@pytest.mark.parametrize("text", ["", "a,b\n", "split,image,bytes,label_bytes\ntrain,a.png,1\n", "\0", SHORT])
def test_a_file_that_is_no_list_is_refused(root, tmp_path, text):
    path = tmp_path / "images.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=r"images\.csv: not the list of a run's images .* or remove it to go on"):
        images_list.check(path, splits_of(root), "camvid:here")
