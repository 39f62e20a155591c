"""Folders with one fault each: one sentence names the file and the fix; put together, all are reported at once."""

import folder_sets
import numpy as np
import pytest
from folder_sets import FAULTS, IMAGE_FAULTS

from minifcn.data import Folder
from minifcn.errors import UserError

OTHERS = {name: fault for name, fault in FAULTS.items() if not fault.alone}


@pytest.fixture
def sound(tmp_path):
    folder_sets.photos(tmp_path)
    (tmp_path / "classes.txt").write_text(folder_sets.NAMES)
    return tmp_path


def assert_says(message, fault, root, name="c"):
    assert "\n" not in message
    assert message.startswith(str(root))
    assert fault.file.format(name) in message
    assert fault.says in message


def test_the_folder_is_sound_without_a_fault(sound):
    faults = []
    assert len(Folder(sound, "all", report=faults.append)) == 6
    assert faults == []


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_refused_in_one_sentence(sound, fault):
    fault.make(sound, "c")
    with pytest.raises(UserError) as caught:
        [Folder(sound, split) for split in ("train", "val")]
    assert_says(str(caught.value), fault, sound)


@pytest.mark.parametrize("fault", IMAGE_FAULTS.values(), ids=IMAGE_FAULTS)
def test_a_fault_of_an_image_is_refused_when_it_is_read(sound, fault):
    fault.make(sound, "c")
    with pytest.raises(UserError) as caught:
        list(Folder(sound, "all"))
    assert_says(str(caught.value), fault, sound)


@pytest.mark.parametrize("fault", OTHERS.values(), ids=OTHERS)
def test_a_fault_that_is_reported_leaves_the_rest(sound, fault):
    fault.make(sound, "c")
    faults = []
    assert len(Folder(sound, "train", report=faults.append)) + len(Folder(sound, "val", report=faults.append)) >= 1
    assert any(fault.says in message for message in faults)


def test_all_faults_of_files_are_found_at_once(tmp_path):
    faults = {name: fault for name, fault in FAULTS.items() if "{}" in fault.file}
    names = [f"pair{number:02}" for number in range(len(faults))]
    folder_sets.photos(tmp_path, ["a", "b", *names])
    (tmp_path / "classes.txt").write_text(folder_sets.NAMES)
    for name, fault in zip(names, faults.values(), strict=True):
        fault.make(tmp_path, name)
    reported = []
    left = Folder(tmp_path, "all", report=reported.append)
    assert {"a", "b"} <= {sample.name for sample in left}
    for name, fault in zip(names, faults.values(), strict=True):
        assert any(fault.file.format(name) in message for message in reported), fault


def refused(root):
    with pytest.raises(UserError) as caught:
        Folder(root, "train")
    return str(caught.value)


@pytest.mark.parametrize(
    ("ending", "what"), [(".txt", " (.txt files are not read)"), (".mat", " (.mat files are not read)")]
)
def test_files_in_the_place_of_masks_are_named(tmp_path, ending, what):
    root = folder_sets.photos(tmp_path, masks="spare")
    (root / "labels").mkdir()
    (root / f"labels/a{ending}").write_text("0 0.1 0.1 0.9 0.1 0.5 0.9")
    assert refused(root).startswith(
        f"{root}/labels: the folder holds no mask{what}, but there are images in images/; put"
    )


@pytest.mark.parametrize(
    ("folders", "fix"),
    [
        (("car", "road"), "if each holds the masks of one class, make one mask of them for each image"),
        (("old_masks", "new_masks"), "masks; leave one of them here"),
    ],
)
def test_folders_of_one_class_each_are_to_be_put_together(tmp_path, folders, fix):
    root = folder_sets.photos(tmp_path, masks="spare")
    for folder in folders:
        folder_sets.photos(root, images="images", masks=f"masks/{folder}")
    assert fix in refused(root)


def test_colours_whose_red_and_blue_changed_places(tmp_path):
    colours = folder_sets.COLOURS[folder_sets.MASK]
    root = folder_sets.photos(tmp_path, mask=colours)
    (root / "classes.csv").write_text("name,r,g,b\nbackground,0,0,0\nroad,128,64,128\ncar,0,0,142\n")
    Folder(root, "train")
    folder_sets.save(colours[..., ::-1], root / "masks" / "a.png")
    folder_sets.save(np.where(colours == 142, 143, colours), root / "masks" / "b.png")
    assert "(142, 0, 0), but (0, 0, 142) is: red and blue have changed places" in refused(root)
    faults = []
    Folder(root, "all", report=faults.append)
    assert [fault.partition(" not in ")[0][-11:] for fault in faults] == ["a colour is", "a colour is"]
    assert "changed places" not in faults[1]
