"""`look` finds in a few seconds what would stop a training soon, and is quiet otherwise."""

import shutil

import numpy as np
import pytest
from PIL import Image

from minifcn.data import CamVid, Sample, Shapes
from minifcn.data.dataset import FirstImages
from minifcn.data.inspection.look import PAIRS, look, look_at
from minifcn.errors import UserError


class Counted(Shapes):
    """Shapes that note which of them are drawn."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.opened = []

    def __getitem__(self, index):
        self.opened.append(index)
        return super().__getitem__(index)


class OneClass(Counted):
    def __getitem__(self, index):
        sample = super().__getitem__(index)
        return Sample(sample.image, 0 * sample.label, sample.name)


def files(root, count=3):
    for seed, split in enumerate(("train", "val")):
        for index, sample in enumerate(Shapes(count, (32, 32), 6, seed=seed)):
            for folder, array in ((split, sample.image), (f"{split}annot", sample.label)):
                (root / folder).mkdir(exist_ok=True)
                Image.fromarray(array).save(root / folder / f"{index}.png")
    return root


def test_nothing_is_said_of_a_sound_data_set():
    assert look({"train": Shapes(60, 32, 4, seed=0), "val": Shapes(60, 32, 4, seed=1)}) == []


def test_some_pairs_of_each_split_are_opened_once_and_spread_over_it():
    train, val = Counted(1000, 16, 2), Counted(400, 16, 2)
    look({"train": train, "val": val})
    for dataset in (train, val):
        assert len(dataset.opened) == PAIRS == len(set(dataset.opened))
        assert max(np.diff(sorted(dataset.opened))) < 2 * len(dataset) / PAIRS


def test_a_small_data_set_is_opened_whole():
    train = Counted(5, 16, 2)
    look({"train": train})
    assert sorted(train.opened) == [0, 1, 2, 3, 4]


def test_without_time_one_pair_of_each_split_is_opened():
    train, val = Counted(1000, 16, 8), Counted(400, 16, 8)
    assert look({"train": train, "val": val}, seconds=0) == []
    assert (len(train.opened), len(val.opened)) == (1, 1)


def test_a_class_not_seen_yet_is_looked_for_in_the_other_labels():
    train = Counted(40, 16, 8)
    assert look({"train": train}) == []
    assert PAIRS < len(train.opened) == len(set(train.opened))


def test_a_class_that_is_in_no_training_label_is_told():
    (warning,) = look({"train": Shapes(1, 64, 4), "val": Shapes(9, 64, 4)})
    assert warning == "train: no label has the classes square, triangle, so a network cannot learn them"


ABSENT = {
    "all labels were read": (Shapes(1, 64, 4), 3.0, {2, 3}),
    "some were asked for": (FirstImages(Shapes(100, 64, 4), 1), 3.0, {2, 3}),
    "some were read": (Shapes(100, 64, 4), 0.0, set()),
    "every class is there": (Shapes(60, 32, 4), 3.0, set()),
}


@pytest.mark.parametrize(("train", "seconds", "absent"), ABSENT.values(), ids=ABSENT)
def test_the_classes_of_no_training_label_are_known_once_all_were_read(train, seconds, absent):
    assert look_at({"train": train, "val": Shapes(9, 64, 4)}, seconds).absent == absent


def test_of_some_of_the_images_nobody_expects_all_classes():
    assert look({"train": FirstImages(Shapes(100, 64, 4), 1)}) == []


def test_a_class_that_may_be_in_labels_not_looked_at_is_not_missed():
    assert look({"train": Shapes(100, 64, 4)}, seconds=0) == []


def test_that_all_labels_looked_at_are_of_one_class_is_told():
    (warning,) = look({"train": OneClass(100, 32, 4)}, seconds=0)
    assert warning.startswith("train: every pixel that counts is background")


@pytest.mark.parametrize("first", [False, True], ids=["all", "the-first-images"])
def test_a_fault_is_refused_and_the_others_are_counted(tmp_path, first):
    root = files(tmp_path)
    (root / "val" / "0.png").write_bytes(b"")
    Image.fromarray(np.full((32, 32), 99, np.uint8)).save(root / "valannot" / "0.png")
    val = FirstImages(CamVid(root, "val"), 2) if first else CamVid(root, "val")
    with pytest.raises(UserError) as caught:
        look({"train": CamVid(root, "train"), "val": val})
    assert str(caught.value).startswith(f"{root}/val/0.png: the file is empty")
    assert str(caught.value).endswith(f"(and 1 more in the {3 + len(val)} pairs looked at)")


def test_image_files_that_are_there_twice_are_told_unless_time_is_short(tmp_path):
    root = files(tmp_path)
    shutil.copy(root / "train" / "1.png", root / "val" / "0.png")
    splits = {split: CamVid(root, split) for split in ("train", "val")}
    told, *_ = look(splits)  # the others are of classes
    assert told.startswith(f"val: 1 image is in train too ({root / 'val' / '0.png'} is {root / 'train' / '1.png'}), so")
    assert not any("too" in line for line in look(splits, seconds=0))
    assert look({split: FirstImages(dataset, 1) for split, dataset in splits.items()}) == []


def test_labels_that_look_smoothed_are_told(tmp_path):
    root = files(tmp_path)
    for path in (root / "trainannot").iterdir():
        large = Image.open(path).resize((128, 128), Image.Resampling.BILINEAR)
        large.save(path)
        Image.open(root / "train" / path.name).resize((128, 128)).save(root / "train" / path.name)
    warnings = look({"train": CamVid(root, "train"), "val": CamVid(root, "val")})
    assert any("look resized with interpolation or saved as JPEG" in warning for warning in warnings)
