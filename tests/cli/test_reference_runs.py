"""Every recipe trains on small data in its own format; networks of depth, of two streams and of two heads are used."""

import json

import numpy as np
import pytest
import reference_sets
from small_runs import arrays, assert_refused, assert_same_run, resume

from minifcn import weights
from minifcn.cli import main
from minifcn.training import Trainer, build, checkpoint
from minifcn.training.recipes import RECIPES

SMALL = ["--width", "0.015625", "--device", "cpu"]
MADE = {
    "voc": reference_sets.voc,
    "camvid": reference_sets.camvid,
    "nyud": reference_sets.nyud,
    "siftflow": reference_sets.siftflow,
    "pascalcontext": reference_sets.pascal_context,
}
DEPTH, STREAMS, HEADS = "nyud-fcn32s-color-d", "nyud-fcn32s-color-hha", "siftflow-fcn32s"


@pytest.fixture(scope="module", autouse=True)
def no_pictures():
    with pytest.MonkeyPatch.context() as patch:
        for name in ("save_curves", "save_panel", "save_ious", "save_confusion"):
            patch.setattr(f"minifcn.pictures.{name}", lambda path, *rest: None)
        yield


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """The path of each data set, as --data has it."""
    root = tmp_path_factory.mktemp("sets")
    for name, make in MADE.items():
        make(root / name, np.random.default_rng(0))
    return {name: f"{name}:{root / name}" for name in MADE}


def train(sets, out, recipe, *words):
    """Run two steps of a recipe on its own data, or as many as are asked for."""
    data = sets[RECIPES[recipe].opens.partition(":")[0]]
    length = [] if {"--iterations", "--epochs"} & {*words} else ["--iterations", "2"]
    size = ["--size", "32x32"] if recipe.endswith("course") else []
    return main(["train", "--recipe", recipe, "--data", data, *SMALL, *length, *size, "--out", str(out), *words])


@pytest.fixture(scope="module")
def runs(sets, tmp_path_factory):
    """A run of every recipe."""
    folder = tmp_path_factory.mktemp("runs")
    assert {name: train(sets, folder / name, name) for name in RECIPES} == dict.fromkeys(RECIPES, 0)
    return folder


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_on_its_own_data(runs, name):
    """With as many classes, and what it says of its inputs and of its second head."""
    state, recipe = checkpoint.load(runs / name / "checkpoint.npz"), RECIPES[name]
    assert state.position.iteration >= 2
    assert (state.config.num_classes, len(state.config.geometric_names)) == (
        recipe.num_classes,
        recipe.geometric_classes,
    )
    assert state.config.inputs == recipe.settings.get("inputs", "color")
    build.load_model(state.config, state.model)


