"""Where images and masks may lie, and which belong together."""

import folder_sets
import numpy as np
import pytest
from folder_sets import IMAGE, MASK, photos, save
from PIL import Image

from minifcn.data import Folder
from minifcn.errors import UserError


def names(dataset):
    return [sample.name for sample in dataset]


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        *[("images", masks) for masks in ("masks", "labels", "annotations", "SegmentationClass", "Mask", "gt")],
        *[(images, "masks") for images in ("Image", "imgs", "IMG", "JPEGImages", "photos")],
    ],
)
def test_folders_of_images_and_masks(tmp_path, images, masks):
    photos(tmp_path, "ab", images=images, masks=masks)
    folder = Folder(tmp_path, "all")
    assert names(folder) == ["a", "b"]
    assert f"2 images in {images}/, masks in {masks}/" in folder.description
    np.testing.assert_array_equal(folder[0].label, MASK)


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images/{}", "masks/{}"),
        ("{}/images", "{}/masks"),
        ("images_{}", "masks_{}"),
        ("{}_images", "{}_labels"),
        ("{}", "{}_masks"),
        ("{}", "{}annot"),
        ("images_prepped_{}", "annotations_prepped_{}"),
    ],
)
@pytest.mark.parametrize(("train", "val"), [("train", "val"), ("training", "validation"), ("Train", "Valid")])
def test_folders_of_splits(tmp_path, images, masks, train, val):
    photos(tmp_path, "abc", images.format(train), masks.format(train))
    photos(tmp_path, "de", images.format(val), masks.format(val))
    assert names(Folder(tmp_path, "train")) == ["a", "b", "c"]
    assert names(Folder(tmp_path, "val")) == ["d", "e"]
    assert "train 3, val 2 (by subfolders)" in Folder(tmp_path, "val").description


@pytest.mark.parametrize("suffix", ["_mask", "_L", "_label", "_seg"])
def test_images_and_masks_in_one_folder(tmp_path, suffix):
    photos(tmp_path, "ab", ".", ".", suffix)
    assert names(Folder(tmp_path, "all")) == ["a", "b"]


def test_images_and_masks_in_one_folder_of_each_split(tmp_path):
    photos(tmp_path, "ab", "train", "train", "_mask")
    photos(tmp_path, "c", "val", "val", "_mask")
    assert names(Folder(tmp_path, "val")) == ["c"]


@pytest.mark.parametrize("version", [4, 5])
def test_an_export_of_labelme(tmp_path, version):
    """Without ImageSets; beside the masks lie .npy files, which are never opened, and pictures for people."""
    folder_sets.labelme(tmp_path, version)
    folder = Folder(tmp_path, "train")
    assert (folder.num_classes, folder.class_names[0], folder.ignore_index) == (17, "_background_", 255)
    assert np.unique(folder[0].label).tolist() == [0, 15, 255]
    assert folder.description.startswith(
        "folder: 3 images in JPEGImages/, masks in "
        f"{'SegmentationClassPNG' if version == 4 else 'SegmentationClass'}/ (class indices, palette), 17 classes from "
        "class_names.txt (255 ignored); train 2, val 1 (drawn at random, --val-share 0.2)"
    )


def test_the_sample_set_of_keras_segmentation(tmp_path):
    """It has no validation split: that comes from the training images, and the test images stay what they are."""
    folder_sets.keras_segmentation(tmp_path)
    assert [len(Folder(tmp_path, split)) for split in ("train", "val", "test")] == [2, 1, 1]
    np.testing.assert_array_equal(Folder(tmp_path, "test")[0].label, MASK)


def test_test_images_without_masks_are_left_out(tmp_path):
    photos(tmp_path, "ab", "train/images", "train/masks")
    save(IMAGE, tmp_path / "test" / "images" / "c.jpg")
    assert names(Folder(tmp_path, "all")) == ["a", "b"]


@pytest.mark.parametrize("ending", ["jpg", "JPG", "jpeg", "png", "PNG", "bmp", "gif", "tif", "TIFF", "webp", "ppm"])
def test_images_of_any_format_and_ending(tmp_path, ending):
    photos(tmp_path, "a")
    (tmp_path / "images" / "a.jpg").unlink()
    save(IMAGE, tmp_path / "images" / f"a.{ending}")
    assert Folder(tmp_path, "all")[0].image.shape == IMAGE.shape


