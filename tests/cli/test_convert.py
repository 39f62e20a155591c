"""`minifcn convert`, and runs that begin with files of others: what a user types and reads."""

import json

import numpy as np
import published_files as files
import pytest
from PIL import Image
from small_runs import arrays, train

import minifcn as mf
from minifcn.cli import main
from minifcn.training import Config, build, checkpoint
from minifcn.training.published import open_network

pytestmark = pytest.mark.usefixtures("no_curves_and_panels")


STATE = files.vgg16(1 / 16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A VGG16 in every format."""
    folder = tmp_path_factory.mktemp("files")
    files.save_caffemodel(folder / "vgg16.caffemodel", STATE)
    files.save_chainer(folder / "vgg16_from_caffe.npz", STATE)
    files.save_pth(folder / "vgg16.pth", files.as_torchvision(STATE))
    files.save_keras(folder / "vgg16.h5", STATE)
    return folder


def converted(path, to, *options):
    assert main(["convert", str(path), "--to", str(to), *options]) == 0
    found = arrays(to)
    return json.loads(found.pop("about").item()), found


CASES = {
    "vgg16.caffemodel": ([], "VGG16 of Caffe", "caffemodel", "copied  conv1_1 ... fc8  16 layers"),
    "vgg16_from_caffe.npz": ([], "VGG16 of Caffe", "npz", "copied  conv1_1 ... fc8  16 layers"),
    "vgg16.pth": (["--source-preprocessing", "torchvision"], "VGG16 with torchvision's names", "zip", "reshaped  fc6."),
    "vgg16.h5": ([], "VGG16 of Keras", "HDF5", "transposed  conv"),
}


@pytest.mark.parametrize(("name", "case"), CASES.items(), ids=CASES)
def test_every_format_becomes_the_same_file(name, case, folder, tmp_path, capsys):
    options, what, container, line = case
    about, found = converted(folder / name, tmp_path / "vgg16.npz", *options)
    assert list(found) == list(STATE)
    for key, array in STATE.items():
        np.testing.assert_array_equal(found[key], array, err_msg=key)
    assert about["source"]["recognised_as"] == what
    assert about["source"]["file"] == name
    said = capsys.readouterr().out
    assert f"{folder / name}: {what}" in said
    assert f"SHA-256 {about['source']['sha256']}" in said
    assert container in said
    assert line in said
    assert f"vgg16.npz: 32 arrays, {sum(array.size for array in STATE.values()):,} numbers" in said


def test_for_images_of_caffe_the_first_layer_changes_and_it_is_said(folder, tmp_path, capsys):
    options = ["--source-preprocessing", "torchvision", "--preprocessing", "caffe"]
    about, found = converted(folder / "vgg16.pth", tmp_path / "vgg16.npz", *options)
    assert (about["mean"], about["std"], about["channel_order"]) == ([123.675, 116.28, 103.53], [1, 1, 1], "bgr")
    expected = STATE["conv1_1.weight"][:, ::-1] / np.array([57.375, 57.12, 58.395]).reshape(1, 3, 1, 1)
    np.testing.assert_allclose(found["conv1_1.weight"], expected, rtol=1e-6)
    np.testing.assert_array_equal(found["conv1_1.bias"], STATE["conv1_1.bias"])
    assert (
        "images: R, G, B minus 123.675, 116.28, 103.53, divided by 58.395, 57.12, 57.375; turned into B, G, R minus "
        "103.53, 116.28, 123.675, by the first layer"
    ) in capsys.readouterr().out


def test_a_run_is_converted_with_its_classes(tmp_path, capsys):
    assert train(tmp_path / "run", "--epochs", "1", "--model", "fcn32s") == 0
    about, found = converted(tmp_path / "run", tmp_path / "net.npz")
    best = checkpoint.load(tmp_path / "run")
    assert found.keys() == best.model.keys()
    assert about["class_names"] == list(best.config.class_names)
    capsys.readouterr()
    results = []
    for path in (tmp_path / "run", tmp_path / "net.npz"):
        words = ["--checkpoint", str(path), "--data", "shapes", "--images", "2", "--device", "cpu", "--size", "32x32"]
        assert main(["evaluate", *words, "--json"]) == 0
        results.append(json.loads(capsys.readouterr().out))
    assert results[0] == results[1]


@pytest.mark.parametrize("ending", ["npz", "safetensors", "pth"])
def test_a_converted_file_sees_a_photograph_as_the_run_did(ending, tmp_path, capsys):
    """Scaled to the size of the images that it was trained on, and not as large as it is."""
    assert train(tmp_path / "run", "--epochs", "1", "--model", "fcn32s") == 0
    assert main(["convert", str(tmp_path / "run"), "--to", str(tmp_path / f"net.{ending}")]) == 0
    capsys.readouterr()
    photograph = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(photograph).save(tmp_path / "photograph.png")
    shares = []
    for path in (tmp_path / "run", tmp_path / f"net.{ending}"):
        out = tmp_path / f"{path.name}.csv"
        words = [str(tmp_path / "photograph.png"), "--checkpoint", str(path), "--shares", str(out), "--device", "cpu"]
        assert main(["predict", *words]) == 0
        assert "trained on images of 32 x 32" in capsys.readouterr().err
        shares.append(out.read_text())
    assert shares[0] == shares[1]


REFUSED = {
    "no such file": ("nothing.npz", "out.npz", [], "there is no such file"),
    "another ending": ("vgg16.h5", "out.txt", [], "weights are written to .npz"),
    "itself": ("vgg16.h5", "vgg16.h5", [], "weights are written to .npz"),
    "the same file": ("vgg16_from_caffe.npz", "vgg16_from_caffe.npz", [], "is the file itself"),
    "no folder": ("vgg16.h5", "none/out.npz", [], "there is no folder"),
    "a preprocessing that is none": (
        "vgg16.pth",
        "out.npz",
        ["--source-preprocessing", "cafe"],
        "did you mean 'caffe'",
    ),
    "not said": ("vgg16.pth", "out.npz", [], "which do not say how its images were preprocessed"),
    "no weights": ("any.npz", "out.npz", [], "neither a checkpoint of minifcn, nor weights"),
}


@pytest.mark.parametrize(("name", "to", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_converted_is_refused_and_nothing_is_written(name, to, options, message, folder, capsys):
    np.savez(folder / "any.npz", a=np.zeros(3))
    before = sorted(path.name for path in folder.iterdir())
    assert main(["convert", str(folder / name), "--to", str(folder / to), *options]) == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize("to", ["checkpoint.npz", "best.npz"])
def test_the_state_of_a_run_is_not_overwritten(to, folder, tmp_path, capsys):
    assert main(["train", *SMALL, "--width", "0.03125", "--out", str(tmp_path / "run")]) == 0
    before = (tmp_path / "run" / to).read_bytes()
    capsys.readouterr()
    assert main(["convert", str(folder / "vgg16_from_caffe.npz"), "--to", str(tmp_path / "run" / to)]) == 2
    assert f"choose another name, such as {tmp_path / 'run' / 'weights.npz'}" in capsys.readouterr().err
    assert (tmp_path / "run" / to).read_bytes() == before
    assert main(["convert", str(tmp_path / "run"), "--to", str(tmp_path / "run" / "weights.npz")]) == 0
    assert main(["convert", str(tmp_path / "run"), "--to", str(tmp_path / "run" / "weights.npz")]) == 0  # again


# train --init

SMALL = ["--data", "shapes", "--images", "2", "--size", "32x32", "--epochs", "1", "--lr", "1e-9", "--device", "cpu"]


def begun(path, out, capsys, *options):
    capsys.readouterr()
    assert main(["train", *SMALL, "--init", str(path), "--out", str(out), *options]) == 0
    return capsys.readouterr().err, json.loads((out / "config.json").read_text())


@pytest.mark.parametrize("name", ["vgg16.caffemodel", "vgg16.h5"])
def test_a_run_begins_with_a_classifier_of_others(name, folder, tmp_path, capsys):
    said, config = begun(folder / name, tmp_path / "run", capsys)
    assert (config["backbone"], config["variant"], config["width"]) == ("vgg16", "paper", 1 / 16)
    assert config["channel_order"] == "bgr"
    best = arrays(tmp_path / "run" / "best.npz")
    for key in ("conv1_1.weight", "fc6.weight", "fc7.bias"):
        np.testing.assert_allclose(best[f"model/{key}"], STATE[key], rtol=0, atol=1e-6, err_msg=key)
    assert f"starting from {folder / name}: VGG16 of" in said
    assert "SHA-256" in said
    assert "first value  score_fr ... upscore8" in " ".join(said.split("\n")) or "score_fr" in said
    assert "unused" in said
    assert ("transposed" in said) == name.endswith("h5")
    assert "images are preprocessed as there" in said


def test_a_run_from_a_converted_file_takes_over_its_images(folder, tmp_path, capsys):
    converted(folder / "vgg16.pth", tmp_path / "vgg16.npz", "--source-preprocessing", "torchvision")
    _, config = begun(tmp_path / "vgg16.npz", tmp_path / "run", capsys, "--model", "fcn32s")
    assert (config["model"], config["mean"], config["channel_order"]) == ("fcn32s", [123.675, 116.28, 103.53], "rgb")
    assert tuple(config["std"]) == Config().std


def test_a_published_fcn_keeps_its_network_and_loses_its_classes(tmp_path, capsys):
    state = files.state_of("fcn16s", width=1 / 16)
    files.save_caffemodel(tmp_path / "fcn16s-heavy-pascal.caffemodel", state)
    said, config = begun(tmp_path / "fcn16s-heavy-pascal.caffemodel", tmp_path / "run", capsys)
    assert (config["model"], config["variant"], config["width"]) == ("fcn16s", "paper", 1 / 16)
    assert "by class" in said
    assert "1 of 21: background; the other 5 as at first" in said


def test_the_network_at_once_keeps_its_scales(tmp_path, capsys):
    files.save_chainer(tmp_path / "fcn8s-atonce_from_caffe.npz", files.state_of("fcn8s", width=1 / 16))
    _, config = begun(tmp_path / "fcn8s-atonce_from_caffe.npz", tmp_path / "run", capsys)
    assert config["at_once"] is True


def test_another_variant_keeps_what_fits_and_says_what_does_not(folder, tmp_path, capsys):
    said, config = begun(folder / "vgg16.caffemodel", tmp_path / "run", capsys, "--variant", "aligned")
    assert config["variant"] == "aligned"
    assert "(256, 32, 7, 7) there, (256, 32, 1, 1) here" in said


@pytest.mark.oracle
def test_a_network_becomes_onnx_with_its_graph(tmp_path):
    """What onnxruntime computes is what minifcn computes, on an image made ready as the network wants it."""
    onnxruntime = pytest.importorskip("onnxruntime")
    files.save_caffemodel(tmp_path / "fcn8s.caffemodel", files.state_of("fcn8s"))
    assert main(["convert", str(tmp_path / "fcn8s.caffemodel"), "--to", str(tmp_path / "fcn8s.onnx")]) == 0
    opened = open_network(tmp_path / "fcn8s.caffemodel")
    image = np.random.default_rng(0).integers(0, 256, (37, 50, 3), np.uint8)
    x = np.ascontiguousarray(build.normalizing(opened.config)(image)[None])
    with mf.no_grad():
        expected = build.load_model(opened.config, opened.model).eval()(mf.Tensor(x)).data
    (found,) = onnxruntime.InferenceSession(tmp_path / "fcn8s.onnx").run(["scores"], {"image": x})
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_a_classifier_without_scores_has_no_graph(folder, tmp_path, capsys):
    path = tmp_path / "features.caffemodel"
    files.save_caffemodel(path, {name: a for name, a in files.vgg16().items() if not name.startswith("fc8")})
    assert main(["convert", str(path), "--to", str(tmp_path / "vgg16.onnx")]) == 2
    assert "has no last layer that scores images" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [path]
