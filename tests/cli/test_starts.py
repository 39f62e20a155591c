"""`train --init`, `--freeze` and `--class-weights`: what a user types, reads, and can continue."""

import dataclasses
import itertools
import json
import re
import shutil

import numpy as np
import pytest
import small_runs
from small_runs import arrays, assert_refused, resume, train

from minifcn.training import Checkpoint, build, checkpoint

pytestmark = pytest.mark.usefixtures("no_curves_and_panels")


@pytest.fixture(scope="module")
def coarse(tmp_path_factory):
    """A finished run of an FCN-32s."""
    folder = tmp_path_factory.mktemp("work") / "32s"
    assert train(folder, "--model", "fcn32s", "--epochs", "1") == 0
    return folder


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def test_the_paper_s_chain_from_32s_to_8s(coarse, tmp_path, capsys):
    """With the trunk frozen it is the same, bit for bit, at the end of the chain."""
    chain = [coarse, tmp_path / "16s", tmp_path / "8s"]
    said = []
    for before, after in itertools.pairwise(chain):
        options = ["--init", str(before / "best.npz"), "--model", f"fcn{after.name}", "--freeze", "conv*,fc*"]
        assert train(after, *options, "--epochs", "1") == 0
        said.append(capsys.readouterr().err)
    first, last = arrays(chain[0] / "best.npz"), arrays(chain[-1] / "best.npz")
    trunk = [name for name in last if name.startswith(("model/conv", "model/fc"))]
    assert len(trunk) == 30
    for name in trunk:
        np.testing.assert_array_equal(last[name], first[name], err_msg=name)
    assert f"starting from {coarse / 'best.npz'} (fcn32s on vgg16, aligned, width 0.0625, 6 classes):" in said[0]
    assert "copied       conv1_1 ... score_fr " in said[0]
    assert "unused       upscore " in said[0]
    assert "copied       conv1_1 ... score_pool4 " in said[1]
    assert "frozen by conv*, fc*: 15 layers, 132,068 of " in said[1]


def test_frozen_layers_that_nobody_trained_are_named(coarse, tmp_path, capsys):
    assert train(tmp_path / "a", "--epochs", "1", "--freeze", "conv*,upscore*") == 0
    said = capsys.readouterr().err
    assert "  at first values, which nobody learned: conv1_1 ... conv5_3 (without --init they have no others)" in said
    assert train(tmp_path / "c", "--epochs", "1", "--freeze", "conv1_1") == 0
    assert "frozen by conv1_1: 1 layer, " in capsys.readouterr().err
    words = ["--init", str(coarse), "--model", "fcn16s", "--freeze", "conv*,score_*"]
    assert train(tmp_path / "b", "--epochs", "1", *words) == 0
    said = capsys.readouterr().err
    assert "  at first values, which nobody learned: score_pool4 (--init has no others for them)" in said


def test_the_network_is_that_of_the_file_unless_it_is_given(coarse, tmp_path):
    arguments = ["--data", "shapes", "--images", "2", "--epochs", "1", "--device", "cpu", "--size", "32x32"]
    assert small_runs.main(["train", *arguments, "--init", str(coarse / "best.npz"), "--out", str(tmp_path / "a")]) == 0
    config = config_of(tmp_path / "a")
    assert (config["model"], config["width"], config["epochs"]) == ("fcn32s", 0.0625, 1)
    assert config["init"] == str(coarse / "best.npz")


def test_the_folder_of_a_run_stands_for_its_best_network(coarse, tmp_path, capsys):
    assert train(tmp_path / "run", "--epochs", "1", "--init", str(coarse), "--freeze", "conv*") == 0
    assert f"starting from {coarse / 'best.npz'} (fcn32s" in capsys.readouterr().err
    first, last = arrays(coarse / "best.npz"), arrays(tmp_path / "run" / "best.npz")
    np.testing.assert_array_equal(last["model/conv5_3.weight"], first["model/conv5_3.weight"])


def test_images_are_normalised_as_they_were(coarse, tmp_path, capsys):
    state = checkpoint.load(coarse / "best.npz")
    other = dataclasses.replace(state.config, mean=(1.0, 2.0, 3.0), std=(1.5, 1.0, 1.0))
    checkpoint.save(tmp_path / "other.npz", Checkpoint(other, state.model))
    assert train(tmp_path / "run", "--init", str(tmp_path / "other.npz")) == 0
    assert config_of(tmp_path / "run")["mean"] == [1.0, 2.0, 3.0]
    assert "images are preprocessed as there: mean 1,2,3, std 1.5,1,1, rgb" in capsys.readouterr().err


def test_classes_that_both_know_keep_their_scores(coarse, tmp_path, capsys):
    """The file's classes in reverse, two of them renamed: with the score layers frozen, rows are found by name."""
    state = checkpoint.load(coarse / "best.npz")
    names = ("cross", "hexagon", "triangle", "square", "star", "background")
    scores = {name: np.arange(array.size, dtype="float32").reshape(array.shape) for name, array in state.model.items()}
    there = dataclasses.replace(state.config, class_names=names)
    checkpoint.save(tmp_path / "other.npz", Checkpoint(there, state.model | {"score_fr.bias": scores["score_fr.bias"]}))
    assert train(tmp_path / "run", "--init", str(tmp_path / "other.npz"), "--freeze", "score_fr") == 0
    here = config_of(tmp_path / "run")["class_names"]
    found = arrays(tmp_path / "run" / "checkpoint.npz")["model/score_fr.bias"]
    expected = [names.index(name) if name in names else 0 for name in here]
    np.testing.assert_array_equal(found, expected)
    table = capsys.readouterr().err
    assert re.search("by class +score_fr, upscore +4 of 6: background, square, triangle, cross; the other 2 as", table)