@pytest.mark.parametrize("name", [DEPTH, STREAMS, "nyud-fcn32s-hha", HEADS, "siftflow-fcn8s", "pascalcontext-fcn8s"])
def test_what_was_trained_is_evaluated(runs, name, capsys):
    assert main(["evaluate", "--checkpoint", str(runs / name), "--device", "cpu", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 <= found["pixel accuracy"] <= 1
    assert ("geometric" in found) == name.startswith("siftflow")


class TestTwoHeads:
    def test_they_are_both_measured(self, runs, capsys):
        assert main(["evaluate", "--checkpoint", str(runs / HEADS), "--device", "cpu"]) == 0
        semantic, geometric = capsys.readouterr().out.split("\ngeometric classes\n")
        assert "awning" in semantic
        assert [line.split()[0] for line in geometric.splitlines()[-3:]] == ["sky", "horizontal", "vertical"]

    def test_their_classes_are_measured_at_another_size_too(self, runs, capsys):
        words = ["--size", "40x40", "--device", "cpu", "--json"]
        assert main(["evaluate", "--checkpoint", str(runs / HEADS), *words]) == 0
        assert 0 <= json.loads(capsys.readouterr().out)["geometric"]["mean IoU"] <= 1

    def test_both_learn(self, sets, tmp_path):
        assert train(sets, tmp_path / "run", HEADS, "--lr", "1e-4") == 0
        state = checkpoint.load(tmp_path / "run").model
        assert all(state[f"score_fr_{head}.bias"].any() for head in ("sem", "geo"))

    def test_stages_lead_from_32s_to_8s(self, sets, tmp_path, capsys):
        out = tmp_path / "run"
        assert train(sets, out, "siftflow-fcn8s", "--staged", "--lr", "1e-4") == 0
        configs = [checkpoint.load(out / f"fcn{n}s").config for n in (32, 16, 8)]
        assert [config.recipe for config in configs] == [f"siftflow-fcn{n}s" for n in (32, 16, 8)]
        said = capsys.readouterr().err
        assert "first value  upscore2_sem, score_pool4_sem, upscore16_sem" in said
        assert "first value  upscore2_geo, score_pool4_geo, upscore16_geo" in said

    def test_a_later_stage_has_the_scores_of_the_one_before(self, sets, tmp_path):
        """Of both heads; frozen, so that they can be seen."""
        assert train(sets, tmp_path / "first", HEADS, "--lr", "1e-4") == 0
        words = ["--init", str(tmp_path / "first"), "--freeze", "score_fr_*"]
        assert train(sets, tmp_path / "run", "siftflow-fcn16s", *words) == 0
        first, last = (arrays(tmp_path / name / "best.npz") for name in ("first", "run"))
        for name in ("model/score_fr_sem.weight", "model/score_fr_geo.weight"):
            np.testing.assert_array_equal(last[name], first[name])
            assert first[name].any()

    def test_what_the_log_shows_is_said(self, sets, tmp_path, capsys):
        assert train(sets, tmp_path / "run", HEADS) == 0
        said = capsys.readouterr().err
        assert "a second head learns sky, horizontal, vertical: its loss is added to that of the 33 semantic" in said

    def test_data_with_one_label_train_the_semantic_head(self, sets, tmp_path):
        """Whatever is called in the recipe: the data say what there is to learn."""
        words = ["--data", sets["voc"], "--train-split", "train", "--val-split", "val"]
        assert train(sets, tmp_path / "run", HEADS, *words) == 0
        assert "score_fr.weight" in checkpoint.load(tmp_path / "run").model


class TestDepth:
    @pytest.fixture
    def color(self, runs):
        return runs / "nyud-fcn32s-color"

    def test_its_filters_are_the_mean_of_those_of_colours(self, sets, color, tmp_path, capsys):
        """As in nyud-fcn32s-color-d/solve.py; frozen, so that they can be seen."""
        words = ["--init", str(color), "--freeze", "conv1_1"]
        assert train(sets, tmp_path / "run", DEPTH, *words) == 0
        there, here = (checkpoint.load(path).model["conv1_1.weight"] for path in (color, tmp_path / "run"))
        np.testing.assert_array_equal(here[:, :3], there)
        np.testing.assert_array_equal(here[:, 3], there.mean(axis=1))
        said = " ".join(capsys.readouterr().err.split())
        assert "extended conv1_1.weight the filters of what stands behind the colours are the mean of theirs" in said
        assert "colours are preprocessed as there; the mean of what stands behind them is 7.844" in said

    def test_the_colours_look_as_the_weights_want(self, sets, color, tmp_path):
        """And depth as the recipe says."""
        assert main(["train", *_shapes(tmp_path / "first"), "--preprocessing", "torchvision"]) == 0
        assert train(sets, tmp_path / "run", DEPTH, "--init", str(tmp_path / "first")) == 0
        config = checkpoint.load(tmp_path / "run").config
        assert config.mean == (123.675, 116.28, 103.53, 7.844)
        assert config.std == (58.395, 57.12, 57.375, 1.0)

    def test_hha_is_no_colour_whatever_the_weights_saw(self, sets, color, tmp_path):
        assert train(sets, tmp_path / "run", "nyud-fcn32s-hha", "--init", str(color)) == 0
        config = checkpoint.load(tmp_path / "run").config
        assert (config.mean, config.channel_order) == ((132.431, 94.076, 118.477), "rgb")

    def test_a_photograph_is_refused(self, runs, tmp_path, capsys):
        words = ["predict", "a.jpg", "--checkpoint", str(runs / DEPTH), "--out", str(tmp_path / "out.png")]
        assert_refused(words, "is a network of color-d, 4 channels, and a photograph has three", tmp_path, capsys)


def _shapes(out):
    words = ["--data", "shapes", "--images", "2", "--size", "32x32", "--epochs", "1", "--out", str(out)]
    return [*words, "--model", "fcn32s", "--variant", "paper", *SMALL]


class TestTwoStreams:
    def test_each_begins_with_a_network_of_its_own(self, sets, runs, tmp_path):
        color, hha = runs / "nyud-fcn32s-color", runs / "nyud-fcn32s-hha"
        words = ["--init", f"{color},{hha}", "--freeze", "conv*,fc*"]
        assert train(sets, tmp_path / "run", STREAMS, *words) == 0
        state = checkpoint.load(tmp_path / "run")
        for stream, path in (("color", color), ("hha", hha)):
            expected = checkpoint.load(path).model
            for layer in ("conv1_1", "fc7"):
                np.testing.assert_array_equal(state.model[f"{layer}{stream}.weight"], expected[f"{layer}.weight"])
        assert state.config.mean == RECIPES[STREAMS].settings["mean"]

    def test_one_network_is_for_both(self, sets, runs, tmp_path):
        words = ["--init", str(runs / "nyud-fcn32s-color"), "--freeze", "conv*"]
        assert train(sets, tmp_path / "run", STREAMS, *words) == 0
        state = checkpoint.load(tmp_path / "run").model
        np.testing.assert_array_equal(state["conv3_1color.weight"], state["conv3_1hha.weight"])

    def test_they_are_what_another_one_begins_with(self, sets, runs, tmp_path):
        assert train(sets, tmp_path / "run", STREAMS, "--init", str(runs / STREAMS), "--freeze", "conv*,fc*") == 0
        first, then = (checkpoint.load(path).model for path in (runs / STREAMS, tmp_path / "run"))
        np.testing.assert_array_equal(then["fc6hha.weight"], first["fc6hha.weight"])

    def test_fcn_8s_is_refused(self, sets, tmp_path, capsys):
        words = ["train", "--recipe", STREAMS, "--data", sets["nyud"], *SMALL, "--model", "fcn8s"]
        assert_refused([*words, "--out", str(tmp_path / "run")], "fused in fcn32s alone", tmp_path, capsys)


@pytest.mark.parametrize("name", [DEPTH, STREAMS, HEADS])
def test_a_run_goes_on_exactly(sets, tmp_path, name, monkeypatch):
    """Dropout masks of both streams, and the gradients of both heads, are what they would have been."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    words = ["--epochs", "2", "--lr", "1e-5"]
    assert train(sets, "run", name, *words) == 0
    (tmp_path / "work" / "run").rename(tmp_path / "whole")
    taken, take = [], Trainer.step

    def stopping(trainer, batch):
        taken.append(batch)
        trainer.stop_requested = len(taken) == 2
        return take(trainer, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stopping)
        assert train(sets, "run", name, *words) == 130
    assert resume("run") == 0
    assert_same_run(tmp_path / "work" / "run", tmp_path / "whole")


CHECKS = {"nyud": ["--inputs", "color-hha"], "siftflow": [], "pascalcontext": ["--split", "train", "val"]}


@pytest.mark.parametrize(("name", "words"), CHECKS.items(), ids=CHECKS)
def test_the_data_are_checked(sets, name, words, capsys):
    assert main(["check-data", sets[name], *words]) == 0
    assert "train" in capsys.readouterr().out


def test_a_check_finds_what_is_missing_behind_the_colours(tmp_path, rng, capsys):
    reference_sets.nyud(tmp_path, rng)
    (tmp_path / "data" / "depth" / "img_5001.png").unlink()
    assert main(["check-data", f"nyud:{tmp_path}"]) == 0
    assert main(["check-data", f"nyud:{tmp_path}", "--inputs", "color-d"]) == 2
    assert "depth/img_5001.png: no such file" in capsys.readouterr().out


SUMMARIES = {
    "four channels": (["--inputs", "color-d"], "conv1_1"),
    "two streams": (["--inputs", "color-hha"], "score_frhha"),
    "two heads": (["--geometric", "3"], "upscore_geo"),
}


@pytest.mark.parametrize(("words", "layer"), SUMMARIES.values(), ids=SUMMARIES)
def test_a_summary_has_their_layers(words, layer, capsys):
    assert main(["summary", "fcn32s", "--variant", "paper", "--width", "0.03125", *words]) == 0
    out = capsys.readouterr().out
    assert f"\n{layer}" in out
    assert "crop offsets        score 19" in out


@pytest.mark.parametrize("name", [DEPTH, STREAMS, HEADS])
def test_they_are_converted_and_evaluated_as_before(runs, name, tmp_path, capsys):
    file = tmp_path / "net.npz"
    assert main(["convert", str(runs / name), "--to", str(file)]) == 0
    assert weights.read(file).arrays.keys() == checkpoint.load(runs / name).model.keys()
    found = []
    for path in (runs / name, file):
        data = ["--data", checkpoint.load(runs / name).config.data, "--split", "test"]
        capsys.readouterr()
        assert main(["evaluate", "--checkpoint", str(path), *data, "--device", "cpu", "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1]


def test_two_streams_become_an_onnx_file(runs, tmp_path, capsys):
    """Its image has all six channels, although no layer sees more than three."""
    pytest.importorskip("onnx", reason="onnx is not installed: `make oracle` installs it")
    assert main(["convert", str(runs / STREAMS), "--to", str(tmp_path / "net.onnx")]) == 0
    assert "65 arrays" in capsys.readouterr().out
