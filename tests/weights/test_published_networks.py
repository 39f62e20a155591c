"""A published FCN is measured and used as it is: one command, the paper's variant, Caffe's images, the full size.

The published files are not at hand. These have their format, names and shapes, and values with which the predictions
are known without computing them.
"""

import dataclasses
import json

import numpy as np
import published_files as files
import pytest
from PIL import Image

from minifcn.cli import main
from minifcn.errors import UserError
from minifcn.training import build, transplant
from minifcn.training.published import open_network, open_weights

RED, NO_RED = (123, 255, 255), (122, 255, 255)  # the mean of red is 122.67892


@pytest.fixture(scope="module")
def devkit(tmp_path_factory):
    """VOCdevkit with two images: one is red and labelled aeroplane, the other is not, and half of it is labelled so.

    Of the 24 x 40 pixels of each, the network takes the first image for an aeroplane, and the second for background. So
    IoU is 2/3 for aeroplane and 1/2 for background; no other class is there.
    """
    folder = tmp_path_factory.mktemp("voc") / "VOCdevkit"
    half = np.ones((24, 40), np.uint8)
    half[:12] = 0
    red, no_red = (np.full((24, 40, 3), colour, np.uint8) for colour in (RED, NO_RED))
    files.save_voc(folder, [(red, np.ones_like(half)), (no_red, half)], ["seg11valid"])
    return folder


def measured(file, devkit, capsys):
    capsys.readouterr()
    arguments = ["--checkpoint", str(file), "--data", f"voc:{devkit}", "--split", "seg11valid", "--device", "cpu"]
    assert main(["evaluate", *arguments, "--json"]) == 0
    said = capsys.readouterr()
    return json.loads(said.out), said.err


def assert_known(found):
    assert found["mean IoU"] == pytest.approx((2 / 3 + 1 / 2) / 2, abs=1e-12)
    assert found["pixel accuracy"] == pytest.approx(3 / 4, abs=1e-12)
    assert found["IoU"]["aeroplane"] == pytest.approx(2 / 3, abs=1e-12)
    assert found["IoU"]["background"] == pytest.approx(1 / 2, abs=1e-12)
    assert found["size"] == "labels"


KINDS = {
    "fcn8s-heavy-pascal.caffemodel": files.save_caffemodel,
    "v1.caffemodel": lambda path, state: files.save_caffemodel(path, state, version=1),
    "fcn8s_from_caffe.npz": files.save_chainer,
    "pascal-fcn8s-dag.mat": lambda path, state: files.save_matconvnet(path, files.for_rgb(state)),
    "pascal-fcn8s-tvg-dag.mat": lambda path, state: files.save_matconvnet(path, files.for_rgb(state), ("f", "b")),
}


@pytest.mark.parametrize("name", KINDS)
def test_one_command_measures_a_published_network(name, devkit, tmp_path, capsys):
    KINDS[name](tmp_path / name, files.red_finder())
    found, said = measured(tmp_path / name, devkit, capsys)
    assert_known(found)
    assert "FCN-8s of" in said
    assert "SHA-256" in said


@pytest.mark.slow
def test_one_command_measures_a_network_of_the_published_size(devkit, tmp_path, capsys):
    """134 million parameters: the file has 538 MB, and the network as much."""
    path = tmp_path / "fcn8s-heavy-pascal.caffemodel"
    files.save_caffemodel(path, files.red_finder(width=1))
    assert path.stat().st_size > 4 * 134_489_759
    assert_known(measured(path, devkit, capsys)[0])
    path.unlink()


