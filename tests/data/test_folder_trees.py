"""Folders that nobody would make: any names, files and lists are read, or refused in one line."""

import folder_sets
import numpy as np
import pytest
from folder_sets import COLOURS, MASK

from minifcn.data import Folder
from minifcn.errors import UserError

FOLDERS = ["", "images", "masks", "labels", "train", "val", "train/images", "train/masks", "val/masks", "images/train"]
FOLDERS += [
    "masks/train",
    "JPEGImages",
    "SegmentationClass",
    "trainannot",
    "ImageSets/Segmentation",
    "other",
    ".hidden",
]
STEMS = [
    "a",
    "b",
    "A",
    "a_mask",
    "b_mask",
    "1",
    "10",
    "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "e\N{COMBINING ACUTE ACCENT}",
]
STEMS += ["a.b", "_mask", "mask", " a", "a\nb"]
ENDINGS = [".png", ".png", ".jpg", ".PNG", ".heic", ".txt", ".npy", ""]
LISTS = ["classes.txt", "class_names.txt", "classes.csv", "train.txt", "val.txt", "test.txt"]
TEXTS = ["a\nb\n", "name,r,g,b\na,0,0,0\nb,1,1,1\n", "background\nroad\ncar\n", "", "void\nx\ny\n", "\0", ",,,\n"]


def write_file(path, rng):
    path.unlink(missing_ok=True)
    content = rng.integers(0, 6)
    if content == 0 or path.suffix not in (".png", ".jpg", ".PNG"):
        path.write_bytes(rng.bytes(20))
    elif content == 1:
        path.mkdir(exist_ok=True)
    else:
        masks = [COLOURS[MASK], 255 * (MASK % 2), MASK, rng.integers(0, 5, MASK.shape)]
        folder_sets.save(masks[content - 2], path)


def write_tree(root, rng):
    folders = rng.choice(FOLDERS, rng.integers(1, 6), replace=False)
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for stem in rng.choice(STEMS, rng.integers(0, 5), replace=False):
            write_file(root / folder / f"{stem}{rng.choice(ENDINGS)}", rng)
    for name in rng.choice(LISTS, rng.integers(0, 3), replace=False):
        (root / rng.choice(["", folders[0]]) / name).write_text(rng.choice(TEXTS))


@pytest.mark.parametrize("split", ["train", "val", "all"])
def test_a_tree_is_read_or_refused(tmp_path, rng, split):
    for number in range(60):
        root = tmp_path / str(number)
        root.mkdir()
        if number % 2:
            folder_sets.photos(root, ["a", "b", "c"])
        write_tree(root, rng)
        faults = []
        for report in ({}, {"report": faults.append}):
            try:
                folder = Folder(root, split, **report)
            except UserError:
                continue
            assert folder.num_classes >= 2
            for index in range(len(folder)):
                try:
                    label = folder[index].label
                except UserError:
                    continue
                assert np.isin(label, [*range(folder.num_classes), folder.ignore_index]).all()
