"""A classifier is built with the weights of a file: of minifcn, or of others, whose shapes say how large it is."""

import json

import numpy as np
import published_files as files
import pytest
from published_files import Source

from minifcn import Tensor, models, no_grad, weights
from minifcn.data import ShapeCrops
from minifcn.errors import UserError
from minifcn.models import trained
from minifcn.training.classifiers import open_classifier


def opened(arrays, **options):
    return open_classifier(weights.convert(Source(arrays, **options)))


def test_that_of_the_package_gives_its_scores():
    net, known = open_classifier(converted("shapes-classifier")), models.pretrained("shapes-classifier")
    crop = Tensor(known.normalize(ShapeCrops(1, size=64)[0].image)[None])
    with no_grad():
        np.testing.assert_array_equal(net(crop).data, known(crop).data)


def converted(name):
    return weights.convert(weights.read(trained.file_of(name)))


def test_a_vgg16_of_caffe_is_as_wide_and_has_as_many_classes_as_its_file():
    state = files.vgg16(width=1 / 32, classes=12)
    net = opened(files.as_caffemodel(state), container="caffemodel")
    assert (net.num_classes, net.trunk.width, net.crop_size) == (12, 1 / 32, 224)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, state[name].reshape(array.shape), err_msg=name)


def test_the_last_layer_of_googlenet_is_found_by_its_name():
    of_minifcn = models.classifier("googlenet", 7, width=1 / 8).state_dict()
    caffe = files.of_googlenet({name: array for name, array in of_minifcn.items() if not name.startswith("loss3")})
    caffe |= {name.replace("loss3_", "loss3/"): a for name, a in of_minifcn.items() if name.startswith("loss3")}
    net = opened(files.as_caffemodel(caffe), container="caffemodel", about={"net": "GoogleNet"})
    assert net.num_classes == 7
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, of_minifcn[name], err_msg=name)


def test_a_file_without_a_layer_or_with_another_shape_is_refused_by_name():
    state = files.as_caffemodel(files.vgg16())
    with pytest.raises(UserError, match=r"file: there is no fc7.bias, which this classifier has"):
        opened({name: array for name, array in state.items() if name != "fc7/1"}, container="caffemodel")
    with pytest.raises(UserError, match=r"it makes 6x6 answers of a crop of 224x224, not one; choose a crop_size"):
        opened(state | {"fc6/0": np.ones((64, 32), "float32")}, container="caffemodel")
    with pytest.raises(UserError, match=r"has no last layer that scores images, so it is no classifier"):
        opened({name: a for name, a in state.items() if not name.startswith("fc8")}, container="caffemodel")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"crop_size": "large"}, "crop_size"),
        ({"crop_size": 65}, "answers of a crop|fc6"),
        ({"crop_size": 10**9}, "answers of a crop"),
        ({"width": 4}, "width"),
    ],
)
def test_what_a_file_says_of_its_network_is_not_believed(setting, message):
    about = json.loads(np.load(trained.file_of("shapes-classifier"))["about"].item())
    about["network"] |= setting
    found = converted("shapes-classifier")
    with pytest.raises(UserError, match=message):
        opened(found.arrays, about={"about": json.dumps(about)})


def test_it_has_as_many_classes_as_scores_whatever_the_file_says():
    about = json.loads(np.load(trained.file_of("shapes-classifier"))["about"].item())
    about["network"] |= {"num_classes": 10**12, "fc6_kernel": 10**12}
    assert opened(converted("shapes-classifier").arrays, about={"about": json.dumps(about)}).num_classes == 6


@pytest.mark.oracle
def test_on_the_command_line_it_goes_to_onnx(tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed: `make oracle` installs it")
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: `make oracle` installs it")
    from minifcn.cli import main

    path = tmp_path / "shapes.onnx"
    assert main(["convert", str(trained.file_of("shapes-classifier")), "--to", str(path)]) == 0
    known = models.pretrained("shapes-classifier")
    crop = known.normalize(ShapeCrops(1, size=64)[0].image)[None]
    (scores,) = onnxruntime.InferenceSession(path).run(["scores"], {"image": crop})
    with no_grad():
        np.testing.assert_allclose(scores, known(Tensor(crop)).data, rtol=0, atol=1e-5 * abs(scores).max())