def test_it_is_the_mean_of_the_file_that_counts(devkit, tmp_path, capsys):
    """With a mean of red of 121.5, both images are above it."""
    state = files.for_rgb(files.red_finder())
    files.save_matconvnet(tmp_path / "fcn.mat", state, mean=(121.5, 116.0, 104.0))
    found, _ = measured(tmp_path / "fcn.mat", devkit, capsys)
    assert found["IoU"]["background"] == 0


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_a_converted_file_measures_the_same(ending, devkit, tmp_path, capsys):
    files.save_caffemodel(tmp_path / "fcn.caffemodel", files.red_finder())
    converted = tmp_path / f"fcn8s{ending}"
    assert main(["convert", str(tmp_path / "fcn.caffemodel"), "--to", str(converted)]) == 0
    assert_known(measured(converted, devkit, capsys)[0])


def test_a_file_for_pytorch_does_not_say_what_images_were_made_of(devkit, tmp_path, capsys):
    path, converted = tmp_path / "fcn8s.pth", tmp_path / "fcn8s.npz"
    files.save_pth(path, files.red_finder())
    assert main(["evaluate", "--checkpoint", str(path), "--data", f"voc:{devkit}", "--split", "seg11valid"]) == 2
    assert "--source-preprocessing torchvision" in capsys.readouterr().err
    assert main(["convert", str(path), "--source-preprocessing", "caffe", "--to", str(converted)]) == 0
    assert_known(measured(converted, devkit, capsys)[0])


def test_fcn_alexnet_is_opened_as_what_it_is(tmp_path):
    """voc-fcn-alexnet: FCN-32s on CaffeNet, with a kernel of 63."""
    state = files.state_of("fcn32s", backbone="alexnet", width=1 / 16)
    files.save_caffemodel(tmp_path / "fcn-alexnet-pascal.caffemodel", state)
    opened = open_network(tmp_path / "fcn-alexnet-pascal.caffemodel")
    config = opened.config
    assert (config.model, config.backbone, config.variant, config.width) == ("fcn32s", "alexnet", "paper", 1 / 16)
    found = build.load_model(config, opened.model).state_dict()
    assert found["upscore.weight"].shape == (21, 21, 63, 63)
    for name, array in state.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.parametrize("width", [1 / 16, 1 / 8])
def test_a_run_can_begin_with_googlenet(width, tmp_path):
    """Its width is that of the widest branch, whose rounding is the finest."""
    state = files.state_of("fcn32s", backbone="googlenet", width=width)
    trunk = {name: array for name, array in state.items() if "score" not in name}
    files.save_caffemodel(tmp_path / "bvlc_googlenet.caffemodel", files.of_googlenet(trunk), net="GoogleNet")
    opened = open_weights(tmp_path / "bvlc_googlenet.caffemodel")
    assert (opened.config.backbone, opened.config.width) == ("googlenet", width)
    assert opened.model.keys() == trunk.keys()
    model = build.build_model(dataclasses.replace(opened.config, class_names=("a",), palette=((0, 0, 0),)))
    assert transplant(model, opened.model).names("copied") == list(trunk)


def test_predict_takes_it_too(devkit, tmp_path):
    files.save_caffemodel(tmp_path / "fcn.caffemodel", files.red_finder())
    for number, known in ((1, 1), (2, 0)):
        photo, label = devkit / f"VOC2012/JPEGImages/2007_00000{number}.png", tmp_path / f"{number}.png"
        assert (
            main(["predict", str(photo), "--checkpoint", str(tmp_path / "fcn.caffemodel"), "--label", str(label)]) == 0
        )
        assert (np.asarray(Image.open(label)) == known).all()


def test_as_many_classes_of_another_data_set_get_its_names(tmp_path, capsys):
    files.save_chainer(tmp_path / "six.npz", files.red_finder(classes=6))
    arguments = ["--checkpoint", str(tmp_path / "six.npz"), "--data", "shapes", "--images", "1", "--device", "cpu"]
    assert main(["evaluate", *arguments, "--json"]) == 0
    assert "triangle" in json.loads(capsys.readouterr().out)["IoU"]


REFUSED = {
    "no data": (files.red_finder(), [], "say on which data, such as --data voc:VOCDEVKIT"),
    "other classes": (files.red_finder(classes=5), ["--data", "shapes"], "was trained on class 0, class 1"),
    "a classifier": (files.vgg16(), ["--data", "shapes"], "gives scores of images, not of pixels"),
}


