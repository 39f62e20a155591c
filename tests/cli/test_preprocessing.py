"""`train --preprocessing`: the checkpoint remembers it, and whoever uses the checkpoint follows."""

import json

import numpy as np
import pytest
from PIL import Image
from small_runs import assert_refused, resume, train

from minifcn.cli import main
from minifcn.data import Normalize, read_image
from minifcn.training import build, checkpoint, predict

pytestmark = pytest.mark.usefixtures("no_curves_and_panels")


@pytest.fixture(scope="module")
def caffe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work") / "caffe"
    assert train(folder, "--epochs", "1", "--preprocessing", "caffe", "--lr", "1e-5") == 0
    return folder


def test_the_run_remembers_it(caffe):
    config = json.loads((caffe / "config.json").read_text())
    assert config["channel_order"] == "bgr"
    assert config["mean"] == [122.67892, 116.66877, 104.00699]
    assert config["std"] == [1.0, 1.0, 1.0]
    assert checkpoint.load(caffe / "best.npz").config.preprocessing == "caffe"


def test_predict_follows_it(caffe, tmp_path):
    """With drawn scores instead of those of a run of two steps, which give every pixel one class."""
    rng, state = np.random.default_rng(0), checkpoint.load(caffe / "best.npz")
    scores = {name: rng.normal(size=a.shape).astype("f") for name, a in state.model.items() if name.startswith("score")}
    checkpoint.save(tmp_path / "drawn.npz", checkpoint.Checkpoint(state.config, state.model | scores))
    Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    words = ["--checkpoint", str(tmp_path / "drawn.npz"), "--device", "cpu", "--label", str(tmp_path / "label.png")]
    assert main(["predict", *words, str(tmp_path / "photo.png")]) == 0
    model, photo = build.load_model(state.config, state.model | scores), read_image(tmp_path / "photo.png")
    expected = predict(model, photo, Normalize((122.67892, 116.66877, 104.00699), (1, 1, 1), "bgr"))
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "label.png")), expected)
    assert (predict(model, photo, Normalize()) != expected).any()


def test_a_run_that_starts_from_it_follows_it(caffe, tmp_path, capsys):
    assert train(tmp_path / "next", "--init", str(caffe), "--epochs", "1") == 0
    assert "images are preprocessed as there: caffe" in capsys.readouterr().err
    assert checkpoint.load(tmp_path / "next" / "best.npz").config.preprocessing == "caffe"


def test_a_run_that_starts_from_it_and_sees_something_else_says_so(caffe, tmp_path, capsys):
    assert train(tmp_path / "next", "--init", str(caffe), "--epochs", "1", "--preprocessing", "torchvision") == 0
    assert "images are preprocessed otherwise than there: caffe there, torchvision here" in capsys.readouterr().err


def test_runs_of_before_there_were_names_saw_r_g_b(caffe):
    settings = checkpoint.load(caffe / "best.npz").config.to_dict()
    del settings["channel_order"]
    assert checkpoint.Config.from_dict(settings).channel_order == "rgb"


def test_a_run_that_goes_on_keeps_it(caffe, tmp_path, capsys):
    assert resume(caffe, "--preprocessing", "caffe") == 0
    words = ["train", "--resume", "--device", "cpu", "--out", str(caffe), "--preprocessing", "raw"]
    capsys.readouterr()
    assert_refused(words, "--preprocessing is raw, but the run in", caffe, capsys)


def test_a_wrong_name_is_refused(tmp_path, capsys):
    words = ["train", "--out", str(tmp_path / "run"), "--preprocessing", "cafe"]
    message = "--preprocessing must be one of imagenet, torchvision, caffe, raw, but is 'cafe'; did you mean 'caffe'?"
    assert_refused(words, message, tmp_path, capsys)
