"""Faults of the files of a data set: the first is refused, or all are reported and what has one is left out."""

import numpy as np
import pytest
from PIL import Image

from minifcn.data import CamVid, VOCSegmentation, open_dataset, open_split
from minifcn.errors import UserError


def save(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((2, 3), np.uint8)).save(path)


@pytest.fixture
def camvid(tmp_path):
    """Five training images; two have no label, and two have one label."""
    for name in ("a.png", "b.png", "c.png", "d.png", "d.jpg"):
        save(tmp_path / "train" / name)
    for name in ("b.png", "d.png"):
        save(tmp_path / "trainannot" / name)
    return tmp_path


@pytest.fixture
def voc(tmp_path):
    """A list of one sound pair, a wrong name and a missing image."""
    save(tmp_path / "VOC2012" / "JPEGImages" / "a.jpg")
    for name in ("a.png", "b.png"):
        save(tmp_path / "VOC2012" / "SegmentationClass" / name)
    path = tmp_path / "VOC2012" / "ImageSets" / "Segmentation" / "train.txt"
    path.parent.mkdir(parents=True)
    path.write_text("../a\na\nb\n")
    return tmp_path


def test_by_default_the_first_fault_is_refused(camvid):
    with pytest.raises(UserError, match=r"2 of 5 labels of the split 'train' are missing, the first is .*a\.png"):
        open_dataset(f"camvid:{camvid}", "train")


def test_camvid_reports_every_fault_and_leaves_out_what_has_one(camvid):
    faults = []
    dataset = CamVid(camvid, "train", report=faults.append)
    assert [sample.name for sample in dataset] == ["b", "d"]
    assert ["2 of 5 labels" in faults[0], "c.png: this label is missing too" in faults[1]] == [True, True]
    assert "d.png: it has the label" in faults[2]
    assert len(faults) == 3


def test_voc_reports_lines_and_files(voc):
    faults = []
    dataset = VOCSegmentation(voc, 2012, "train", report=faults.append)
    assert [sample.name for sample in dataset] == ["a"]
    assert "train.txt: line 1: '../a' is not the name of an image" in faults[0]
    assert "b.jpg (for" in faults[1]
    assert len(faults) == 2


@pytest.mark.parametrize("opened", [open_dataset, open_split])
def test_a_data_set_opened_by_its_name_reports_too(camvid, opened):
    faults = []
    assert len(opened(f"camvid:{camvid}", "train", report=faults.append)) == 2
    assert len(faults) == 3


def test_an_empty_split_is_a_fault_as_well(camvid):
    (camvid / "val").mkdir()
    (camvid / "valannot").mkdir()
    faults = []
    assert len(CamVid(camvid, "val", report=faults.append)) == 0
    assert "the split 'val' has no images" in faults[0]
