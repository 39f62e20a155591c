"""`minifcn check-data` lists what is there and all that is wrong, and its exit status says if training would stop."""

import json

import folder_sets
import pytest
import small_runs
from folder_sets import FAULTS, IMAGE_FAULTS
from PIL import Image

from minifcn.cli import main

# Behind each of these nothing is looked for: there is no pair, or no split to train on. No two are of one folder.
ENDS = (
    "list of validation alone",
    "no folder of masks",
    "no folder of images",
    ".json files that are not labelme's",
    "images divided, masks not",
    "names of another kind",
)
# One says that all masks hold one value, and others are about the values of masks that have several; and of the five
# names that a list of classes may have, four are of lists with other faults, and one is of the list that is right.
APART = ("one class alone", "list without a class")
TOGETHER = {name: fault for name, fault in (FAULTS | IMAGE_FAULTS).items() if name not in (*ENDS, *APART)}


@pytest.fixture
def sound(tmp_path):
    """Six pairs, images and masks of their own."""
    root = tmp_path / "data"
    for number, name in enumerate("abcdef"):
        folder_sets.save(folder_sets.IMAGE + number, root / "images" / f"{name}.png")
        folder_sets.save(folder_sets.MASK, root / "masks" / f"{name}.png")
    (root / "classes.txt").write_text(folder_sets.NAMES)
    return root


def check(root, *arguments):
    """Run `minifcn check-data`; gives the exit status."""
    return main(["check-data", f"folder:{root}", *arguments])


def test_a_sound_data_set_is_told_in_few_lines(sound, capsys):
    assert check(sound) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert output.out.splitlines() == [
        "folder: 6 images in images/, masks in masks/ (class indices, grey), 3 classes from classes.txt; train 5, "
        "val 1 (drawn at random, --val-share 0.2)",
        "",
        "split  pairs  width x height",
        "train      5  12 x 8",
        "val        1  12 x 8",
        "",
        "             train             val",
        "class       pixels  images  pixels  images",
        "background  33.33%    100%  33.33%    100%",
        "road        33.33%    100%  33.33%    100%",
        "car         33.33%    100%  33.33%    100%",
        "",
        "every pair can be read, and nothing stands out",
    ]


@pytest.mark.parametrize("folder", [TOGETHER, {name: FAULTS[name] for name in APART}], ids=["together", "apart"])
def test_faults_are_found_at_once_in_as_few_folders_as_can_hold_them(folder, tmp_path, capsys):
    of_pairs = [name for name, fault in folder.items() if "{}" in fault.file]
    pairs = {name: f"pair{number:02}" for number, name in enumerate(of_pairs)}
    folder_sets.photos(tmp_path, ["a", "b", "c", *pairs.values(), "z"])
    (tmp_path / "classes.txt").write_text(folder_sets.NAMES)
    for name, fault in folder.items():
        fault.make(tmp_path, pairs.get(name, "z"))
    if (tmp_path / "train.txt").exists():  # where there are lists, pairs in none are not looked at
        images, masks = ({path.stem for path in (tmp_path / kind).iterdir()} for kind in ("images", "masks"))
        with open(tmp_path / "train.txt", "a") as file:
            file.write("\n".join(sorted(images & masks & {*pairs.values()})))
    assert check(tmp_path, "--json") == 2
    faults = json.loads(capsys.readouterr().out)["faults"]
    for name, fault in folder.items():
        path = fault.file.format(pairs.get(name, "z"))
        assert any(path in line and fault.says in line for line in faults), name
    assert len(faults) == len(set(faults)) < len(folder) + 5
    assert check(tmp_path) == 2
    text = capsys.readouterr().out
    assert f"{len(faults)} faults at which training or evaluation stops:" in text
    assert all(fault.file.format(pairs.get(name, "z")) in text for name, fault in folder.items())


@pytest.mark.parametrize("name", ENDS)
def test_a_fault_behind_which_nothing_is_looked_for_is_the_only_one(name, tmp_path, capsys):
    folder_sets.photos(tmp_path)
    FAULTS[name].make(tmp_path, "c")
    (tmp_path / "images" / "b.jpg").write_bytes(b"") if (tmp_path / "images").exists() else None
    assert check(tmp_path) == 2
    text = "".join(capsys.readouterr())
    assert FAULTS[name].says in text
    assert "b.jpg: the file is empty" not in text


def test_every_fault_is_in_one_of_the_folders_and_most_are_in_one():
    assert {*TOGETHER, *APART, *ENDS} == {*FAULTS, *IMAGE_FAULTS}
    assert len(TOGETHER) >= 25


def test_what_stands_out_stops_nothing(sound, capsys):
    folder_sets.save(folder_sets.IMAGE, sound / "images" / "f.png")
    assert check(sound) == 0
    assert "1 thing to look at:" in capsys.readouterr().out