@pytest.mark.parametrize(("state", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_measured_is_refused(state, options, message, tmp_path, capsys):
    files.save_chainer(tmp_path / "file.npz", state)
    assert main(["evaluate", "--checkpoint", str(tmp_path / "file.npz"), *options]) == 2
    assert message in capsys.readouterr().err


def own(tmp_path, **about):
    """A file that minifcn could have written, but for what it says of itself."""
    said = {"mean": [0, 0, 0], "std": [1, 1, 1], "network": {"name": "fcn8s", "variant": "paper", "width": 1 / 64}}
    np.savez(tmp_path / "own.npz", about=np.array(json.dumps({**said, **about})), **files.state_of("fcn8s"))
    return tmp_path / "own.npz"


def test_a_classifier_of_minifcn_is_a_start(tmp_path):
    """Of small images: its fc6 sees 2x2 pixels, which no network has, so the variant is the usual one."""
    state = files.vgg16() | {"fc6.weight": np.ones((64, 8 * 2 * 2), "float32")}
    about = {"mean": [0, 0, 0], "std": [1, 1, 1], "network": {"name": "vgg16", "num_classes": 10}, "class_names": ["a"]}
    np.savez(tmp_path / "own.npz", about=np.array(json.dumps(about)), **state)
    opened = open_weights(tmp_path / "own.npz")
    assert (opened.config.backbone, opened.config.variant, opened.config.class_names) == ("vgg16", "aligned", ())
    assert opened.model["fc6.weight"].shape == (64, 8, 2, 2)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(value, tmp_path):
    state = files.red_finder()
    state["conv2_1.bias"][0] = value
    files.save_caffemodel(tmp_path / "fcn.caffemodel", state)
    with pytest.raises(UserError, match=r"conv2_1.bias holds inf or nan"):
        open_network(tmp_path / "fcn.caffemodel")


NONSENSE = {
    "a network that is a text": ({"network": "fcn8s"}, "says of its network 'fcn8s'"),
    "a model that is a list": ({"network": {"name": ["fcn8s"]}}, "--model must be the name of a model"),
    "a model that is none": ({"network": {"name": "unet"}}, "unknown model 'unet'"),
    "a width that is too large": ({"network": {"width": 1e9}}, "--width must be a number above 0"),
    "another width": ({"network": {"width": 4}}, "conv1_1.weight has shape (1, 3, 3, 3), but that of a fcn8s on vgg16"),
    "no numbers": ({"mean": "black"}, "says of preprocessing"),
    "names that are none": ({"class_names": [1, 2]}, "--class-names must be"),
    "more colours than names": ({"palette": [[0, 0, 0]]}, "1 colours for 0 class names"),
}


@pytest.mark.parametrize(("about", "message"), NONSENSE.values(), ids=NONSENSE)
def test_what_a_file_says_of_itself_is_not_believed(about, message, tmp_path):
    with pytest.raises(UserError) as error:
        open_network(own(tmp_path, **about))
    assert message in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "own.npz"))


def test_a_small_file_cannot_claim_a_large_network(tmp_path):
    """16,384 biases alone would be those of fc7 at width 4, a network of 8 GB."""
    state = files.vgg16() | {"fc7.weight": np.zeros((16384, 1, 1, 1), "float32")}
    files.save_chainer(tmp_path / "vgg16.npz", state)
    with pytest.raises(UserError, match=r"conv1_1.weight has shape \(1, 3, 3, 3\), but that of a"):
        open_weights(tmp_path / "vgg16.npz")
    files.save_chainer(tmp_path / "vgg16.npz", state | {"fc7.weight": np.zeros((409600, 1, 1, 1), "float32")})
    with pytest.raises(UserError, match=r"vgg16.npz: --width must be a number above 0 and at most 4"):
        open_weights(tmp_path / "vgg16.npz")
