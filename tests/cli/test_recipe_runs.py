"""`minifcn recipes` and `train --recipe`: what is printed, what counts more than a recipe, and what is refused."""

import json
import re
from pathlib import Path

import pytest
import small_runs
from small_runs import assert_refused, resume, train

from minifcn.cli import main
from minifcn.training import build, checkpoint
from minifcn.training.recipes import RECIPES

SMALL = ["--data", "shapes", "--images", "2", "--size", "32x32", "--width", "0.03125", "--device", "cpu"]


pytestmark = pytest.mark.usefixtures("no_curves_and_panels")


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


class TestPrint:
    def test_of_all_has_a_line_for_each(self, capsys):
        assert main(["recipes"]) == 0
        lines, sources = (text.splitlines() for text in capsys.readouterr().out.split("\n\n"))
        assert [line.split()[0] for line in lines] == ["recipe", *RECIPES]
        names = iter(RECIPES)
        for line in sources:  # each about neighbours, the first and the last of which it names
            which, _, source = line.partition(": ")
            first, last = re.split(r" \.\.\. |, ", which)
            assert next(names) == first
            assert RECIPES[first].source == source
            while first != last:
                first = next(names)
                assert RECIPES[first].source == source
        assert next(names, None) is None

    @pytest.mark.parametrize("name", RECIPES)
    def test_of_one_has_its_source_and_how_to_train_it(self, name, capsys):
        assert main(["recipes", name]) == 0
        text, recipe = capsys.readouterr().out, RECIPES[name]
        assert text.startswith(f"{name}: {recipe.about}\n  source       {recipe.source}\n")
        assert f"minifcn train --recipe {name} --data {recipe.opens} --out DIR" in text
        if recipe.settings["optimizer"] != "adam":
            assert "for images of {}x{}:".format(*recipe.size) in text

    def test_translates_the_rate_for_a_size(self, capsys):
        assert main(["recipes", "voc-fcn32s", "--size", "100x200"]) == 0
        assert "2.0e-06  on their mean" in capsys.readouterr().out

    def test_of_adam_translates_nothing(self, capsys):
        assert main(["recipes", "camvid-course"]) == 0
        assert "on their mean" not in capsys.readouterr().out

    def test_of_a_wrong_name_is_refused(self, tmp_path, capsys):
        assert_refused(["recipes", "camvid-curse"], "did you mean 'camvid-course'?", tmp_path, capsys)


def test_the_page_shows_what_is_printed(capsys):
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text("utf-8")
    for words in (["recipes"], ["recipes", "voc-fcn32s"]):
        assert main(words) == 0
        assert f"```\n{capsys.readouterr().out}```\n" in page


@pytest.fixture(scope="module")
def heavy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work") / "heavy"
    assert main(["train", "--recipe", "voc-fcn32s", *SMALL, "--epochs", "1", "--out", str(folder)]) == 0
    return folder


def test_a_run_has_the_settings_of_its_recipe_and_its_name(heavy):
    config = config_of(heavy)
    assert config["recipe"] == "voc-fcn32s"
    assert (config["lr"], config["momentum"], config["reduction"]) == (1e-10, 0.99, "batch")
    assert (config["variant"], config["channel_order"], config["upsampling"]) == ("paper", "bgr", "fixed")


def test_what_is_given_counts_more_than_the_recipe(tmp_path, capsys):
    words = ["--recipe", "voc-fcn8s", *SMALL, "--lr", "1e-6", "--epochs", "1", "--preprocessing", "torchvision"]
    assert main(["train", *words, "--out", str(tmp_path / "run")]) == 0
    assert (config_of(tmp_path / "run")["lr"], config_of(tmp_path / "run")["iterations"]) == (1e-6, None)
    said = capsys.readouterr().err
    differ = (
        "--epochs 1 for 100,000 steps, --lr 1e-06 for 1e-14, --preprocessing torchvision for caffe, --size 32x32 for"
    )
    assert f"other than the recipe voc-fcn8s: {differ} none, --width 0.03125 for 1" in said
    assert "voc-fcn8s has 21 classes, and shapes has 6" in said
    assert "begins with the network of voc-fcn16s; without --init this run begins with random weights" in said


def test_a_longer_side_takes_the_place_of_its_size(tmp_path):
    """Of the two a run has one, and nobody can leave out what the recipe says."""
    words = ["--recipe", "camvid-course", *SMALL[:4], "--longer-side", "64", *SMALL[6:], "--epochs", "1"]
    assert main(["train", *words, "--out", str(tmp_path / "run")]) == 0
    assert (config_of(tmp_path / "run")["size"], config_of(tmp_path / "run")["longer_side"]) == (None, 64)


def test_the_rate_is_translated_for_the_images_at_hand(tmp_path, capsys):
    words = ["--recipe", "voc-fcn32s", *SMALL, "--epochs", "1"]
    assert main(["train", *words, "--out", str(tmp_path / "run")]) == 0
    assert "1.0e-07  on their mean: it makes the same steps" in capsys.readouterr().err  # 1e-10 and 1,024 pixels