def test_json_has_the_numbers(sound, capsys):
    assert check(sound, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["data"] == f"folder:{sound}"
    assert found["splits"]["train"] == {
        "pairs": 5,
        "sizes": {"8x12": 5},
        "ignored_pixels": 0,
        "classes": [{"name": name, "pixels": 160, "images": 5} for name in ("background", "road", "car")],
    }
    assert (found["faults"], found["warnings"]) == ([], [])


@pytest.mark.parametrize(
    ("arguments", "splits"), [([], ["train", "val", "test"]), (["--split", "test", "val"], ["test", "val"])]
)
def test_the_splits_that_are_there_or_asked_for_are_looked_at(arguments, splits, capsys, monkeypatch):
    monkeypatch.setattr("minifcn.data.catalogue._SHAPES_LENGTHS", {"train": 3, "val": 2, "test": 2})
    assert main(["check-data", "shapes", *arguments, "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["splits"]) == splits


def camvid(root, *splits):
    for number, split in enumerate(splits):
        folder_sets.save(folder_sets.IMAGE + number, root / split / "a.png")
        folder_sets.save(folder_sets.MASK, root / f"{split}annot" / "a.png")
    return f"camvid:{root}"


def test_training_without_a_validation_split_is_a_fault(tmp_path, capsys):
    assert main(["check-data", camvid(tmp_path, "train", "test")]) == 2
    output = capsys.readouterr().out
    assert f"{tmp_path}: there is no split 'val'; there are: test, train" in output
    assert "test       1  12 x 8" in output


def test_no_test_split_is_no_fault(tmp_path, capsys):
    assert main(["check-data", camvid(tmp_path, "train", "val")]) == 0


@pytest.mark.parametrize("faulty", [False, True])
def test_a_picture_is_drawn_where_it_is_asked_for(sound, tmp_path, capsys, faulty):
    if faulty:
        (sound / "images" / "c.png").write_bytes(b"")
    assert check(sound, "--out", str(tmp_path / "check.png")) == (2 if faulty else 0)
    assert capsys.readouterr().err == f"minifcn: {tmp_path}/check.png shows the shares and {6 - faulty} pairs\n"
    with Image.open(tmp_path / "check.png") as picture:
        assert picture.width == 1500


def test_no_picture_is_drawn_of_a_data_set_that_cannot_be_read(sound, tmp_path, capsys):
    for path in (sound / "images").iterdir():
        path.write_bytes(b"")
    assert check(sound, "--out", str(tmp_path / "check.png")) == 2
    assert "check.png was not drawn, since no pair can be read" in capsys.readouterr().err
    assert not (tmp_path / "check.png").exists()


def test_where_no_split_can_be_opened_the_faults_are_listed_all_the_same(sound, capsys):
    for number, path in enumerate(sorted((sound / "masks").iterdir())):
        path.write_bytes(b"no image" * (number > 2))
    assert check(sound) == 2
    text = capsys.readouterr().out
    assert "6 faults at which" in text  # one a mask, and no summary of them
    assert text.count("the file is empty") == text.count("not a readable image") == 1
    assert all(f"{name}.png" in text for name in "abcdef")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["folder:nowhere"], "nowhere: the folder of the data set does not exist", id="no-folder"),
        pytest.param(["cityscapes:x"], "there is no data set 'cityscapes'", id="no-such-data-set"),
        pytest.param(["shapes", "--split", "x"], "shapes: there is no split 'x'", id="no-such-split"),
        pytest.param(["shapes", "--out", "a.jpg"], "--out must end in .png, but is a.jpg", id="out-is-no-png"),
        pytest.param(["shapes", "--out", "no/a.png"], "--out: there is no folder no; make it first", id="out-nowhere"),
        pytest.param([], "DATA", id="no-data"),
    ],
)
def test_a_mistake_is_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small_runs.assert_refused(["check-data", *arguments], message, tmp_path, capsys)


def test_a_fault_of_everything_is_told_once(sound, capsys):
    (sound / "classes.txt").write_text("void\nroad\nunknown\n")
    assert check(sound) == 2
    assert capsys.readouterr().out.count("both stand for what does not count") == 1


def test_what_is_wrong_with_an_image_is_found_beside_a_label_that_is_wrong_too(sound, capsys):
    for name, mask in (("a", b""), ("b", None)):
        (sound / "images" / f"{name}.png").write_bytes(b"")
        if mask is None:
            folder_sets.save(folder_sets.MASK + 5, sound / "masks" / f"{name}.png")
        else:
            (sound / "masks" / f"{name}.png").write_bytes(mask)
    assert check(sound, "--json") == 2
    faults = json.loads(capsys.readouterr().out)["faults"]
    assert sorted("/".join(fault.split(":")[0].split("/")[-2:]) for fault in faults) == [
        *("images/a.png", "images/b.png", "masks/a.png", "masks/b.png")
    ]


def test_a_second_look_in_one_process_knows_nothing_of_the_first(sound, tmp_path, capsys):
    for mask in (sound / "masks").iterdir():
        mask.rename(mask.with_name(f"m{mask.name}"))
    assert check(sound) == 2
    told = capsys.readouterr().out
    assert check(sound) == 2
    assert capsys.readouterr().out == told
    other = tmp_path / "other"
    folder_sets.photos(other, "ab", suffix="x")
    assert check(other) == 2
    assert str(sound) not in capsys.readouterr().out


@pytest.mark.parametrize("spec", ["folder:{}/nowhere", "folder:{}", "voc:{}", "fodler:{}", "camvid"])
def test_json_says_too_why_nothing_can_be_opened(spec, tmp_path, capsys):
    data = spec.format(tmp_path)
    assert main(["check-data", data]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert main(["check-data", data, "--json"]) == 2
    output = capsys.readouterr()
    assert output.err == ""
    assert json.loads(output.out) == {
        "data": data,
        "splits": {},
        "faults": [line.removeprefix("minifcn: ")],
        "warnings": [],
    }
