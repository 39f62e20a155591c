"""Networks as ONNX, run by onnxruntime on images of several sizes beside minifcn."""

import json

import numpy as np
import own_networks
import pytest

from minifcn import Tensor, export, models, nn, no_grad, training
from minifcn.data import ShapeCrops, Shapes
from minifcn.errors import UserError
from minifcn.export import onnx_file

onnx = pytest.importorskip("onnx", reason="onnx is not installed: `make oracle` installs it")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: `make oracle` installs it")

pytestmark = pytest.mark.oracle

NEAR = 1e-5  # of the largest score: float32 has 24 bits, and a score some thousand products
SIZES = [(1, 1), (37, 50), (64, 97)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.onnx"


def quiet():
    """Options with which onnxruntime prints nothing of what it raises."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return options


def ends(path):
    session = onnxruntime.InferenceSession(path)
    return *session.get_inputs(), *session.get_outputs()


def with_scores(net, rng):
    """Give the score layers weights other than zero."""
    for name, parameter in net.named_parameters():
        if name.startswith("score"):
            parameter.data[...] = rng.normal(size=parameter.shape)
            parameter.changed()
    return net.eval()


def assert_same_scores(path, net, sizes, rng):
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(path)
    for size in sizes:
        images = rng.normal(size=(2, 3, *size)).astype("float32")
        with no_grad():
            wanted = net(Tensor(images)).data
        (found,) = session.run(["scores"], {"image": images})
        assert found.shape == wanted.shape, size
        np.testing.assert_allclose(found, wanted, rtol=0, atol=NEAR * abs(wanted).max(), err_msg=str(size))


@pytest.mark.parametrize("variant", ["aligned", "paper"])
@pytest.mark.parametrize("backbone", models.BACKBONES)
@pytest.mark.parametrize("name", models.NETWORKS)
def test_a_network_has_the_same_scores_at_any_size(path, rng, name, backbone, variant):
    net = models.create(name, num_classes=5, backbone=backbone, variant=variant, width=1 / 16, rng=rng)
    onnx_file.write(path, with_scores(net, rng))
    assert_same_scores(path, net, SIZES, rng)


@pytest.mark.parametrize("name", models.NETWORKS)
def test_a_listing_of_the_lecture_has_them_at_multiples_of_32(path, rng, name):
    net = models.create(name, num_classes=5, variant="lecture", width=1 / 16, rng=rng).eval()
    onnx_file.write(path, net)
    assert_same_scores(path, net, [(32, 32), (64, 96), (160, 32)], rng)


@pytest.mark.parametrize("size", [(60, 96), (48, 64), (16, 16), (33, 32), (64, 31), (96, 1), (1, 1)], ids=str)
def test_a_listing_of_the_lecture_fails_at_another_size_and_says_why(path, rng, size):
    onnx_file.write(path, models.FCN8s(2, variant="lecture", width=1 / 32, rng=rng))
    images = np.zeros((1, 3, *size), "float32")
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.Fail, match="must be multiples of 32"):
        onnxruntime.InferenceSession(path, quiet()).run(None, {"image": images})


@pytest.mark.parametrize("backbone", models.BACKBONES)
def test_a_classifier_has_the_same_scores_of_crops(path, rng, backbone):
    net = models.classifier(backbone, 10, width=1 / 16, rng=rng).eval()
    onnx_file.write(path, net)
    assert_same_scores(path, net, [(net.crop_size, net.crop_size)], rng)
    image, scores = (value.shape for value in ends(path))
    assert (image, scores) == (["N", 3, net.crop_size, net.crop_size], ["N", 10])


@pytest.mark.parametrize("backbone", models.BACKBONES)
def test_its_fully_convolutional_form_has_them_at_any_size_from_that_of_a_crop(path, rng, backbone):
    classifier = models.classifier(backbone, 10, width=1 / 16, rng=rng).eval()
    net, side = models.convolutionalize(classifier), classifier.crop_size
    onnx_file.write(path, net)
    assert_same_scores(path, net, [(side, side), (side + 1, side + 40), (side + 31, side + 2)], rng)


def test_the_classifier_of_the_package_finds_the_same_shapes(path):
    net, crops = models.pretrained("shapes-classifier"), ShapeCrops(20, size=64, seed=9)
    export.write_network(path, net, {})
    images = np.stack([net.normalize(crops[i].image) for i in range(20)])
    (scores,) = onnxruntime.InferenceSession(path).run(None, {"image": images})
    with no_grad():
        wanted = net(Tensor(images)).data
    np.testing.assert_allclose(scores, wanted, rtol=0, atol=NEAR * abs(wanted).max())


def test_a_classifier_of_ones_own_is_written_for_the_size_that_is_given(path, rng):
    conv = nn.Conv2d(3, 4, 3, stride=2, relu=True, rng=rng)
    net = nn.Sequential(conv, nn.Flatten(), nn.Linear(4 * 5 * 7, 6, rng=rng))
    with pytest.raises(UserError, match=r"Sequential: takes images of one size, .*; give the size=\(height, width\)"):
        onnx_file.write(path, net)
    onnx_file.write(path, net, size=(11, 15))
    assert_same_scores(path, net.eval(), [(11, 15)], rng)


def test_fcn8s_at_once_has_them_at_every_size_from_1_to_70(path, rng):
    net = with_scores(models.FCN8s(2, width=1 / 32, at_once=True, rng=rng), rng)
    onnx_file.write(path, net)
    assert_same_scores(path, net, [(n, 71 - n) for n in range(1, 71)], rng)


@pytest.mark.parametrize("function", own_networks.ANY_SIZE.values(), ids=own_networks.ANY_SIZE)
def test_a_network_of_ones_own_has_them_at_any_size(path, rng, function):
    net = own_networks.Own(function).eval()
    onnx_file.write(path, net)
    assert_same_scores(path, net, [(height, width) for height in range(5, 12) for width in (5, 8)], rng)


@pytest.mark.parametrize("function", [f for f, _ in own_networks.ONE_SIZE.values()], ids=own_networks.ONE_SIZE)
def test_one_that_depends_on_the_size_has_them_at_the_size_it_is_written_for(path, rng, function):
    net = own_networks.Own(function).eval()
    onnx_file.write(path, net, size=(11, 12))
    assert_same_scores(path, net, [(11, 12)], rng)
    (image,) = onnxruntime.InferenceSession(path).get_inputs()
    assert image.shape == ["N", 3, 11, 12]


def test_the_network_of_the_package_predicts_the_same_classes(path):
    net = models.pretrained("shapes-fcn8s")
    export.write_network(path, net, {})
    session = onnxruntime.InferenceSession(path)
    for sample in (Shapes(3, size=(80, 100), seed=7)[i] for i in range(3)):
        (scores,) = session.run(None, {"image": np.ascontiguousarray(net.normalize(sample.image)[None])})
        np.testing.assert_array_equal(scores[0].argmax(axis=0), training.predict(net, sample.image, net.normalize))


class TestTheFile:
    @pytest.fixture
    def net(self, rng):
        return models.FCN16s(4, width=1 / 64, rng=rng)

    def test_says_what_the_network_is_for(self, path, net):
        about = {"class_names": ["sky", "road"], "mean": [1, 2, 3]}
        export.write_network(path, net, about)
        read = onnx.load(path)
        assert {entry.key: json.loads(entry.value) for entry in read.metadata_props} == {"minifcn": about}
        assert (read.producer_name, read.graph.name) == ("minifcn", "FCN16s")

    def test_has_the_parameters_by_their_names(self, path, net):
        onnx_file.write(path, net)
        found = {array.name: onnx.numpy_helper.to_array(array) for array in onnx.load(path).graph.initializer}
        for name, array in net.state_dict().items():
            np.testing.assert_array_equal(found[name], array)

    def test_is_in_float32_whatever_the_network_is(self, path, net, rng):
        onnx_file.write(path, net.astype("float64"))
        assert_same_scores(path, net.astype("float32").eval(), [(20, 30)], rng)

    def test_has_the_same_bytes_for_the_same_network(self, path, net):
        onnx_file.write(path, net)
        first = path.read_bytes()
        onnx_file.write(path, net)
        assert path.read_bytes() == first

    def test_leaves_size_and_number_of_images_open(self, path, net):
        onnx_file.write(path, net)
        assert [value.shape for value in ends(path)] == [
            ["N", 3, "height", "width"],
            ["N", 4, "height", "width"],
        ]

    def test_that_cannot_be_written_leaves_the_old_one(self, path):
        path.write_bytes(b"old")
        with pytest.raises(UserError, match="matmul"):
            onnx_file.write(path, own_networks.Own(lambda net, x: x @ x))
        assert path.read_bytes() == b"old"