@pytest.mark.parametrize(
    ("steps", "epochs", "said"),
    [
        (1, 1, "at least 1 step of 1 image: 1 epoch of 2 images"),
        (3, 2, "at least 3 steps of 1 image: 2 epochs of 2 im"),
    ],
)
def test_steps_of_a_recipe_become_epochs_of_the_images(steps, epochs, said, tmp_path, capsys):
    words = ["--recipe", "voc-fcn32s", *SMALL, "--iterations", str(steps)]
    assert main(["train", *words, "--out", str(tmp_path / "run")]) == 0
    assert said in capsys.readouterr().err
    assert config_of(tmp_path / "run")["epochs"] == epochs


def test_the_images_look_as_the_weights_want_whatever_the_recipe_says(tmp_path, capsys):
    assert train(tmp_path / "first", "--model", "fcn32s", "--variant", "paper", "--preprocessing", "torchvision") == 0
    words = ["--recipe", "voc-fcn16s", "--init", str(tmp_path / "first"), "--epochs", "1"]
    assert train(tmp_path / "next", *words) == 0
    assert config_of(tmp_path / "next")["std"] == [58.395, 57.12, 57.375]
    said = capsys.readouterr().err
    assert "images are preprocessed as there: torchvision" in said
    assert "--preprocessing torchvision for caffe" in said


def test_weights_that_were_trained_at_once_are_scaled_as_there(tmp_path):
    """In the run that begins with them and in the network of its checkpoint."""
    assert train(tmp_path / "first", "--at-once", "--epochs", "1") == 0
    assert train(tmp_path / "next", "--init", str(tmp_path / "first"), "--epochs", "1") == 0
    state = checkpoint.load(tmp_path / "next")
    net = build.load_model(state.config, state.model)
    assert (net.pool4_scale, net.pool3_scale) == (0.01, 0.0001)


def test_a_run_goes_on_as_the_recipe_that_it_began_with(heavy, capsys):
    assert resume(heavy, "--recipe", "voc-fcn32s") == 0
    words = ["train", "--resume", "--device", "cpu", "--out", str(heavy), "--recipe", "voc-fcn8s"]
    capsys.readouterr()
    assert_refused(words, "--recipe is voc-fcn8s, but the run in", heavy, capsys)


REFUSED = {
    "a wrong name": (["--recipe", "voc-fcn23s"], "there is no recipe 'voc-fcn23s'; did you mean 'voc-fcn32s'?"),
    "no data": (["--recipe", "voc-fcn32s"], "--recipe voc-fcn32s is of PASCAL VOC 2011"),
    "no depth": (["--recipe", "nyud-fcn32s-hha"], "is of NYUDv2, 795 images of 425x560; --data nyud:PATH, or name"),
    "two streams": (["--recipe", "nyud-fcn32s-color-hha", "--data", "shapes"], "--inputs color-hha is of nyud:PATH"),
    "depth": (["--recipe", "nyud-fcn32s-color-d", "--data", "shapes"], "--inputs color-d is of nyud:PATH"),
    "no such inputs": (["--inputs", "rgbd"], "--inputs must be color, hha, color-d, color-hha, but is 'rgbd'"),
    "scores at once of one": (
        ["--recipe", "voc-fcn8s-atonce", "--data", "shapes", "--model", "fcn32s"],
        "--recipe voc-fcn8s-atonce scales pool4 and pool3, which fcn32s does not look at; leave --model out",
    ),
    "another variant": (
        ["--recipe", "voc-fcn8s", "--data", "shapes", "--variant", "lecture"],
        "--recipe voc-fcn8s trains the paper's networks, and --variant lecture is another; leave one of the two out",
    ),
    "steps and epochs": (["--iterations", "3", "--epochs", "1"], "--iterations is 3 and --epochs 1; give one"),
    "nothing to scale": (["--at-once", "--model", "fcn32s"], "--at-once scales pool4 and pool3"),
    "fixed noise": (["--variant", "lecture", "--upsampling", "fixed"], "--upsampling fixed is of the paper's networks"),
    "the lecture at once": (["--variant", "lecture", "--at-once"], "--at-once is of the paper's networks"),
    "too few batches": ([*small_runs.SETTINGS, "--epochs", "1", "--accumulate", "4"], "the run has 3 batches in all"),
    "no such reduction": (["--reduction", "sum"], "--reduction must be mean or batch"),
    "no such upsampling": (["--upsampling", "bilinear"], "--upsampling must be fixed or learned"),
}


@pytest.mark.parametrize(("words", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_and_nothing_is_written(words, message, tmp_path, capsys):
    assert_refused(["train", *words, "--device", "cpu", "--out", str(tmp_path / "run")], message, tmp_path, capsys)


def test_a_recipe_that_is_gone_is_no_reason_not_to_go_on(heavy):
    all_of_them = dict(RECIPES)
    del RECIPES["voc-fcn32s"]
    try:
        assert resume(Path(heavy)) == 0
    finally:  # in their order, in which others list them
        RECIPES.clear()
        RECIPES.update(all_of_them)
