"""What a folder leaves open is told by check-data, with what was taken, and stops nothing."""

import folder_sets
import numpy as np
import pytest
from folder_sets import COLOURS, MASK, photos, save, save_palette
from test_annotated import SQUARE, outline, photograph

from minifcn.cli import main
from minifcn.data import Folder, open_dataset
from minifcn.data.folder import Drawing


def warnings_of(root, split="all"):
    return open_dataset(f"folder:{root}", split).warnings


def in_colours(root, names="abc"):
    return photos(root, names, mask=COLOURS[MASK])


def test_a_sound_folder_leaves_nothing_open(tmp_path):
    assert warnings_of(in_colours(tmp_path)) == ()


def test_images_in_no_list_are_counted_and_named(tmp_path, capsys):
    for number, path in enumerate(sorted((photos(tmp_path) / "images").iterdir())):
        save(folder_sets.IMAGE + number, path, quality=100)
    (tmp_path / "train.txt").write_text("a\nb\n")
    (tmp_path / "val.txt").write_text("c\n")
    assert main(["check-data", f"folder:{tmp_path}"]) == 0
    text = capsys.readouterr().out
    assert "3 images are in no list (images/d.jpg, images/e.jpg, images/f.jpg) and left out; name them in" in text
    assert "every pair can be read" not in text


def test_a_drawing_in_no_list_is_named(tmp_path):
    for name in "abc":
        photograph(tmp_path, f"{name}.jpg", SQUARE)
    (tmp_path / "train.txt").write_text("a\n")
    (tmp_path / "val.txt").write_text("b\n")
    (warning,) = warnings_of(tmp_path, "train")
    assert warning.startswith("1 image is in no list (c.jpg) and left out; name it in")


def test_every_image_in_a_list_is_nothing_to_say(tmp_path):
    photos(tmp_path, "abc")
    (tmp_path / "train.txt").write_text("a\nb\n")
    (tmp_path / "trainval.txt").write_text("a\nb\nc\n")
    assert warnings_of(tmp_path, "train") == ()


def test_a_drawing_that_names_another_photograph_that_is_there(tmp_path):
    photograph(tmp_path, "p0.jpg", SQUARE, imagePath="p1.jpg")
    photograph(tmp_path, "p1.jpg", outline("mug"))
    (warning,) = warnings_of(tmp_path)
    assert warning.startswith("1 .json file names another photograph as the one drawn on (p0.json names p1.jpg), but")


@pytest.mark.parametrize("name", ["../from_a_phone/IMG_7.jpg", "P0.JPG", "p0.png", "p1/", ".", "..", "\0", 300 * "p"])
def test_a_drawing_whose_photograph_was_renamed_or_saved_anew(tmp_path, name):
    photograph(tmp_path, "p0.jpg", SQUARE, imagePath=name)
    photograph(tmp_path, "p1.jpg", SQUARE)
    assert warnings_of(tmp_path) == ()


def test_masks_beside_drawings_are_said_to_count(tmp_path):
    for name in "ab":
        photograph(tmp_path, f"{name}.jpg", SQUARE)
        save(MASK[:6, :8], tmp_path / f"{name}_mask.png")
    description = open_dataset(f"folder:{tmp_path}", "all").description
    assert description.endswith("; masks count, not 2 .json files of labelme beside the images")


def test_colours_one_step_apart(tmp_path):
    in_colours(tmp_path)
    save(np.where(COLOURS[MASK] == 142, 141, COLOURS[MASK]), tmp_path / "masks" / "b.png")
    (warning,) = warnings_of(tmp_path)
    assert "(0, 0, 141) and (0, 0, 142) (the rarer one in b.png); if they are one class" in warning


def test_a_colour_of_a_few_pixels_in_one_mask(tmp_path):
    large = np.kron(COLOURS[MASK], np.ones((8, 8, 1), np.uint8))
    for name in "abc":
        save(np.zeros_like(large), tmp_path / "images" / f"{name}.png")
        save(large, tmp_path / "masks" / f"{name}.png")
    large[5, 5:8] = 255, 0, 255
    save(large, tmp_path / "masks" / "c.png")
    (warning,) = warnings_of(tmp_path)
    assert warning.startswith(
        "1 colour has a few pixels of one mask alone, and is a class ((255, 0, 255), 3 pixels in c.png); "
    )


def test_listed_colours_are_meant(tmp_path):
    in_colours(tmp_path)
    rows = ["name,r,g,b", *(f"c{r}{b},{r},{g},{b}" for r, g, b in COLOURS.tolist()), "other,0,0,141"]
    (tmp_path / "classes.csv").write_text("\n".join(rows))
    assert warnings_of(tmp_path) == ()


@pytest.mark.parametrize(("colour", "told"), [("1,2,3", True), ("128,0,0", False)])
def test_a_table_and_palettes_without_a_colour_in_common(tmp_path, colour, told):
    photos(tmp_path, "ab")
    for name in "ab":
        save_palette(MASK, tmp_path / "masks" / f"{name}.png")
    (tmp_path / "classes.csv").write_text(f"name,r,g,b\nsky,0,0,0\nroad,{colour}\ncar,7,8,9\n")
    told_now = [warning for warning in warnings_of(tmp_path) if "have no colour of classes.csv" in warning]
    assert len(told_now) == told
    assert all("counts: 0 is sky, 1 is road, 2 is car; look" in warning for warning in told_now)


@pytest.mark.parametrize(
    ("names", "told"), [("0 bg\n1 road\n2 car", True), ("0: bg\n1: road\n2: car", True), ("1\n2nd\n3 d", False)]
)
def test_lines_that_are_counted(tmp_path, names, told):
    (photos(tmp_path, "ab") / "classes.txt").write_text(names)
    assert any("every name begins with a number" in warning for warning in warnings_of(tmp_path)) == told


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["train.csv", "val.csv"], "train.csv, val.csv are not read as lists of images, and the images of val were"),
        (["train_list.txt"], "train_list.txt is not read as a list of images"),
        (["val.json", "notes.txt", "retrain.txt"], "val.json is not read as a list of images"),
    ],
)
def test_lists_that_are_not_read_where_images_are_drawn(tmp_path, names, told):
    root = folder_sets.photos(tmp_path)
    for name in names:
        (root / name).write_text("a\n")
    (warning,) = Folder(root, "train").warnings
    assert warning.startswith(told)
    assert Folder(root, "train", drawing=Drawing(names=("a",))).warnings == ()  # a run knows which they are


def test_other_files_are_no_lists(tmp_path):
    root = folder_sets.photos(tmp_path)
    for name in ("notes.txt", "retrain.txt", "training", "classes.txt"):
        (root / name).mkdir() if name == "training" else (root / name).write_text("background\nroad\ncar\n")
    (root / "train.txt").write_text("a\nb\nc\nd\n")
    (root / "val.txt").write_text("e\nf\n")
    (root / "val.csv").write_text("e\n")
    assert Folder(root, "train").warnings == ()


def test_a_validation_folder_without_images(tmp_path):
    root = folder_sets.photos(tmp_path, images="train/images", masks="train/masks")
    for name in ("images", "masks"):
        (root / "val" / name).mkdir(parents=True)
    (warning,) = Folder(root, "train").warnings
    assert warning.startswith("val/ holds no image, and the images of val were drawn at random; put images")
    folder_sets.photos(root, names="xy", images="val/images", masks="val/masks")
    assert Folder(root, "train").warnings == ()