def test_a_run_goes_on_exactly_without_the_file_it_began_with(coarse, tmp_path):
    """Stopped after one epoch of two, with frozen layers and weights; weights are not counted again."""
    shutil.copytree(coarse, tmp_path / "start")
    options = ["--init", str(tmp_path / "start" / "best.npz"), "--freeze", "conv1_*", "--freeze", "fc6"]
    options += ["--class-weights", "median", "--model", "fcn16s"]
    assert train(tmp_path / "whole", *options, "--epochs", "2") == 0
    assert train(tmp_path / "parts", *options, "--epochs", "1") == 0
    shutil.rmtree(tmp_path / "start")
    assert resume(tmp_path / "parts", "--epochs", "2", *options) == 0
    found, expected = (arrays(tmp_path / name / "checkpoint.npz") for name in ("parts", "whole"))
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    assert config_of(tmp_path / "parts") == config_of(tmp_path / "whole")
    assert len(config_of(tmp_path / "parts")["loss_weights"]) == 6


OTHERS = {
    "--init": (["--init", "other.npz"], "--init is other.npz, but the run in"),
    "--freeze": (["--freeze", "fc6"], "--freeze is fc6, but the run in"),
    "--class-weights": (["--class-weights", "median"], "--class-weights is median, but the run in"),
}


@pytest.mark.parametrize(("options", "message"), OTHERS.values(), ids=OTHERS)
def test_a_run_cannot_be_continued_from_elsewhere(coarse, options, message, capsys):
    assert_refused(["train", "--resume", "--device", "cpu", "--out", str(coarse), *options], message, coarse, capsys)


def test_runs_of_before_there_was_such_a_thing_go_on(coarse, tmp_path):
    shutil.copytree(coarse, tmp_path / "run")
    path = tmp_path / "run" / "checkpoint.npz"
    state = checkpoint.load(path)
    saved = state.config.to_dict()
    earlier = {name: value for name, value in saved.items() if name not in EARLIER}
    assert type(state.config).from_dict(earlier) == state.config
    assert len(earlier) == len(saved) - len(EARLIER)


EARLIER = ("init", "freeze", "class_weights", "loss_weights", "recompute", "backbone")

REFUSED = {
    "no such file": (["--init", "nowhere.npz"], "nowhere.npz: there is no such file"),
    "another width": (
        ["--init", "{file}", "--width", "0.125"],
        "(8, 3, 3, 3) here; it was trained with --width 0.0625, so choose that or other weights",
    ),
    "another trunk": (
        ["--init", "{file}", "--model", "fcn32s", "--backbone", "alexnet"],
        "is not in it, and what is behind it (fc7.weight) was learned on another one's maps; it was trained with "
        "--backbone vgg16, so choose that or other weights",
    ),
    "no checkpoint": (["--init", "{folder}/log.csv"], "log.csv: not recognised as a file of weights"),
    "an empty name": (["--init", ""], "--init: is empty; name a file"),
    "a pattern of nothing": (["--freeze", "conf*"], "--freeze conf* matches no layer"),
    "an empty pattern": (["--freeze", ","], "--freeze"),
    "everything frozen": (["--freeze", "*"], "--freeze * leaves nothing to be learned"),
    "an unknown rule": (["--class-weights", "medain"], "did you mean 'median'?"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_in_one_line_and_nothing_is_written(coarse, tmp_path, options, message, capsys):
    options = [option.format(file=coarse / "best.npz", folder=coarse) for option in options]
    arguments = ["train", *small_runs.SETTINGS, "--epochs", "1", "--device", "cpu", "--out", str(tmp_path / "run")]
    assert_refused([*arguments, *options], message, tmp_path, capsys)


@pytest.mark.parametrize("name", ["best.npz", ""])
def test_the_run_that_is_overwritten_cannot_be_the_start(coarse, name, capsys):
    arguments = ["train", *small_runs.SETTINGS, "--device", "cpu", "--out", str(coarse), "--overwrite"]
    assert_refused([*arguments, "--init", str(coarse / name)], "which --overwrite empties", coarse, capsys)


def test_a_file_that_claims_a_larger_network_than_it_holds_is_refused(coarse, tmp_path, monkeypatch, capsys):
    """Its settings would be those of the run: no network may be built from a lie."""
    state = checkpoint.load(coarse / "best.npz")
    large = dataclasses.replace(state.config, width=4.0)
    checkpoint.save(tmp_path / "large.npz", Checkpoint(large, state.model))
    monkeypatch.setattr(build, "build_model", lambda *arguments: pytest.fail("a network was built"))
    arguments = ["train", "--data", "shapes", "--images", "2", "--device", "cpu", "--out", str(tmp_path / "run")]
    assert_refused([*arguments, "--init", str(tmp_path / "large.npz")], "does not fit a fcn32s", tmp_path, capsys)


def test_weights_of_a_file_are_shown_and_kept(tmp_path, capsys):
    lines = ["background,0.5", "disc,1", "square,2", "triangle,1", "ring,1", "cross,3"]
    (tmp_path / "w.csv").write_text("\n".join(lines))
    assert train(tmp_path / "run", "--class-weights", str(tmp_path / "w.csv")) == 0
    error = capsys.readouterr().err
    assert f"class weights ({tmp_path / 'w.csv'}):\n  class       weight\n  background    0.50\n" in error
    assert config_of(tmp_path / "run")["loss_weights"] == [0.5, 1.0, 2.0, 1.0, 1.0, 3.0]
    assert checkpoint.load(tmp_path / "run" / "best.npz").config.loss_weights == (0.5, 1.0, 2.0, 1.0, 1.0, 3.0)