def test_masks_may_end_in_capitals_and_names_differ_in_capitals(tmp_path):
    photos(tmp_path, ["IMG_1", "IMG_2"])
    for path in (tmp_path / "masks").iterdir():
        path.rename(path.with_name(f"{path.stem.lower()}_Mask.PNG"))
    assert names(Folder(tmp_path, "all")) == ["IMG_1", "IMG_2"]


def test_accents_may_be_stored_in_either_form(tmp_path):
    """A Mac's programs take é apart."""
    photos(tmp_path, ["caf\N{LATIN SMALL LETTER E WITH ACUTE}"])
    (mask,) = (tmp_path / "masks").iterdir()
    mask.rename(mask.with_name("cafe\N{COMBINING ACUTE ACCENT}.png"))
    assert len(Folder(tmp_path, "all")) == 1


def test_one_name_may_begin_with_another(tmp_path):
    photos(tmp_path, ["1", "10", "1_2", "1_2_mask2"], suffix="_mask")
    pairs = Folder(tmp_path, "all").pairs
    assert {image.stem: mask.stem for image, mask in pairs} == {name: f"{name}_mask" for name in names_of(pairs)}


def test_an_image_may_have_a_name_that_ends_as_masks_do(tmp_path):
    photos(tmp_path, ["a", "a_label"])
    assert [(image.stem, mask.stem) for image, mask in Folder(tmp_path, "all").pairs] == [("a", "a"), ("a_label",) * 2]


def names_of(pairs):
    return [image.stem for image, _ in pairs]


def test_what_is_no_image_is_left_alone(tmp_path):
    photos(tmp_path, "a")
    for folder in ("images", "masks"):
        for name in (".DS_Store", "._a.png", "Thumbs.db", "a.json", "notes.txt"):
            (tmp_path / folder / name).write_bytes(b"no image")
    (tmp_path / ".git").mkdir()
    assert names(Folder(tmp_path, "all")) == ["a"]


def test_an_image_that_a_phone_holds_sideways_is_turned_as_its_mask_is(tmp_path):
    photos(tmp_path, "a")
    folder_sets.save_turned(IMAGE.transpose(1, 0, 2), tmp_path / "images" / "a.jpg", 6)
    folder = Folder(tmp_path, "all")
    with Image.open(tmp_path / "images" / "a.jpg") as stored:
        expected = np.array(stored.transpose(Image.Transpose.ROTATE_270))
    np.testing.assert_array_equal(folder[0].image, expected)


def test_a_mask_of_the_image_as_it_is_stored_stays_with_that(tmp_path):
    photos(tmp_path, "a")
    folder_sets.save_turned(IMAGE, tmp_path / "images" / "a.jpg", 6)
    assert Folder(tmp_path, "all")[0].image.shape == IMAGE.shape


def test_the_folder_one_above_is_pointed_down(tmp_path):
    photos(tmp_path / "dataset1", "a")
    with pytest.raises(UserError, match=r"no images with masks here; did you mean folder:.*dataset1\?"):
        Folder(tmp_path, "train")


@pytest.mark.parametrize("name", ["images", "masks"])
def test_a_folder_of_images_or_of_masks_alone_is_pointed_up(tmp_path, name):
    photos(tmp_path / "mine", "a")
    with pytest.raises(UserError, match=r"has images or masks alone; did you mean folder:.*mine, which has both\?"):
        Folder(tmp_path / "mine" / name, "train")


def test_an_empty_folder_is_told_what_is_expected(tmp_path):
    with pytest.raises(UserError, match="no images with masks here; it takes images/ with masks/"):
        Folder(tmp_path, "train")


def test_the_line_says_where_masks_lie_beside_their_images(tmp_path):
    photos(tmp_path, "ab", ".", ".", "_mask")
    assert Folder(tmp_path, "all").description.startswith(
        "folder: 2 images with masks beside them (class indices, grey)"
    )


def test_a_folder_of_another_name_is_not_looked_into(tmp_path):
    photos(tmp_path, "a")
    photos(tmp_path / "backup", "ab")
    assert names(Folder(tmp_path, "all")) == ["a"]


def test_masks_of_which_none_can_be_read_are_refused(tmp_path):
    photos(tmp_path, "a")
    (tmp_path / "masks" / "a.png").write_bytes(b"no image")
    faults = []
    with pytest.raises(UserError, match=r"a\.png: not a readable image"):
        Folder(tmp_path, "all", report=faults.append)
    assert "a.png: not a readable image" in faults[0]
