"""Data sets by name."""

import pytest

from minifcn.data import CamVid, Shapes, open_dataset
from minifcn.errors import UserError


def test_shapes_take_their_options():
    shapes = open_dataset("shapes", "train", length=7, size=(32, 48), num_classes=4, seed=2)
    assert isinstance(shapes, Shapes)
    assert (len(shapes), shapes.num_classes, shapes[0].label.shape) == (7, 4, (32, 48))


def test_no_two_splits_of_shapes_share_a_generator():
    seeds = [open_dataset("shapes", split, seed=seed).seed for seed in range(3) for split in ("train", "val", "test")]
    assert len(set(seeds)) == 9


def test_camvid_is_opened_from_its_folder(camvid_root):
    assert isinstance(open_dataset(f"camvid:{camvid_root}", "val"), CamVid)


def test_the_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UserError, match=f"{tmp_path}/data: the folder of the data set does not exist"):
        open_dataset("camvid:~/data", "train")


@pytest.mark.parametrize(
    ("spec", "split", "options", "message"),
    [
        (
            "cityscapes:/data",
            "val",
            {},
            "no data set 'cityscapes'; write one of: shapes, folder:PATH, camvid:PATH, voc:PATH, nyud:PATH, "
            "siftflow:PATH, pascalcontext:PATH",
        ),
        ("shape", "val", {}, "did you mean 'shapes'?"),
        ("canvid:/data", "val", {}, "did you mean 'camvid:PATH'?"),
        ("", "val", {}, "no data set ''"),
        ("camvid", "val", {}, "the data set camvid is written camvid:PATH, got 'camvid'"),
        ("voc:", "val", {}, "the data set voc is written voc:PATH"),
        ("shapes:/data", "val", {}, "the data set shapes is written shapes, got 'shapes:/data'"),
        ("camvid:no/such", "val", {}, "no/such: the folder of the data set does not exist"),
        ("shapes", "valid", {}, "no split 'valid'; there are: train, val, test"),
        ("shapes", "val", {"year": 2012}, "no option 'year'; it has: length, size, num_classes, seed"),
        ("shapes", "val", {"seed": -1}, "shapes: seed is at least 0, got -1"),
        ("camvid:no/such", "val", {"length": 3}, "no option 'length'; it has: none"),
    ],
)
def test_what_the_user_got_wrong_is_named(spec, split, options, message):
    with pytest.raises(UserError) as caught:
        open_dataset(spec, split, **options)
    assert message in str(caught.value)


def test_a_folder_without_its_kind_is_asked_for_with_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    with pytest.raises(UserError, match=r"there is no data set 'photos'; .*; did you mean folder:photos\?$"):
        open_dataset("photos", "train")
