"""Other classes, years, images and splits in the folders of Pascal VOC."""

import folder_sets
import numpy as np
import pytest
from folder_sets import IMAGE, MASK, save

from minifcn.data import VOCSegmentation, open_dataset
from minifcn.data.voc import voc_palette
from minifcn.errors import UserError

BORDERED = np.where(MASK == 2, 255, MASK)


def make(root, year="2012", ending="jpg", split="train"):
    folder = root / f"VOC{year}"
    for name in ("a", "b"):
        save(IMAGE, folder / "JPEGImages" / f"{name}.{ending}")
        folder_sets.save_palette(BORDERED, folder / "SegmentationClass" / f"{name}.png")
    (folder / "ImageSets" / "Segmentation").mkdir(parents=True)
    (folder / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("a\nb\n")
    return folder


@pytest.mark.parametrize("place", [".", "VOC2012"])
@pytest.mark.parametrize("file", ["classes.txt", "class_names.txt"])
def test_other_classes_stand_in_a_list(tmp_path, place, file):
    make(tmp_path)
    (tmp_path / place / file).write_text("meadow\ncow\ngoat\n")
    dataset = open_dataset(f"voc:{tmp_path}", "train")
    assert (dataset.class_names, dataset.ignore_index) == (("meadow", "cow", "goat"), 255)
    np.testing.assert_array_equal(dataset.palette, voc_palette(3))
    np.testing.assert_array_equal(dataset[0].label, BORDERED)


def test_a_table_gives_them_colours(tmp_path):
    (make(tmp_path) / "classes.csv").write_text("name,r,g,b\nmeadow,0,200,0\ncow,90,50,20\n")
    assert open_dataset(f"voc:{tmp_path}", "train").palette.tolist() == [[0, 200, 0], [90, 50, 20]]


def test_a_class_called_void_is_ignored_and_so_is_255(tmp_path):
    (make(tmp_path) / "classes.txt").write_text("void\ncow\ngoat\n")
    dataset = open_dataset(f"voc:{tmp_path}", "train")
    assert dataset.ignore_index == 0
    np.testing.assert_array_equal(dataset[0].label, np.where(BORDERED == 255, 0, BORDERED))


@pytest.mark.parametrize("ending", ["jpeg", "png", "JPEG", "PNG", "bmp"])
def test_images_may_be_no_jpg(tmp_path, ending):
    make(tmp_path, ending=ending)
    assert [sample.name for sample in VOCSegmentation(tmp_path, 2012, "train")] == ["a", "b"]


def test_a_jpg_goes_before_another_image_of_its_name(tmp_path):
    save(IMAGE, make(tmp_path) / "JPEGImages" / "a.bmp")
    assert VOCSegmentation(tmp_path, 2012, "train").pairs[0][0].name == "a.jpg"


def test_pairs_in_a_list_may_be_no_jpg(tmp_path):
    folder = make(tmp_path, ending="png")
    text = "/JPEGImages/a.png /SegmentationClass/a.png\n"
    (folder / "ImageSets" / "Segmentation" / "train_aug.txt").write_text(text)
    assert len(open_dataset(f"voc:{tmp_path}", "train_aug")) == 1


@pytest.mark.parametrize("year", ["2007", "2012", "_of_mine"])
def test_the_only_year_need_not_be_named(tmp_path, year):
    make(tmp_path, year)
    assert len(open_dataset(f"voc:{tmp_path}", "train")) == 2


def test_of_several_years_it_is_2012(tmp_path):
    make(tmp_path, "2007", split="other")
    make(tmp_path, "2012")
    assert len(open_dataset(f"voc:{tmp_path}", "train")) == 2


def test_the_folder_of_a_year_may_be_given_itself(tmp_path):
    make(tmp_path, "2007")
    make(tmp_path, "2012", split="other")
    assert len(open_dataset(f"voc:{tmp_path}/VOC2007", "train")) == 2


def test_several_years_without_2012_are_refused_with_the_fix(tmp_path):
    make(tmp_path, "2007")
    make(tmp_path, "2010")
    with pytest.raises(UserError, match=r"it has VOC2007, VOC2010; give the path of one of them, such as .*VOC2007"):
        open_dataset(f"voc:{tmp_path}", "train")
