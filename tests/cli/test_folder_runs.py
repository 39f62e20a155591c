"""`train` and `evaluate` on a folder of one's own images: what it says, and the validation images that stay."""

import json
import shutil

import folder_sets
import numpy as np
import pytest
import small_runs

from minifcn.cli import main

NETWORK = ["--width", "0.015625", "--batch-size", "2", "--epochs", "1", "--device", "cpu"]


@pytest.fixture
def data(tmp_path):
    return folder_sets.photos(tmp_path / "mine")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on six images, one of which was drawn for validation."""
    root = tmp_path_factory.mktemp("trained")
    assert train(folder_sets.photos(root / "mine"), root / "run") == 0
    return root


@pytest.fixture
def run(trained, tmp_path):
    """A copy of that run, and of its data in `mine` beside it."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path / "run"


def train(data, out, *arguments):
    return main(["train", "--data", f"folder:{data}", *NETWORK, "--out", str(out), *arguments])


def evaluate(run, data, *arguments):
    checkpoint = ["--checkpoint", str(run / "best.npz"), "--device", "cpu"]
    return main(["evaluate", *checkpoint, "--data", f"folder:{data}", *arguments])


def val_names(out):
    return json.loads((out / "config.json").read_text())["val_names"]


def test_one_line_says_what_was_found(data, tmp_path, capsys):
    assert train(data, tmp_path / "run", "--val-share", "0.5", "--seed", "3") == 0
    assert capsys.readouterr().err.splitlines()[0] == (
        "minifcn: folder: 6 images in images/, masks in masks/ (class indices, grey), 3 classes from the masks; "
        "train 3, val 3 (drawn at random, --val-share 0.5, --seed 3)"
    )


def test_an_export_of_labelme_trains_as_it_is(tmp_path):
    assert train(folder_sets.labelme(tmp_path / "mine"), tmp_path / "run") == 0


def test_validation_images_stay_when_images_are_added(run, capsys):
    data, drawn = run.parent / "mine", val_names(run)
    assert len(drawn) == 1
    folder_sets.photos(data, "012345")
    assert evaluate(run, data) == 0
    output = capsys.readouterr()
    assert "on 1 image of" in output.out
    assert "train 11, val 1 (val as the run drew it)" in output.err
    assert small_runs.resume(run, "--epochs", "2", "--data", f"folder:{data}") == 2  # an epoch has more batches now
    assert val_names(run) == drawn


def test_init_says_that_it_has_learned_from_images_to_measure_on(run, capsys):
    data, (drawn,) = run.parent / "mine", val_names(run)
    others = [name for name in "abcdef" if name != drawn]
    for name, images in (("val.txt", [drawn]), ("train.txt", others)):
        (data / name).write_text("\n".join(images))
    assert train(data, run.parent / "same", "--init", str(run)) == 0
    assert "has learned from" not in capsys.readouterr().err
    for name, images in (("val.txt", [drawn, *others[:2]]), ("train.txt", others[2:])):
        (data / name).write_text("\n".join(images))
    assert train(data, run.parent / "others", "--init", str(run)) == 0
    said = f"2 of the 3 validation images are among those that the run in {run} has learned from ({others[0]}.jpg, "
    assert said in capsys.readouterr().err


def test_other_images_are_evaluated_as_the_split_all(run, tmp_path, capsys):
    other = folder_sets.photos(tmp_path / "other", "xyz")
    assert evaluate(run, other) == 2
    assert "the only image that the run was validated on is not there" in capsys.readouterr().err
    assert evaluate(run, other, "--split", "all") == 0
    assert "on 3 images of" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["images", "masks", "masks/../images"])
