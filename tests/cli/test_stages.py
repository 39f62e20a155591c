"""`train --staged`: FCN-32s, FCN-16s and FCN-8s one after the other, in one command that may stop anywhere."""

import json
import shutil

import numpy as np
import pytest
from small_runs import arrays, assert_refused, assert_same_run, contents

from minifcn.cli import main
from minifcn.training import Trainer, checkpoint

SMALL = ["--data", "shapes", "--images", "2", "--size", "32x32", "--width", "0.03125", "--batch-size", "1"]
SMALL += ["--epochs", "1", "--device", "cpu"]
STAGES = ("fcn32s", "fcn16s", "fcn8s")


pytestmark = pytest.mark.usefixtures("no_curves_and_panels")


def staged(out, *words):
    return main(["train", "--staged", *SMALL, "--out", str(out), *words])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A staged training that nothing has interrupted."""
    folder = tmp_path_factory.mktemp("work") / "whole"
    assert staged(folder, "--lr", "0.01", "--freeze", "conv*") == 0
    return folder


def configs(folder):
    return [checkpoint.load(folder / stage / "checkpoint.npz").config for stage in STAGES]


def test_each_stage_begins_with_the_best_network_of_the_one_before(whole):
    assert [config.model for config in configs(whole)] == [*STAGES]
    assert [config.init for config in configs(whole)] == [None, str(whole / "fcn32s"), str(whole / "fcn16s")]
    first, last = (arrays(whole / stage / "best.npz") for stage in ("fcn32s", "fcn8s"))
    np.testing.assert_array_equal(last["model/conv5_3.weight"], first["model/conv5_3.weight"])


def test_the_learning_rate_falls_by_100_with_each_skip(whole):
    assert [config.lr for config in configs(whole)] == pytest.approx([0.01, 0.0001, 0.000001])


def test_what_becomes_of_the_weights_is_shown_between(tmp_path, capsys):
    assert staged(tmp_path / "run", "--model", "fcn16s") == 0
    said = capsys.readouterr().err
    assert f"stage 1 of 2: fcn32s, learning rate 0.001, in {tmp_path / 'run' / 'fcn32s'}" in said
    assert f"stage 2 of 2: fcn16s, learning rate 1e-05, in {tmp_path / 'run' / 'fcn16s'}" in said
    assert f"starting from {tmp_path / 'run' / 'fcn32s' / 'best.npz'} (fcn32s on vgg16, aligned" in said
    assert "  first value  upscore2, score_pool4, upscore16  new in this network" in said


class TestOfARecipe:
    def rates(self, folder, *words):
        assert staged(folder, "--recipe", "voc-fcn8s", "--variant", "aligned", *words) == 0
        found = configs(folder)
        assert [config.recipe for config in found] == [f"voc-{stage}" for stage in STAGES]
        assert {config.variant for config in found} == {"aligned"}
        assert {config.preprocessing for config in found} == {"caffe"}
        return [config.lr for config in found]

    def test_each_stage_has_its_own(self, tmp_path):
        assert self.rates(tmp_path / "run") == [1e-10, 1e-12, 1e-14]

    def test_a_rate_that_is_given_falls_as_theirs(self, tmp_path):
        assert self.rates(tmp_path / "run", "--lr", "1e-6") == pytest.approx([1e-6, 1e-8, 1e-10])

    def test_weights_to_start_from_are_those_of_the_first(self, whole, tmp_path):
        """And the images look to all stages as they want it."""
        words = ["--variant", "aligned", "--init", str(whole / "fcn32s"), "--freeze", "conv*"]
        assert staged(tmp_path / "run", "--recipe", "voc-fcn16s", *words) == 0
        first, last = arrays(whole / "fcn32s" / "best.npz"), arrays(tmp_path / "run" / "fcn16s" / "best.npz")
        np.testing.assert_array_equal(last["model/conv5_3.weight"], first["model/conv5_3.weight"])
        config = checkpoint.load(tmp_path / "run" / "fcn16s" / "best.npz").config
        assert (config.preprocessing, config.init) == ("imagenet", str(tmp_path / "run" / "fcn32s"))


@pytest.mark.parametrize("step", [1, 3, 4, 6])
def test_it_goes_on_exactly_after_any_step(tmp_path, whole, step, monkeypatch, capsys):
    """In the middle of the first and of the second stage, and at the end of the second and of the third."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    taken, take = [], Trainer.step

    def stopping(trainer, batch):
        taken.append(batch)
        trainer.stop_requested = len(taken) == step
        return take(trainer, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stopping)
        assert staged("run", "--lr", "0.01", "--freeze", "conv*") == 130
    assert main(["train", "--resume", "--device", "cpu", "--out", "run"]) == 0
    for stage in STAGES:
        expected = tmp_path / stage
        shutil.copytree(whole / stage, expected)
        for name in ("checkpoint.npz", "best.npz"):  # whose config says where the weights were
            path, init = expected / name, checkpoint.load(f"run/{stage}/{name}").config.init
            state = checkpoint.load(path)
            object.__setattr__(state.config, "init", init)
            checkpoint.save(path, state)
        assert_same_run(tmp_path / "work" / "run" / stage, expected)


def test_the_command_that_began_them_goes_on_with_them(whole, capsys):
    """What it says is said of the last stage, or of the first, and not of all."""
    words = ["--lr", "0.01", "--freeze", "conv*", "--model", "fcn8s"]
    assert main(["train", "--staged", *SMALL, *words, "--resume", "--out", str(whole)]) == 0
    for words in (["--lr", "0.0001"], ["--model", "fcn16s"], ["--init", "other.npz"], ["--recipe", "voc-fcn8s"]):
        capsys.readouterr()
        asked = ["train", "--staged", "--resume", *words, "--device", "cpu", "--out", str(whole)]
        assert_refused(asked, f"{words[0]} is {words[1]}, but the run in", whole, capsys)


