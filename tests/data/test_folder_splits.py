"""Which images a folder trains on and which it is validated on."""

import pytest
from folder_sets import photos

from minifcn.data import Folder, open_dataset
from minifcn.data.folder import Drawing
from minifcn.errors import UserError


def names(dataset):
    return [image.stem for image, _ in dataset.pairs]


class TestLists:
    @pytest.mark.parametrize("place", [".", "ImageSets/Segmentation", "ImageSets", "splits"])
    @pytest.mark.parametrize(
        "line", ["{}", "{}.jpg", "images/{}.jpg", "/data/images/{}.jpg masks/{}.png", "images\\{}.JPG"]
    )
    def test_lists_name_the_images_of_a_split(self, tmp_path, place, line):
        photos(tmp_path)
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        for split, listed in (("train", "ac"), ("val", "b")):
            text = "\n".join(line.replace("{}", name) for name in listed)
            (tmp_path / place / f"{split}.txt").write_text(text)
        assert [names(Folder(tmp_path, split)) for split in ("train", "val")] == [["a", "c"], ["b"]]
        assert "6 images" in Folder(tmp_path, "train").description
        assert "train 2, val 1 (listed in train.txt, val.txt)" in Folder(tmp_path, "train").description

    def test_a_name_may_have_spaces(self, tmp_path):
        photos(tmp_path, ["my dog", "my"])
        (tmp_path / "train.txt").write_text("my dog\n")
        (tmp_path / "val.txt").write_text("my\n")
        assert names(Folder(tmp_path, "train")) == ["my dog"]

    def test_without_a_list_of_validation_it_is_drawn_from_those_of_training(self, tmp_path):
        photos(tmp_path)
        (tmp_path / "train.txt").write_text("a\nb\nc\n")
        (tmp_path / "test.txt").write_text("d\ne\nf\n")
        assert sorted(names(Folder(tmp_path, "train")) + names(Folder(tmp_path, "val"))) == ["a", "b", "c"]
        assert names(Folder(tmp_path, "test")) == ["d", "e", "f"]

    def test_trainval_may_overlap(self, tmp_path):
        photos(tmp_path)
        for split, listed in (("train", "a"), ("val", "b"), ("trainval", "ab")):
            (tmp_path / f"{split}.txt").write_text("\n".join(listed))
        assert names(Folder(tmp_path, "trainval")) == ["a", "b"]

    def test_lists_in_two_places_are_refused(self, tmp_path):
        photos(tmp_path)
        (tmp_path / "ImageSets").mkdir()
        for path in (tmp_path / "train.txt", tmp_path / "ImageSets" / "train.txt"):
            path.write_text("a\n")
        with pytest.raises(UserError, match=r"train\.txt and ImageSets/train\.txt are both lists of a split"):
            Folder(tmp_path, "train")


class TestDrawn:
    def test_every_image_is_in_one_of_the_splits(self, tmp_path):
        photos(tmp_path, "abcdefghij")
        train, val = (Folder(tmp_path, split) for split in ("train", "val"))
        assert (len(train), len(val)) == (8, 2)
        assert sorted(names(train) + names(val)) == list("abcdefghij")
        assert train.drawn == val.drawn == tuple(names(val))

    @pytest.mark.parametrize(("share", "count"), [(0.5, 5), (0.01, 1), (0.99, 9), (0.25, 2)])
    def test_the_share_is_rounded_and_leaves_both_an_image(self, tmp_path, share, count):
        photos(tmp_path, "abcdefghij")
        assert len(Folder(tmp_path, "val", drawing=Drawing(share))) == count

    def test_the_seed_decides(self, tmp_path):
        photos(tmp_path, "abcdefghij")
        drawn = [Folder(tmp_path, "val", drawing=Drawing(0.5, seed)).drawn for seed in (0, 0, 1)]
        assert drawn[0] == drawn[1] != drawn[2]

    def test_names_that_were_drawn_stay_though_images_are_added(self, tmp_path):
        photos(tmp_path)
        drawing = Drawing(0.5, names=Folder(tmp_path, "val", drawing=Drawing(0.5)).drawn)
        before = names(Folder(tmp_path, "val", drawing=drawing))
        photos(tmp_path, "0123456789")
        assert names(Folder(tmp_path, "val", drawing=drawing)) == before
        assert len(Folder(tmp_path, "train", drawing=drawing)) == 13

    def test_a_drawn_image_that_is_gone_is_named(self, tmp_path):
        photos(tmp_path)
        with pytest.raises(UserError, match="1 of 2 images that the run was validated on is not there, z"):
            Folder(tmp_path, "val", drawing=Drawing(names=("a", "z")))

    def test_another_folder_with_splits_of_its_own_has_those(self, tmp_path):
        photos(tmp_path, "ab", "train/images", "train/masks")
        photos(tmp_path, "c", "val/images", "val/masks")
        assert names(Folder(tmp_path, "val", drawing=Drawing(names=("x", "y")))) == ["c"]

    def test_a_share_where_there_is_a_split_is_refused(self, tmp_path):
        photos(tmp_path, "ab", "train/images", "train/masks")
        photos(tmp_path, "c", "val/images", "val/masks")
        with pytest.raises(UserError, match=r"--val-share is 0\.3, but .* has a validation split, by subfolders"):
            Folder(tmp_path, "train", drawing=Drawing(0.3))

    def test_one_image_cannot_be_divided(self, tmp_path):
        photos(tmp_path, "a")
        with pytest.raises(UserError, match="training and validation need an image each, but there is 1"):
            Folder(tmp_path, "train")


def test_all_is_every_image_of_every_split(tmp_path):
    photos(tmp_path, "ab", "train/images", "train/masks")
    photos(tmp_path, "c", "val/images", "val/masks")
    assert names(open_dataset(f"folder:{tmp_path}", "all")) == ["a", "b", "c"]


def test_an_unknown_split_lists_the_others(tmp_path):
    photos(tmp_path)
    with pytest.raises(UserError, match="there is no split 'test'; there are: train, val, all"):
        Folder(tmp_path, "test")


def test_a_damaged_mask_of_another_split_is_no_fault_of_this_one(tmp_path):
    photos(tmp_path, "ab", "train/images", "train/masks")
    photos(tmp_path, "cd", "val/images", "val/masks")
    (tmp_path / "train" / "masks" / "a.png").write_bytes(b"")
    assert names(Folder(tmp_path, "val")) == ["c", "d"]
    with pytest.raises(UserError, match=r"a\.png: the file is empty"):
        Folder(tmp_path, "train")


@pytest.mark.parametrize("share", [-1, 1, 2.0, float("nan")])
def test_a_share_that_is_none_is_refused(tmp_path, share):
    with pytest.raises(UserError, match="the share that is drawn for validation is between 0 and 1, but is"):
        Folder(photos(tmp_path), "train", drawing=Drawing(share))