def test_results_stay_apart_from_the_images(run, tmp_path, capsys, place):
    """The pictures of a run would be images without a mask the next time."""
    data = tmp_path / "mine"
    before = sorted(data.rglob("*"))
    assert train(data, data / place) == 2
    assert evaluate(run, data, "--confusion", str(data / place / "c.png")) == 2
    assert main(["check-data", f"folder:{data}", "--out", str(data / place / "c.png")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert sum("would be taken for some; choose another folder" in line for line in lines) == 3
    assert sorted(data.rglob("*")) == before
    assert evaluate(run, data, "--confusion", str(data / place / "c.csv")) == 0


@pytest.mark.parametrize("share", ["0", "1", "-0.5", "nan"])
def test_a_share_is_between_0_and_1(data, tmp_path, capsys, share):
    arguments = ["train", "--data", f"folder:{data}", "--out", str(tmp_path / "run"), f"--val-share={share}"]
    small_runs.assert_refused(arguments, "--val-share", tmp_path, capsys)


def test_a_share_of_another_data_set_is_refused(tmp_path, capsys):
    arguments = ["train", "--out", str(tmp_path / "run"), "--val-share", "0.5"]
    small_runs.assert_refused(arguments, "--val-share draws images of folder:PATH, but", tmp_path, capsys)


def test_a_run_goes_on_with_the_share_that_it_has(run, capsys):
    assert small_runs.resume(run, "--val-share", "0.5") == 2
    assert "--val-share is 0.5, but the run in" in capsys.readouterr().err


def test_the_sample_set_of_keras_segmentation_may_be_validated_on_its_test_images(tmp_path, capsys):
    """Then nothing is drawn."""
    data, out = folder_sets.keras_segmentation(tmp_path / "mine"), tmp_path / "run"
    assert train(data, out, "--val-split", "test") == 0
    assert "train 3, test 1 (by subfolders)" in capsys.readouterr().err
    assert val_names(out) == []
    assert evaluate(out, data) == 0
    assert "on 1 image of" in (text := capsys.readouterr().out)
    assert "split test" in text


def test_a_share_and_another_split_contradict_each_other(data, tmp_path, capsys):
    arguments = ["train", "--data", f"folder:{data}", "--out", str(tmp_path / "run"), "--val-share", "0.5"]
    message = "--val-share draws the split val, but --val-split is test; leave it out"
    small_runs.assert_refused([*arguments, "--val-split", "test"], message, tmp_path, capsys)


def test_a_run_keeps_its_classes_where_the_masks_hold_fewer(run, tmp_path, capsys):
    other = folder_sets.photos(tmp_path / "other", "xyz", mask=folder_sets.MASK % 2)
    assert evaluate(run, other, "--split", "all") == 0
    assert "3 classes from the run; all 3" in capsys.readouterr().err
    folder_sets.photos(other, "xyz", mask=folder_sets.MASK * 2)
    assert evaluate(run, other, "--split", "all") == 2
    assert "it holds the value 4, but there are 3 classes (0..2) in the run" in capsys.readouterr().err


def masks_of(root, *masks):
    """Images with these masks, as `folder_sets.photos` makes them."""
    for name, mask in zip("uvwxyz", masks, strict=False):
        folder_sets.photos(root, name, mask=mask)
    return root


WHITE = 255 * (folder_sets.MASK == 1)
COLOURED = folder_sets.COLOURS[folder_sets.MASK]
OF_ANOTHER_KIND = {  # what a run was trained on, what it is measured on, and what is said
    "black and white after class indices": (
        *(folder_sets.MASK, WHITE),
        "the masks hold 0 and 255 alone, as black and white ones do, but the run was trained on masks of class indices "
        "(0..2), of which 255 does not count; save them as class indices (0..2), or train a run of its own on them",
    ),
    "colours after class indices": (
        *(folder_sets.MASK, COLOURED),
        "the masks are in colours, such as (128, 64, 128) in u.png, but the run was trained on masks of class indices "
        "(0..2), of which 255 does not count; save them as class indices (0..2), list the classes of the run in "
        "classes.csv with the colours that they have here, or train a run of its own on them",
    ),
    "class indices after black and white": (
        *(WHITE, folder_sets.MASK),
        "the masks hold class indices up to 2, but the run was trained on masks in black and white (0 and 255); save "
        "them in black and white (0 and 255), or train a run of its own on them",
    ),
    "colours after black and white": (
        *(WHITE, COLOURED),
        "the masks are in colours, such as (128, 64, 128) in u.png, but the run was trained on masks in black and "
        "white (0 and 255); save them in black and white (0 and 255), list the classes of the run in classes.csv with "
        "the colours that they have here, or train a run of its own on them",
    ),
    "class indices after colours": (
        *(COLOURED, folder_sets.MASK),
        "the masks hold class indices up to 2, but the run was trained on masks in colours; save them in the colours "
        "that the config.json of the run lists as its palette, or train a run of its own on them",
    ),
    "black and white after colours": (
        *(COLOURED, WHITE),
        "the masks hold 0 and 255 alone, as black and white ones do, but the run was trained on masks in colours; save "
        "them in the colours that the config.json of the run lists as its palette, or train a run of its own on them",
    ),
}


@pytest.mark.parametrize("case", OF_ANOTHER_KIND.values(), ids=OF_ANOTHER_KIND)
def test_masks_of_another_kind_than_those_of_the_run(tmp_path, capsys, case):
    """Both for `evaluate` and to go on with; a look at the masks alone would find nothing, and is not advised."""
    before, now, says = case
    run, root = tmp_path / "run", tmp_path / "now"
    assert train(masks_of(tmp_path / "before", *[before] * 6), run) == 0
    masks_of(root, *[now] * 6)
    capsys.readouterr()
    assert evaluate(run, root, "--split", "all") == 2
    assert capsys.readouterr().err == f"minifcn: {root}: {says}\n"
    assert small_runs.resume(run, "--epochs", "2", "--data", f"folder:{root}") == 2
    assert capsys.readouterr().err == f"minifcn: {root}: {says}\n"


def test_one_mask_of_another_kind_than_the_others_is_named(run, tmp_path, capsys):
    root = masks_of(tmp_path / "now", folder_sets.MASK, folder_sets.MASK, COLOURED)
    assert evaluate(run, root, "--split", "all") == 2
    assert f"{root / 'masks' / 'w.png'}: it is in colours, such as" in capsys.readouterr().err


def test_colours_that_a_list_gives_to_the_classes_of_the_run_are_read(run, tmp_path, capsys):
    root = masks_of(tmp_path / "now", COLOURED)
    (root / "classes.csv").write_text("name,r,g,b\nclass 0,0,0,0\nclass 1,128,64,128\nclass 2,0,0,142\n")
    assert evaluate(run, root, "--split", "all") == 0
    assert "on 1 image of" in capsys.readouterr().out


def test_what_a_run_ignored_is_no_white_where_most_masks_hold_little_else(run, tmp_path):
    mask = np.where(folder_sets.MASK == 2, 255, folder_sets.MASK)
    assert evaluate(run, masks_of(tmp_path / "now", WHITE, WHITE, mask), "--split", "all") == 0


def test_0_and_1_may_be_the_classes_of_a_run_on_black_and_white(tmp_path, capsys):
    assert train(masks_of(tmp_path / "before", *[WHITE] * 6), tmp_path / "run") == 0
    assert evaluate(tmp_path / "run", masks_of(tmp_path / "now", folder_sets.MASK % 2), "--split", "all") == 0
    assert "foreground" in capsys.readouterr().out


def test_the_classes_of_a_run_cannot_be_listed_anew(run, tmp_path, capsys):
    root = masks_of(tmp_path / "now", COLOURED)
    (root / "classes.csv").write_text("name,r,g,b\nsky,0,0,0\nroad,128,64,128\ncar,0,0,142\n")
    assert evaluate(run, root, "--split", "all") == 2
    assert capsys.readouterr().err.endswith(
        "has the classes sky, road, car, but "
        f"{run / 'best.npz'} was trained on class 0, class 1, class 2; list the classes of the run, in that order, or "
        "train a run of its own\n"
    )