def test_stages_that_are_done_are_passed_over(whole, capsys):
    """The last one is said to be complete, as a single run is."""
    before = {stage: (whole / stage / "checkpoint.npz").stat().st_mtime_ns for stage in STAGES[:2]}
    assert main(["train", "--resume", "--staged", "--device", "cpu", "--out", str(whole)]) == 0
    said = capsys.readouterr().err
    assert "stage 3 of 3" in said
    assert "stage 2" not in said
    assert "is complete; --epochs with more than 1 would go on with it" in said
    assert before == {stage: (whole / stage / "checkpoint.npz").stat().st_mtime_ns for stage in STAGES[:2]}


def test_a_staged_training_is_replaced_as_a_whole(whole, tmp_path, capsys):
    shutil.copytree(whole, tmp_path / "run")
    assert staged(tmp_path / "run", "--overwrite", "--model", "fcn16s", "--lr", "0.1") == 0
    assert not (tmp_path / "run" / "fcn8s" / "checkpoint.npz").exists()
    assert checkpoint.load(tmp_path / "run" / "fcn16s").config.lr == pytest.approx(0.001)


def test_a_single_run_that_it_replaces_leaves_nothing_that_looks_like_its_result(tmp_path, capsys):
    """Or `evaluate --checkpoint DIR` would measure the network of before."""
    out = tmp_path / "run"
    assert main(["train", *SMALL, "--out", str(out)]) == 0
    refused = ["train", "--staged", *SMALL, "--overwrite", "--init", str(out / "best.npz"), "--out", str(out)]
    capsys.readouterr()
    assert_refused(refused, "which --overwrite empties", out, capsys)
    assert staged(out, "--overwrite", "--model", "fcn16s") == 0
    assert sorted(path.name for path in out.iterdir()) == ["fcn16s", "fcn32s", "stages.json"]
    capsys.readouterr()
    asked = ["evaluate", "--data", "shapes", "--device", "cpu", "--checkpoint", str(out)]
    assert_refused(asked, f"name the folder of a run, such as {out / 'fcn16s'}, or a file", out, capsys)


REFUSED = {
    "over another": ([], "holds a run already; continue it with --resume"),
    "a single run over it": (None, "holds a run already; continue it with --resume"),
    "weights that would be removed": (["--overwrite", "--init", "{run}/fcn32s"], "which --overwrite empties"),
    "on --resume, another rate": (["--resume", "--lr", "0.5"], "--lr is 0.5, but the run in"),
}


@pytest.mark.parametrize(("words", "message"), REFUSED.values(), ids=REFUSED)
def test_it_refuses_what_would_mix_with_another(whole, words, message, capsys):
    arguments = SMALL if words is None else ["--staged", *([] if "--resume" in words else SMALL), *words]
    arguments = [word.format(run=whole) for word in arguments]
    assert_refused(["train", *arguments, "--out", str(whole)], message, whole, capsys)


IMPOSSIBLE = {
    "one stage": (["--model", "fcn32s"], "this training has one stage, so leave it out"),
    "one stage of a recipe": (["--recipe", "voc-fcn8s-atonce"], "this training has one stage, so leave it out"),
    "at once": (["--at-once"], "choose one of the two"),
    "a recipe and a network": (["--recipe", "voc-fcn8s", "--model", "fcn16s"], "leave --model out"),
    "an unknown network": (["--model", "fcn4s"], "--staged leads to fcn16s or fcn8s, and not to fcn4s"),
}


@pytest.mark.parametrize(("words", "message"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_it_refuses_what_has_no_stages(words, message, tmp_path, capsys):
    arguments = ["train", "--staged", *SMALL, *words, "--out", str(tmp_path / "run")]
    assert_refused(arguments, message, tmp_path, capsys)


def test_what_is_refused_by_the_first_stage_replaces_nothing(whole, capsys):
    before = contents(whole)
    assert staged(whole, "--data", "camvid:nowhere", "--overwrite") == 2
    assert "nowhere: the folder of the data set does not exist" in capsys.readouterr().err
    assert contents(whole) == before


FILES = {
    "missing": (None, "has no stages.json, so no staged training to --resume"),
    "no JSON": ("{", "does not hold the settings of stages"),
    "a list": ("[]", "does not hold the settings of stages"),
    "no list": ('{"stages": 1}', "does not hold the settings of stages"),
    "nested without end": ("[" * 100_000, "does not hold the settings of stages"),
    "of other stages": ("other", "which lead from fcn32s to fcn16s and fcn8s"),
    "with a wrong setting": ("wrong", "--width must be a number above 0"),
    "too large": (" " * (1 << 20) + "{}", "is larger than a list of settings can be"),
}


@pytest.mark.parametrize(("text", "message"), FILES.values(), ids=FILES)
def test_a_list_of_stages_that_cannot_be_is_refused(whole, tmp_path, text, message, capsys):
    settings = json.loads((whole / "stages.json").read_text())["stages"]
    if text == "other":
        text = json.dumps({"stages": settings[::-1]})
    if text == "wrong":
        text = json.dumps({"stages": [settings[0] | {"width": -1}]})
    (tmp_path / "run").mkdir()
    if text is not None:
        (tmp_path / "run" / "stages.json").write_text(text)
    arguments = ["train", "--resume", "--staged", "--device", "cpu", "--out", str(tmp_path / "run")]
    assert_refused(arguments, message, tmp_path, capsys)
